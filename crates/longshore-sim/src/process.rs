//! Simulated processes: their names, lives and deaths.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::Location;
use std::sync::Arc;

use longshore_rt::{BoxFuture, TaskMeta};

use crate::agenda::Event;
use crate::clock::Clock;
use crate::config::Kill;
use crate::net::Side;
use crate::processor::Processor;
use crate::rng::Rng;
use crate::runtime::SimRuntime;
use crate::slab::Key;
use crate::state::State;
use crate::task::TaskSlot;
use crate::trace::Happening;

/// The number of a process in its world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pid(pub(crate) u32);

/// One life of a process: a handle from before a kill is of no use after a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Incarnation {
    pub(crate) pid: Pid,
    pub(crate) epoch: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    Alive,
    Dead(Kill),
}

/// What a restart runs.
#[derive(Clone)]
pub(crate) struct Boot {
    pub(crate) main: Arc<dyn Fn(SimRuntime) -> BoxFuture<'static, ()> + Send + Sync>,
    pub(crate) location: &'static Location<'static>,
}

impl Boot {
    pub(crate) fn meta(&self) -> TaskMeta {
        TaskMeta { name: "main", location: self.location }
    }
}

/// What a paused process will do first when it goes on.
#[derive(Default)]
pub(crate) struct Paused {
    pub(crate) woken: Vec<Key>,
    pub(crate) jobs: Vec<Event>,
}

pub(crate) struct Process {
    pub(crate) name: Arc<str>,
    pub(crate) life: Life,
    pub(crate) epoch: u32,
    pub(crate) rng: Rng,
    pub(crate) clock: Clock,
    pub(crate) port: u16,
    pub(crate) tasks: BTreeSet<Key>,
    /// What is ready while the process is paused; nothing is when it is absent.
    pub(crate) paused: Option<Paused>,
    /// The ends of connections that are open here.
    pub(crate) ends: BTreeSet<(Key, Side)>,
    pub(crate) boot: Option<Boot>,
    /// Present if its polls take time.
    pub(crate) processor: Option<Processor>,
}

/// All processes, by number and by name.
#[derive(Default)]
pub(crate) struct Processes {
    pub(crate) list: Vec<Process>,
    names: BTreeMap<Arc<str>, Pid>,
}

impl Processes {
    /// Adds a process that is alive, or says that the name is taken.
    pub(crate) fn add(&mut self, name: &str, seed: u64) -> Option<Pid> {
        if self.names.contains_key(name) {
            return None;
        }
        let pid = Pid(self.list.len() as u32);
        let name: Arc<str> = name.into();
        self.names.insert(name.clone(), pid);
        self.list.push(Process {
            rng: Rng::named(seed, &name),
            name,
            life: Life::Alive,
            epoch: 0,
            clock: Clock::default(),
            port: 0,
            tasks: BTreeSet::new(),
            paused: None,
            ends: BTreeSet::new(),
            boot: None,
            processor: None,
        });
        Some(pid)
    }

    pub(crate) fn find(&self, name: &str) -> Option<Pid> {
        self.names.get(name).copied()
    }

    /// Names and numbers, in the order of the names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, Pid)> {
        self.names.iter().map(|(name, pid)| (name, *pid))
    }

    pub(crate) fn get(&self, pid: Pid) -> &Process {
        &self.list[pid.0 as usize]
    }

    pub(crate) fn get_mut(&mut self, pid: Pid) -> &mut Process {
        &mut self.list[pid.0 as usize]
    }
}

/// What a killed process leaves: tasks, and jobs that waited for the end of a pause.
pub(crate) type Remains = (Vec<TaskSlot>, Option<Paused>);

impl State {
    pub(crate) fn is_alive(&self, who: Incarnation) -> bool {
        let process = self.processes.get(who.pid);
        !self.closed && process.life == Life::Alive && process.epoch == who.epoch
    }

    /// Ends a process and returns what is left of it, to be dropped when the world is unlocked.
    pub(crate) fn kill(&mut self, pid: Pid, how: Kill) -> Remains {
        match self.processes.get(pid).life {
            Life::Alive => {}
            // The machine of a dead process can still vanish.
            Life::Dead(Kill::Process) if how == Kill::Power => {
                self.processes.get_mut(pid).life = Life::Dead(how);
                return Remains::default();
            }
            Life::Dead(_) => return Remains::default(),
        }
        self.note(Happening::Killed { pid, how });
        self.close_listeners(pid, how);
        let ends = std::mem::take(&mut self.processes.get_mut(pid).ends);
        for (conn, side) in ends {
            match how {
                Kill::Process => self.close_end(conn, side),
                Kill::Power => self.abandon_end(conn, side),
            }
        }
        let process = self.processes.get_mut(pid);
        process.life = Life::Dead(how);
        process.epoch += 1;
        let paused = process.paused.take();
        let tasks = std::mem::take(&mut process.tasks);
        (tasks.into_iter().filter_map(|key| self.tasks.remove(key)).collect(), paused)
    }

    /// Lets no task and no job of a process run.
    pub(crate) fn pause(&mut self, pid: Pid) {
        let process = self.processes.get_mut(pid);
        if process.life == Life::Alive && process.paused.is_none() {
            process.paused = Some(Paused::default());
            self.note(Happening::Paused { pid });
        }
    }

    /// Ends a pause; the tasks that were woken meanwhile are to be put back.
    pub(crate) fn resume(&mut self, pid: Pid) -> Vec<Key> {
        let Some(paused) = self.processes.get_mut(pid).paused.take() else { return Vec::new() };
        self.note(Happening::Resumed { pid });
        for job in paused.jobs {
            self.after(0, job);
        }
        paused.woken
    }

    /// Brings a dead process to life, without running anything in it.
    pub(crate) fn revive(&mut self, pid: Pid) -> Incarnation {
        self.note(Happening::Restarted { pid });
        let was = std::mem::replace(&mut self.processes.get_mut(pid).life, Life::Alive);
        if was == Life::Dead(Kill::Power) {
            // Peers have gone on repeating what they could not deliver; the new kernel answers it with RST.
            self.release_held_for(pid);
        }
        Incarnation { pid, epoch: self.processes.get(pid).epoch }
    }
}

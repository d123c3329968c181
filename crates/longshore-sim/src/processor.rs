//! Processor time: what the polls of a process take, so that a process can be too busy.
//!
//! By default a poll takes no virtual time, which is right for finding wrong behaviour and wrong for asking how much one
//! process can do. A process with a [`PollCost`] has one core: while a poll's time passes, its other polls wait; and what a
//! poll writes leaves when the time it has used so far is over. Deliberately absent: more than one core, other processes on
//! it, blocking jobs (they have a [`JobCost`](crate::JobCost) of their own), caches.

use std::time::Duration;

use crate::agenda::Event;
use crate::process::Pid;
use crate::slab::Key;
use crate::state::State;

/// The processor time that polls of a process take, as a sum of what they do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PollCost {
    /// Each poll, whatever it does.
    pub poll_ns: u64,
    /// Each read and each write of a socket.
    pub call_ns: u64,
    /// Each byte read or written: what is done with messages is roughly in proportion to their length.
    pub byte_ps: u64,
}

/// The core of a process that has a [`PollCost`].
#[derive(Debug)]
pub(crate) struct Processor {
    cost: PollCost,
    /// What the poll that goes on has used.
    used_ps: u64,
    busy_until: u64,
    busy_ns: u64,
    written_bytes: u64,
    /// Tasks that were woken meanwhile.
    waiting: Vec<Key>,
}

impl Processor {
    pub(crate) fn new(cost: PollCost) -> Self {
        Self { cost, used_ps: 0, busy_until: 0, busy_ns: 0, written_bytes: 0, waiting: Vec::new() }
    }

    pub(crate) fn busy(&self) -> Duration {
        Duration::from_nanos(self.busy_ns)
    }
}

impl State {
    /// Has a task wait if the core of its process is busy; whether it is.
    pub(crate) fn waits_for_processor(&mut self, pid: Pid, key: Key) -> bool {
        let now = self.now;
        let Some(processor) = &mut self.processes.get_mut(pid).processor else { return false };
        if processor.busy_until <= now {
            processor.used_ps = processor.cost.poll_ns * 1000;
            return false;
        }
        processor.waiting.push(key);
        if processor.waiting.len() == 1 {
            let at = processor.busy_until;
            self.agenda.add(at, Event::ProcessorFree(pid));
        }
        true
    }

    /// A socket of the process was read from or written to.
    pub(crate) fn charge_call(&mut self, pid: Pid, bytes: usize) {
        if let Some(processor) = &mut self.processes.get_mut(pid).processor {
            processor.used_ps += processor.cost.call_ns * 1000 + processor.cost.byte_ps * bytes as u64;
        }
    }

    /// A socket of the process was written to.
    pub(crate) fn charge_write(&mut self, pid: Pid, bytes: usize) {
        self.charge_call(pid, bytes);
        if let Some(processor) = &mut self.processes.get_mut(pid).processor {
            processor.written_bytes += bytes as u64;
        }
    }

    /// What the poll that goes on in a process has used so far.
    pub(crate) fn used_ns(&self, pid: Pid) -> u64 {
        self.processes.get(pid).processor.as_ref().map_or(0, |processor| processor.used_ps / 1000)
    }

    /// The poll that went on in a process is over, and the core is busy for as long as it took.
    pub(crate) fn end_use(&mut self, pid: Pid) {
        let now = self.now;
        if let Some(processor) = &mut self.processes.get_mut(pid).processor {
            let used_ns = std::mem::take(&mut processor.used_ps) / 1000;
            processor.busy_until = now + used_ns;
            processor.busy_ns += used_ns;
        }
    }

    /// The core is free: who waited for it.
    pub(crate) fn processor_free(&mut self, pid: Pid) -> Vec<Key> {
        let processor = &mut self.processes.get_mut(pid).processor;
        processor.as_mut().map_or_else(Vec::new, |processor| std::mem::take(&mut processor.waiting))
    }
}

impl crate::Sim {
    /// Gives a process one core, and its polls a cost. [`PollCost::default`] costs nothing.
    ///
    /// # Panics
    /// When there is no process of that name.
    pub fn set_poll_cost(&self, name: &str, cost: PollCost) {
        let pid = self.pid(name);
        self.world.with(|state| state.processes.get_mut(pid).processor = Some(Processor::new(cost)));
    }

    /// The bytes that a process with a [`PollCost`] has written to its sockets; zero if its polls have no cost.
    ///
    /// # Panics
    /// When there is no process of that name.
    #[must_use]
    pub fn written_bytes(&self, name: &str) -> u64 {
        let pid = self.pid(name);
        self.world.with(|state| state.processes.get(pid).processor.as_ref().map_or(0, |p| p.written_bytes))
    }

    /// The virtual processor time that polls of a process have taken; zero if they have no cost.
    ///
    /// # Panics
    /// When there is no process of that name.
    #[must_use]
    pub fn processor_time(&self, name: &str) -> Duration {
        let pid = self.pid(name);
        self.world
            .with(|state| state.processes.get(pid).processor.as_ref().map_or(Duration::ZERO, Processor::busy))
    }
}

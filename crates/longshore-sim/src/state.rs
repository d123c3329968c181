//! Everything a world consists of, behind one lock.
//!
//! The methods that change it stand where they belong by subject: `process`, `task`, `timer`, `job`, `net`.

use std::collections::BTreeMap;
use std::task::Waker;
use std::thread::ThreadId;

use longshore_rt::{TaskMeta, UnobservedPanic};

use crate::agenda::{Agenda, Event};
use crate::config::SimConfig;
use crate::net::Net;
use crate::process::{Pid, Processes};
use crate::rng::Streams;
use crate::sim::Sim;
use crate::slab::{Key, Slab};
use crate::stats::Stats;
use crate::task::TaskSlot;
use crate::trace::{Happening, Recorder};

/// Something a test wants to happen at some point.
pub(crate) type Script = Box<dyn FnOnce(&Sim) + Send>;

/// Wakers to use once the world is unlocked: waking or dropping one may run code that locks it.
#[derive(Default)]
pub(crate) struct Outbox {
    pub(crate) wake: Vec<Waker>,
    pub(crate) spent: Vec<Waker>,
}

impl Outbox {
    /// Leaves `waker` in `place`; the one that was there is no longer of use.
    pub(crate) fn park(&mut self, place: &mut Option<Waker>, waker: &Waker) {
        if place.as_ref().is_none_or(|old| !old.will_wake(waker)) {
            self.spent.extend(place.replace(waker.clone()));
        }
    }

    pub(crate) fn flush(self) {
        self.wake.into_iter().for_each(Waker::wake);
    }
}

pub(crate) struct State {
    pub(crate) config: SimConfig,
    pub(crate) now: u64,
    pub(crate) agenda: Agenda,
    pub(crate) timers: Slab<Option<Waker>>,
    pub(crate) tasks: Slab<TaskSlot>,
    pub(crate) processes: Processes,
    pub(crate) net: Net,
    pub(crate) rng: Streams,
    pub(crate) stats: Stats,
    pub(crate) recorder: Recorder,
    pub(crate) outbox: Outbox,
    /// Scripts by the step at which they run, and in the order in which they were asked for.
    pub(crate) step_scripts: BTreeMap<(u64, u64), Script>,
    pub(crate) step_scripts_added: u64,
    /// How often tasks were polled at the present instant.
    polls_now: u64,
    /// The thread that runs the world, while one does.
    pub(crate) driver: Option<ThreadId>,
    /// The calls of `run` that are going on, the innermost last; they nest in blocking jobs.
    pub(crate) runs: Vec<u32>,
    pub(crate) runs_begun: u32,
    /// What was woken and is being polled further up the stack, where a blocking job waits in it.
    pub(crate) deferred: Vec<Key>,
    /// The process whose task is being polled, or whose job runs.
    pub(crate) active: Option<Pid>,
    /// A task has panicked, and nobody took note of it.
    pub(crate) unobserved: Option<String>,
    /// Another thread has used the world while it was running.
    pub(crate) foreign_use: bool,
    /// The world is being torn down: nothing new is accepted.
    pub(crate) closed: bool,
}

impl State {
    pub(crate) fn new(config: SimConfig) -> Self {
        Self {
            now: 0,
            agenda: Agenda::default(),
            timers: Slab::new(),
            tasks: Slab::new(),
            processes: Processes::default(),
            net: Net::default(),
            rng: Streams::new(config.seed),
            stats: Stats::default(),
            recorder: Recorder::new(config.record_trace),
            outbox: Outbox::default(),
            step_scripts: BTreeMap::new(),
            step_scripts_added: 0,
            polls_now: 0,
            driver: None,
            runs: Vec::new(),
            runs_begun: 0,
            deferred: Vec::new(),
            active: None,
            unobserved: None,
            foreign_use: false,
            closed: false,
            config,
        }
    }

    /// Adds to the fingerprint, and to the trace if one is kept.
    pub(crate) fn note(&mut self, happening: Happening) {
        self.recorder.note(self.now, happening);
    }

    /// Lets `event` happen `delay` nanoseconds from now.
    pub(crate) fn after(&mut self, delay: u64, event: Event) {
        self.agenda.add(self.now.saturating_add(delay), event);
    }

    /// The next event, if it is due no later than `limit`; moves the clock to it.
    pub(crate) fn next_event(&mut self, limit: u64) -> Option<Event> {
        let timers = &self.timers;
        let at = self.agenda.next_at(|key| timers.get(key).is_some())?;
        if at > limit {
            return None;
        }
        let (at, event) = self.agenda.pop()?;
        self.advance(at);
        self.stats.events += 1;
        self.stats.steps += 1;
        Some(event)
    }

    /// Moves the clock, never back.
    pub(crate) fn advance(&mut self, at: u64) {
        if at > self.now {
            (self.now, self.polls_now) = (at, 0);
        }
    }

    /// A script that is to run before the next step.
    pub(crate) fn due_script(&mut self) -> Option<Script> {
        let entry = self.step_scripts.first_entry()?;
        (entry.key().0 <= self.stats.steps).then(|| entry.remove())
    }

    /// Counts a poll; false when there have been too many without time passing.
    pub(crate) fn count_poll(&mut self) -> bool {
        self.stats.polls += 1;
        self.stats.steps += 1;
        self.polls_now += 1;
        self.polls_now <= self.config.polls_per_instant_max
    }

    /// Remembers the first panic that reached no joiner, for the run to fail with.
    pub(crate) fn note_unobserved(&mut self, panic: &UnobservedPanic) {
        let process = self.active.map_or("the future given to run", |pid| &self.processes.get(pid).name);
        let TaskMeta { name, location } = panic.task;
        let text = &panic.message;
        self.unobserved.get_or_insert_with(|| {
            format!("a panic that nobody took note of: {process} / {name} spawned at {location}: {text}")
        });
    }

    pub(crate) fn cancel_timer(&mut self, key: Key) {
        if let Some(waker) = self.timers.remove(key) {
            self.outbox.spent.extend(waker);
            let timers = &self.timers;
            self.agenda.cancel_timer(|key| timers.get(key).is_some());
        }
    }
}

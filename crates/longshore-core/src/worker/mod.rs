//! The worker's machine: which tasks run now, which values are here, and whom to ask for the rest.
//!
//! A driver feeds it what the scheduler, peers, callers and compute threads say, carries out its [`Action`]s, and calls it
//! again at [`deadline`](Machine::deadline). Task states and their changes are drawn in `task.rs`, those of missing inputs
//! in `fetch.rs`.
//!
//! * At most `nthreads` runs, plus a small run-ahead of tiny tasks (`pace.rs`). What was not handed over can be taken back.
//! * Inputs come from peers, one batch a peer at a time. A holder that does not deliver is replaced by the next; when none is
//!   left the scheduler hears of it and names others.
//! * Values are kept until the scheduler releases them, except small results, which the scheduler keeps. They are opaque:
//!   nothing here encodes or decodes.
//! * Whatever is late (another attempt, a value nobody waits for, a task that is gone) is counted and ignored. Whoever breaks
//!   the protocol on a data link loses that link.
//!
//! Deliberately absent: resources (the scheduler never assigns more than fits), retries, spilling, and any wish to reconnect.

mod event;
mod fetch;
mod memory;
mod pace;
mod peer;
mod ready;
mod roster;
mod run;
mod scheduler;
mod table;
mod task;
mod tasks;
#[cfg(test)]
mod tests;
mod validate;

pub use event::{Action, CallerId, Event, Exit, Outcome, Run, Settings, Stats};

use crate::assembly::Assembly;
use crate::story::Story;
use fetch::Fetches;
use longshore_proto::{Attempt, RelayId, TaskHandle, Time, WorkerToScheduler};
use memory::Values;
use pace::Functions;
use roster::Roster;
use std::collections::BTreeMap;
use std::time::Duration;
use task::Running;
use tasks::Tasks;

/// Actions gather here; the driver drains it and uses it again.
pub type Actions = Vec<Action>;

/// From whom a value comes in pieces without having been asked for.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Giver {
    Scheduler,
    Relay(RelayId),
    Caller(CallerId),
}

/// The worker without its surroundings.
#[derive(Debug)]
pub struct Machine {
    settings: Settings,
    functions: Functions,
    tasks: Tasks,
    roster: Roster,
    /// Runs that go on although their result is not wanted.
    abandoned: BTreeMap<(TaskHandle, Attempt), Running>,
    values: Values,
    fetches: Fetches,
    /// Values that are handed to this worker.
    gifts: BTreeMap<(Giver, TaskHandle), Assembly>,
    /// When the scheduler last said something.
    heard_at: Time,
    stats: Stats,
    story: Story,
    is_over: bool,
}

impl Machine {
    /// A worker that was just welcomed by a scheduler.
    #[must_use]
    pub fn new(settings: Settings, now: Time) -> Self {
        const STORY_LEN_MAX: usize = 1_024;
        Machine {
            functions: Functions::default(),
            tasks: Tasks::default(),
            roster: Roster::new(settings.nthreads),
            abandoned: BTreeMap::new(),
            values: Values::default(),
            fetches: Fetches::default(),
            gifts: BTreeMap::new(),
            heard_at: now,
            stats: Stats::default(),
            story: Story::new(STORY_LEN_MAX),
            is_over: false,
            settings,
        }
    }

    /// Takes in what happened, and appends what is to be done about it.
    pub fn handle(&mut self, now: Time, event: Event, out: &mut Actions) {
        if self.is_over {
            return;
        }
        match event {
            Event::FromScheduler(message) => self.on_scheduler(now, message, out),
            Event::FromPeer { peer, reply } => self.on_peer(now, peer, reply, out),
            Event::PeerLost { peer } => self.on_peer_lost(now, peer, out),
            Event::FromCaller { caller, request } => self.on_caller(now, caller, request, out),
            Event::CallerLost { caller } => self.on_caller_lost(caller),
            Event::RunEnded { task, attempt, duration_ns, outcome } => {
                self.on_run_ended(now, (task, attempt), duration_ns, outcome, out);
            }
            Event::Seceded { task, attempt } => self.on_seceded(now, task, attempt, out),
            Event::Rejoined { task, attempt } => self.on_rejoined(now, task, attempt),
            Event::SchedulerLost => self.exit(now, Exit::SchedulerLost, out),
            Event::Close => {
                out.push(Action::ToScheduler(WorkerToScheduler::Goodbye));
                self.exit(now, Exit::Closed, out);
            }
            Event::Tick => self.on_tick(now, out),
        }
        self.start_ready(now, out);
        self.ask_peers(now, out);
    }

    /// When the machine wants an [`Event::Tick`], whatever else happens.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        let lease_end = self.heard_at + Duration::from_millis(self.settings.lease_ms);
        let timeout = self.roster.timeouts.first().map(|(at, _)| *at);
        let silent = self.fetches.silent_at(self.fetch_silence()).map(|(at, _)| at);
        let first = [timeout, silent].into_iter().flatten().fold(lease_end, Time::min);
        (!self.is_over).then_some(first)
    }

    fn fetch_silence(&self) -> Duration {
        Duration::from_millis(self.settings.fetch_silence_ms)
    }

    fn on_tick(&mut self, now: Time, out: &mut Actions) {
        let silence = now.since(self.heard_at);
        if silence >= Duration::from_millis(self.settings.lease_ms) {
            let silence_ms = u64::try_from(silence.as_millis()).unwrap_or(u64::MAX);
            return self.exit(now, Exit::SchedulerSilent { silence_ms }, out);
        }
        while let Some((at, task)) = self.roster.timeouts.first().copied()
            && at <= now
        {
            self.on_timeout(now, task, out);
        }
        while let Some((at, peer)) = self.fetches.silent_at(self.fetch_silence())
            && at <= now
        {
            self.drop_peer(now, peer, out);
        }
    }

    /// The end: runs are stopped, and nothing after this is listened to.
    fn exit(&mut self, now: Time, why: Exit, out: &mut Actions) {
        self.story.note(now, "exit", self.tasks.len() as u64);
        self.is_over = true;
        let running = self.tasks.iter().filter(|(_, task)| task.running().is_some());
        let mut runs: Vec<_> = running.map(|(handle, task)| (handle, task.attempt)).collect();
        runs.sort_unstable();
        out.extend(runs.into_iter().map(|(task, attempt)| Action::CancelRun { task, attempt }));
        out.push(Action::Exit(why));
    }

    /// What happened so far, in numbers.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// Memory the stored values take, in bytes, and their number.
    #[must_use]
    pub fn stored(&self) -> (u64, usize) {
        (self.values.stored_bytes(), self.values.len())
    }

    /// What happened lately, oldest first.
    #[must_use]
    pub fn story(&self) -> &Story {
        &self.story
    }
}

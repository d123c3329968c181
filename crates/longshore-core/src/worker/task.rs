//! One assigned task, and the only function that changes its state.
//!
//! ```text
//!            inputs missing             all there              a slot is free
//! Assign ───────────────────▶ Waiting ────────────▶ Ready ───────────────────▶ Running ──▶ value, failure, reschedule
//!        └──────────────────────────────────────────▲            seceded ◀─▶ in a slot
//! ```
//!
//! A task that is done, given back, failed or cancelled is not in the table any more. A run that goes on although nobody
//! wants its result is *abandoned*: it has no task, only the slot it takes until it ends.
use super::roster::Roster;
use super::tasks::Tasks;
use super::{Machine, ready};
use crate::story::Story;
use longshore_proto::{Attempt, FunctionIndex, Payload, TaskHandle, TaskId, Time};
use smallvec::SmallVec;
use std::cmp::Reverse;

/// Position in the order of execution: greater priority first, then earlier submission.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Order {
    priority: Reverse<i32>,
    sequence: u64,
}

impl Order {
    pub(super) fn new((priority, sequence): (i32, u64)) -> Self {
        Order { priority: Reverse(priority), sequence }
    }
}

/// A task that was assigned and has not ended.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) attempt: Attempt,
    pub(super) id: TaskId,
    pub(super) function: FunctionIndex,
    pub(super) order: Order,
    pub(super) timeout_ms: Option<u64>,
    /// Empty once it runs: the run has them.
    pub(super) args: Payload,
    /// In order; a place whose value is missing holds an empty payload. Empty once it runs.
    pub(super) inputs: Vec<Payload>,
    /// Private to this file: [`transition`](Task::transition) changes it.
    state: State,
}

/// Places among a task's inputs, and what is to come there.
pub(super) type Awaited = SmallVec<[(u32, TaskHandle); 2]>;

/// What a task is doing.
#[derive(Debug)]
pub(super) enum State {
    /// Some inputs are not here.
    Waiting {
        /// How many.
        missing: usize,
        /// Inputs that were not here at the start, and their places.
        awaited: Awaited,
    },
    /// In the queue.
    Ready,
    /// Handed to the compute threads.
    Running(Running),
}

/// What a run takes up.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) struct Running {
    /// What it was charged against the run-ahead.
    pub(super) charge_ns: u64,
    /// Whether it gave up its slot.
    pub(super) seceded: bool,
    /// When it has run too long.
    pub(super) deadline: Option<Time>,
}

/// What is to be known of a task that ran.
#[derive(Copy, Clone, Debug)]
pub(super) struct Ran {
    pub(super) id: TaskId,
    pub(super) function: FunctionIndex,
}

impl Task {
    /// A task that was just assigned, before its inputs were looked at.
    pub(super) fn new(assign: longshore_proto::Assign) -> Self {
        Task {
            attempt: assign.attempt,
            id: assign.id,
            function: assign.function,
            order: Order::new(assign.order),
            timeout_ms: assign.timeout_ms,
            args: assign.args,
            inputs: Vec::new(),
            state: State::Waiting { missing: 0, awaited: Awaited::new() },
        }
    }

    pub(super) fn state(&self) -> &State {
        &self.state
    }

    pub(super) fn running(&self) -> Option<Running> {
        match self.state {
            State::Running(running) => Some(running),
            _ => None,
        }
    }

    /// Fills the place `at`. Whether that was the last missing input.
    pub(super) fn fill(&mut self, at: u32, value: Payload) -> bool {
        let State::Waiting { missing, .. } = &mut self.state else { return false };
        let Some(place) = self.inputs.get_mut(at as usize) else { return false };
        *place = value;
        *missing -= 1;
        *missing == 0
    }

    pub(super) fn entry(&self, task: TaskHandle) -> ready::Entry {
        ready::Entry { order: self.order, task, attempt: self.attempt, function: self.function }
    }

    /// Whether this queue entry stands for it.
    pub(super) fn is_ready(&self, entry: &ready::Entry) -> bool {
        self.attempt == entry.attempt && matches!(self.state, State::Ready)
    }

    /// Puts it into another state, and all that follows from states in step.
    pub(super) fn transition(
        &mut self,
        now: Time,
        handle: TaskHandle,
        to: State,
        roster: &mut Roster,
        story: &mut Story,
    ) {
        let from = std::mem::replace(&mut self.state, to);
        roster.change(now, handle, &from, self, story);
    }
}

impl Machine {
    /// Puts a task that is in the table into another state.
    pub(super) fn transition(&mut self, now: Time, handle: TaskHandle, to: State) {
        match self.tasks.get_mut(handle) {
            Some(task) => task.transition(now, handle, to, &mut self.roster, &mut self.story),
            None => debug_assert!(false, "transition of {handle:?}, which is not assigned"),
        }
    }

    /// Takes a task out of the table, and out of all that its state put it into.
    pub(super) fn remove_task(&mut self, now: Time, handle: TaskHandle, why: &'static str) -> Option<Task> {
        let task = self.tasks.remove(handle)?;
        self.story.task(now, handle, why, u64::from(task.attempt.0));
        match &task.state {
            State::Waiting { awaited, .. } => {
                for (at, input) in awaited {
                    self.fetches.give_up(*input, (handle, *at));
                }
            }
            State::Ready => {
                let tasks = &self.tasks;
                self.roster.ready.forget_one(|entry| is_ready(tasks, entry));
            }
            State::Running(running) => self.roster.leave_running(handle, *running),
        }
        Some(task)
    }

    /// Takes a task out whose run of this attempt is over; `None` if there is no such run.
    pub(super) fn remove_running(
        &mut self,
        now: Time,
        (handle, attempt): (TaskHandle, Attempt),
        why: &'static str,
    ) -> Option<Ran> {
        let look = |task: &Task| {
            let running = task.running().filter(|_| task.attempt == attempt)?;
            Some((running, Ran { id: task.id, function: task.function }))
        };
        let (running, ran) = self.tasks.remove_if(handle, look)?;
        self.roster.leave_running(handle, running);
        self.story.task(now, handle, why, u64::from(attempt.0));
        Some(ran)
    }
}

/// Whether the task of a queue entry still waits to be run.
pub(super) fn is_ready(tasks: &Tasks, entry: &ready::Entry) -> bool {
    tasks.get(entry.task).is_some_and(|task| task.is_ready(entry))
}

//! What follows from the states of tasks: the queue of the ready ones, the slots of the running ones, and their timeouts.
use super::pace::Slots;
use super::ready::Ready;
use super::task::{Running, State, Task};
use crate::story::Story;
use longshore_proto::{TaskHandle, Time};
use std::collections::BTreeSet;

/// Kept in step with the states by [`change`](Self::change) alone.
#[derive(Debug)]
pub(super) struct Roster {
    pub(super) ready: Ready,
    pub(super) slots: Slots,
    /// Running tasks that have a timeout.
    pub(super) timeouts: BTreeSet<(Time, TaskHandle)>,
}

impl Roster {
    pub(super) fn new(nthreads: u32) -> Self {
        Roster { ready: Ready::default(), slots: Slots::new(nthreads), timeouts: BTreeSet::new() }
    }

    /// A task was put into another state.
    pub(super) fn change(
        &mut self,
        now: Time,
        handle: TaskHandle,
        from: &State,
        task: &Task,
        story: &mut Story,
    ) {
        if let State::Running(from) = from {
            self.leave_running(handle, *from);
        }
        let what = match task.state() {
            State::Waiting { .. } => "waits",
            State::Ready => {
                self.ready.push(task.entry(handle));
                "is ready"
            }
            State::Running(running) => {
                self.slots.enter(*running);
                if let Some(at) = running.deadline {
                    self.timeouts.insert((at, handle));
                }
                if running.seceded { "seceded" } else { "runs" }
            }
        };
        story.task(now, handle, what, u64::from(task.attempt.0));
    }

    /// A task runs no more, or not as before.
    pub(super) fn leave_running(&mut self, handle: TaskHandle, running: Running) {
        self.slots.leave(running);
        if let Some(at) = running.deadline {
            self.timeouts.remove(&(at, handle));
        }
    }
}

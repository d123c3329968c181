//! Which task, if any, submits on this thread: what it submits runs before work that came after it.
use longshore_proto::TaskId;
use std::cell::Cell;

thread_local!(static SUBMITTING: Cell<Option<TaskId>> = const { Cell::new(None) });

/// While the guard lives, calls submitted on this thread are said to come from `task`.
#[must_use = "it lasts as long as the guard"]
#[allow(dead_code)] // for the worker
pub(crate) fn submitting(task: TaskId) -> Submitting {
    Submitting { outer: SUBMITTING.replace(Some(task)) }
}

/// Restores what was said before.
#[allow(dead_code)] // for the worker
pub(crate) struct Submitting {
    outer: Option<TaskId>,
}

impl Drop for Submitting {
    fn drop(&mut self) {
        SUBMITTING.set(self.outer);
    }
}

pub(super) fn current() -> Option<TaskId> {
    SUBMITTING.get()
}

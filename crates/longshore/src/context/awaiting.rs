//! An `async fn` has no slot while it awaits other tasks.
//!
//! Whoever waits for a future leaves a waker with it. Within an `async fn` an [`Awaiting`] goes along with the waker and
//! lives as long as it: it is gone once the waker was woken or taken back. As long as a run has any, its slot is another
//! task's, so tasks that await tasks cannot starve each other. Deliberately absent: any guess at what the run awaits
//! besides. A run that awaits a timer or a socket keeps its slot.
use super::place;
use crate::worker::inbox::{Inbox, Waiting};
use longshore_proto::{Attempt, TaskHandle};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// Why one run of an `async fn` has no slot, if it has none.
pub(super) struct Seceding {
    inbox: Arc<Inbox>,
    task: TaskHandle,
    attempt: Attempt,
    why: Mutex<Why>,
}

#[derive(Default)]
struct Why {
    /// The task said so itself.
    said: bool,
    /// Wakers it has left with futures of tasks.
    awaits: u32,
}

impl Why {
    fn is_seceded(&self) -> bool {
        self.said || self.awaits > 0
    }
}

impl Seceding {
    pub(super) fn new(inbox: Arc<Inbox>, task: TaskHandle, attempt: Attempt) -> Arc<Self> {
        Arc::new(Seceding { inbox, task, attempt, why: Mutex::default() })
    }

    /// The task gives its slot up by itself, or takes one again as soon as it awaits nothing.
    pub(super) fn say(&self, said: bool) {
        self.change(|why| why.said = said);
    }

    fn change(&self, change: impl FnOnce(&mut Why)) {
        let mut why = self.why.lock().unwrap_or_else(PoisonError::into_inner);
        let before = why.is_seceded();
        change(&mut why);
        let seceded = why.is_seceded();
        if seceded != before {
            // Under the lock, so that the driver hears of changes in the order in which they were made.
            let waiting = Waiting { task: self.task, attempt: self.attempt, seceded };
            self.inbox.post(|mail| mail.waiting.push(waiting));
        }
    }
}

/// Keeps the run that awaits something out of its slot.
pub(crate) struct Awaiting(Arc<Seceding>);

/// To be kept with a waker that the caller leaves with a future of a task; `None` unless an `async fn` runs here.
pub(crate) fn awaiting() -> Option<Awaiting> {
    let seceding = place::seceding()?;
    seceding.change(|why| why.awaits += 1);
    Some(Awaiting(seceding))
}

impl Drop for Awaiting {
    fn drop(&mut self) {
        self.0.change(|why| why.awaits -= 1);
    }
}

impl fmt::Debug for Awaiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Awaiting").field(&self.0.task).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::inbox::Mail;
    use std::task::{Context, Waker};

    struct Run(Arc<Seceding>, Arc<Inbox>);

    impl Run {
        fn begun() -> Self {
            let inbox = Arc::new(Inbox::default());
            let task = TaskHandle { slot: 1, generation: 0 };
            Run(Seceding::new(inbox.clone(), task, Attempt(1)), inbox)
        }

        fn awaits(&self) -> Awaiting {
            self.0.change(|why| why.awaits += 1);
            Awaiting(self.0.clone())
        }

        /// What the driver has heard since the last look.
        fn told(&self) -> Vec<bool> {
            let mut mail = Mail::default();
            self.1.take(&Context::from_waker(Waker::noop()), &mut mail);
            mail.waiting.iter().map(|waiting| waiting.seceded).collect()
        }
    }

    #[test]
    fn the_slot_is_given_up_with_the_first_wait_and_taken_again_after_the_last() {
        let run = Run::begun();
        let (first, second) = (run.awaits(), run.awaits());
        assert_eq!(run.told(), [true]);
        drop(first);
        assert_eq!(run.told(), []);
        drop(second);
        assert_eq!(run.told(), [false]);
        drop(run.awaits());
        assert_eq!(run.told(), [true, false]);
    }

    #[test]
    fn what_the_task_says_itself_outlasts_its_waits() {
        let run = Run::begun();
        let wait = run.awaits();
        run.0.say(true);
        drop(wait);
        drop(run.awaits());
        assert_eq!(run.told(), [true]);
        let wait = run.awaits();
        run.0.say(false);
        run.0.say(false);
        assert_eq!(run.told(), [], "it still waits");
        drop(wait);
        assert_eq!(run.told(), [false]);
    }
}

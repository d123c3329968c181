//! The machine and what it wants done, behind one lock.
//!
//! The driver takes the lock for its turn. A compute thread that has no further job takes it too, hands in the end of its
//! run and goes on with what the machine starts then: a chain of calls runs on one thread, where asking the driver
//! would cost two thread hops a link. All else that the machine wants then is left for the driver, which is woken.
use super::compute::Job;
use super::functions::Functions;
use super::inbox::Ended;
use longshore_core::worker::{Action, Actions, Event, Machine};
use longshore_proto::Time;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The lock.
pub(super) struct Desk(Mutex<Papers>);

/// What lies behind it.
pub(super) struct Papers {
    pub(super) machine: Machine,
    /// What the machine wants done and nobody has done yet.
    pub(super) actions: Actions,
    pub(super) functions: Functions,
    validate: bool,
}

impl Desk {
    pub(super) fn new(machine: Machine, functions: Functions, validate: bool) -> Self {
        Desk(Mutex::new(Papers { machine, actions: Actions::new(), functions, validate }))
    }

    /// The lock, for the driver.
    ///
    /// # Panics
    /// When somebody panicked while holding it: the machine has a defect, and so the worker ends.
    pub(super) fn lock(&self) -> MutexGuard<'_, Papers> {
        self.0.lock().expect("the worker's machine is whole")
    }

    /// Hands in the end of a run, and takes the jobs that follow from it.
    pub(super) fn hand_in(&self, now: Time, ended: Ended, jobs: &mut Vec<Job>) {
        let mut papers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let already = papers.actions.len();
        papers.run_ended(now, ended);
        papers.validate();
        let Papers { actions, functions, .. } = &mut *papers;
        let plain = |action: &mut Action| matches!(action, Action::Start(run) if functions.plain(run.function).is_some());
        let starts = actions.extract_if(already.., plain);
        jobs.extend(starts.filter_map(|action| match action {
            Action::Start(run) => functions.plain(run.function).map(|function| Job { run, function }),
            _ => None,
        }));
    }
}

impl Papers {
    /// Tells the machine what happened.
    pub(super) fn handle(&mut self, now: Time, event: Event) {
        self.machine.handle(now, event, &mut self.actions);
    }

    /// Tells the machine of the end of a run.
    pub(super) fn run_ended(&mut self, now: Time, ended: Ended) {
        let Ended { task, attempt, duration_ns, outcome } = ended;
        self.handle(now, Event::RunEnded { task, attempt, duration_ns, outcome });
    }

    /// Checks the machine's invariants, if this worker does.
    pub(super) fn validate(&self) {
        if self.validate {
            self.machine.validate();
        }
    }
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").finish_non_exhaustive()
    }
}

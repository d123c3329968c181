//! The machine, what it wants done, and the link to the scheduler, behind one lock.
//!
//! The driver takes the lock for its turn. A compute thread that has no further job takes it too: it hands in the end of
//! its run and goes on with what the machine starts then, so that a chain of calls runs on one thread, where asking the
//! driver would cost two thread hops a link. All else that the machine wants is left for the driver, which is then woken.
//!
//! While its runs are tiny, a thread leaves their ends in the letter box and hands them in together, every [`HOLD`]; it
//! also sends what is to be said then. So a stream of tiny runs costs neither a wake-up nor a write each, and the machine
//! does not travel between cores. Before a run that may take long, and before it sleeps, it hands in and sends what there
//! is. Should a function that was always quick take long for once, the driver does so after [`HOLD_MAX`].
use super::compute::Job;
use super::functions::Functions;
use super::inbox::Ended;
use crate::link::Link;
use longshore_core::worker::{Action, Actions, Event, Machine};
use longshore_proto::{FailureKind, SchedulerToWorker, TaskFailure, TaskId, Time, WorkerToScheduler};
use std::fmt;
use std::sync::Arc;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// How long results of tiny runs gather while more such runs follow.
pub(super) const HOLD: Duration = Duration::from_micros(50);
/// When the driver sends them if the thread that gathers them does not.
pub(super) const HOLD_MAX: Duration = Duration::from_millis(1);

/// A link to the scheduler.
pub(super) type SchedulerLink = Link<SchedulerToWorker, WorkerToScheduler>;

/// The lock.
pub(super) struct Desk(Mutex<Papers>);

/// What lies behind it.
pub(super) struct Papers {
    pub(super) machine: Machine,
    /// What the machine wants done and nobody has done yet.
    pub(super) actions: Actions,
    pub(super) functions: Functions,
    pub(super) scheduler: SchedulerLink,
    /// When the driver will look at the machine even if nobody wakes it.
    pub(super) armed: Option<Time>,
    /// Since when there is something to be sent that a compute thread will send.
    held_since: Option<Time>,
    /// Until when a thread may leave ends of runs without waking the driver, which looks then.
    guard: Option<Time>,
    /// The driver has said something, which is sent with its turn.
    is_urgent: bool,
    validate: bool,
}

impl Desk {
    pub(super) fn new(
        machine: Machine,
        functions: Functions,
        scheduler: SchedulerLink,
        validate: bool,
    ) -> Self {
        Desk(Mutex::new(Papers {
            machine,
            actions: Actions::new(),
            functions,
            scheduler,
            armed: None,
            held_since: None,
            guard: None,
            is_urgent: false,
            validate,
        }))
    }

    /// The lock, for the driver.
    ///
    /// # Panics
    /// When somebody panicked while holding it: the machine has a defect, and so the worker ends.
    pub(super) fn lock(&self) -> MutexGuard<'_, Papers> {
        self.0.lock().expect("the worker's machine is whole")
    }

    /// Cuts the link to the scheduler: the worker is gone, whatever its threads still do.
    pub(super) fn cut(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).scheduler.cut();
    }

    /// Hands in the ends of runs, in order, and takes the jobs that follow from them. `next` tells of the job that the
    /// thread goes on with otherwise, whether it is a quick one.
    pub(super) fn hand_in(
        &self,
        now: Time,
        ended: impl Iterator<Item = Ended>,
        next: Option<bool>,
        jobs: &mut Vec<Job>,
        driver: &Waker,
    ) -> HandedIn {
        let mut papers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let already = papers.actions.len();
        ended.for_each(|ended| papers.run_ended(now, ended));
        papers.validate();
        papers.take_jobs(already, jobs);
        papers.say_all();
        let next = next.or_else(|| jobs.first().map(|job| job.run.is_quick));
        let more_follow = next == Some(true);
        papers.hold_or_send(now, more_follow, driver);
        let due = papers.deadline();
        let is_armed = due.is_none_or(|due| papers.armed.is_some_and(|at| at <= due));
        HandedIn { all_done: is_armed && papers.actions.is_empty(), more_follow }
    }
}

/// What came of handing in.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) struct HandedIn {
    /// There is nothing left for the driver, and it looks when it has to.
    pub(super) all_done: bool,
    /// The next run is a quick one: the driver looks soon, so its end need not wake anybody.
    pub(super) more_follow: bool,
}

impl Papers {
    /// Tells the machine what happened.
    pub(super) fn handle(&mut self, now: Time, event: Event) {
        self.machine.handle(now, event, &mut self.actions);
    }

    /// When the driver has to look again, even if nobody wakes it.
    pub(super) fn deadline(&self) -> Option<Time> {
        [self.guard, self.machine.deadline()].into_iter().flatten().min()
    }

    /// Sends what was said, unless the next run is quick and nothing has waited for long.
    fn hold_or_send(&mut self, now: Time, next_is_quick: bool, driver: &Waker) {
        if next_is_quick {
            // Never earlier than before: another thread may rely on it.
            self.guard = self.guard.max(Some(now + HOLD_MAX));
        }
        let since = *self.held_since.get_or_insert(now);
        if !next_is_quick || now.since(since) >= HOLD {
            self.send(&mut Context::from_waker(driver));
        }
    }

    /// Sends what was said, as the driver: not what a compute thread is about to send.
    pub(super) fn flush(&mut self, now: Time, cx: &mut Context<'_>) {
        let is_guarded = self.guard.is_some_and(|at| now < at);
        if !is_guarded {
            self.guard = None;
        }
        if self.is_urgent || !is_guarded {
            self.send(cx);
        }
    }

    fn send(&mut self, cx: &mut Context<'_>) {
        (self.held_since, self.is_urgent) = (None, false);
        // A link that broke says so when it is read.
        let _ = self.scheduler.poll_flush(cx);
    }

    /// Says something that is to be sent at once.
    pub(super) fn tell_now(&mut self, message: WorkerToScheduler) {
        self.is_urgent = true;
        self.tell(message);
    }

    /// Tells the machine of the end of a run.
    pub(super) fn run_ended(&mut self, now: Time, ended: Ended) {
        let Ended { task, attempt, duration_ns, outcome } = ended;
        self.handle(now, Event::RunEnded { task, attempt, duration_ns, outcome });
    }

    /// Takes in what the scheduler says.
    pub(super) fn receive(&mut self, now: Time, cx: &mut Context<'_>) {
        let Papers { machine, actions, functions, scheduler, .. } = self;
        let polled = scheduler.poll_recv(cx, &mut |message| {
            if let SchedulerToWorker::Function { index, spec } = &message {
                functions.introduce(*index, spec);
            }
            machine.handle(now, Event::FromScheduler(message), actions);
        });
        if let Poll::Ready(Err(error)) = polled {
            tracing::debug!(%error, "the link to the scheduler is lost");
            self.handle(now, Event::SchedulerLost);
        }
    }

    /// Appends a message to the scheduler.
    fn tell(&mut self, message: WorkerToScheduler) {
        let about = match &message {
            WorkerToScheduler::Finished { task, attempt, duration_ns, .. } => {
                Some((*task, *attempt, *duration_ns))
            }
            _ => None,
        };
        let Err(error) = self.scheduler.send(message) else { return };
        tracing::error!(%error, "a message to the scheduler could not be sent");
        let Some((task, attempt, duration_ns)) = about else { return };
        let words = format!("the result could not be sent: {error}");
        let nobody = TaskId { origin: 0, seq: 0 };
        let failure = Arc::new(TaskFailure::new(FailureKind::UnencodableResult, nobody, "", words));
        // A failure of bounded length always fits.
        let _ = self.scheduler.send(WorkerToScheduler::Failed { task, attempt, duration_ns, failure });
    }

    /// Says to the scheduler what is to be said, unless there is more to do: then all of it is the driver's, in order.
    fn say_all(&mut self) {
        if !self.actions.iter().all(|action| matches!(action, Action::ToScheduler(_))) {
            return;
        }
        let mut actions = std::mem::take(&mut self.actions);
        for action in actions.drain(..) {
            if let Action::ToScheduler(message) = action {
                self.tell(message);
            }
        }
        self.actions = actions;
    }

    /// Takes out the runs of plain functions that were started since there were so many actions.
    fn take_jobs(&mut self, already: usize, jobs: &mut Vec<Job>) {
        let Papers { actions, functions, .. } = self;
        let is_plain = |action: &mut Action| matches!(action, Action::Start(run) if functions.plain(run.function).is_some());
        let starts = actions.extract_if(already.., is_plain);
        jobs.extend(starts.filter_map(|action| match action {
            Action::Start(run) => functions.plain(run.function).map(|function| Job { run, function }),
            _ => None,
        }));
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

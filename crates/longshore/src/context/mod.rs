//! What a task can find out about its run, and do about it.
//!
//! ```no_run
//! # use longshore::task;
//! #[task]
//! fn careful(steps: u64) -> u64 {
//!     let context = longshore::context();
//!     (0..steps).take_while(|_| !context.is_cancelled()).count() as u64
//! }
//! ```

mod awaiting;
mod home;
mod place;

pub(crate) use awaiting::{Awaiting, awaiting};
pub(crate) use home::{Cancelled, Home, Proofs};
pub(crate) use place::{Slots, on_thread, while_waiting};

use crate::address::Address;
use crate::worker::inbox::Waiting;
use awaiting::Seceding;
use longshore_core::worker::Run;
use longshore_proto::{Attempt, TaskHandle, TaskId};
use place::Entered;
use std::fmt;
use std::sync::Arc;

/// The context of the task that is running here.
///
/// # Panics
/// Outside of a task: on a thread that a task has started itself, or in a program that calls a task function directly.
/// [`try_context`] says so instead.
#[must_use]
#[track_caller]
pub fn context() -> TaskContext {
    match try_context() {
        Some(context) => context,
        None => panic!(
            "longshore::context() was called outside of a task; call it in the task function itself and hand the \
             context to the threads it starts, or use longshore::try_context()"
        ),
    }
}

/// The context of the task that is running here, if one is.
#[must_use]
pub fn try_context() -> Option<TaskContext> {
    place::current()
}

/// One run of one task on one worker. From [`context`]; clones and other threads see the same run.
#[derive(Clone)]
pub struct TaskContext {
    home: Arc<Home>,
    task: TaskHandle,
    attempt: Attempt,
    id: TaskId,
    /// Of a run of an `async fn`.
    seceding: Option<Arc<Seceding>>,
}

impl TaskContext {
    /// That of an `async fn`.
    pub(crate) fn asynchronous(home: Arc<Home>, run: &Run) -> Self {
        let seceding = Some(Seceding::new(home.inbox.clone(), run.task, run.attempt));
        TaskContext { home, task: run.task, attempt: run.attempt, id: run.id, seceding }
    }

    /// Makes this the context of what runs on this thread, until the guard is dropped.
    pub(crate) fn enter(&self) -> Entered {
        place::enter(self.clone())
    }

    /// The task's lasting name: the same in every attempt, and so the key to make what it does idempotent.
    #[must_use]
    pub fn key(&self) -> String {
        self.id.to_string()
    }

    /// How often the task was handed to a worker before this run.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt.0
    }

    /// Whether nobody wants the result any more. A plain function that takes long asks now and then, and returns anything
    /// when it is so; an `async fn` is dropped at its next await.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.home.cancelled.contains(self.task, self.attempt)
    }

    /// The worker that runs the task.
    #[must_use]
    pub fn worker(&self) -> ThisWorker<'_> {
        ThisWorker(&self.home)
    }

    /// Gives up the task's slot, so that another task can run while this one waits for something. Waiting for a future of a task
    /// does this by itself. Does nothing if the slot was given up before.
    pub fn secede(&self) {
        place::set_seceded(self, true);
    }

    /// Takes a slot again, at once: for a moment the worker may run one task more than it has slots.
    pub fn rejoin(&self) {
        place::set_seceded(self, false);
    }

    pub(crate) fn id(&self) -> TaskId {
        self.id
    }

    pub(crate) fn home(&self) -> &Arc<Home> {
        &self.home
    }

    /// Tells the driver.
    fn tell_seceded(&self, seceded: bool) {
        let waiting = Waiting { task: self.task, attempt: self.attempt, seceded };
        self.home.inbox.post(|mail| mail.waiting.push(waiting));
    }

    fn is_same_run(&self, other: &TaskContext) -> bool {
        Arc::ptr_eq(&self.home, &other.home) && (self.task, self.attempt) == (other.task, other.attempt)
    }
}

impl fmt::Debug for TaskContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("TaskContext");
        debug.field("key", &self.id).field("attempt", &self.attempt.0).field("worker", &self.home.name);
        debug.finish_non_exhaustive()
    }
}

/// The worker that runs a task.
#[derive(Copy, Clone, Debug)]
pub struct ThisWorker<'a>(&'a Home);

impl<'a> ThisWorker<'a> {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'a str {
        &self.0.name
    }

    /// Where others reach it, if they can.
    #[must_use]
    pub fn address(&self) -> Option<&'a Address> {
        self.0.address.as_ref()
    }
}

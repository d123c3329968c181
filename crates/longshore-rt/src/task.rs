//! The task handle and the future that feeds it, written once, so that join, abort, detach, panics
//! and shutdown mean the same on every executor.
//!
//! Deliberately absent: the runtimes' own join handles, which disagree on all of these.
use crate::join::Shared;
use crate::{TaskMeta, ThreadContext};
use pin_project_lite::pin_project;
use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// Why a task has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// [`Task::abort`] was called.
    #[error("task aborted")]
    Aborted,
    /// It panicked; the text is the panic's.
    #[error("task panicked: {0}")]
    Panicked(String),
    /// The executor dropped the task before it finished, or no longer accepts tasks.
    #[error("the runtime went away before the task finished")]
    RuntimeGone,
}

/// A spawned task. Await it for the result.
///
/// Dropping it aborts the task; [`detach`](Task::detach) lets the task run on its own.
///
/// # Panics
/// When polled again after it returned its result.
///
/// # Cancel safety
/// Awaiting `&mut task` may be given up and repeated. Dropping the task itself aborts it.
#[must_use = "dropping a Task aborts it; call .detach() to let it run"]
pub struct Task<T> {
    shared: Arc<Shared<T>>,
    armed: bool,
}

impl<T> Task<T> {
    fn new(shared: Arc<Shared<T>>) -> Self {
        Task { shared, armed: true }
    }

    /// Asks the task to stop. Its future is dropped at its next poll, which the request causes; a
    /// blocking job is only stopped while it is still queued. A task that finishes first keeps its
    /// result.
    pub fn abort(&self) {
        self.shared.abort();
    }

    /// Lets the task run to its end without a handle.
    pub fn detach(mut self) {
        self.armed = false;
    }

    /// Whether the result is there.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.shared.is_done()
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        if self.armed {
            self.shared.abort();
        }
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").field("finished", &self.is_finished()).finish_non_exhaustive()
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T, JoinError>;
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.shared.poll_take(cx)
    }
}

/// The running side's right to store the result. Dropped unused, it tells the joiner that the
/// runtime went away.
struct Finish<T>(Option<Arc<Shared<T>>>);

impl<T> Finish<T> {
    fn finish(&mut self, result: Result<T, JoinError>) {
        if let Some(shared) = self.0.take() {
            shared.finish(result);
        }
    }
}

impl<T> Drop for Finish<T> {
    fn drop(&mut self) {
        self.finish(Err(JoinError::RuntimeGone));
    }
}

pin_project! {
    /// What the executor runs. Hand-written: an async block that captures a future and awaits it
    /// keeps room for it twice.
    pub(crate) struct Runner<F: Future> {
        #[pin]
        fut: Option<F>,
        finish: Finish<F::Output>,
        // The waker that `shared.runner` holds. Executors poll a task with the same waker each
        // time, so comparing is all that a poll usually costs.
        registered: Option<Waker>,
    }
}

impl<F: Future> Runner<F> {
    pub(crate) fn new(meta: TaskMeta, fut: F) -> (Self, Task<F::Output>) {
        let shared = Arc::new(Shared::new(meta));
        let finish = Finish(Some(shared.clone()));
        (Runner { fut: Some(fut), finish, registered: None }, Task::new(shared))
    }
}

impl<F: Future> Future for Runner<F> {
    type Output = ();
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let Some(shared) = &this.finish.0 else { return Poll::Ready(()) };
        if !this.registered.as_ref().is_some_and(|w| w.will_wake(cx.waker())) {
            shared.runner.register(cx.waker());
            *this.registered = Some(cx.waker().clone());
        }
        let aborted = shared.is_aborted();
        let _mark = ThreadContext::Async.enter();
        let polled = catch_unwind(AssertUnwindSafe(|| {
            let polled = match this.fut.as_mut().as_pin_mut() {
                Some(fut) if !aborted => fut.poll(cx).map(Ok),
                _ => Poll::Ready(Err(JoinError::Aborted)),
            };
            if polled.is_ready() {
                this.fut.set(None); // captured state goes before anyone observes completion
            }
            polled
        }));
        let result = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(result)) => result,
            Err(panic) => {
                // A second panic, from a destructor, adds nothing.
                let _ = catch_unwind(AssertUnwindSafe(|| this.fut.set(None)));
                Err(JoinError::Panicked(panic_text(&*panic)))
            }
        };
        *this.registered = None;
        this.finish.finish(result);
        Poll::Ready(())
    }
}

/// The blocking counterpart of [`Runner`].
pub(crate) fn job<T, J>(meta: TaskMeta, job: J) -> (impl FnOnce() + Send + 'static, Task<T>)
where
    T: Send + 'static,
    J: FnOnce() -> T + Send + 'static,
{
    let shared = Arc::new(Shared::new(meta));
    let mut finish = Finish(Some(shared.clone()));
    let run = move || {
        let _mark = ThreadContext::Blocking.enter();
        let aborted = finish.0.as_ref().is_some_and(|s| s.is_aborted());
        // Caught here even when the job never starts: dropping what it captured may panic too.
        let result = catch_unwind(AssertUnwindSafe(|| if aborted { None } else { Some(job()) }));
        finish.finish(match result {
            Ok(Some(value)) => Ok(value),
            Ok(None) => Err(JoinError::Aborted),
            Err(panic) => Err(JoinError::Panicked(panic_text(&*panic))),
        });
    };
    (run, Task::new(shared))
}

fn panic_text(payload: &(dyn Any + Send)) -> String {
    let str = payload.downcast_ref::<&str>().map(|s| (*s).to_owned());
    str.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic whose payload is not text".to_owned())
}

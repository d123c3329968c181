//! The handle that users hold.
use super::cell::{CellRef, Here, Progress};
use super::status::TaskStatus;
use super::wait::Wait;
use super::waiter::{Waiter, Wakes};
use super::{FutureRef, wait_on};
use crate::error::{Error, TaskError, TaskErrorKind};
use crate::value::{DecodeError, StoredValue, Value, decode};
use longshore_proto::{ClientToScheduler, Payload, TaskId};
use longshore_rt::RuntimeExt;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// The value that a submitted call will give.
///
/// Await it by value or, again and again, by reference; or block a plain thread with [`result`](Self::result). It needs no
/// particular runtime. Clones stand for the same task. When the last one is dropped the client no longer wants the task: what
/// nobody else wants is not run, or its result is dropped. [`detach`](Self::detach) prevents that.
///
/// ```
/// # use longshore::TaskFuture;
/// async fn twice(future: TaskFuture<i64>) -> Result<i64, longshore::TaskError> {
///     Ok((&future).await? + future.await?)
/// }
/// ```
#[must_use = "dropping the last handle of a future gives its task up; await it, keep it, or detach() it"]
pub struct TaskFuture<T> {
    cell: CellRef,
    value: PhantomData<fn() -> T>,
}

// A handle holds no T, so it may move wherever handles go.
impl<T> Unpin for TaskFuture<T> {}

impl<T> TaskFuture<T> {
    pub(crate) fn new(cell: CellRef) -> Self {
        TaskFuture { cell, value: PhantomData }
    }

    pub(crate) fn erase(&self) -> FutureRef {
        self.cell.clone()
    }

    pub(crate) fn cell(&self) -> &CellRef {
        &self.cell
    }

    /// The task's name in the cluster.
    #[must_use]
    pub fn key(&self) -> TaskId {
        self.cell.id()
    }

    /// How far the task has come.
    #[must_use]
    pub fn status(&self) -> TaskStatus {
        TaskStatus::of(&self.cell.progress())
    }

    /// Whether the task has ended, with a value or without.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.status() != TaskStatus::Pending
    }

    /// Whether the task was cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.status() == TaskStatus::Cancelled
    }

    /// Why the task gave no value, once it has failed.
    #[must_use]
    pub fn error(&self) -> Option<TaskError> {
        match self.cell.progress() {
            Progress::Failed(e) => Some(e),
            Progress::Pending | Progress::Done => None,
        }
    }

    /// Stops the task, unless it is done or another client wants it. All handles fail at once as cancelled.
    ///
    /// A run that has begun is asked to stop and is not interrupted: its result is dropped.
    pub fn cancel(&self) {
        cancel(std::iter::once(&self.cell), false);
    }

    /// Runs a task that failed, and the failed tasks that it depends on, again. Does nothing for one that has not failed.
    pub fn retry(&self) {
        retry(std::iter::once(&self.cell));
    }

    /// Has the task run to its end even when nobody holds a handle any more.
    pub fn detach(&self) {
        if let Some(session) = self.cell.session().filter(|_| !self.cell.is_released()) {
            session.tell(ClientToScheduler::Detach { ids: vec![self.cell.id()] });
        }
    }

    /// Calls `f` once the task has ended; at once if it has.
    ///
    /// It is called on the thread that found out, which is often the one that runs the client: do something short. It
    /// does not keep the task wanted: after the last handle is gone it is not called any more.
    pub fn on_done(&self, f: impl FnOnce(TaskFuture<T>) + Send + 'static)
    where
        T: 'static,
    {
        self.cell.wait(Waiter::Call(Box::new(move |cell| f(TaskFuture::new(cell)))));
    }

    /// A future that borrows this one, for `join` and `select`.
    pub fn wait(&self) -> Wait<'_, T> {
        Wait::new(self)
    }
}

impl<T: Value> TaskFuture<T> {
    pub(super) fn poll_as(&self, cx: &Context<'_>, key: u32) -> Poll<Result<T, TaskError>> {
        self.cell
            .poll_value(cx, key)
            .map(|here| here.and_then(|here| value_of(here).map_err(undecodable::<T>)))
    }

    /// The value without a copy of it: all who ask get the same one.
    ///
    /// # Errors
    /// As awaiting the future.
    ///
    /// # Cancel safety
    /// Dropping it gives up the wait and nothing else.
    pub async fn shared(&self) -> Result<Arc<T>, TaskError> {
        let stored = WaitStored(self.wait()).await?;
        let value = stored.typed::<T>().map_err(undecodable::<T>)?;
        self.cell.improve(stored);
        Ok(value)
    }

    /// Waits at most so long. The task goes on when the time is up.
    ///
    /// # Errors
    /// [`Error::TimedOut`] when the time is up, else as awaiting the future.
    ///
    /// # Cancel safety
    /// Dropping it gives up the wait and nothing else.
    pub async fn within(&self, limit: Duration) -> Result<T, Error> {
        match self.cell.session() {
            None => Ok(self.wait().await?),
            Some(session) => match session.rt().timeout(limit, self.wait()).await {
                Ok(result) => Ok(result?),
                Err(_) => Err(Error::TimedOut { what: "the result", after: limit }),
            },
        }
    }

    /// Blocks this thread until the value is here.
    ///
    /// # Errors
    /// [`Error::Blocking`] in async code, where it would hang: write `.await` there. Else as awaiting the future.
    pub fn result(&self) -> Result<T, Error> {
        Ok(self.block_on(self.wait())??)
    }

    /// Blocks this thread until the value is here, at most so long. The task goes on when the time is up.
    ///
    /// # Errors
    /// [`Error::TimedOut`] when the time is up; else as [`result`](Self::result).
    pub fn result_timeout(&self, limit: Duration) -> Result<T, Error> {
        self.block_on(self.within(limit))?
    }

    fn block_on<F: Future>(&self, fut: F) -> Result<F::Output, Error> {
        Ok(wait_on(self.cell.session().map(|s| &**s), fut)?)
    }
}

impl<T: Value> Future for TaskFuture<T> {
    type Output = Result<T, TaskError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_as(cx, 0)
    }
}

impl<'a, T: Value> IntoFuture for &'a TaskFuture<T> {
    type Output = Result<T, TaskError>;
    type IntoFuture = Wait<'a, T>;

    fn into_future(self) -> Wait<'a, T> {
        self.wait()
    }
}

/// Waits for the value in whichever form it comes.
struct WaitStored<'a, T>(Wait<'a, T>);

impl<T: Value> Future for WaitStored<'_, T> {
    type Output = Result<StoredValue, TaskError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll_here(cx).map(|here| here.map(stored))
    }
}

fn stored(here: Here) -> StoredValue {
    match here {
        Here::Small(len, bytes) => StoredValue::from_payload(Payload::Small(len, bytes)),
        Here::Value(value) => value,
    }
}

/// A value of one's own.
fn value_of<T: Value>(here: Here) -> Result<T, DecodeError> {
    let stored = match here {
        Here::Small(len, bytes) => return decode(&bytes[..usize::from(len).min(bytes.len())], None),
        Here::Value(stored) => stored,
    };
    stored.into_owned()
}

fn undecodable<T>(e: DecodeError) -> TaskError {
    let message = format!("its result is not a {}: {e}", std::any::type_name::<T>());
    TaskError::local(TaskErrorKind::Undecodable, "", message)
}

/// The value of a future that is done.
///
/// # Errors
/// The task's failure; or that the value is not here, which whoever calls has seen to.
pub(crate) fn take<T: Value>(future: &TaskFuture<T>) -> Result<T, TaskError> {
    match future.poll_as(&Context::from_waker(std::task::Waker::noop()), 0) {
        Poll::Ready(result) => result,
        Poll::Pending => {
            let message = "the value went away again while others were waited for; await it once more";
            Err(TaskError::local(TaskErrorKind::Lost, "", message))
        }
    }
}

/// The value of a future that is done, moved out of it if no other handle stands for the task.
///
/// # Errors
/// As [`take`].
pub(crate) fn take_last<T: Value>(future: TaskFuture<T>) -> Result<T, TaskError> {
    match future.cell.take_value() {
        Some(here) => value_of(here).map_err(undecodable::<T>),
        None => take(&future),
    }
}

/// Gives tasks up: their futures fail at once, the cluster is told in one message per session.
pub(crate) fn cancel<'a>(cells: impl Iterator<Item = &'a CellRef>, force: bool) {
    let error = TaskError::local(TaskErrorKind::Cancelled, "", "this client cancelled it");
    let mut wakes = Wakes::default();
    let given_up: Vec<&CellRef> = cells.filter(|cell| cell.cancel(error.clone(), &mut wakes)).collect();
    for_each_session(&given_up, |session, ids| session.cancel(ids, force));
    wakes.fire();
}

/// Runs failed tasks again.
pub(crate) fn retry<'a>(cells: impl Iterator<Item = &'a CellRef>) {
    let again: Vec<&CellRef> = cells.filter(|cell| cell.retry()).collect();
    for_each_session(&again, |session, ids| session.tell(ClientToScheduler::Retry { ids }));
}

fn for_each_session(cells: &[&CellRef], mut tell: impl FnMut(&Arc<crate::client::Session>, Vec<TaskId>)) {
    let same = |a: &&CellRef, b: &&CellRef| match (a.session(), b.session()) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b),
        _ => false,
    };
    for run in cells.chunk_by(same) {
        if let Some(session) = run[0].session() {
            tell(session, run.iter().map(|cell| cell.id()).collect());
        }
    }
}

impl<T> Clone for TaskFuture<T> {
    fn clone(&self) -> Self {
        Self::new(self.cell.clone())
    }
}

impl<T> fmt::Debug for TaskFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskFuture").field("key", &self.cell).field("status", &self.status()).finish()
    }
}

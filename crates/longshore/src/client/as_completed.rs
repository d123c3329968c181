//! Futures in the order in which their tasks end.
use crate::error::TaskError;
use crate::future::{Group, TaskFuture, wait_on};
use crate::value::Value;
use futures_lite::Stream;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Gives futures as their tasks end, with a value or without: as a stream, or, in a `for` loop, to a thread that blocks.
///
/// ```
/// # use longshore::{TaskFuture, as_completed};
/// async fn sum(futures: Vec<TaskFuture<i64>>) -> Result<i64, longshore::TaskError> {
///     let (mut sum, mut completed) = (0, as_completed(futures));
///     while let Some(future) = completed.next().await {
///         sum += future.await?;
///     }
///     Ok(sum)
/// }
/// ```
pub fn as_completed<T>(futures: impl IntoIterator<Item = TaskFuture<T>>) -> AsCompleted<T> {
    let mut completed =
        AsCompleted { group: Arc::new(Group::in_order()), futures: Vec::new(), free: Vec::new() };
    futures.into_iter().for_each(|future| completed.push(future));
    completed
}

/// A stream of futures in the order in which their tasks end. From [`as_completed`].
#[must_use = "a stream does nothing unless polled"]
pub struct AsCompleted<T> {
    group: Arc<Group>,
    /// By place; empty where a future was given out.
    futures: Vec<Option<TaskFuture<T>>>,
    free: Vec<u32>,
}

impl<T> AsCompleted<T> {
    /// Waits for one more. It may be called while iterating.
    pub fn push(&mut self, future: TaskFuture<T>) {
        #[allow(clippy::cast_possible_truncation)] // a program holds fewer futures than that
        let place = self.free.pop().unwrap_or_else(|| {
            self.futures.push(None);
            self.futures.len() as u32 - 1
        });
        future.cell().join(&self.group, place, false);
        self.futures[place as usize] = Some(future);
    }

    /// Futures that were not given out yet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.futures.len() - self.free.len()
    }

    /// Whether all were given out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Futures whose tasks have ended and that can be had without waiting.
    #[must_use]
    pub fn ready_len(&self) -> usize {
        self.group.ready_len()
    }

    /// The next future whose task has ended; `None` when all were given out.
    ///
    /// # Cancel safety
    /// Dropping it loses nothing.
    pub async fn next(&mut self) -> Option<TaskFuture<T>> {
        poll_fn(|cx| self.poll_future(cx)).await
    }

    /// Gives each future with its result.
    pub fn with_results(self) -> CompletedResults<T> {
        CompletedResults { completed: self, current: None }
    }

    fn poll_future(&mut self, cx: &Context<'_>) -> Poll<Option<TaskFuture<T>>> {
        match self.group.poll_next(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Ready(Some(place)) => {
                self.free.push(place);
                Poll::Ready(self.futures[place as usize].take())
            }
        }
    }
}

impl<T> Drop for AsCompleted<T> {
    fn drop(&mut self) {
        self.group.leave();
    }
}

impl<T> Unpin for AsCompleted<T> {}

impl<T> Stream for AsCompleted<T> {
    type Item = TaskFuture<T>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_future(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len(), Some(self.len()))
    }
}

impl<T> Extend<TaskFuture<T>> for AsCompleted<T> {
    fn extend<I: IntoIterator<Item = TaskFuture<T>>>(&mut self, futures: I) {
        futures.into_iter().for_each(|future| self.push(future));
    }
}

/// A stream of futures with their results, in the order in which their tasks end. From [`AsCompleted::with_results`].
#[must_use = "a stream does nothing unless polled"]
pub struct CompletedResults<T> {
    completed: AsCompleted<T>,
    /// Its task has ended and its value is being brought.
    current: Option<TaskFuture<T>>,
}

impl<T: Value> CompletedResults<T> {
    /// Waits for one more.
    pub fn push(&mut self, future: TaskFuture<T>) {
        self.completed.push(future);
    }

    /// The next future whose task has ended, with its result; `None` when all were given out.
    ///
    /// # Cancel safety
    /// Dropping it loses nothing.
    pub async fn next(&mut self) -> Option<(TaskFuture<T>, Result<T, TaskError>)> {
        poll_fn(|cx| self.poll_result(cx)).await
    }

    fn poll_result(&mut self, cx: &mut Context<'_>) -> Poll<Option<(TaskFuture<T>, Result<T, TaskError>)>> {
        loop {
            if let Some(future) = &mut self.current {
                let Poll::Ready(result) = Pin::new(future).poll(cx) else { return Poll::Pending };
                return Poll::Ready(self.current.take().map(|future| (future, result)));
            }
            match self.completed.poll_future(cx) {
                Poll::Ready(Some(future)) => self.current = Some(future),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl<T> Unpin for CompletedResults<T> {}

impl<T: Value> Stream for CompletedResults<T> {
    type Item = (TaskFuture<T>, Result<T, TaskError>);

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_result(cx)
    }
}

/// An iterator that blocks its thread: what a `for` loop over [`as_completed`] uses.
///
/// # Panics
/// In async code, where blocking would hang: use the stream there.
#[derive(Debug)]
pub struct IntoBlocking<S>(S);

/// Blocks until `step` is done.
fn blocked<T, F: Future>(futures: &[Option<TaskFuture<T>>], step: F) -> F::Output {
    let session = futures.iter().flatten().find_map(|f| f.cell().session().cloned());
    match wait_on(session.as_deref(), step) {
        Ok(output) => output,
        Err(e) => panic!(
            "a `for` loop over as_completed cannot block here: {e}; use `while let Some(…) = ….next().await`"
        ),
    }
}

impl<T> IntoBlocking<AsCompleted<T>> {
    /// Waits for one more.
    pub fn push(&mut self, future: TaskFuture<T>) {
        self.0.push(future);
    }
}

impl<T: Value> IntoBlocking<CompletedResults<T>> {
    /// Waits for one more.
    pub fn push(&mut self, future: TaskFuture<T>) {
        self.0.push(future);
    }
}

impl<T> Iterator for IntoBlocking<AsCompleted<T>> {
    type Item = TaskFuture<T>;

    fn next(&mut self) -> Option<Self::Item> {
        let futures: Vec<_> = self.0.futures.iter().flatten().take(1).cloned().map(Some).collect();
        blocked(&futures, self.0.next())
    }
}

impl<T: Value> Iterator for IntoBlocking<CompletedResults<T>> {
    type Item = (TaskFuture<T>, Result<T, TaskError>);

    fn next(&mut self) -> Option<Self::Item> {
        let futures: Vec<_> = self.0.completed.futures.iter().flatten().take(1).cloned().map(Some).collect();
        blocked(&futures, self.0.next())
    }
}

impl<T> IntoIterator for AsCompleted<T> {
    type Item = TaskFuture<T>;
    type IntoIter = IntoBlocking<AsCompleted<T>>;

    fn into_iter(self) -> Self::IntoIter {
        IntoBlocking(self)
    }
}

impl<T: Value> IntoIterator for CompletedResults<T> {
    type Item = (TaskFuture<T>, Result<T, TaskError>);
    type IntoIter = IntoBlocking<CompletedResults<T>>;

    fn into_iter(self) -> Self::IntoIter {
        IntoBlocking(self)
    }
}

impl<T> fmt::Debug for AsCompleted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsCompleted").field("len", &self.len()).finish()
    }
}

impl<T> fmt::Debug for CompletedResults<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompletedResults").field("completed", &self.completed).finish()
    }
}

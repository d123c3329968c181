//! Waiting for tasks to end, without asking for their values.
use crate::error::Error;
use crate::future::{Group, TaskFuture, wait_on};
use longshore_rt::{BoxFuture, DynRuntime, RuntimeExt};
use std::fmt;
use std::future::IntoFuture;
use std::sync::Arc;
use std::time::Duration;

/// Waits until tasks have ended, with a value or without.
///
/// ```
/// # use longshore::{TaskFuture, wait};
/// # use std::time::Duration;
/// # async fn example(futures: Vec<TaskFuture<i64>>) -> Result<(), longshore::Error> {
/// let waited = wait(&futures).first_completed().timeout(Duration::from_secs(10)).await?;
/// println!("{} done, {} not", waited.done.len(), waited.not_done.len());
/// # Ok(())
/// # }
/// ```
pub fn wait<'a, T: 'a>(futures: impl IntoIterator<Item = &'a TaskFuture<T>>) -> WaitFor<T> {
    WaitFor { futures: futures.into_iter().cloned().collect(), first: false, limit: None }
}

/// A wait that can be told what to wait for; await it, or [`block`](WaitFor::block) on it. From [`wait`].
#[must_use = "a wait does nothing unless awaited"]
pub struct WaitFor<T> {
    futures: Vec<TaskFuture<T>>,
    first: bool,
    limit: Option<Duration>,
}

/// What had ended when a [`wait`] was over, in the order in which the futures were given.
#[derive(Debug)]
#[non_exhaustive]
pub struct Waited<T> {
    /// Ended, with a value or without.
    pub done: Vec<TaskFuture<T>>,
    /// Not ended yet.
    pub not_done: Vec<TaskFuture<T>>,
}

impl<T: 'static> WaitFor<T> {
    /// Ends as soon as one task has ended.
    pub fn first_completed(mut self) -> Self {
        self.first = true;
        self
    }

    /// Fails when it takes longer.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    fn rt(&self) -> Option<DynRuntime> {
        self.futures.iter().find_map(|f| Some(f.cell().session()?.rt().clone()))
    }

    /// Waits on this thread.
    ///
    /// # Errors
    /// [`Error::TimedOut`], or [`Error::Blocking`] where it would hang.
    pub fn block(self) -> Result<Waited<T>, Error> {
        let session = self.futures.iter().find_map(|f| f.cell().session().cloned());
        wait_on(session.as_deref(), self.into_future())?
    }

    async fn run(self) -> Result<Waited<T>, Error> {
        let group = Arc::new(Group::default());
        self.futures.iter().for_each(|f| f.cell().join(&group, 0, false));
        if self.first {
            group.set_enough(self.futures.len().saturating_sub(1));
        }
        let done = group.done();
        match (self.limit, self.rt()) {
            (Some(limit), Some(rt)) => {
                let timed = rt.timeout(limit, done).await;
                timed.map_err(|_| Error::TimedOut { what: "waiting for tasks", after: limit })?;
            }
            // Without a session everything has ended already.
            _ => done.await,
        }
        let (done, not_done) = self.futures.into_iter().partition(TaskFuture::is_done);
        Ok(Waited { done, not_done })
    }
}

impl<T: 'static> IntoFuture for WaitFor<T> {
    type Output = Result<Waited<T>, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl<T> fmt::Debug for WaitFor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitFor")
            .field("len", &self.futures.len())
            .field("first", &self.first)
            .finish_non_exhaustive()
    }
}

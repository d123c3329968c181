//! Clients: submitting calls, getting futures, and asking about the cluster.
//!
//! A [`Client`] is a handle; clones share one session. The session's state machine is in `longshore-core`;
//! the driver runs it on the client's runtime, and the session is what user threads and the driver share. Submitting
//! never waits, neither for the link nor for anybody's lock for longer than an append takes.
mod adopt;
mod as_completed;
mod builder;
mod call_set;
mod closing;
mod content_hash;
mod desk;
mod dialer;
mod driver;
mod gather;
mod in_task;
mod info;
mod inputs;
mod later;
mod progress;
mod runtimes;
mod scatter;
mod scheduler_file;
mod session;
mod submit;
mod wait_for;

#[cfg(test)]
mod tests;

pub use as_completed::{AsCompleted, CompletedResults, IntoBlocking, as_completed};
pub use builder::ClientBuilder;
pub use call_set::CallSet;
pub use gather::{Gather, GatherPart, TaskHandle};
pub(crate) use in_task::ClientOfWorker;
pub use info::{Versions, WaitForWorkers};
pub use progress::progress;
#[cfg(feature = "async-std")]
pub use runtimes::AsyncStdClient;
pub use runtimes::ExecutorClient;
#[cfg(feature = "smol")]
pub use runtimes::SmolClient;
#[cfg(feature = "tokio")]
pub use runtimes::TokioClient;
pub(crate) use runtimes::builder;
pub use scatter::{ScatterAll, ScatterOne};
pub(crate) use session::Session;
pub use wait_for::{WaitFor, Waited, wait};

use crate::call::{Call, TaskFn};
use crate::error::{Error, TaskError};
use crate::future::{CellRef, TaskFuture, cancel, retry};
use crate::value::Value;
use closing::Closing;
use longshore_rt::{DynRuntime, Runtime};
use std::fmt;
use std::sync::Arc;

/// A connection to a cluster, for programs that are async.
///
/// Made by an alias for the runtime the program uses (`TokioClient`, `SmolClient`, `AsyncStdClient`, [`ExecutorClient`]), or
/// by [`Client::builder`] on any other. Clones are handles of one client. Dropping the last one closes the client without
/// waiting; [`close`](Self::close) waits until everything is said.
///
/// Programs without async use [`blocking::Client`](crate::blocking::Client).
pub struct Client<R = DynRuntime> {
    inner: Arc<Closing>,
    rt: R,
}

impl<R: Runtime> Client<R> {
    /// A client on a runtime of your choice.
    ///
    /// Blocking calls on its futures cannot know whether they would hang on that runtime; if it can tell, say
    /// [`blocks_by_runtime`](ClientBuilder::blocks_by_runtime).
    pub fn builder(rt: R) -> ClientBuilder<R> {
        let erased = DynRuntime::without_block_on(rt.clone());
        ClientBuilder::new(rt, erased)
    }
}

impl<R> Client<R> {
    fn new(inner: Closing, rt: R) -> Self {
        Client { inner: Arc::new(inner), rt }
    }

    pub(crate) fn session(&self) -> &Arc<Session> {
        self.inner.session()
    }

    /// The runtime that runs this client.
    pub fn runtime(&self) -> &R {
        &self.rt
    }

    /// Runs a call on the cluster. Returns at once: the future is pending, or has failed already if the call cannot be run.
    ///
    /// ```
    /// # use longshore::{ExecutorClient, task};
    /// # #[task]
    /// # fn inc(x: i64) -> i64 {
    /// #     x + 1
    /// # }
    /// # async fn example(client: &ExecutorClient) -> Result<(), longshore::Error> {
    /// let eleven = client.submit(inc(10));
    /// let twelve = client.submit(inc(&eleven));
    /// assert_eq!(twelve.await?, 12);
    /// # Ok(())
    /// # }
    /// ```
    pub fn submit<T>(&self, call: Call<T>) -> TaskFuture<T> {
        TaskFuture::new(self.session().submit(call.into_body()))
    }

    /// Runs one call for each input. Returns at once, with as many futures as there are inputs. Once as much waits to be sent as
    /// [may wait](ClientBuilder::outbox_bytes_max), the remaining inputs are kept as they are, and are encoded as room comes;
    /// what is submitted after a map is run after it.
    pub fn map<F, I>(&self, f: F, inputs: I) -> Vec<TaskFuture<F::Output>>
    where
        I: IntoIterator,
        F: TaskFn<I::Item>,
    {
        let calls = inputs.into_iter().map(|input| f.describe(input).into_body());
        self.session().submit_all(calls).into_iter().map(TaskFuture::new).collect()
    }

    /// This client's future of a task that another client of the same cluster submitted, so that it stays when that client goes.
    /// A future among the arguments of a call is adopted by itself.
    ///
    /// A future of another cluster gives one that has failed.
    pub fn adopt<T>(&self, future: &TaskFuture<T>) -> TaskFuture<T> {
        let adopted = self.session().adopt(future.cell());
        TaskFuture::new(adopted.unwrap_or_else(|e| CellRef::failed(future.key(), e)))
    }

    /// Runs a call, or several (a `Vec`, an array, a tuple), for their values. The same as submitting each.
    pub fn compute<C: CallSet>(&self, calls: C) -> C::Futures {
        calls.submit_to(self.session())
    }

    /// Runs a call, or several, whose results stay on the cluster: what comes back is used as an argument of other calls.
    pub fn persist<C: CallSet>(&self, calls: C) -> C::Persisted {
        calls.persist_on(self.session())
    }

    /// The values of futures, in the shape the futures come in: a `Vec`, an array, a tuple, a map, an `Option`, nested,
    /// or references to these. A large vector or text is copied out of a future that is given by reference, since it stays
    /// there too, and moved out of one that is given by value and has no clones.
    ///
    /// # Errors
    /// The first failure that is seen, at once. The other tasks go on as long as somebody holds their futures.
    ///
    /// # Cancel safety
    /// Dropping it gives up the wait; futures that were given by value are dropped with it.
    pub async fn gather<G: Gather>(&self, futures: G) -> Result<G::Output, TaskError> {
        gather::gather(futures).await
    }

    /// The values of those futures that have one, in order; failures are left out.
    ///
    /// # Cancel safety
    /// As [`gather`](Self::gather).
    pub async fn gather_ok<H: TaskHandle>(&self, futures: impl IntoIterator<Item = H>) -> Vec<H::Value> {
        gather::gather_ok(futures.into_iter().collect()).await
    }

    /// Puts a value into the cluster: a future that has a value from the start.
    pub fn scatter<T: Value>(&self, value: T) -> ScatterOne<T> {
        ScatterOne::new(self.session().clone(), value)
    }

    /// Puts several values into the cluster, each a future of its own.
    pub fn scatter_all<T: Value>(&self, values: impl IntoIterator<Item = T>) -> ScatterAll<T> {
        ScatterAll::new(self.session().clone(), values.into_iter().collect())
    }

    /// Stops tasks, unless they are done or other clients want them. Their futures fail at once as cancelled.
    pub fn cancel<'a, T: 'a>(&self, futures: impl IntoIterator<Item = &'a TaskFuture<T>>) {
        cancel(futures.into_iter().map(TaskFuture::cell), false);
    }

    /// Stops tasks, whoever else wants them.
    pub fn cancel_for_all<'a, T: 'a>(&self, futures: impl IntoIterator<Item = &'a TaskFuture<T>>) {
        cancel(futures.into_iter().map(TaskFuture::cell), true);
    }

    /// Runs failed tasks, and the failed tasks they depend on, again.
    pub fn retry<'a, T: 'a>(&self, futures: impl IntoIterator<Item = &'a TaskFuture<T>>) {
        retry(futures.into_iter().map(TaskFuture::cell));
    }

    /// Waits until a submission would be taken. Only needed before huge numbers of them: past the bound on what may wait
    /// to be sent, a submission fails as overloaded.
    ///
    /// # Errors
    /// The client is closed, or the scheduler is gone.
    ///
    /// # Cancel safety
    /// Dropping it gives up the wait and nothing else.
    pub async fn ready(&self) -> Result<(), Error> {
        self.session().room().await
    }

    /// Ends the session: what was said is sent, unfinished futures fail, and an embedded cluster is shut down. Returns when that is
    /// done, within seconds. Other handles of this client are closed with it; closing twice does no harm.
    ///
    /// # Errors
    /// None so far; a scheduler that is gone already is as good as closed.
    pub async fn close(&self) -> Result<(), Error> {
        self.inner.close().await;
        Ok(())
    }

    /// Ends the whole cluster: its workers, wherever they run, its scheduler, and the sessions of all its clients. Supervisors do
    /// not start the workers again. Returns when the scheduler has said goodbye; [`close`](Self::close) ends this client alone.
    ///
    /// # Errors
    /// The client is closed, or the scheduler is gone.
    ///
    /// # Cancel safety
    /// Once the scheduler was told, the cluster ends even if this is dropped.
    pub async fn shutdown(&self) -> Result<(), Error> {
        self.inner.shutdown().await
    }

    /// Whether the client was closed, or its scheduler is gone.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.session().lock().is_over()
    }
}

impl<R: Clone> Clone for Client<R> {
    fn clone(&self) -> Self {
        Client { inner: self.inner.clone(), rt: self.rt.clone() }
    }
}

impl<R> fmt::Debug for Client<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("session", self.session()).finish()
    }
}

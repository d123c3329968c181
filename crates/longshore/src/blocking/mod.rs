//! The same client for programs without async.
//!
//! ```
//! use longshore::{blocking::Client, task};
//!
//! #[task]
//! fn inc(x: i64) -> i64 {
//!     x + 1
//! }
//!
//! fn main() -> Result<(), longshore::Error> {
//!     let client = Client::local()?;
//!     let future = client.submit(inc(10));
//!     assert_eq!(future.result()?, 11);
//!     client.close()
//! }
//! ```
//!
//! Each method that waits blocks its thread. Where that would hang (in our own tasks, inside tokio, on an executor that nobody
//! drives) it is an error that says what to write instead. Deliberately absent: a machinery of its own. It is a
//! [`Client`](crate::Client) and a way to wait.
mod builder;
mod scatter;

pub use builder::ClientBuilder;
pub use scatter::{ScatterAll, ScatterOne};

use crate::call::{Call, TaskFn};
use crate::client::{AsCompleted, Client as AsyncClient};
use crate::client::{CallSet, Gather, TaskHandle, Versions, WaitFor, as_completed, wait};
use crate::error::Error;
use crate::future::{TaskFuture, park_on, wait_on};
use crate::value::Value;
use longshore_proto::TaskId;
use longshore_proto::query::SchedulerInfo;
use longshore_rt::{BlockOn, DynRuntime, OwnedExecutor};
use std::collections::BTreeMap;
use std::future::{Future, IntoFuture};
use std::time::Duration;

/// A connection to a cluster, for programs that are not async.
///
/// Clones are handles of one client. By default it brings a small runtime of its own; [`with`](Client::with) takes
/// another.
#[derive(Clone, Debug)]
pub struct Client<R = OwnedExecutor> {
    client: AsyncClient<R>,
    rt: DynRuntime,
}

impl<R: BlockOn> Client<R> {
    /// A client on a runtime of your choice.
    pub fn with(rt: R) -> ClientBuilder<R> {
        ClientBuilder::new(rt)
    }

    pub(crate) fn of(client: AsyncClient<R>) -> Self {
        let rt = DynRuntime::new(client.runtime().clone());
        Client { client, rt }
    }
}

impl<R> Client<R> {
    /// The async view of the same client.
    pub fn asynchronous(&self) -> &AsyncClient<R> {
        &self.client
    }

    fn wait_for<F: IntoFuture>(&self, fut: F) -> Result<F::Output, Error> {
        Ok(wait_on(Some(self.client.session()), fut.into_future())?)
    }

    /// Runs a call on the cluster. Returns at once; see [`Client::submit`](crate::Client::submit).
    pub fn submit<T>(&self, call: Call<T>) -> TaskFuture<T> {
        self.client.submit(call)
    }

    /// Runs one call for each input. Returns at once.
    pub fn map<F, I>(&self, f: F, inputs: I) -> Vec<TaskFuture<F::Output>>
    where
        I: IntoIterator,
        F: TaskFn<I::Item>,
    {
        self.client.map(f, inputs)
    }

    /// This client's future of another client's task; see [`Client::adopt`](crate::Client::adopt). Returns at once.
    pub fn adopt<T>(&self, future: &TaskFuture<T>) -> TaskFuture<T> {
        self.client.adopt(future)
    }

    /// Runs a call, or several, for their values. Returns at once.
    pub fn compute<C: CallSet>(&self, calls: C) -> C::Futures {
        self.client.compute(calls)
    }

    /// Runs a call, or several, whose results stay on the cluster. Returns at once.
    pub fn persist<C: CallSet>(&self, calls: C) -> C::Persisted {
        self.client.persist(calls)
    }

    /// The values of futures, in the shape the futures come in; see [`Client::gather`](crate::Client::gather).
    ///
    /// # Errors
    /// The first failure that is seen, or [`Error::Blocking`] where waiting would hang; so do all methods that wait.
    pub fn gather<G: Gather>(&self, futures: G) -> Result<G::Output, Error> {
        Ok(self.wait_for(self.client.gather(futures))??)
    }

    /// The values of those futures that have one, in order; failures are left out.
    ///
    /// # Errors
    /// [`Error::Blocking`] where waiting would hang.
    pub fn gather_ok<H: TaskHandle>(
        &self,
        futures: impl IntoIterator<Item = H>,
    ) -> Result<Vec<H::Value>, Error> {
        self.wait_for(self.client.gather_ok(futures))
    }

    /// Puts a value into the cluster; `.wait()` sends it.
    pub fn scatter<T: Value>(&self, value: T) -> ScatterOne<T> {
        ScatterOne::new(self.rt.clone(), self.client.scatter(value))
    }

    /// Puts several values into the cluster; `.wait()` sends them.
    pub fn scatter_all<T: Value>(&self, values: impl IntoIterator<Item = T>) -> ScatterAll<T> {
        ScatterAll::new(self.rt.clone(), self.client.scatter_all(values))
    }

    /// Waits for tasks to end: `client.wait(&futures).first_completed().block()?`.
    pub fn wait<'a, T: 'static>(&self, futures: impl IntoIterator<Item = &'a TaskFuture<T>>) -> WaitFor<T> {
        wait(futures)
    }

    /// Futures in the order in which their tasks end, for a `for` loop.
    pub fn as_completed<T>(&self, futures: impl IntoIterator<Item = TaskFuture<T>>) -> AsCompleted<T> {
        as_completed(futures)
    }

    /// Draws a bar on the terminal until these tasks have ended.
    ///
    /// # Errors
    /// [`Error::Blocking`] where waiting would hang.
    pub fn progress<'a, T: 'a>(
        &self,
        futures: impl IntoIterator<Item = &'a TaskFuture<T>>,
    ) -> Result<(), Error> {
        self.wait_for(crate::client::progress(futures))
    }

    /// Stops tasks, unless they are done or other clients want them.
    pub fn cancel<'a, T: 'a>(&self, futures: impl IntoIterator<Item = &'a TaskFuture<T>>) {
        self.client.cancel(futures);
    }

    /// Stops tasks, whoever else wants them.
    pub fn cancel_for_all<'a, T: 'a>(&self, futures: impl IntoIterator<Item = &'a TaskFuture<T>>) {
        self.client.cancel_for_all(futures);
    }

    /// Runs failed tasks, and the failed tasks they depend on, again.
    pub fn retry<'a, T: 'a>(&self, futures: impl IntoIterator<Item = &'a TaskFuture<T>>) {
        self.client.retry(futures);
    }

    /// Names of the workers that have each of these results.
    ///
    /// # Errors
    /// As [`Client::who_has`](crate::Client::who_has).
    pub fn who_has<'a, T: 'a>(
        &self,
        futures: impl IntoIterator<Item = &'a TaskFuture<T>>,
    ) -> Result<BTreeMap<TaskId, Vec<String>>, Error> {
        self.wait_for(self.client.who_has(futures))?
    }

    /// Results that each worker has.
    ///
    /// # Errors
    /// As [`Client::who_has`](crate::Client::who_has).
    pub fn has_what(&self) -> Result<BTreeMap<String, Vec<TaskId>>, Error> {
        self.wait_for(self.client.has_what())?
    }

    /// Threads of each worker.
    ///
    /// # Errors
    /// As [`Client::who_has`](crate::Client::who_has).
    pub fn nthreads(&self) -> Result<BTreeMap<String, u32>, Error> {
        self.wait_for(self.client.nthreads())?
    }

    /// The cluster as a whole.
    ///
    /// # Errors
    /// As [`Client::who_has`](crate::Client::who_has).
    pub fn scheduler_info(&self) -> Result<SchedulerInfo, Error> {
        self.wait_for(self.client.scheduler_info())?
    }

    /// Tasks that each worker was given and has not finished.
    ///
    /// # Errors
    /// As [`Client::who_has`](crate::Client::who_has).
    pub fn processing(&self) -> Result<BTreeMap<String, Vec<TaskId>>, Error> {
        self.wait_for(self.client.processing())?
    }

    /// What happened to a task lately, oldest first.
    ///
    /// # Errors
    /// As [`Client::who_has`](crate::Client::who_has).
    pub fn story<T>(&self, future: &TaskFuture<T>) -> Result<Vec<String>, Error> {
        self.wait_for(self.client.story(future))?
    }

    /// Versions of Longshore in the binaries of all parts of the cluster.
    ///
    /// # Errors
    /// As [`Client::who_has`](crate::Client::who_has).
    pub fn versions(&self) -> Result<Versions, Error> {
        self.wait_for(self.client.versions())?
    }

    /// Waits until the scheduler has handled everything that this client said before.
    ///
    /// # Errors
    /// As [`Client::who_has`](crate::Client::who_has).
    pub fn flush(&self) -> Result<(), Error> {
        self.wait_for(self.client.flush())?
    }

    /// Waits until so many workers are there, at most as long as `limit`; gives their number.
    ///
    /// # Errors
    /// [`Error::TimedOut`], or as [`Client::who_has`](crate::Client::who_has).
    pub fn wait_for_workers(&self, count: u32, limit: Option<Duration>) -> Result<u32, Error> {
        let wait = self.client.wait_for_workers(count);
        self.wait_for(match limit {
            Some(limit) => wait.timeout(limit),
            None => wait,
        })?
    }

    /// Waits until a submission would be taken.
    ///
    /// # Errors
    /// The client is closed, or the scheduler is gone.
    pub fn ready(&self) -> Result<(), Error> {
        self.wait_for(self.client.ready())?
    }

    /// Ends the whole cluster; see [`Client::shutdown`](crate::Client::shutdown).
    ///
    /// # Errors
    /// As there, or [`Error::Blocking`] where waiting would hang.
    pub fn shutdown(&self) -> Result<(), Error> {
        self.wait_for(self.client.shutdown())?
    }

    /// Ends the session; see [`Client::close`](crate::Client::close).
    ///
    /// # Errors
    /// [`Error::Blocking`] where waiting would hang; the session ends all the same.
    pub fn close(&self) -> Result<(), Error> {
        self.wait_for(self.client.close())?
    }
}

fn block<F: Future>(rt: &DynRuntime, fut: F) -> Result<F::Output, Error> {
    Ok(park_on(Some(rt), fut)?)
}

impl Client<OwnedExecutor> {
    /// Starts a cluster in this process, on a runtime of the client's own, and connects to it. The cluster ends with the
    /// client.
    ///
    /// # Errors
    /// The cluster could not be started.
    pub fn local() -> Result<Self, Error> {
        Self::with(OwnedExecutor::new().map_err(Error::runtime)?).local()
    }

    /// Connects to the scheduler at this address, on a runtime of the client's own.
    ///
    /// # Errors
    /// The scheduler could not be reached or refused this client.
    pub fn connect(address: impl ToString) -> Result<Self, Error> {
        Self::with(OwnedExecutor::new().map_err(Error::runtime)?).address(address).connect()
    }
}

impl<R: BlockOn> AsyncClient<R> {
    /// The blocking view of the same client.
    #[must_use]
    pub fn blocking(&self) -> Client<R> {
        Client::of(self.clone())
    }
}

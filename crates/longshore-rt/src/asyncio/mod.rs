//! One adapter for everything whose reactor is async-io: smol, async-std, a user's own
//! `async_executor::Executor`, and a closure.
//!
//! An embedder writes [`Spawn`] and gets timers and sockets from here. Deliberately absent: a
//! thread per blocking job, and any look at which executor the calling thread may belong to.
mod block_on;
mod executors;
mod net;
mod timer;

#[cfg(feature = "async-std")]
pub use executors::{AsyncStdGlobal, AsyncStdRuntime};
pub use executors::{ExecutorRuntime, UserExecutor};
#[cfg(feature = "smol")]
pub use executors::{SmolGlobal, SmolRuntime};
pub use net::{AsyncIoConn, AsyncIoListener, AsyncIoReader, AsyncIoWriter};
pub use timer::AsyncIoSleep;

use crate::pool::Pool;
use crate::{BoxFuture, BoxJob, Closed, Endpoint, Instant, Runtime, Spawn, TaskMeta, real};
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// How to block the calling thread until a future is done, and perhaps run the executor meanwhile.
pub type Drive<S> = fn(&S, Pin<&mut (dyn Future<Output = ()> + '_)>);

/// A [`Runtime`] for any executor that can start a future.
///
/// ```
/// use longshore_rt::{AsyncIo, BlockOn, BoxFuture, Closed, RuntimeExt, Spawn, TaskMeta};
///
/// /// A thread per task: a poor executor, but a complete one.
/// #[derive(Clone)]
/// struct ThreadPerTask;
///
/// impl Spawn for ThreadPerTask {
///     fn spawn_raw(&self, meta: TaskMeta, fut: BoxFuture<'static, ()>) -> Result<(), Closed> {
///         let thread = std::thread::Builder::new().name(meta.name.into());
///         thread.spawn(|| futures_lite::future::block_on(fut)).map_or(Err(Closed), |_| Ok(()))
///     }
/// }
///
/// let rt = AsyncIo::on("thread-per-task", ThreadPerTask);
/// let sum = rt.block_on(rt.spawn("sum", async { 1 + 2 })).unwrap();
/// assert_eq!(sum, Ok(3));
/// ```
///
/// A closure will do as well, here on a user's `async_executor::Executor`:
///
/// ```
/// use longshore_rt::{AsyncIo, BoxFuture};
/// use std::sync::Arc;
///
/// let executor = Arc::new(async_executor::Executor::new());
/// let rt = AsyncIo::on("mine", move |fut: BoxFuture<'static, ()>| executor.spawn(fut).detach());
/// ```
#[derive(Clone)]
pub struct AsyncIo<S> {
    name: &'static str,
    exec: S,
    drive: Drive<S>,
    /// How long a blocking call waits for the executor to run anything.
    starved_after: Duration,
    pool: Arc<Pool>,
}

impl<S: Spawn> AsyncIo<S> {
    /// A runtime on `exec`, called `name` in logs.
    ///
    /// `block_on` then parks the calling thread, and something else must run the executor; see
    /// [`driven_by`](Self::driven_by).
    pub fn on(name: &'static str, exec: S) -> Self {
        AsyncIo {
            name,
            exec,
            drive: |_, fut| async_io::block_on(fut),
            starved_after: Duration::from_secs(5),
            pool: Arc::new(Pool::new(8, Duration::from_secs(10))),
        }
    }

    /// Makes `block_on` use `drive`, which may run the executor on the calling thread while it waits.
    #[must_use]
    pub fn driven_by(self, drive: Drive<S>) -> Self {
        AsyncIo { drive, ..self }
    }

    /// Sets how long `block_on` waits for the executor to run a first task before it gives up with
    /// [`Starved`](crate::BlockOnError::Starved): 5 s unless set. An executor can be merely busy, so
    /// do not set it to less than its longest pause.
    #[must_use]
    pub fn starved_after(self, limit: Duration) -> Self {
        AsyncIo { starved_after: limit, ..self }
    }

    /// Sets how many threads may run blocking jobs at once: 8 unless set, at least 1. Threads start
    /// when needed and end when idle; further jobs wait. A job must therefore not wait for another
    /// job.
    ///
    /// Applies to this value and to clones made from it later.
    #[must_use]
    pub fn blocking_threads(self, limit: usize) -> Self {
        AsyncIo { pool: Arc::new(Pool::new(limit, Duration::from_secs(10))), ..self }
    }

    /// The executor.
    pub fn executor(&self) -> &S {
        &self.exec
    }
}

impl<S> fmt::Debug for AsyncIo<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncIo").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<S: Spawn> Runtime for AsyncIo<S> {
    type Sleep = AsyncIoSleep;
    type Conn = AsyncIoConn;
    type Listener = AsyncIoListener;

    fn name(&self) -> &'static str {
        self.name
    }

    fn spawn_raw(&self, meta: TaskMeta, fut: BoxFuture<'static, ()>) -> Result<(), Closed> {
        self.exec.spawn_raw(meta, fut)
    }

    fn spawn_blocking_raw(&self, _: TaskMeta, job: BoxJob) -> Result<(), Closed> {
        self.pool.submit(job)
    }

    fn now(&self) -> Instant {
        real::now()
    }

    fn unix_now(&self) -> Duration {
        real::unix_now()
    }

    fn sleep_until(&self, at: Instant) -> AsyncIoSleep {
        AsyncIoSleep::until(at)
    }

    fn entropy(&self) -> u64 {
        real::entropy()
    }

    fn connect(
        &self,
        to: &Endpoint,
    ) -> impl Future<Output = io::Result<AsyncIoConn>> + Send + 'static + use<S> {
        net::connect(to.clone())
    }

    fn listen(
        &self,
        on: &Endpoint,
    ) -> impl Future<Output = io::Result<AsyncIoListener>> + Send + 'static + use<S> {
        net::listen(on.clone())
    }
}

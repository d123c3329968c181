//! The contract. Everything an adapter must write is in [`Runtime`], and nothing in it has a
//! default body: a wrapper that forgets to forward a provided method compiles and silently loses
//! the override, so what can be derived lives in [`RuntimeExt`](crate::RuntimeExt) instead.
//!
//! Deliberately absent: runtime-specific handles, errors and timer types, so that no runtime's
//! version becomes part of ours.
use crate::{Conn, Endpoint, Instant, Listener, Sleep};
use std::future::Future;
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::time::Duration;

/// A boxed future that may move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A boxed blocking job.
pub type BoxJob = Box<dyn FnOnce() + Send + 'static>;

/// What a task is called and where it was spawned, for traces and for the simulator's reports.
#[derive(Copy, Clone, Debug)]
pub struct TaskMeta {
    /// A short fixed name, such as `"heartbeat"`.
    pub name: &'static str,
    /// The source location of the spawn.
    pub location: &'static Location<'static>,
}

/// The executor is shut down, or the simulated process is dead.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the runtime no longer accepts tasks")]
pub struct Closed;

/// Tasks, clocks, timers, entropy and byte streams: all that Longshore asks of its surroundings.
///
/// A value, not a set of statics: a simulated process, a user's executor and a chosen tokio handle
/// are all state. Cloning is cheap and yields the same runtime.
///
/// Most executors need none of this: implement [`Spawn`] and wrap it in
/// [`AsyncIo`](crate::AsyncIo). The suite in [`conformance`](crate::conformance) states the behaviour that the types cannot.
pub trait Runtime: Clone + Send + Sync + 'static {
    /// The timer.
    type Sleep: Sleep;
    /// The byte stream.
    type Conn: Conn;
    /// The listening socket.
    type Listener: Listener<Conn = Self::Conn>;

    /// A short name for logs, such as `"tokio"`.
    fn name(&self) -> &'static str;

    /// Runs a future to its end, or drops it when the executor goes away. Called through
    /// [`RuntimeExt::spawn`](crate::RuntimeExt::spawn), which adds joining, abort and panic isolation.
    ///
    /// # Errors
    /// [`Closed`] if the executor is known to be gone. An executor that cannot tell drops the future.
    fn spawn_raw(&self, meta: TaskMeta, fut: BoxFuture<'static, ()>) -> Result<(), Closed>;

    /// Runs a short, rare blocking call off the async threads. User task functions do not go here:
    /// they have a pool of their own.
    ///
    /// # Errors
    /// [`Closed`] if the job can never run. A runtime that cannot tell drops the job.
    fn spawn_blocking_raw(&self, meta: TaskMeta, job: BoxJob) -> Result<(), Closed>;

    /// The monotonic clock.
    fn now(&self) -> Instant;

    /// Time since the Unix epoch. For display and for logs only: it may jump.
    fn unix_now(&self) -> Duration;

    /// A timer that fires at `at`, or at once if that has passed. Works on any thread.
    fn sleep_until(&self, at: Instant) -> Self::Sleep;

    /// Unpredictable bits to seed generators with; reproducible in the simulator.
    fn entropy(&self) -> u64;

    /// Opens a connection. TCP connections have `TCP_NODELAY` set.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the attempt.
    fn connect(
        &self,
        to: &Endpoint,
    ) -> impl Future<Output = io::Result<Self::Conn>> + Send + 'static + use<Self>;

    /// Starts to listen. Port 0 asks for a free port, which [`Listener::local`] tells.
    fn listen(
        &self,
        on: &Endpoint,
    ) -> impl Future<Output = io::Result<Self::Listener>> + Send + 'static + use<Self>;
}

/// Waiting for a future on a plain thread. Kept out of [`Runtime`] so that code which runs inside
/// the runtime cannot call it by accident.
pub trait BlockOn: Runtime {
    /// Blocks the calling thread until `fut` is done.
    ///
    /// # Errors
    /// [`BlockOnError`] where waiting could never succeed. It neither panics nor hangs there.
    fn block_on<F: Future>(&self, fut: F) -> Result<F::Output, BlockOnError>;

    /// Whether the calling thread may be blocked for a short while by something that makes progress without this runtime.
    /// Told at once: what only shows in time, such as an executor that nobody drives, is found by
    /// [`block_on`](Self::block_on) alone.
    ///
    /// # Errors
    /// What `block_on` would refuse at once.
    fn may_block(&self) -> Result<(), BlockOnError>;
}

/// Why a blocking call was refused or given up.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BlockOnError {
    /// The calling thread is polling an async task; blocking it could never return.
    #[error(
        "a blocking call was made on a thread that is running async tasks; \
         use the async Client, or move the call to spawn_blocking"
    )]
    InsideAsync,
    /// A borrowed current-thread runtime that nobody is driving.
    #[error(
        "the supplied handle belongs to a current-thread runtime, which only makes progress inside \
         its own block_on; give the blocking client an owned runtime"
    )]
    NotDriven,
    /// The executor ran nothing for a while: most likely this call blocks its only thread.
    #[error(
        "the executor has not run a single task since this blocking call began; the call is \
         probably blocking the executor's only thread, or nobody runs the executor"
    )]
    Starved,
    /// The runtime was wrapped without a way to block on it.
    #[error("this runtime has no way to block a thread; use the async Client, or a runtime that has one")]
    Unsupported,
}

/// All that an embedder has to write: how to start a future on their executor. Timers and sockets
/// then come from async-io.
///
/// A closure that takes a boxed future is a `Spawn` too.
pub trait Spawn: Clone + Send + Sync + 'static {
    /// Runs a future to its end, detached.
    ///
    /// # Errors
    /// [`Closed`] if the executor is known to be gone. An executor that cannot tell drops the future.
    fn spawn_raw(&self, meta: TaskMeta, fut: BoxFuture<'static, ()>) -> Result<(), Closed>;
}

impl<T> Spawn for T
where
    T: Fn(BoxFuture<'static, ()>) + Clone + Send + Sync + 'static,
{
    fn spawn_raw(&self, _: TaskMeta, fut: BoxFuture<'static, ()>) -> Result<(), Closed> {
        self(fut);
        Ok(())
    }
}

//! The executors that others provide.
use super::AsyncIo;
use crate::{BoxFuture, Closed, Spawn, TaskMeta};
use async_executor::Executor;
use std::sync::Arc;

/// A user's executor, shared by handle. The user decides which threads run it.
pub type UserExecutor = Arc<Executor<'static>>;

impl Spawn for UserExecutor {
    fn spawn_raw(&self, _: TaskMeta, fut: BoxFuture<'static, ()>) -> Result<(), Closed> {
        self.spawn(fut).detach();
        Ok(())
    }
}

/// The runtime on a user's `async_executor::Executor`.
pub type ExecutorRuntime = AsyncIo<UserExecutor>;

impl AsyncIo<UserExecutor> {
    /// A runtime on the user's executor. Its `block_on` runs the executor on the calling thread
    /// too, so it works with no other thread.
    pub fn new(executor: UserExecutor) -> Self {
        AsyncIo::on("executor", executor).driven_by(|executor, fut| async_io::block_on(executor.run(fut)))
    }
}

/// smol's global executor.
#[cfg(feature = "smol")]
#[derive(Clone, Copy, Debug, Default)]
pub struct SmolGlobal;

#[cfg(feature = "smol")]
impl Spawn for SmolGlobal {
    fn spawn_raw(&self, _: TaskMeta, fut: BoxFuture<'static, ()>) -> Result<(), Closed> {
        smol::spawn(fut).detach();
        Ok(())
    }
}

/// The runtime on smol's global executor, which has one thread unless `SMOL_THREADS` says otherwise.
#[cfg(feature = "smol")]
pub type SmolRuntime = AsyncIo<SmolGlobal>;

#[cfg(feature = "smol")]
impl AsyncIo<SmolGlobal> {
    /// A runtime on smol's global executor.
    #[must_use]
    pub fn new() -> Self {
        // Its own threads drive timers and sockets; a caller that did so too would only take that from them and hand
        // it back, at the price of a change of threads for each message.
        AsyncIo::on("smol", SmolGlobal).driven_by(|_, fut| futures_lite::future::block_on(fut))
    }
}

#[cfg(feature = "smol")]
impl Default for AsyncIo<SmolGlobal> {
    fn default() -> Self {
        Self::new()
    }
}

/// async-std's global executor.
#[cfg(feature = "async-std")]
#[derive(Clone, Copy, Debug, Default)]
pub struct AsyncStdGlobal;

#[cfg(feature = "async-std")]
impl Spawn for AsyncStdGlobal {
    fn spawn_raw(&self, meta: TaskMeta, fut: BoxFuture<'static, ()>) -> Result<(), Closed> {
        let task = async_std::task::Builder::new().name(meta.name.into());
        // Dropping async-std's handle detaches the task.
        task.spawn(fut).map(drop).map_err(|_| Closed)
    }
}

/// The runtime on async-std's global executor. async-std is discontinued; new programs are better
/// off with smol.
#[cfg(feature = "async-std")]
pub type AsyncStdRuntime = AsyncIo<AsyncStdGlobal>;

#[cfg(feature = "async-std")]
impl AsyncIo<AsyncStdGlobal> {
    /// A runtime on async-std's global executor.
    #[must_use]
    pub fn new() -> Self {
        // As with smol.
        AsyncIo::on("async-std", AsyncStdGlobal).driven_by(|_, fut| futures_lite::future::block_on(fut))
    }
}

#[cfg(feature = "async-std")]
impl Default for AsyncIo<AsyncStdGlobal> {
    fn default() -> Self {
        Self::new()
    }
}

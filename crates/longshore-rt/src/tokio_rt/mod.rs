//! The adapter for tokio.
//!
//! It works on whatever thread polls it: tokio's context is entered where timers and sockets are
//! made. Deliberately absent: finding a runtime by itself; the user calls
//! [`TokioRuntime::current`] or hands one over.
mod block_on;
mod net;
mod setup;
mod timer;

pub use net::{TokioConn, TokioListener, TokioReader, TokioWriter};
pub use setup::TokioSetupError;
pub use timer::TokioSleep;

use crate::{BoxFuture, BoxJob, Closed, Endpoint, Instant, Runtime, TaskMeta, ThreadContext, real};
use std::fmt;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;

/// A tokio runtime, borrowed by handle or owned.
#[derive(Clone)]
pub struct TokioRuntime {
    inner: Arc<Inner>,
    not_driven_after: Duration,
}

struct Inner {
    handle: Handle,
    owned: Option<tokio::runtime::Runtime>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(runtime) = self.owned.take() {
            // Dropping a tokio runtime on a thread that runs async code panics.
            if Handle::try_current().is_ok() || ThreadContext::current() == ThreadContext::Async {
                runtime.shutdown_background();
            }
        }
    }
}

impl TokioRuntime {
    /// The runtime that the calling code runs in.
    ///
    /// # Errors
    /// [`TokioSetupError`] if there is none, or if it lacks a driver.
    pub fn current() -> Result<Self, TokioSetupError> {
        Self::from_handle(Handle::try_current().map_err(|_| TokioSetupError::NoContext)?)
    }

    /// A runtime that somebody else owns. When its owner shuts it down, tasks end with
    /// [`RuntimeGone`](crate::JoinError::RuntimeGone).
    ///
    /// # Errors
    /// [`TokioSetupError`] if the runtime lacks a driver. tokio's own message then also reaches the
    /// panic hook.
    pub fn from_handle(handle: Handle) -> Result<Self, TokioSetupError> {
        setup::probe_drivers(&handle)?;
        Ok(Self::with(Inner { handle, owned: None }))
    }

    /// Takes over a runtime. It shuts down when the last clone goes, tasks' clones included.
    ///
    /// A current-thread runtime makes progress only inside [`block_on`](crate::BlockOn::block_on).
    ///
    /// # Errors
    /// [`TokioSetupError`] if the runtime lacks a driver.
    pub fn from_runtime(runtime: tokio::runtime::Runtime) -> Result<Self, TokioSetupError> {
        // Wrapped first: a refused runtime too must be dropped with care.
        let this = Self::with(Inner { handle: runtime.handle().clone(), owned: Some(runtime) });
        setup::probe_drivers(&this.inner.handle)?;
        Ok(this)
    }

    /// A new multi-thread runtime with `threads` workers, at least one.
    ///
    /// # Errors
    /// [`TokioSetupError::Build`] if the operating system refuses.
    pub fn new(threads: usize) -> Result<Self, TokioSetupError> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(threads.max(1)).thread_name("longshore-tokio").enable_all();
        Self::from_runtime(runtime.build().map_err(TokioSetupError::Build)?)
    }

    /// Sets how long `block_on` waits for a borrowed current-thread runtime to run anything before
    /// it gives up with [`NotDriven`](crate::BlockOnError::NotDriven): 5 s unless set.
    #[must_use]
    pub fn not_driven_after(self, limit: Duration) -> Self {
        TokioRuntime { not_driven_after: limit, ..self }
    }

    fn with(inner: Inner) -> Self {
        TokioRuntime { inner: Arc::new(inner), not_driven_after: Duration::from_secs(5) }
    }
}

impl fmt::Debug for TokioRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokioRuntime").field("owned", &self.inner.owned.is_some()).finish_non_exhaustive()
    }
}

impl Runtime for TokioRuntime {
    type Sleep = TokioSleep;
    type Conn = TokioConn;
    type Listener = TokioListener;

    fn name(&self) -> &'static str {
        "tokio"
    }

    fn spawn_raw(&self, _: TaskMeta, fut: BoxFuture<'static, ()>) -> Result<(), Closed> {
        // Dropping tokio's handle detaches the task. A runtime that is gone drops the future.
        drop(self.inner.handle.spawn(fut));
        Ok(())
    }

    fn spawn_blocking_raw(&self, _: TaskMeta, job: BoxJob) -> Result<(), Closed> {
        drop(self.inner.handle.spawn_blocking(job));
        Ok(())
    }

    fn now(&self) -> Instant {
        real::now()
    }

    fn unix_now(&self) -> Duration {
        real::unix_now()
    }

    fn sleep_until(&self, at: Instant) -> TokioSleep {
        TokioSleep::until(&self.inner.handle, at)
    }

    fn entropy(&self) -> u64 {
        real::entropy()
    }

    fn connect(&self, to: &Endpoint) -> impl Future<Output = io::Result<TokioConn>> + Send + 'static + use<> {
        setup::Entered::new(self.inner.handle.clone(), net::connect(to.clone()))
    }

    fn listen(
        &self,
        on: &Endpoint,
    ) -> impl Future<Output = io::Result<TokioListener>> + Send + 'static + use<> {
        setup::Entered::new(self.inner.handle.clone(), net::listen(self.inner.handle.clone(), on.clone()))
    }
}

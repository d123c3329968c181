//! Checking a runtime before use, and entering it.
use pin_project_lite::pin_project;
use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::runtime::Handle;

/// Why a tokio runtime cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokioSetupError {
    /// The calling code does not run in tokio.
    #[error("not inside a tokio runtime; call this from async code run by tokio, or use from_handle or new")]
    NoContext,
    /// The runtime has no timers.
    #[error("the tokio runtime has no time driver; build it with enable_time() or enable_all()")]
    NoTimeDriver,
    /// The runtime has no sockets.
    #[error("the tokio runtime has no IO driver; build it with enable_io() or enable_all()")]
    NoIoDriver,
    /// A runtime could not be built.
    #[error("the tokio runtime could not be started")]
    Build(#[source] io::Error),
    /// The drivers could not be examined.
    #[error("no socket pair could be opened to examine the tokio runtime's IO driver")]
    Probe(#[source] io::Error),
}

/// Finds a missing driver here, once, rather than by a panic in the first timer or socket. tokio
/// tells only by panicking, so its message reaches the panic hook; silencing the hook would affect
/// other threads.
pub(super) fn probe_drivers(handle: &Handle) -> Result<(), TokioSetupError> {
    let _context = handle.enter();
    if catch_unwind(|| drop(tokio::time::sleep(Duration::ZERO))).is_err() {
        return Err(TokioSetupError::NoTimeDriver);
    }
    let (socket, _peer) = std::os::unix::net::UnixStream::pair().map_err(TokioSetupError::Probe)?;
    socket.set_nonblocking(true).map_err(TokioSetupError::Probe)?;
    match catch_unwind(AssertUnwindSafe(|| tokio::net::UnixStream::from_std(socket).map(drop))) {
        Err(_) => Err(TokioSetupError::NoIoDriver),
        Ok(registered) => registered.map_err(TokioSetupError::Probe),
    }
}

pin_project! {
    /// Polls a future inside a runtime's context, whatever thread polls it. The context is entered
    /// on each poll, because its guard cannot move between threads.
    pub(super) struct Entered<F> {
        handle: Handle,
        #[pin]
        fut: F,
    }
}

impl<F> Entered<F> {
    pub(super) fn new(handle: Handle, fut: F) -> Self {
        Entered { handle, fut }
    }
}

impl<F: Future> Future for Entered<F> {
    type Output = F::Output;
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _context = this.handle.enter();
        this.fut.poll(cx)
    }
}

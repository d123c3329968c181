//! A deadline around a future.
use crate::Sleep;
use pin_project_lite::pin_project;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The deadline came before the result.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("deadline elapsed")]
pub struct Elapsed;

impl From<Elapsed> for io::Error {
    fn from(elapsed: Elapsed) -> Self {
        io::Error::new(io::ErrorKind::TimedOut, elapsed)
    }
}

pin_project! {
    /// What [`RuntimeExt::timeout`](crate::RuntimeExt::timeout) returns.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct Timeout<F, S> {
        #[pin]
        fut: F,
        sleep: S,
    }
}

impl<F, S> Timeout<F, S> {
    pub(crate) fn new(fut: F, sleep: S) -> Self {
        Timeout { fut, sleep }
    }
}

impl<F: Future, S: Sleep> Future for Timeout<F, S> {
    type Output = Result<F::Output, Elapsed>;
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        // Biased: a result that is ready beats a deadline that is ready. No random choice.
        if let Poll::Ready(value) = this.fut.poll(cx) {
            return Poll::Ready(Ok(value));
        }
        Pin::new(this.sleep).poll(cx).map(|()| Err(Elapsed))
    }
}

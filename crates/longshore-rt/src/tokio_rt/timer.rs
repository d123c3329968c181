//! tokio's timer behind [`Sleep`].
use crate::{Instant, Sleep, real};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::runtime::Handle;

/// A timer of a tokio runtime. It fires up to a millisecond late, or at once if the runtime is shut
/// down.
#[derive(Debug)]
pub struct TokioSleep(Pin<Box<tokio::time::Sleep>>);

impl TokioSleep {
    pub(super) fn until(handle: &Handle, at: Instant) -> Self {
        // A timer binds to a driver when it is made.
        let _context = handle.enter();
        TokioSleep(Box::pin(tokio::time::sleep_until(real::to_std(at).into())))
    }
}

impl Future for TokioSleep {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // A timer that outlives its runtime panics. It fires instead: nothing will ever be on time
        // there, and whoever waits with a timeout gets an answer.
        catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(cx))).unwrap_or(Poll::Ready(()))
    }
}

impl Sleep for TokioSleep {
    fn reset(&mut self, at: Instant) {
        self.0.as_mut().reset(real::to_std(at).into());
    }
}

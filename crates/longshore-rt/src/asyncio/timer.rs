//! async-io's timer behind [`Sleep`].
use crate::{Instant, Sleep, real};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A timer of async-io's reactor.
#[derive(Debug)]
pub struct AsyncIoSleep(async_io::Timer);

impl AsyncIoSleep {
    pub(super) fn until(at: Instant) -> Self {
        AsyncIoSleep(async_io::Timer::at(real::to_std(at)))
    }
}

impl Future for AsyncIoSleep {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx).map(drop)
    }
}

impl Sleep for AsyncIoSleep {
    fn reset(&mut self, at: Instant) {
        self.0.set_at(real::to_std(at));
    }
}

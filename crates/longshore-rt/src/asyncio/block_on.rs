//! Blocking on an executor that offers no way to ask whether that can work.
//!
//! No API tells whether this thread belongs to a user's async-executor. So the executor is asked
//! to run one trivial task, the canary: if it cannot while we wait, waiting is hopeless.
use super::AsyncIo;
use crate::{BlockOn, BlockOnError, Marked, Spawn, TaskMeta, ThreadContext};
use pin_project_lite::pin_project;
use std::future::Future;
use std::panic::Location;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

impl<S: Spawn> BlockOn for AsyncIo<S> {
    fn block_on<F: Future>(&self, fut: F) -> Result<F::Output, BlockOnError> {
        if ThreadContext::current() == ThreadContext::Async {
            return Err(BlockOnError::InsideAsync);
        }
        // Every poll of the root future is marked, not the whole wait: other tasks that the
        // executor runs on this thread set their own mark.
        let fut = Marked::new(fut);
        let mut output = None;
        {
            let watch = Some(Watch::New { exec: &self.exec, limit: self.starved_after });
            let root = Watched { fut, watch };
            let root = pin!(async { output = Some(root.await) });
            (self.drive)(&self.exec, root);
        }
        // A drive that returns early has stopped driving.
        output.unwrap_or(Err(BlockOnError::Starved))
    }

    fn may_block(&self) -> Result<(), BlockOnError> {
        match ThreadContext::current() {
            ThreadContext::Async => Err(BlockOnError::InsideAsync),
            ThreadContext::Foreign | ThreadContext::Blocking => Ok(()),
        }
    }
}

/// What is known about the executor.
enum Watch<'a, S> {
    /// Nothing yet: a root future that is ready at once asks nobody.
    New { exec: &'a S, limit: Duration },
    /// The canary is out.
    Waiting { alive: Arc<AtomicBool>, timer: async_io::Timer },
}

pin_project! {
    struct Watched<'a, F, S> {
        #[pin]
        fut: F,
        // None: it runs.
        watch: Option<Watch<'a, S>>,
    }
}

impl<F: Future, S: Spawn> Future for Watched<'_, F, S> {
    type Output = Result<F::Output, BlockOnError>;
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(value) = this.fut.poll(cx) {
            return Poll::Ready(Ok(value));
        }
        if let Some(Watch::New { exec, limit }) = this.watch {
            *this.watch =
                Some(Watch::Waiting { alive: release_canary(*exec), timer: async_io::Timer::after(*limit) });
        }
        if let Some(Watch::Waiting { alive, timer }) = this.watch {
            if alive.load(Ordering::Relaxed) {
                *this.watch = None;
            } else if Pin::new(timer).poll(cx).is_ready() {
                // Asked again: the canary may have run since.
                if !alive.load(Ordering::Relaxed) {
                    return Poll::Ready(Err(BlockOnError::Starved));
                }
                *this.watch = None;
            }
        }
        Poll::Pending
    }
}

fn release_canary<S: Spawn>(exec: &S) -> Arc<AtomicBool> {
    let alive = Arc::new(AtomicBool::new(false));
    let ran = alive.clone();
    let meta = TaskMeta { name: "canary", location: Location::caller() };
    // A refusal is as good as silence: the wait then ends by the limit.
    let _ = exec.spawn_raw(meta, Box::pin(async move { ran.store(true, Ordering::Relaxed) }));
    alive
}

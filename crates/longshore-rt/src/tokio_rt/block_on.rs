//! Blocking on tokio, which by itself panics or hangs where it cannot.
use super::TokioRuntime;
use crate::{BlockOn, BlockOnError, Marked, ThreadContext};
use std::future::{Future, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::coop;

impl BlockOn for TokioRuntime {
    fn block_on<F: Future>(&self, fut: F) -> Result<F::Output, BlockOnError> {
        self.may_block()?;
        let handle = &self.inner.handle;
        let fut = Marked::new(fut);
        if let Some(runtime) = &self.inner.owned {
            return Ok(runtime.block_on(fut));
        }
        if handle.runtime_flavor() == RuntimeFlavor::CurrentThread {
            self.check_driven()?;
        }
        Ok(handle.block_on(fut))
    }

    fn may_block(&self) -> Result<(), BlockOnError> {
        match ThreadContext::current() {
            ThreadContext::Async => Err(BlockOnError::InsideAsync),
            ThreadContext::Foreign if !may_block(&self.inner.handle) => Err(BlockOnError::InsideAsync),
            _ => Ok(()),
        }
    }
}

impl TokioRuntime {
    /// `Handle::block_on` never drives a current-thread runtime's timers or sockets: it works only
    /// while another thread is inside that runtime's own `block_on`. See whether one is.
    fn check_driven(&self) -> Result<(), BlockOnError> {
        let (alive, canary) = mpsc::sync_channel(1);
        drop(self.inner.handle.spawn(async move {
            let _ = alive.send(());
        }));
        canary.recv_timeout(self.not_driven_after).map_err(|_| BlockOnError::NotDriven)
    }
}

/// Whether this thread may block. tokio has no public call for that.
fn may_block(handle: &Handle) -> bool {
    if Handle::try_current().is_err() {
        return true; // no part of tokio has this thread
    }
    if budget_is_limited() {
        return false;
    }
    // What is left: tokio's blocking pool, a bare `enter()`, `block_in_place`, and async code under
    // `unconstrained`. Blocking on a ready future panics in the last only, with tokio's message.
    catch_unwind(AssertUnwindSafe(|| handle.block_on(ready(())))).is_ok()
}

/// Whether tokio is polling a task or a root future on this thread, which it does with a budget of
/// operations. Told without a panic, so nothing reaches the panic hook and it works with
/// `panic = "abort"` too.
///
/// A limited budget is used up by asking. The task then yields at its next operation on tokio,
/// which is no loss in a task that has just tried to block.
fn budget_is_limited() -> bool {
    // tokio's budget is 128. Should it grow beyond this, the probe by panic remains.
    const MORE_THAN_A_BUDGET: usize = 1024;
    let mut cx = Context::from_waker(Waker::noop());
    (0..MORE_THAN_A_BUDGET).any(|_| match coop::poll_proceed(&mut cx) {
        Poll::Ready(permit) => {
            permit.made_progress();
            false
        }
        Poll::Pending => true,
    })
}

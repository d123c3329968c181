//! Blocking a thread until a future is done, wherever that can end well.
//!
//! Inside our own tasks, inside tokio, or on an executor that nobody drives, blocking would hang: the runtime's own
//! `block_on` knows, and says so. A compute thread that runs a task gives its slot to another task while it waits.
use crate::context::while_waiting;
use longshore_rt::{BlockOn, BlockOnError, DynRuntime, ThreadContext};
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// Blocks this thread until `fut` is done.
///
/// # Errors
/// Where it would hang.
pub(crate) fn park_on<F: Future>(rt: Option<&DynRuntime>, fut: F) -> Result<F::Output, BlockOnError> {
    let mut fut = pin!(fut);
    // What is done already hangs nobody.
    if let Poll::Ready(value) = fut.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        return Ok(value);
    }
    if ThreadContext::current() == ThreadContext::Async {
        return Err(BlockOnError::InsideAsync);
    }
    let _waiting = while_waiting();
    match rt.map(|rt| rt.block_on(fut.as_mut())) {
        Some(Err(BlockOnError::Unsupported)) | None => Ok(futures_lite::future::block_on(fut)),
        Some(result) => result,
    }
}

//! Blocking a thread until a future is done, wherever that can end well.
//!
//! Inside our own tasks, inside tokio, or on an executor that nobody drives, blocking would hang: the runtime's own
//! `block_on` knows, and says so. A compute thread that runs a task gives its slot to another task while it waits.
use crate::caller_runs::run_remembered;
use crate::client::Session;
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

/// Blocks this thread until `fut` is done, which news of this session will bring about, and helps that along.
///
/// # Errors
/// Where it would hang.
pub(crate) fn wait_on<F: Future>(session: Option<&Session>, fut: F) -> Result<F::Output, BlockOnError> {
    let mut fut = pin!(fut);
    run_remembered();
    let led = session.filter(|session| session.rt().may_block().is_ok());
    let led = led.and_then(|session| session.lead(fut.as_mut()));
    let result = match led {
        Some(value) => Ok(value),
        None => park_on(session.map(Session::rt), fut),
    };
    session.into_iter().for_each(Session::has_waited);
    result
}

//! What the current thread is doing, so that a blocking call made inside async code ends in an
//! error instead of a deadlock.
//!
//! The mark is set around every poll of a Longshore task and around every blocking job. A user's
//! own tasks do not carry it; the adapters have further means for those.
use pin_project_lite::pin_project;
use std::cell::Cell;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

/// What the current thread is doing, as far as Longshore knows.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum ThreadContext {
    /// Nothing of ours: a plain thread, or a task that Longshore did not spawn.
    Foreign,
    /// Polling one of our futures; it must not block.
    Async,
    /// Running a blocking job; it may block.
    Blocking,
}

thread_local!(static CURRENT: Cell<ThreadContext> = const { Cell::new(ThreadContext::Foreign) });

impl ThreadContext {
    /// The innermost mark on this thread.
    #[must_use]
    pub fn current() -> Self {
        CURRENT.get()
    }

    /// Marks this thread until the guard is dropped.
    pub fn enter(self) -> ContextGuard {
        ContextGuard { outer: CURRENT.replace(self), not_send: PhantomData }
    }
}

/// Restores the thread's previous mark when dropped.
#[must_use = "the mark lasts as long as the guard"]
#[derive(Debug)]
pub struct ContextGuard {
    outer: ThreadContext,
    // The mark belongs to one thread, so the guard must stay there.
    not_send: PhantomData<*const ()>,
}

impl Drop for ContextGuard {
    fn drop(&mut self) {
        CURRENT.set(self.outer);
    }
}

pin_project! {
    /// A future that marks the thread [`Async`](ThreadContext::Async) during each of its polls.
    ///
    /// For the root future of a `block_on`. Tasks spawned through
    /// [`RuntimeExt::spawn`](crate::RuntimeExt::spawn) are marked already.
    #[derive(Debug)]
    pub struct Marked<F> {
        #[pin]
        fut: F,
    }
}

impl<F> Marked<F> {
    /// Marks the polls of `fut`.
    pub fn new(fut: F) -> Self {
        Marked { fut }
    }
}

impl<F: Future> Future for Marked<F> {
    type Output = F::Output;
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let _mark = ThreadContext::Async.enter();
        self.project().fut.poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_nest_and_end() {
        assert_eq!(ThreadContext::current(), ThreadContext::Foreign);
        let outer = ThreadContext::Blocking.enter();
        let seen = futures_lite::future::block_on(Marked::new(async { ThreadContext::current() }));
        assert_eq!(seen, ThreadContext::Async);
        assert_eq!(ThreadContext::current(), ThreadContext::Blocking);
        drop(outer);
        assert_eq!(ThreadContext::current(), ThreadContext::Foreign);
    }
}

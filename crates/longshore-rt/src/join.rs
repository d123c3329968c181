//! The cell shared by a [`Task`](crate::Task) and whatever runs it.
//!
//! State changes are one atomic byte; the lock guards only the result and is taken twice in a
//! task's life, once to store it and once to take it, never with contention.
use crate::{JoinError, TaskMeta, unobserved};
use atomic_waker::AtomicWaker;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

/// The result cell of one task.
pub(crate) struct Shared<T> {
    /// Which task it is, should it panic and nobody take note.
    meta: TaskMeta,
    abort: AtomicBool,
    done: AtomicBool,
    /// Who waits for the result.
    joiner: AtomicWaker,
    /// How to make the executor poll the task, so that it notices an abort.
    pub(crate) runner: AtomicWaker,
    result: Mutex<Option<Result<T, JoinError>>>,
}

impl<T> Shared<T> {
    pub(crate) fn new(meta: TaskMeta) -> Self {
        Shared {
            meta,
            abort: AtomicBool::new(false),
            done: AtomicBool::new(false),
            joiner: AtomicWaker::new(),
            runner: AtomicWaker::new(),
            result: Mutex::new(None),
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }

    pub(crate) fn is_aborted(&self) -> bool {
        self.abort.load(Ordering::Acquire)
    }

    pub(crate) fn abort(&self) {
        if !self.is_done() {
            self.abort.store(true, Ordering::Release);
            self.runner.wake();
        }
    }

    /// Stores the result. Only the one side that runs the task calls this, and only once.
    pub(crate) fn finish(&self, result: Result<T, JoinError>) {
        *self.result.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
        self.done.store(true, Ordering::Release);
        // A task handle that is kept must not keep the executor's memory for the task.
        drop(self.runner.take());
        self.joiner.wake();
    }

    /// Takes the result, or leaves the waker.
    pub(crate) fn poll_take(&self, cx: &Context<'_>) -> Poll<Result<T, JoinError>> {
        if !self.is_done() {
            self.joiner.register(cx.waker());
            if !self.is_done() {
                return Poll::Pending;
            }
        }
        let result = self.result.lock().unwrap_or_else(PoisonError::into_inner).take();
        Poll::Ready(result.expect("Task polled after completion"))
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        let result = self.result.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(Err(JoinError::Panicked(message))) = result.take() {
            unobserved::report(self.meta, message);
        }
    }
}

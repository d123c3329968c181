//! What others leave for the scheduler's driver.
use crate::link::Accepted;
use atomic_waker::AtomicWaker;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Context;

/// Callers at the door and the wish to close.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    content: Mutex<Content>,
    driver: AtomicWaker,
}

/// What was left since the last look.
#[derive(Debug, Default)]
pub(super) struct Content {
    pub(super) accepted: Vec<Accepted>,
    pub(super) close: Option<&'static str>,
}

impl Inbox {
    pub(super) fn accepted(&self, accepted: Accepted) {
        self.content().accepted.push(accepted);
        self.driver.wake();
    }

    pub(super) fn close(&self, reason: &'static str) {
        self.content().close.get_or_insert(reason);
        self.driver.wake();
    }

    /// Takes all, and has `cx` woken for more.
    pub(super) fn take(&self, cx: &Context<'_>) -> Content {
        self.driver.register(cx.waker());
        std::mem::take(&mut *self.content())
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

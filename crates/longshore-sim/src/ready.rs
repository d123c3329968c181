//! The tasks that were woken, and the wakers that put them there.
//!
//! A waker knows the queue and not the world, so that a waker left behind somewhere keeps no world alive.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Wake;
use std::thread::ThreadId;

use crate::config::Policy;
use crate::rng::Rng;
use crate::slab::Key;

/// Set while some thread runs the world.
#[derive(Debug, Default)]
struct Inner {
    keys: VecDeque<Key>,
    driver: Option<ThreadId>,
    foreign_wake: bool,
}

/// The ready queue.
#[derive(Debug, Default)]
pub(crate) struct Ready(Mutex<Inner>);

/// Someone else than the running thread woke a task.
#[derive(Debug)]
pub(crate) struct ForeignWake;

impl Ready {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on only `driver` may wake tasks; anyone may when it is `None`.
    pub(crate) fn set_driver(&self, driver: Option<ThreadId>) {
        let mut inner = self.lock();
        inner.driver = driver;
        inner.foreign_wake = false;
    }

    /// Adds keys that were taken and could not be used yet.
    pub(crate) fn put_back(&self, keys: Vec<Key>) {
        self.lock().keys.extend(keys);
    }

    /// Takes the next key, as `policy` and `rng` have it.
    pub(crate) fn take(&self, policy: Policy, rng: &mut Rng) -> Result<Option<Key>, ForeignWake> {
        let mut inner = self.lock();
        if inner.foreign_wake {
            return Err(ForeignWake);
        }
        Ok(match policy {
            Policy::Fifo => inner.keys.pop_front(),
            Policy::Random if inner.keys.len() > 1 => {
                let index = rng.index(inner.keys.len());
                inner.keys.swap_remove_back(index)
            }
            Policy::Random => inner.keys.pop_front(),
        })
    }
}

/// Wakes one task: puts its key into the queue unless it is there.
#[derive(Debug)]
pub(crate) struct TaskWake {
    ready: Arc<Ready>,
    key: Key,
    queued: AtomicBool,
}

impl TaskWake {
    pub(crate) fn new(ready: Arc<Ready>, key: Key) -> Arc<Self> {
        Arc::new(Self { ready, key, queued: AtomicBool::new(false) })
    }

    /// To be called before each poll, so that a wake during the poll counts.
    pub(crate) fn begin_poll(&self) {
        self.queued.store(false, Ordering::Relaxed);
    }
}

impl Wake for TaskWake {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut inner = self.ready.lock();
        if inner.driver.is_some_and(|driver| driver != std::thread::current().id()) {
            inner.foreign_wake = true;
        }
        if !self.queued.swap(true, Ordering::Relaxed) {
            inner.keys.push_back(self.key);
        }
    }
}

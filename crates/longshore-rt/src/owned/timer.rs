//! Timers of the driving thread: an ordered map, looked at before it sleeps and after.
use super::reactor::Reactor;
use crate::{Instant, Sleep, real};
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Orders timers by their time; the number tells those of one time apart.
type Key = (Instant, u64);

/// All timers that somebody waits for.
#[derive(Debug, Default)]
pub(super) struct Timers(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    by_time: BTreeMap<Key, Waker>,
    last_number: u64,
}

impl Waiting {
    fn is_first(&self, key: Key) -> bool {
        self.by_time.first_key_value().is_some_and(|(first, _)| *first == key)
    }
}

impl Timers {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When the first is due.
    pub(super) fn first(&self) -> Option<Instant> {
        self.lock().by_time.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes out those that are due.
    pub(super) fn take_due(&self, now: Instant, wakers: &mut Vec<Waker>) {
        let mut waiting = self.lock();
        while let Some(entry) = waiting.by_time.first_entry()
            && entry.key().0 <= now
        {
            wakers.push(entry.remove());
        }
    }

    pub(super) fn take_all(&self, wakers: &mut Vec<Waker>) {
        wakers.extend(std::mem::take(&mut self.lock().by_time).into_values());
    }
}

/// A timer of an [`OwnedExecutor`](super::OwnedExecutor). It fires up to a millisecond late, or at once if the runtime has
/// ended.
pub struct OwnedSleep {
    reactor: Arc<Reactor>,
    at: Instant,
    /// Its number among the timers, once somebody waits for it.
    number: Option<u64>,
}

impl OwnedSleep {
    pub(super) fn until(reactor: Arc<Reactor>, at: Instant) -> Self {
        OwnedSleep { reactor, at, number: None }
    }

    /// Gives back the waker, so that the lock goes before it does.
    fn forget(&mut self) -> Option<Waker> {
        let number = self.number.take()?;
        self.reactor.timers.lock().by_time.remove(&(self.at, number))
    }

    fn wait(&mut self, waker: Waker) {
        // A waker is others' code, as is dropping one: not under the lock.
        let (is_first, replaced) = {
            let mut waiting = self.reactor.timers.lock();
            let number = *self.number.get_or_insert_with(|| {
                waiting.last_number += 1;
                waiting.last_number
            });
            let key = (self.at, number);
            let replaced = waiting.by_time.insert(key, waker);
            (waiting.is_first(key), replaced)
        };
        // Who polls again changes nothing that the driving thread sleeps for.
        if is_first && replaced.is_none() {
            self.reactor.look_at_timers();
        }
    }
}

impl Future for OwnedSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.at <= real::now() || self.reactor.is_gone() {
            self.forget();
            return Poll::Ready(());
        }
        self.wait(cx.waker().clone());
        // It may have ended in between, and then nobody looks at what was just added.
        if self.reactor.is_gone() { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Sleep for OwnedSleep {
    fn reset(&mut self, at: Instant) {
        let waker = self.forget();
        self.at = at;
        if let Some(waker) = waker {
            self.wait(waker);
        }
    }
}

impl Drop for OwnedSleep {
    fn drop(&mut self) {
        self.forget();
    }
}

impl fmt::Debug for OwnedSleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedSleep").field("at", &self.at).finish_non_exhaustive()
    }
}

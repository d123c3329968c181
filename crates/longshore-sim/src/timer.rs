//! Timers on virtual time.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use longshore_rt::{Instant, Sleep};

use crate::agenda::Event;
use crate::runtime::SimRuntime;
use crate::slab::Key;
use crate::state::State;

/// The timer of a [`SimRuntime`]. It fires exactly on time.
pub struct SimSleep {
    rt: SimRuntime,
    /// In the world's time.
    at: u64,
    slot: Option<Key>,
}

impl SimSleep {
    pub(crate) fn new(rt: SimRuntime, at: u64) -> Self {
        Self { rt, at, slot: None }
    }
}

impl State {
    fn start_timer(&mut self, at: u64, waker: Option<Waker>) -> Key {
        let key = self.timers.insert(waker);
        self.agenda.add(at, Event::Timer(key));
        key
    }

    /// Polls a timer; a pending one has a slot.
    fn poll_timer(&mut self, slot: Option<Key>, at: u64, waker: &Waker) -> Option<Key> {
        if self.now >= at {
            slot.into_iter().for_each(|key| self.cancel_timer(key));
            return None;
        }
        match slot.and_then(|key| Some((key, self.timers.get_mut(key)?))) {
            Some((key, place)) => {
                self.outbox.park(place, waker);
                Some(key)
            }
            None => Some(self.start_timer(at, Some(waker.clone()))),
        }
    }

    /// Moves a timer, with whoever waits for it.
    fn move_timer(&mut self, slot: Key, at: u64) -> Option<Key> {
        let waker = self.timers.get_mut(slot)?.take();
        self.cancel_timer(slot);
        Some(self.start_timer(at, waker))
    }
}

impl Future for SimSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let (slot, at) = (self.slot, self.at);
        self.slot = self.rt.world().with(|state| state.poll_timer(slot, at, cx.waker()));
        match self.slot {
            Some(_) => Poll::Pending,
            None => Poll::Ready(()),
        }
    }
}

impl Sleep for SimSleep {
    fn reset(&mut self, at: Instant) {
        self.at = self.rt.world_time(at);
        let (slot, at) = (self.slot.take(), self.at);
        self.slot = slot.and_then(|slot| self.rt.world().with(|state| state.move_timer(slot, at)));
    }
}

impl Drop for SimSleep {
    fn drop(&mut self) {
        if let Some(key) = self.slot.take() {
            self.rt.world().with(|state| state.cancel_timer(key));
        }
    }
}

impl fmt::Debug for SimSleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimSleep").field("at_ns", &self.at).field("armed", &self.slot.is_some()).finish()
    }
}

//! Waiting for many futures with one waker: what `gather`, `wait` and `as_completed` share.
use crate::context::{Awaiting, awaiting};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Futures that are waited for together, known by their places.
#[derive(Default)]
pub(crate) struct Group {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiter: Option<GroupWaiter>,
    /// Futures not done yet.
    open: usize,
    /// How many may still be open when the waiter is woken.
    enough: usize,
    /// Whether a failed future is enough by itself.
    fail_fast: bool,
    failed: bool,
    /// Places in the order in which their futures were done, if anybody wants to know.
    order: Option<VecDeque<u32>>,
}

impl Group {
    /// Done when all are, or at the first failure.
    pub(crate) fn all_or_failed() -> Self {
        Group { state: Mutex::new(State { fail_fast: true, ..State::default() }) }
    }

    /// Gives out each future as it is done.
    pub(crate) fn in_order() -> Self {
        let order = Some(VecDeque::new());
        Group { state: Mutex::new(State { order, ..State::default() }) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more future is waited for. To be called before it is told of the group.
    pub(crate) fn add(&self) {
        self.lock().open += 1;
    }

    /// How many may be open when the waiter is woken.
    pub(crate) fn set_enough(&self, open: usize) {
        self.lock().enough = open;
    }

    /// The future at `place` is done. Who is to be woken, once no lock is held.
    pub(crate) fn settled(&self, place: u32, failed: bool) -> Option<Waker> {
        let mut state = self.lock();
        state.open = state.open.saturating_sub(1);
        state.failed |= failed;
        if let Some(order) = &mut state.order {
            order.push_back(place);
            return state.take_waker();
        }
        if state.is_done() { state.take_waker() } else { None }
    }

    /// Waits until enough are done.
    ///
    /// # Cancel safety
    /// Dropping it gives up the wait and nothing else.
    pub(crate) async fn done(&self) {
        let _waiting = Polling(self);
        poll_fn(|cx| self.poll_done(cx)).await;
    }

    /// Whether one of those that are done has failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.lock().failed
    }

    /// Nobody waits any more.
    pub(crate) fn leave(&self) {
        let left = self.lock().waiter.take();
        drop(left);
    }

    /// Waits until enough are done.
    pub(crate) fn poll_done(&self, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.is_done() {
            return Poll::Ready(());
        }
        state.waiter = Some(GroupWaiter::here(cx.waker()));
        Poll::Pending
    }

    /// Waits for the next future that is done; `None` when all were given out.
    pub(crate) fn poll_next(&self, cx: &Context<'_>) -> Poll<Option<u32>> {
        let mut state = self.lock();
        if let Some(place) = state.order.as_mut().and_then(VecDeque::pop_front) {
            return Poll::Ready(Some(place));
        }
        if state.open == 0 {
            return Poll::Ready(None);
        }
        state.waiter = Some(GroupWaiter::here(cx.waker()));
        Poll::Pending
    }

    /// Futures done and not given out yet.
    pub(crate) fn ready_len(&self) -> usize {
        self.lock().order.as_ref().map_or(0, VecDeque::len)
    }
}

/// Somebody waits for a group.
struct Polling<'a>(&'a Group);

impl Drop for Polling<'_> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

/// Who waits for a group.
struct GroupWaiter {
    waker: Waker,
    /// If it is a run of an `async fn`, that has no slot as long as it waits.
    _awaiting: Option<Awaiting>,
}

impl GroupWaiter {
    fn here(waker: &Waker) -> Self {
        GroupWaiter { waker: waker.clone(), _awaiting: awaiting() }
    }
}

impl State {
    fn take_waker(&mut self) -> Option<Waker> {
        self.waiter.take().map(|waiter| waiter.waker)
    }

    fn is_done(&self) -> bool {
        self.open <= self.enough || (self.fail_fast && self.failed)
    }
}

//! Which links of a set want attention.
//!
//! Every link has two wakers of its own, one for each direction. Firing puts the link on a list and wakes the set's task,
//! so a turn looks at the list and at nothing else. A direction is on the list at most once.
use atomic_waker::AtomicWaker;
use longshore_proto::PeerId;
use std::collections::VecDeque;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Wake, Waker};

/// What a link may be ready for.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Side {
    Read,
    Write,
}

/// The list.
#[derive(Default)]
pub(super) struct ReadyList {
    fired: Mutex<Vec<Arc<Signal>>>,
    task: AtomicWaker,
}

/// One direction of one link.
pub(super) struct Signal {
    list: Arc<ReadyList>,
    pub(super) peer: PeerId,
    pub(super) side: Side,
    listed: AtomicBool,
}

impl ReadyList {
    /// Has `cx` woken when anything fires.
    pub(super) fn register(&self, cx: &Context<'_>) {
        self.task.register(cx.waker());
    }

    /// Moves what has fired to the end of `turn`. `spare` is an empty vector whose memory is used again.
    pub(super) fn take(&self, turn: &mut VecDeque<Arc<Signal>>, spare: &mut Vec<Arc<Signal>>) {
        mem::swap(spare, &mut *self.fired.lock().unwrap_or_else(PoisonError::into_inner));
        turn.extend(spare.drain(..));
    }
}

impl Signal {
    pub(super) fn new(list: &Arc<ReadyList>, peer: PeerId, side: Side) -> Arc<Self> {
        Arc::new(Signal { list: list.clone(), peer, side, listed: AtomicBool::new(false) })
    }

    pub(super) fn waker(self: &Arc<Self>) -> Waker {
        Waker::from(self.clone())
    }

    /// From here on it can be listed again. Call before looking at the link, so that nothing is missed.
    pub(super) fn clear(&self) {
        self.listed.store(false, Ordering::Release);
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }
    fn wake_by_ref(self: &Arc<Self>) {
        if !self.listed.swap(true, Ordering::AcqRel) {
            self.list.fired.lock().unwrap_or_else(PoisonError::into_inner).push(self.clone());
            self.list.task.wake();
        }
    }
}

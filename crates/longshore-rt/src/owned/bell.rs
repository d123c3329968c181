//! How other threads reach a thread that may be asleep in the kernel, without a system call when it is not.
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::SeqCst};
use std::task::Wake;

/// Looking at what there is to do.
const AWAKE: u8 = 0;
/// Told to look once more before it sleeps.
const RUNG: u8 = 1;
/// In the kernel, or about to be: who rings must wake it.
const ASLEEP: u8 = 2;

/// One for each driving thread.
#[derive(Debug)]
pub(super) struct Bell {
    state: AtomicU8,
    waker: mio::Waker,
}

impl Bell {
    pub(super) fn new(waker: mio::Waker) -> Self {
        Bell { state: AtomicU8::new(AWAKE), waker }
    }

    /// Has the thread look once more.
    pub(super) fn ring(&self) {
        if self.state.swap(RUNG, SeqCst) == ASLEEP {
            self.wake_up();
        }
    }

    /// Has the thread look at what it sleeps for. Awake, it does so before it sleeps.
    pub(super) fn ring_if_asleep(&self) {
        if self.state.compare_exchange(ASLEEP, RUNG, SeqCst, SeqCst).is_ok() {
            self.wake_up();
        }
    }

    fn wake_up(&self) {
        // An eventfd can be full of rings, which is as good as one more.
        let _ = self.waker.wake();
    }

    /// The thread looks now: earlier rings are answered.
    pub(super) fn answer(&self) {
        self.state.store(AWAKE, SeqCst);
    }

    /// The thread is about to sleep; false if it was rung and must not.
    pub(super) fn fall_asleep(&self) -> bool {
        self.state.compare_exchange(AWAKE, ASLEEP, SeqCst, SeqCst).is_ok()
    }

    /// The thread is back. That it was rung meanwhile is not forgotten.
    pub(super) fn wake_of_itself(&self) {
        let _ = self.state.compare_exchange(ASLEEP, AWAKE, SeqCst, SeqCst);
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.ring();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ring();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bell() -> (mio::Poll, Bell) {
        let poll = mio::Poll::new().unwrap();
        let waker = mio::Waker::new(poll.registry(), mio::Token(0)).unwrap();
        (poll, Bell::new(waker))
    }

    fn was_woken(poll: &mut mio::Poll) -> bool {
        let mut events = mio::Events::with_capacity(4);
        poll.poll(&mut events, Some(std::time::Duration::ZERO)).unwrap();
        !events.is_empty()
    }

    #[test]
    fn only_a_sleeper_is_woken_and_no_ring_is_lost() {
        let (mut poll, bell) = bell();
        bell.ring();
        assert!(!was_woken(&mut poll) && !bell.fall_asleep(), "it was awake, and must look first");
        bell.answer();
        assert!(bell.fall_asleep());
        bell.ring();
        assert!(was_woken(&mut poll));
        bell.wake_of_itself();
        assert!(!bell.fall_asleep(), "it has not looked since");
    }

    #[test]
    fn who_changes_what_it_sleeps_for_wakes_a_sleeper_only() {
        let (mut poll, bell) = bell();
        bell.ring_if_asleep();
        assert!(bell.fall_asleep(), "awake, it looks at its timers before it sleeps anyway");
        bell.ring_if_asleep();
        assert!(was_woken(&mut poll));
    }
}

//! A thread that waits to be woken, and perhaps for a socket as well.
//!
//! Each thread has one, which is used again for every wait: wakers of earlier waits that are still about wake it without
//! need, which no wait minds. The bell that interrupts waiting for a socket is made when it is first needed.
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{Read, Write};
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Wake;
use std::thread::{self, Thread};
use std::time::Duration;

/// It runs.
const AWAKE: u8 = 0;
/// It was woken.
const NOTIFIED: u8 = 1;
/// It sleeps.
const PARKED: u8 = 2;
/// It waits for a socket.
const WATCHING: u8 = 3;

/// See the module.
#[derive(Debug)]
pub(crate) struct Parker {
    state: AtomicU8,
    thread: Thread,
    /// The side that rings, and the side that is heard.
    bell: OnceLock<Option<(UnixStream, UnixStream)>>,
}

impl Parker {
    /// This thread's.
    pub(crate) fn here() -> Arc<Self> {
        thread_local!(static HERE: Arc<Parker> = Arc::new(Parker {
            state: AtomicU8::new(AWAKE),
            thread: thread::current(),
            bell: OnceLock::new(),
        }));
        HERE.with(Arc::clone)
    }

    /// Forgets that it was woken: to be called before looking at what is waited for.
    pub(crate) fn clear(&self) {
        self.state.store(AWAKE, Ordering::SeqCst);
    }

    pub(crate) fn is_notified(&self) -> bool {
        self.state.load(Ordering::SeqCst) == NOTIFIED
    }

    /// Sleeps until it is woken, at most so long.
    pub(crate) fn park(&self, limit: Duration) {
        if self.enter(PARKED) {
            thread::park_timeout(limit);
            self.leave();
        }
    }

    /// Waits until `socket` is readable or it is woken, at most so long. Whether the socket is readable; `None` if it cannot
    /// be waited for.
    pub(crate) fn watch(&self, socket: BorrowedFd<'_>, limit: Duration) -> Option<bool> {
        let (_, heard) = self.bell.get_or_init(Self::hang).as_ref()?;
        if !self.enter(WATCHING) {
            return Some(false);
        }
        let mut both = [PollFd::new(&socket, PollFlags::IN), PollFd::new(heard, PollFlags::IN)];
        let polled = poll(&mut both, Timespec::try_from(limit).ok().as_ref());
        let [readable, rung] = both.map(|fd| !fd.revents().is_empty());
        self.leave();
        match polled {
            Ok(_) if rung => {
                // A bell that stays full rings as well.
                let _ = (&*heard).read(&mut [0; 64]);
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return None,
        }
        Some(polled.is_ok() && readable)
    }

    fn hang() -> Option<(UnixStream, UnixStream)> {
        let (ring, heard) = UnixStream::pair().ok()?;
        ring.set_nonblocking(true).ok()?;
        heard.set_nonblocking(true).ok()?;
        Some((ring, heard))
    }

    /// Whether it was not woken before.
    fn enter(&self, state: u8) -> bool {
        self.state.compare_exchange(AWAKE, state, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    /// Keeps in mind that it was woken, if it was.
    fn leave(&self) {
        for state in [PARKED, WATCHING] {
            let _ = self.state.compare_exchange(state, AWAKE, Ordering::SeqCst, Ordering::SeqCst);
        }
    }
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        match self.state.swap(NOTIFIED, Ordering::SeqCst) {
            PARKED => self.thread.unpark(),
            WATCHING => {
                if let Some(Some((ring, _))) = self.bell.get() {
                    let _ = (&*ring).write(&[1]);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;
    use std::task::Waker;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn it_is_woken_before_and_while_it_sleeps() {
        let parker = Parker::here();
        let waker = Waker::from(parker.clone());
        parker.clear();
        waker.wake_by_ref();
        parker.park(LONG);
        assert!(parker.is_notified());
        parker.clear();
        let other = thread::spawn(move || waker.wake());
        while !parker.is_notified() {
            parker.park(LONG);
        }
        other.join().unwrap();
        parker.clear();
    }

    #[test]
    fn it_sees_the_socket_and_hears_the_bell() {
        let parker = Parker::here();
        let (mut near, far) = UnixStream::pair().unwrap();
        parker.clear();
        assert_eq!(parker.watch(far.as_fd(), Duration::ZERO), Some(false));
        near.write_all(b"x").unwrap();
        assert_eq!(parker.watch(far.as_fd(), LONG), Some(true));
        let (_silent, far) = UnixStream::pair().unwrap();
        for _ in 0..3 {
            let waker = Waker::from(parker.clone());
            parker.clear();
            let other = thread::spawn(move || waker.wake());
            while !parker.is_notified() {
                assert_eq!(parker.watch(far.as_fd(), LONG), Some(false));
            }
            other.join().unwrap();
        }
        parker.clear();
    }
}

//! A socket that the driver waits for: whether it is worth trying, and who is to be woken when it is.
//!
//! The kernel tells of changes only (edges). So each direction remembers that it was told, until an attempt finds nothing
//! more; an attempt that got less than it asked for has found that out too, which saves the one that would fail.
//!
//! A socket that is shared is read by others now and then, who wait for it by themselves. What comes while nobody waits
//! here makes the kernel silent about it until somebody does, so that it does not wake the driver for nothing.
use super::reactor::Reactor;
use mio::Interest;
use mio::event::{self, Event};
use std::io;
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// One direction.
#[derive(Debug, Default)]
struct Side {
    /// Something may be done.
    is_ready: bool,
    /// The end was reached, or an error: every attempt will tell.
    is_over: bool,
    /// Counts what the kernel told, so that an attempt does not undo what came while it was made.
    told: u64,
    waker: Option<Waker>,
    /// The kernel does not tell.
    is_resting: bool,
}

impl Side {
    fn on_event(&mut self, is_over: bool, wakers: &mut Vec<Waker>) {
        self.is_ready = true;
        self.is_over |= is_over;
        self.told += 1;
        wakers.extend(self.waker.take());
    }

    fn wait(&mut self, cx: &Context<'_>) {
        match &mut self.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            None => self.waker = Some(cx.waker().clone()),
        }
    }
}

/// Which way bytes go.
#[derive(Copy, Clone, Debug)]
pub(super) enum Way {
    In,
    Out,
}

/// Both directions of a socket.
#[derive(Debug)]
pub(super) struct Source {
    inward: Mutex<Side>,
    outward: Mutex<Side>,
    fd: RawFd,
    /// What the kernel tells of.
    interest: Interest,
    is_shared: AtomicBool,
}

impl Source {
    pub(super) fn new(fd: RawFd, interest: Interest, is_writable: bool) -> Self {
        let outward = Mutex::new(Side { is_ready: is_writable, ..Side::default() });
        Source { inward: Mutex::default(), outward, fd, interest, is_shared: AtomicBool::new(false) }
    }

    /// Lets the kernel be silent about what comes in, if others read and nobody waits here.
    pub(super) fn rest(&self, reactor: &Reactor, token: usize) {
        if !self.is_shared.load(Ordering::Relaxed) {
            return;
        }
        let mut side = self.side(Way::In);
        if side.waker.is_none() && !side.is_resting {
            side.is_resting = reactor.tell_of(self.fd, token, Interest::WRITABLE).is_ok();
        }
    }

    /// The end of [`rest`](Self::rest): somebody is about to wait.
    fn listen(&self, side: &mut Side, reactor: &Reactor, token: usize) -> io::Result<()> {
        if std::mem::take(&mut side.is_resting) {
            reactor.tell_of(self.fd, token, self.interest)?;
        }
        Ok(())
    }

    fn side(&self, way: Way) -> MutexGuard<'_, Side> {
        let side = match way {
            Way::In => &self.inward,
            Way::Out => &self.outward,
        };
        side.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn on_event(&self, event: &Event, wakers: &mut Vec<Waker>) {
        let is_broken = event.is_error();
        if event.is_readable() || event.is_read_closed() || is_broken {
            self.side(Way::In).on_event(event.is_read_closed() || is_broken, wakers);
        }
        if event.is_writable() || event.is_write_closed() || is_broken {
            self.side(Way::Out).on_event(event.is_write_closed() || is_broken, wakers);
        }
    }

    pub(super) fn wake_all(&self, wakers: &mut Vec<Waker>) {
        for way in [Way::In, Way::Out] {
            wakers.extend(self.side(way).waker.take());
        }
    }
}

/// A socket that the driver waits for, until it is dropped.
#[derive(Debug)]
pub(super) struct Registered<S: event::Source> {
    socket: S,
    token: usize,
    source: Arc<Source>,
    reactor: Arc<Reactor>,
}

impl<S: event::Source + AsFd> Registered<S> {
    /// The socket once more, for others to read.
    pub(super) fn share(&self) -> Option<OwnedFd> {
        let socket = self.socket.as_fd().try_clone_to_owned().ok()?;
        self.source.is_shared.store(true, Ordering::Relaxed);
        Some(socket)
    }
}

impl<S: event::Source> Registered<S> {
    pub(super) fn new(socket: S, token: usize, source: Arc<Source>, reactor: Arc<Reactor>) -> Self {
        Registered { socket, token, source, reactor }
    }

    #[cfg(test)]
    pub(super) fn is_resting(&self) -> bool {
        self.source.side(Way::In).is_resting
    }

    pub(super) fn socket(&self) -> &S {
        &self.socket
    }

    /// Tries something whenever it is worth it, until it does not have to wait. `is_drained` tells from a result whether
    /// the next attempt would have to.
    pub(super) fn poll_with<T>(
        &self,
        way: Way,
        cx: &Context<'_>,
        mut attempt: impl FnMut(&S) -> io::Result<T>,
        is_drained: impl Fn(&T) -> bool,
    ) -> Poll<io::Result<T>> {
        loop {
            let told = {
                let mut side = self.source.side(way);
                if !side.is_ready && !side.is_over {
                    self.source.listen(&mut side, &self.reactor, self.token)?;
                    side.wait(cx);
                    if !self.reactor.is_gone() {
                        return Poll::Pending;
                    }
                }
                side.told
            };
            match attempt(&self.socket) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    if self.reactor.is_gone() {
                        let words = "the runtime that waited for this socket has ended";
                        return Poll::Ready(Err(io::Error::other(words)));
                    }
                    let mut side = self.source.side(way);
                    if side.told == told {
                        (side.is_ready, side.is_over) = (false, false);
                    }
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Ok(value) => {
                    if is_drained(&value) {
                        let mut side = self.source.side(way);
                        side.is_ready &= side.told != told;
                    }
                    return Poll::Ready(Ok(value));
                }
                Err(e) => return Poll::Ready(Err(e)),
            }
        }
    }
}

impl<S: event::Source> Drop for Registered<S> {
    fn drop(&mut self) {
        self.reactor.deregister(&mut self.socket, self.token);
    }
}

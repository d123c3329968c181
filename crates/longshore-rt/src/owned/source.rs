//! A socket that the driver waits for: whether it is worth trying, and who is to be woken when it is.
//!
//! The kernel tells of changes only (edges). So each direction remembers that it was told, until an attempt finds nothing
//! more; an attempt that got less than it asked for has found that out too, which saves the one that would fail.
//!
//! The kernel *watches* a direction where its news are wanted, so that it wakes the driver for nothing as seldom as may be:
//! what comes in always, unless a thread has said that it waits for the socket itself ([`Registered::unwatch`]); room to
//! write from the first time that somebody has to wait for it. A Unix socket has such news at each read of its peer, so its
//! room is no longer watched once there was news that nobody waited for. Watching begins with what is the case already:
//! nothing is missed between an attempt that fails and the wait for the next.
//!
//! Wakers are others' code, which may come back here, as may dropping one: neither is done under a lock.
use super::reactor::Reactor;
use mio::Interest;
use mio::event::{self, Event};
use std::io;
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// What is waited for.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Listener,
    /// A TCP socket that is not connected yet, which it is when it can be written to.
    Connecting,
    Tcp,
    /// A Unix socket, connected.
    Unix,
}

/// One direction.
#[derive(Debug, Default)]
struct Side {
    /// Something may be done.
    is_ready: bool,
    /// The end was reached, or an error: every attempt will tell.
    is_over: bool,
    /// The kernel tells when something can be done.
    is_watched: bool,
    /// News that nobody waits for are reason to watch no longer.
    has_vain_news: bool,
    /// Counts what the kernel told, so that an attempt does not undo what came while it was made.
    told: u64,
    waker: Option<Waker>,
}

impl Side {
    fn on_event(&mut self, is_over: bool, wakers: &mut Vec<Waker>) {
        self.is_ready = true;
        self.is_over |= is_over;
        self.told += 1;
        self.is_watched &= self.waker.is_some() || !self.has_vain_news;
        wakers.extend(self.waker.take());
    }

    fn is_worth_trying(&self) -> bool {
        self.is_ready || self.is_over
    }
}

/// Which way bytes go.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Way {
    In,
    Out,
}

/// Both directions of a socket.
#[derive(Debug)]
pub(super) struct Source {
    sides: Mutex<Sides>,
    fd: RawFd,
    token: usize,
}

#[derive(Debug)]
struct Sides {
    inward: Side,
    outward: Side,
    /// What the kernel watches.
    watched: Option<Interest>,
}

impl Sides {
    fn side(&mut self, way: Way) -> &mut Side {
        match way {
            Way::In => &mut self.inward,
            Way::Out => &mut self.outward,
        }
    }

    /// What the kernel should watch.
    fn wanted(&self) -> Option<Interest> {
        let inward = self.inward.is_watched.then_some(Interest::READABLE);
        let outward = self.outward.is_watched.then_some(Interest::WRITABLE);
        match (inward, outward) {
            (Some(inward), Some(outward)) => Some(inward | outward),
            (one, other) => one.or(other),
        }
    }
}

impl Source {
    pub(super) fn new(fd: RawFd, token: usize, kind: Kind) -> Self {
        let inward = Side { is_watched: true, ..Side::default() };
        let outward = Side {
            is_ready: kind != Kind::Connecting,
            is_watched: kind == Kind::Connecting,
            has_vain_news: kind == Kind::Unix,
            ..Side::default()
        };
        let mut sides = Sides { inward, outward, watched: None };
        sides.watched = sides.wanted();
        Source { sides: Mutex::new(sides), fd, token }
    }

    pub(super) fn token(&self) -> usize {
        self.token
    }

    /// What the kernel watches.
    pub(super) fn watched(&self) -> Option<Interest> {
        self.sides().watched
    }

    fn sides(&self) -> MutexGuard<'_, Sides> {
        self.sides.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the kernel watch what is wanted, and nothing else.
    fn watch(&self, reactor: &Reactor, sides: &mut Sides) -> io::Result<()> {
        let wanted = sides.wanted();
        if sides.watched != wanted {
            reactor.watch(self.fd, self.token, sides.watched, wanted)?;
            sides.watched = wanted;
        }
        Ok(())
    }

    pub(super) fn on_event(&self, reactor: &Reactor, event: &Event, wakers: &mut Vec<Waker>) {
        let is_broken = event.is_error();
        let mut sides = self.sides();
        if event.is_readable() || event.is_read_closed() || is_broken {
            sides.inward.on_event(event.is_read_closed() || is_broken, wakers);
        }
        if event.is_writable() || event.is_write_closed() || is_broken {
            sides.outward.on_event(event.is_write_closed() || is_broken, wakers);
        }
        // If it fails, the kernel tells more than it needs to.
        let _ = self.watch(reactor, &mut sides);
    }

    /// Has the kernel be silent about whatever nobody waits to write, and about what comes in. Who waited for that is told
    /// nothing any more, and forgotten.
    fn unwatch(&self, reactor: &Reactor) -> Option<Waker> {
        let mut sides = self.sides();
        sides.inward.is_watched = false;
        sides.outward.is_watched &= sides.outward.waker.is_some();
        let _ = self.watch(reactor, &mut sides);
        sides.inward.waker.take()
    }

    /// Counts what the kernel told, if it is worth trying; otherwise `cx` is woken once it is.
    fn told_or_wait(&self, way: Way, cx: &Context<'_>, reactor: &Reactor) -> io::Result<Option<u64>> {
        // Dropped after the lock.
        let mut waker = None;
        let mut sides = self.sides();
        if !sides.side(way).is_worth_trying() {
            drop(sides);
            waker = Some(cx.waker().clone());
            sides = self.sides();
        }
        let side = sides.side(way);
        if side.is_worth_trying() {
            return Ok(Some(side.told));
        }
        std::mem::swap(&mut side.waker, &mut waker);
        side.is_watched = true;
        let told = side.told;
        self.watch(reactor, &mut sides)?;
        // Nobody will tell any more, so an attempt has to.
        Ok(reactor.is_gone().then_some(told))
    }

    pub(super) fn wake_all(&self, wakers: &mut Vec<Waker>) {
        let mut sides = self.sides();
        wakers.extend(sides.inward.waker.take());
        wakers.extend(sides.outward.waker.take());
    }
}

/// A socket that the driver waits for, until it is dropped.
#[derive(Debug)]
pub(super) struct Registered<S: event::Source> {
    socket: S,
    source: Arc<Source>,
    reactor: Arc<Reactor>,
}

impl<S: event::Source> Registered<S> {
    pub(super) fn new(socket: S, source: Arc<Source>, reactor: Arc<Reactor>) -> Self {
        Registered { socket, source, reactor }
    }

    #[cfg(test)]
    pub(super) fn watched(&self) -> Option<Interest> {
        self.source.watched()
    }

    pub(super) fn socket(&self) -> &S {
        &self.socket
    }

    /// A thread waits for what comes in by itself, until somebody waits here again.
    pub(super) fn unwatch(&self) {
        // Dropped here, where nothing is locked.
        drop(self.source.unwatch(&self.reactor));
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
            let Some(told) = self.source.told_or_wait(way, cx, &self.reactor)? else { return Poll::Pending };
            match attempt(&self.socket) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    if self.reactor.is_gone() {
                        let words = "the runtime that waited for this socket has ended";
                        return Poll::Ready(Err(io::Error::other(words)));
                    }
                    let mut sides = self.source.sides();
                    let side = sides.side(way);
                    if side.told == told {
                        (side.is_ready, side.is_over) = (false, false);
                    }
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Ok(value) => {
                    if is_drained(&value) {
                        let mut sides = self.source.sides();
                        let side = sides.side(way);
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
        self.reactor.deregister(&mut self.socket, self.source.token);
    }
}

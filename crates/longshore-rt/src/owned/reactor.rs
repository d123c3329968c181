//! Waiting for sockets and timers, on the thread that also runs the tasks.
use super::bell::Bell;
use super::source::{Kind, Registered, Source};
use super::timer::Timers;
use crate::real;
use mio::event;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token};
use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;

/// The driver's own: somebody rings.
const BELL: Token = Token(0);

/// What sockets and timers know of the thread that waits for them.
#[derive(Debug)]
pub(super) struct Reactor {
    registry: Registry,
    bell: Arc<Bell>,
    sources: Mutex<Sources>,
    pub(super) timers: Timers,
    is_gone: AtomicBool,
}

#[derive(Debug, Default)]
struct Sources {
    by_token: BTreeMap<usize, Arc<Source>>,
    /// Never used again, so that a late event concerns nobody else.
    last_token: usize,
}

impl Reactor {
    /// Whether nobody waits for anything any more.
    pub(super) fn is_gone(&self) -> bool {
        self.is_gone.load(Ordering::Acquire)
    }

    /// The first timer is earlier than it was.
    pub(super) fn look_at_timers(&self) {
        self.bell.ring_if_asleep();
    }

    fn sources(&self) -> MutexGuard<'_, Sources> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the thread wait for a socket too.
    pub(super) fn register<S: event::Source + AsFd>(
        self: &Arc<Self>,
        mut socket: S,
        kind: Kind,
    ) -> io::Result<Registered<S>> {
        let source = {
            let mut sources = self.sources();
            sources.last_token += 1;
            let token = sources.last_token;
            let source = Arc::new(Source::new(socket.as_fd().as_raw_fd(), token, kind));
            sources.by_token.insert(token, source.clone());
            source
        };
        let interest = source.watched().unwrap_or(Interest::READABLE);
        if let Err(e) = self.registry.register(&mut socket, Token(source.token()), interest) {
            self.sources().by_token.remove(&source.token());
            return Err(e);
        }
        Ok(Registered::new(socket, source, self.clone()))
    }

    /// Has the kernel tell of something else from now on, and of whatever is the case already.
    pub(super) fn watch(
        &self,
        socket: RawFd,
        token: usize,
        before: Option<Interest>,
        now: Option<Interest>,
    ) -> io::Result<()> {
        let (mut socket, token) = (SourceFd(&socket), Token(token));
        match (before, now) {
            (None, Some(interest)) => self.registry.register(&mut socket, token, interest),
            (Some(_), Some(interest)) => self.registry.reregister(&mut socket, token, interest),
            (Some(_), None) => self.registry.deregister(&mut socket),
            (None, None) => Ok(()),
        }
    }

    pub(super) fn deregister(&self, socket: &mut impl event::Source, token: usize) {
        // Its wakers are not dropped under the lock: who deregisters has it too.
        self.sources().by_token.remove(&token);
        // It is closed next, which does the same, and it may be watched no longer.
        let _ = self.registry.deregister(socket);
    }
}

/// The waiting thread's part.
pub(super) struct Driver {
    poll: Poll,
    events: Events,
    reactor: Arc<Reactor>,
    /// Kept for its memory.
    wakers: Vec<Waker>,
}

impl Driver {
    pub(super) fn new() -> io::Result<Self> {
        const EVENTS_LEN_MAX: usize = 256;
        let poll = Poll::new()?;
        let bell = Arc::new(Bell::new(mio::Waker::new(poll.registry(), BELL)?));
        let reactor = Arc::new(Reactor {
            registry: poll.registry().try_clone()?,
            bell,
            sources: Mutex::default(),
            timers: Timers::default(),
            is_gone: AtomicBool::new(false),
        });
        Ok(Driver { poll, events: Events::with_capacity(EVENTS_LEN_MAX), reactor, wakers: Vec::new() })
    }

    pub(super) fn reactor(&self) -> Arc<Reactor> {
        self.reactor.clone()
    }

    /// Runs a future to its end on this thread, and waits for whatever it and others wait for.
    pub(super) fn run(mut self, future: impl Future<Output = ()>) {
        let mut future = pin!(future);
        let bell = self.reactor.bell.clone();
        let waker = Waker::from(bell.clone());
        let mut cx = Context::from_waker(&waker);
        loop {
            bell.answer();
            if future.as_mut().poll(&mut cx).is_ready() {
                return;
            }
            self.turn();
        }
    }

    /// Waits until something happens, unless something did, and wakes whom it concerns.
    fn turn(&mut self) {
        let may_sleep = self.reactor.bell.fall_asleep();
        let timeout = if may_sleep {
            // Looked at after falling asleep: whoever adds an earlier one from now on rings.
            self.reactor.timers.first().map(|at| at - real::now())
        } else {
            Some(Duration::ZERO)
        };
        let polled = self.poll.poll(&mut self.events, timeout);
        self.reactor.bell.wake_of_itself();
        // An interrupted call is one that brought nothing. No other error is possible with arguments like these.
        if polled.is_ok() {
            self.look_at_events();
        }
        self.reactor.timers.take_due(real::now(), &mut self.wakers);
        self.wakers.drain(..).for_each(Waker::wake);
    }

    fn look_at_events(&mut self) {
        let sources = self.reactor.sources();
        for event in &self.events {
            let token = event.token().0;
            // What is in the map is open: it is taken out before it is closed.
            if let Some(source) = sources.by_token.get(&token) {
                source.on_event(&self.reactor, event, &mut self.wakers);
            }
        }
    }
}

impl Drop for Driver {
    /// Whoever still waits learns that it is in vain.
    fn drop(&mut self) {
        self.reactor.is_gone.store(true, Ordering::Release);
        self.reactor.sources().by_token.values().for_each(|source| source.wake_all(&mut self.wakers));
        self.reactor.timers.take_all(&mut self.wakers);
        self.wakers.drain(..).for_each(Waker::wake);
    }
}

//! Opening a connection: SYN, its repetitions, and the answer.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use longshore_rt::Endpoint;

use crate::agenda::Event;
use crate::clock::nanos;
use crate::process::Pid;
use crate::runtime::SimRuntime;
use crate::slab::Key;
use crate::state::State;
use crate::trace::Happening;

use super::stream::SimConn;

/// The time before the first repetition of a SYN; each further one takes twice as long.
const RETRY_NS: u64 = 1_000_000_000;

/// A SYN on its way.
#[derive(Clone)]
pub(crate) struct Syn {
    dial: Key,
    from: Pid,
    to: Pid,
    port: u16,
    retry_ns: u64,
    deadline: u64,
}

/// An attempt whose caller waits.
#[derive(Default)]
pub(crate) struct Dial {
    answer: Option<io::Result<Key>>,
    waker: Option<Waker>,
}

impl State {
    fn start_dial(&mut self, rt: &SimRuntime, to: &Endpoint) -> io::Result<Key> {
        let Endpoint::Tcp { host, port } = to else { return Err(unix_is_absent()) };
        if !self.is_alive(rt.incarnation()) {
            return Err(ErrorKind::NotConnected.into());
        }
        let from = rt.incarnation().pid;
        let to = self.resolve(from, host).ok_or_else(|| {
            io::Error::new(ErrorKind::NotFound, format!("no simulated process is called `{host}`"))
        })?;
        let dial = self.net.dials.insert(Dial::default());
        let deadline = self.now.saturating_add(nanos(self.config.connect_timeout));
        let at = self.arrival(from, to, 0);
        let syn = Syn { dial, from, to, port: *port, retry_ns: RETRY_NS, deadline };
        self.agenda.add(at, Event::Syn(syn));
        Ok(dial)
    }

    /// The process that `host` means to `from`.
    pub(crate) fn resolve(&self, from: Pid, host: &str) -> Option<Pid> {
        match host {
            "localhost" | "127.0.0.1" | "::1" | "0.0.0.0" | "::" => Some(from),
            name => self.processes.find(name),
        }
    }

    /// A SYN comes to the end of its way.
    pub(crate) fn deliver_syn(&mut self, syn: Syn) {
        let Syn { dial, from, to, port, .. } = syn;
        self.note(Happening::Syn { from, to, port });
        let backlog = self.net.listeners.get(&(to, port));
        let full = backlog.is_some_and(|backlog| backlog.len() >= self.config.backlog_len);
        // A SYN whose answer cannot come back is as good as lost.
        if self.is_lost(from, to) || self.is_lost(to, from) || full {
            return self.retry_syn(syn);
        }
        let answer = if backlog.is_some() {
            let local = self.ephemeral_port(from);
            let conn = self.open_conn([from, to], [local, port]);
            self.enqueue(to, port, conn);
            Ok(conn)
        } else {
            Err(ErrorKind::ConnectionRefused.into())
        };
        let at = self.arrival(to, from, 0);
        self.agenda.add(at, Event::Answer { dial, answer });
    }

    fn retry_syn(&mut self, syn: Syn) {
        if self.net.dials.get(syn.dial).is_none() {
            return; // Nobody waits any more.
        }
        if self.now >= syn.deadline {
            let answer = Err(ErrorKind::TimedOut.into());
            return self.agenda.add(self.now, Event::Answer { dial: syn.dial, answer });
        }
        let at = self.now.saturating_add(syn.retry_ns).min(syn.deadline);
        self.agenda.add(at, Event::Syn(Syn { retry_ns: syn.retry_ns.saturating_mul(2), ..syn }));
    }

    /// The caller learns how its attempt went.
    pub(crate) fn answer_dial(&mut self, key: Key, answer: io::Result<Key>) {
        self.note(Happening::Answered { connected: answer.is_ok() });
        match (self.net.dials.get_mut(key), answer) {
            (Some(dial), answer) => {
                dial.answer = Some(answer);
                self.outbox.wake.extend(dial.waker.take());
            }
            (None, Ok(conn)) => self.reset_end(conn, 0),
            (None, Err(_)) => {}
        }
    }

    fn poll_dial(&mut self, key: Key, cx: &Context<'_>) -> Poll<io::Result<Key>> {
        let Some(dial) = self.net.dials.get_mut(key) else {
            return Poll::Ready(Err(ErrorKind::NotConnected.into()));
        };
        match dial.answer.take() {
            Some(answer) => Poll::Ready(answer),
            None => {
                self.outbox.park(&mut dial.waker, cx.waker());
                Poll::Pending
            }
        }
    }

    /// The caller no longer waits. A connection it has not taken is closed.
    fn end_dial(&mut self, key: Key) {
        let Some(dial) = self.net.dials.remove(key) else { return };
        self.outbox.spent.extend(dial.waker);
        if let Some(Ok(conn)) = dial.answer {
            self.reset_end(conn, 0);
        }
    }
}

/// Gives an attempt up when the future that waits for it is dropped.
struct Attempt {
    rt: SimRuntime,
    dial: Key,
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.rt.world().with(|state| state.end_dial(self.dial));
    }
}

pub(crate) async fn connect(rt: SimRuntime, to: Endpoint) -> io::Result<SimConn> {
    let dial = rt.world().with(|state| state.start_dial(&rt, &to))?;
    let attempt = Attempt { rt, dial };
    let world = Arc::clone(attempt.rt.world());
    let key = poll_fn(|cx| world.with(|state| state.poll_dial(dial, cx))).await?;
    Ok(SimConn::new(world, key, 0))
}

pub(crate) fn unix_is_absent() -> io::Error {
    io::Error::new(ErrorKind::Unsupported, "the simulation has no Unix sockets; use a tcp:// endpoint")
}

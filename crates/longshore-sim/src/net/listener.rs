//! Listening, and the queue of connections that wait to be accepted.

use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use longshore_rt::{Endpoint, Listener};

use crate::config::Kill;
use crate::process::Pid;
use crate::runtime::SimRuntime;
use crate::slab::Key;
use crate::state::State;

use super::dial::unix_is_absent;
use super::stream::SimConn;

/// Ports that are given out on request begin here.
const EPHEMERAL_MIN: u16 = 32_768;

/// The kernel's side of a listener.
#[derive(Default)]
pub(crate) struct Backlog {
    waiting: VecDeque<Key>,
    waker: Option<Waker>,
}

impl Backlog {
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }
}

impl State {
    /// The next port of a process on which nobody listens.
    pub(crate) fn ephemeral_port(&mut self, pid: Pid) -> u16 {
        loop {
            let last = &mut self.processes.get_mut(pid).port;
            *last = last.wrapping_add(1).max(EPHEMERAL_MIN);
            let port = *last;
            if !self.net.listeners.contains_key(&(pid, port)) {
                return port;
            }
        }
    }

    /// Adds a connection to a listener's queue.
    pub(crate) fn enqueue(&mut self, pid: Pid, port: u16, conn: Key) {
        if let Some(backlog) = self.net.listeners.get_mut(&(pid, port)) {
            backlog.waiting.push_back(conn);
            self.outbox.wake.extend(backlog.waker.take());
        }
    }

    fn start_listening(&mut self, rt: &SimRuntime, on: &Endpoint) -> io::Result<u16> {
        let Endpoint::Tcp { host, port } = on else { return Err(unix_is_absent()) };
        if !self.is_alive(rt.incarnation()) {
            return Err(ErrorKind::NotConnected.into());
        }
        let pid = rt.incarnation().pid;
        if self.resolve(pid, host) != Some(pid) {
            let own = &self.processes.get(pid).name;
            let text = format!("`{host}` is not an address of the simulated process `{own}`");
            return Err(io::Error::new(ErrorKind::AddrNotAvailable, text));
        }
        let port = if *port == 0 { self.ephemeral_port(pid) } else { *port };
        if self.net.listeners.contains_key(&(pid, port)) {
            return Err(ErrorKind::AddrInUse.into());
        }
        self.net.listeners.insert((pid, port), Backlog::default());
        Ok(port)
    }

    fn poll_accept(&mut self, pid: Pid, port: u16, cx: &Context<'_>) -> Poll<io::Result<Key>> {
        let Some(backlog) = self.net.listeners.get_mut(&(pid, port)) else {
            return Poll::Ready(Err(ErrorKind::NotConnected.into()));
        };
        match backlog.waiting.pop_front() {
            Some(conn) => Poll::Ready(Ok(conn)),
            None => {
                self.outbox.park(&mut backlog.waker, cx.waker());
                Poll::Pending
            }
        }
    }

    /// Connections that nobody has accepted are reset; peers of a vanished machine hear nothing.
    fn stop_listening(&mut self, pid: Pid, port: u16, how: Kill) {
        let Some(backlog) = self.net.listeners.remove(&(pid, port)) else { return };
        self.outbox.spent.extend(backlog.waker);
        for conn in backlog.waiting {
            match how {
                Kill::Process => self.reset_end(conn, 1),
                Kill::Power => self.abandon_end(conn, 1),
            }
        }
    }

    /// Ends all listeners of a process.
    pub(crate) fn close_listeners(&mut self, pid: Pid, how: Kill) {
        let range = (pid, 0)..=(pid, u16::MAX);
        let ports: Vec<u16> = self.net.listeners.range(range).map(|((_, port), _)| *port).collect();
        for port in ports {
            self.stop_listening(pid, port, how);
        }
    }
}

/// The listening socket of a [`SimRuntime`].
pub struct SimListener {
    rt: SimRuntime,
    port: u16,
}

pub(crate) async fn listen(rt: SimRuntime, on: Endpoint) -> io::Result<SimListener> {
    let port = rt.world().with(|state| state.start_listening(&rt, &on))?;
    Ok(SimListener { rt, port })
}

impl Listener for SimListener {
    type Conn = SimConn;

    fn accept(&mut self) -> impl Future<Output = io::Result<SimConn>> + Send {
        let owner = self.rt.incarnation();
        let (world, port) = (Arc::clone(self.rt.world()), self.port);
        poll_fn(move |cx| {
            let accepted = world.with(|state| match state.is_alive(owner) {
                true => state.poll_accept(owner.pid, port, cx),
                false => Poll::Ready(Err(ErrorKind::NotConnected.into())),
            });
            accepted.map_ok(|key| SimConn::new(Arc::clone(&world), key, 1))
        })
    }

    fn local(&self) -> Endpoint {
        Endpoint::tcp(self.rt.process_name(), self.port)
    }
}

impl Drop for SimListener {
    fn drop(&mut self) {
        let owner = self.rt.incarnation();
        self.rt.world().with(|state| {
            // After a kill the port may belong to a later life of the process.
            if state.is_alive(owner) {
                state.stop_listening(owner.pid, self.port, Kill::Process);
            }
        });
    }
}

impl fmt::Debug for SimListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimListener").field("local", &self.local()).finish()
    }
}

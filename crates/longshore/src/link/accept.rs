//! Offering links.
//!
//! One task accepts, each new connection gets a task of its own until it has introduced itself, and the role decides who
//! comes in. A stranger costs one small task for at most 5 s; beyond a fixed number of strangers new ones are dropped at
//! once. Whatever they send, the listener goes on.
use super::accepted::{Accepted, refuse_in_time};
use super::error::ListenError;
use super::greeting::{self, GreetingError};
use super::name::{self, Name, Sink};
use super::permit::{Permit, Permits};
use super::shortcut;
use crate::address::Address;
use futures_lite::future::yield_now;
use longshore_proto::handshake::{HandshakeError, VERSION_MAX, VERSION_MIN};
use longshore_proto::limit::HANDSHAKE_MS_MAX;
use longshore_proto::{Hello, Reject};
use longshore_rt::{BoxConn, BoxListener, Conn, DynRuntime, Endpoint, Listener, Runtime, RuntimeExt, Task};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Connections that nobody has let in yet.
const STRANGERS_LEN_MAX: usize = 256;
/// First pause after accepting failed; doubles up to the last.
const BACKOFF_MS_MIN: u64 = 5;
const BACKOFF_MS_MAX: u64 = 1_000;
/// Connections accepted in a row before others get their turn.
const ACCEPTS_IN_A_ROW_MAX: u32 = 64;

/// Listens on one address until dropped.
pub(crate) struct Acceptor {
    local: Address,
    counters: Arc<Counters>,
    #[cfg_attr(not(test), allow(dead_code))]
    strangers: Permits,
    open: Open,
}

/// What ends listening when dropped.
#[allow(dead_code)]
enum Open {
    /// On the address, and on the shortcut to it.
    Sockets(Task<()>, Option<Task<()>>),
    Name(Name),
}

/// What an acceptor has seen so far.
#[derive(Copy, Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct AcceptorCounts {
    /// Connections accepted.
    pub(crate) connections: u64,
    /// Those that introduced themselves properly.
    pub(crate) introduced: u64,
    /// Dropped at once because too many strangers were there.
    pub(crate) crowded_out: u64,
    /// Said nothing, or not enough, in time.
    pub(crate) timed_out: u64,
    /// Left in the middle of the handshake.
    pub(crate) hung_up: u64,
    /// Spoke another protocol.
    pub(crate) foreign: u64,
    /// Had no protocol version in common.
    pub(crate) other_version: u64,
    /// Sent something too long or unreadable.
    pub(crate) malformed: u64,
    /// Times that accepting failed.
    pub(crate) accept_errors: u64,
}

#[derive(Default)]
struct Counters {
    connections: AtomicU64,
    introduced: AtomicU64,
    crowded_out: AtomicU64,
    timed_out: AtomicU64,
    hung_up: AtomicU64,
    foreign: AtomicU64,
    other_version: AtomicU64,
    malformed: AtomicU64,
    accept_errors: AtomicU64,
}

impl Acceptor {
    /// As [`bind_with`](Self::bind_with), with a shortcut.
    #[cfg(test)]
    pub(crate) async fn bind(
        rt: &DynRuntime,
        on: &Address,
        sink: impl Fn(Accepted) + Send + Sync + 'static,
    ) -> Result<Acceptor, ListenError> {
        Acceptor::bind_with(rt, on, true, sink).await
    }

    /// Listens on `on`, and on the [shortcut](super::shortcut) to it if it is to have one, and gives every caller that has
    /// introduced itself to `sink`, which must not block.
    ///
    /// # Errors
    /// The address is in use, not allowed, or not one of this machine.
    pub(crate) async fn bind_with(
        rt: &DynRuntime,
        on: &Address,
        has_shortcut: bool,
        sink: impl Fn(Accepted) + Send + Sync + 'static,
    ) -> Result<Acceptor, ListenError> {
        let (counters, strangers) = (Arc::<Counters>::default(), Permits::default());
        let (local, open) = match on.endpoint() {
            Some(endpoint) => {
                let listener = rt.listen(&endpoint).await.map_err(|e| ListenError::from_io(on, e))?;
                let local = Address::from(listener.local());
                let porter = Porter {
                    rt: rt.clone(),
                    sink: Arc::new(sink),
                    counters: counters.clone(),
                    strangers: strangers.clone(),
                };
                tracing::debug!(address = %local, "listening");
                let shortcut = match shortcut::beside(&local).filter(|_| has_shortcut) {
                    Some(endpoint) => porter.clone().open(&endpoint).await,
                    None => None,
                };
                (local, Open::Sockets(rt.spawn("accept", porter.stand_at(listener)), shortcut))
            }
            None => (on.clone(), Open::Name(take_name(on, sink, counters.clone())?)),
        };
        Ok(Acceptor { local, counters, strangers, open })
    }

    /// Stops listening and returns when the address is free again. Dropping does the same, but a little later.
    #[allow(dead_code)] // for whoever has to listen there again
    pub(crate) async fn close(self) {
        if let Open::Sockets(task, shortcut) = self.open {
            for task in shortcut.into_iter().chain([task]) {
                task.abort();
                let _ = task.await;
            }
        }
    }

    /// Where it listens, with the port that was chosen.
    pub(crate) fn local(&self) -> &Address {
        &self.local
    }

    /// What it has seen so far.
    pub(crate) fn counts(&self) -> AcceptorCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let c = &*self.counters;
        AcceptorCounts {
            connections: read(&c.connections),
            introduced: read(&c.introduced),
            crowded_out: read(&c.crowded_out),
            timed_out: read(&c.timed_out),
            hung_up: read(&c.hung_up),
            foreign: read(&c.foreign),
            other_version: read(&c.other_version),
            malformed: read(&c.malformed),
            accept_errors: read(&c.accept_errors),
        }
    }

    /// Connections that nobody has let in yet.
    #[cfg(test)]
    pub(super) fn strangers_len(&self) -> usize {
        self.strangers.taken()
    }
}

fn take_name(
    on: &Address,
    sink: impl Fn(Accepted) + Send + Sync + 'static,
    counters: Arc<Counters>,
) -> Result<Name, ListenError> {
    let Address::InProc(name) = on else {
        return Err(ListenError::Unavailable { address: on.clone() });
    };
    let counting = move |accepted| {
        bump(&counters.connections);
        bump(&counters.introduced);
        sink(accepted);
    };
    name::take(name, Arc::new(counting)).ok_or_else(|| ListenError::InUse { address: on.clone() })
}

/// Counts, and says how many there are now.
fn bump(counter: &AtomicU64) -> u64 {
    counter.fetch_add(1, Ordering::Relaxed) + 1
}

/// Counts a caller that got no further and logs it: the first, second, fourth … as a warning, the others for debugging
/// only, so that a flood does not fill the log.
fn turn_away(counter: &AtomicU64, peer: &str, reason: &dyn fmt::Display) {
    let count = bump(counter);
    if count.is_power_of_two() {
        tracing::warn!(peer, count, %reason, "closed a connection during the handshake");
    } else {
        tracing::debug!(peer, count, %reason, "closed a connection during the handshake");
    }
}

/// Stands at a listener's door.
#[derive(Clone)]
struct Porter {
    rt: DynRuntime,
    sink: Sink,
    counters: Arc<Counters>,
    strangers: Permits,
}

impl Porter {
    /// Stands at the shortcut too, if it can be had.
    async fn open(self, shortcut: &Endpoint) -> Option<Task<()>> {
        match self.rt.listen(shortcut).await {
            Ok(listener) => Some(self.rt.clone().spawn("accept", self.stand_at(listener))),
            Err(error) => {
                tracing::debug!(%shortcut, %error, "there is no shortcut for callers of this machine");
                None
            }
        }
    }

    async fn stand_at(self, mut listener: BoxListener) {
        let (mut backoff_ms, mut in_a_row) = (BACKOFF_MS_MIN, 0);
        // Owned here, so that they end when listening does.
        let mut greetings: Vec<Task<()>> = Vec::new();
        loop {
            match listener.accept().await {
                Ok(conn) => {
                    backoff_ms = BACKOFF_MS_MIN;
                    self.receive(conn, &mut greetings);
                }
                Err(error) => {
                    let count = bump(&self.counters.accept_errors);
                    tracing::warn!(count, %error, backoff_ms, "accepting a connection failed; trying again");
                    self.rt.sleep(Duration::from_millis(backoff_ms)).await;
                    backoff_ms = (backoff_ms * 2).min(BACKOFF_MS_MAX);
                }
            }
            in_a_row = (in_a_row + 1) % ACCEPTS_IN_A_ROW_MAX;
            if in_a_row == 0 {
                yield_now().await;
            }
        }
    }

    fn receive(&self, conn: BoxConn, greetings: &mut Vec<Task<()>>) {
        bump(&self.counters.connections);
        let Some(permit) = self.strangers.try_take(STRANGERS_LEN_MAX) else {
            let reason = format_args!("{STRANGERS_LEN_MAX} others are not let in yet");
            turn_away(&self.counters.crowded_out, &conn.peer(), &reason);
            return;
        };
        if greetings.len() == greetings.capacity() {
            greetings.retain(|task| !task.is_finished());
        }
        greetings.push(self.rt.spawn("greet", self.clone().greet(conn, permit)));
    }

    async fn greet(self, mut conn: BoxConn, permit: Permit) {
        let limit = Duration::from_millis(HANDSHAKE_MS_MAX);
        let counters = &*self.counters;
        let peer = conn.peer();
        match self.rt.timeout(limit, greeting::read::<Hello>(&mut conn)).await {
            Ok(Ok((hello, version))) => {
                bump(&counters.introduced);
                (self.sink)(Accepted::stream(self.rt.clone(), conn, hello, version, permit));
            }
            Ok(Err(GreetingError::Io(e))) => turn_away(&counters.hung_up, &peer, &e),
            Ok(Err(GreetingError::Handshake(e))) => self.refuse(conn, &peer, e).await,
            Err(elapsed) => turn_away(&counters.timed_out, &peer, &elapsed),
        }
    }

    /// Tells somebody who speaks the protocol what was wrong. Others are hung up on.
    async fn refuse(&self, conn: BoxConn, peer: &str, error: HandshakeError) {
        let (counter, reject) = match &error {
            HandshakeError::Magic { .. } => (&self.counters.foreign, None),
            HandshakeError::Version { .. } => {
                let reject = Reject::Version { min: VERSION_MIN, max: VERSION_MAX };
                (&self.counters.other_version, Some(reject))
            }
            other => (&self.counters.malformed, Some(Reject::Malformed { reason: other.to_string() })),
        };
        turn_away(counter, peer, &error);
        if let Some(reject) = reject {
            refuse_in_time(&self.rt, conn, reject).await;
        }
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor").field("local", &self.local).field("counts", &self.counts()).finish()
    }
}

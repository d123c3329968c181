//! Opening links: to the scheduler, patiently, and to workers, without holding anything up.
use super::driver::SchedulerLink;
use crate::address::Address;
use crate::error::Error;
use crate::link::{ConnectError, Link, dial, dial_to_attend};
use longshore_proto::handshake::PeerHello;
use longshore_proto::{Hello, PeerId, PeerReply, PeerRequest, Role, Welcome};
use longshore_rt::{BoxFuture, DynRuntime, Runtime, RuntimeExt};
use std::task::{Context, Poll};
use std::time::Duration;

/// Pauses between attempts to reach the scheduler: the first, and the longest.
const PAUSE_MIN: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_secs(1);

pub(super) type PeerLink = Link<PeerReply, PeerRequest>;

/// Dials the scheduler until it answers, refuses for good, or `limit` has passed.
pub(super) async fn dial_scheduler(
    rt: &DynRuntime,
    to: &Address,
    hello: Hello,
    limit: Duration,
) -> Result<(SchedulerLink, Welcome), Error> {
    let until = rt.now() + limit;
    let (mut pause, mut last) = (PAUSE_MIN, None);
    loop {
        let dialled = rt.timeout(until - rt.now(), dial_to_attend(rt, to, hello.clone())).await;
        let Ok(dialled) = dialled else {
            // Why the attempt before failed says more than that this one took too long.
            let late = Error::TimedOut { what: "connecting to the scheduler", after: limit };
            return Err(last.map_or(late, Error::Connect));
        };
        match dialled {
            // A name of this process that is not there will not come by itself.
            Err(e) if e.is_transient() && !to.is_inproc() && rt.now() + pause < until => {
                rt.sleep(pause).await;
                pause = (pause * 2).min(PAUSE_MAX);
                last = Some(e);
            }
            other => return Ok(other?),
        }
    }
}

/// Links to workers that are being opened.
pub(super) struct Dialer {
    rt: DynRuntime,
    hello: Hello,
    under_way: Vec<(PeerId, BoxFuture<'static, Result<PeerLink, ConnectError>>)>,
    /// Addresses that are none: reported at the next poll.
    bad: Vec<PeerId>,
    /// Something was dialled since the last poll, so nothing will wake the driver for it.
    is_new: bool,
}

impl Dialer {
    pub(super) fn new(rt: DynRuntime, token: String, incarnation: u64, name: String) -> Self {
        let hello = Hello { token, role: Role::Peer(PeerHello { incarnation, name }) };
        Dialer { rt, hello, under_way: Vec::new(), bad: Vec::new(), is_new: false }
    }

    /// Begins to dial. The attempt moves when it is polled, not before.
    pub(super) fn dial(&mut self, peer: PeerId, address: &str) {
        self.is_new = true;
        let Ok(address) = address.parse::<Address>() else {
            tracing::warn!(target: "longshore::client", peer = peer.0, address, "a worker has an unreadable address");
            return self.bad.push(peer);
        };
        let (rt, hello) = (self.rt.clone(), self.hello.clone());
        let dialled = async move { dial(&rt, &address, hello).await.map(|(link, _)| link) };
        self.under_way.push((peer, Box::pin(dialled)));
    }

    /// Whether something was dialled that was not polled yet.
    pub(super) fn is_due(&self) -> bool {
        self.is_new
    }

    /// Gives out attempts that ended.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        each: &mut dyn FnMut(PeerId, Result<PeerLink, String>),
    ) {
        self.is_new = false;
        self.bad.drain(..).for_each(|peer| each(peer, Err("its address is unreadable".into())));
        self.under_way.retain_mut(|(peer, dialled)| match dialled.as_mut().poll(cx) {
            Poll::Pending => true,
            Poll::Ready(result) => {
                each(*peer, result.map_err(|e| e.to_string()));
                false
            }
        });
    }
}

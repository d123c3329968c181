//! Links from peers and clients that fetch values here or bring some.
use super::serve::{Piece, Sender};
use crate::link::{Accepted, BACKLOG_BYTES_MAX, LinkEvent, LinkSet, same_secret};
use longshore_core::worker::{CallerId, Event};
use longshore_proto::handshake::Role;
use longshore_proto::{Payload, PeerId, PeerReply, PeerRequest, Reject, TaskHandle, Welcome};
use longshore_rt::DynRuntime;
use std::collections::BTreeMap;
use std::task::Context;

/// Values that may wait for one caller to take them.
const VALUES_WAITING_MAX: usize = 100_000;

/// Everybody who dialled this worker.
pub(super) struct Callers {
    links: LinkSet<PeerRequest, PeerReply>,
    /// Values on their way, by caller.
    sending: BTreeMap<PeerId, Sender>,
    callers: u32,
}

impl Callers {
    pub(super) fn new(rt: &DynRuntime) -> Self {
        let links = LinkSet::new(rt, BACKLOG_BYTES_MAX);
        Callers { links, sending: BTreeMap::new(), callers: 0 }
    }

    /// Lets a caller in who belongs to the same cluster.
    pub(super) fn introduce(&mut self, accepted: Accepted, token: &str, incarnation: u64) {
        if !same_secret(&accepted.hello().token, token) {
            return accepted.reject(Reject::Token);
        }
        let Role::Peer(hello) = &accepted.hello().role else {
            return accepted.reject(Reject::Role { listener: "worker".to_owned() });
        };
        if hello.incarnation != incarnation {
            let theirs = hello.incarnation;
            return accepted.reject(Reject::Incarnation { theirs, ours: incarnation });
        }
        tracing::debug!(caller = %accepted.hello().role, from = accepted.peer(), "a caller came in");
        self.callers += 1;
        let caller = PeerId(self.callers);
        let welcome = Welcome { version: 0, incarnation, peer: caller, registry_wanted: false };
        self.links.insert(caller, accepted.welcome(welcome));
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>, each: &mut dyn FnMut(Event)) {
        let Callers { links, sending, .. } = self;
        links.poll(cx, &mut |peer, event| {
            let caller = CallerId(peer.0);
            each(match event {
                LinkEvent::Message(request) => Event::FromCaller { caller, request },
                LinkEvent::Lost(_) => {
                    sending.remove(&peer);
                    Event::CallerLost { caller }
                }
            });
        });
    }

    /// Says something short to a caller.
    pub(super) fn send(&mut self, caller: CallerId, reply: PeerReply) {
        let peer = PeerId(caller.0);
        if self.links.send(peer, reply).is_err() {
            self.drop_caller(caller);
        }
    }

    /// Sends a value, in pieces, after those that are on their way already.
    pub(super) fn serve(
        &mut self,
        caller: CallerId,
        task: TaskHandle,
        value: Payload,
        encode: &mut dyn FnMut(Payload) -> u64,
    ) {
        let peer = PeerId(caller.0);
        let Some(link) = self.links.get(peer) else { return };
        if link.is_local() {
            return self.send(caller, PeerReply::Local { task, value });
        }
        let sender = self.sending.entry(peer).or_default();
        if sender.len() < VALUES_WAITING_MAX {
            return sender.push(task, value, encode);
        }
        tracing::warn!(caller = peer.0, "a caller asks for more than it takes; hanging up");
        self.drop_caller(caller);
    }

    /// A large value is encoded now. Whether it was one of these.
    pub(super) fn encoded(&mut self, number: u64, result: &Result<longshore_proto::Rope, String>) -> bool {
        self.sending.values_mut().any(|sender| sender.encoded(number, result))
    }

    /// Sends pieces as long as links have room.
    pub(super) fn pump(&mut self) {
        let Callers { links, sending, .. } = self;
        sending.retain(|peer, sender| {
            while let Some(link) = links.get(*peer) {
                let Some(piece) = sender.next(link.backlog_bytes()) else { break };
                let reply = match piece {
                    Piece::Data(chunk) => PeerReply::Data(chunk),
                    Piece::Unavailable(task) => PeerReply::Absent { task },
                };
                // A piece always fits a frame.
                let _ = links.send(*peer, reply);
            }
            links.contains(*peer) && !sender.is_empty()
        });
    }

    pub(super) fn flush(&mut self, cx: &mut Context<'_>, events: &mut Vec<Event>) {
        let Callers { links, sending, .. } = self;
        links.flush(cx, &mut |peer, _| {
            sending.remove(&peer);
            events.push(Event::CallerLost { caller: CallerId(peer.0) });
        });
        let can_go_on = |(peer, sender): (&PeerId, &Sender)| {
            links.get(*peer).is_some_and(|link| sender.has_room(link.backlog_bytes()))
        };
        if sending.iter().any(can_go_on) {
            cx.waker().wake_by_ref();
        }
    }

    pub(super) fn drop_caller(&mut self, caller: CallerId) {
        let peer = PeerId(caller.0);
        self.sending.remove(&peer);
        self.links.remove(peer);
    }

    /// Lets everybody go who has been sent everything.
    pub(super) fn close_all(&mut self) {
        self.sending.clear();
        self.links.close_all();
    }

    /// Whether everybody has gone.
    pub(super) fn are_gone(&self) -> bool {
        self.links.closing_len() == 0
    }
}

//! Links to other workers, dialled when something is to be fetched from them.
use super::inbox::{Dialled, Inbox};
use crate::address::Address;
use crate::link::{BACKLOG_BYTES_MAX, LinkEvent, LinkSet, dial};
use longshore_core::worker::Event;
use longshore_proto::handshake::{PeerHello, Role};
use longshore_proto::{Hello, PeerId, PeerReply, PeerRequest, TaskHandle};
use longshore_rt::{DynRuntime, RuntimeExt, Task};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Context;

/// The peers this worker asks for values.
pub(super) struct Peers {
    rt: DynRuntime,
    inbox: Arc<Inbox>,
    hello: Hello,
    links: LinkSet<PeerReply, PeerRequest>,
    dialling: BTreeMap<PeerId, Dialling>,
    dials: u64,
}

struct Dialling {
    number: u64,
    /// Dropped with this, which gives the attempt up.
    _task: Task<()>,
    waiting: Vec<PeerRequest>,
}

impl Peers {
    pub(super) fn new(rt: &DynRuntime, inbox: &Arc<Inbox>, token: &str, hello: PeerHello) -> Self {
        Peers {
            rt: rt.clone(),
            inbox: inbox.clone(),
            hello: Hello { token: token.to_owned(), role: Role::Peer(hello) },
            links: LinkSet::new(rt, BACKLOG_BYTES_MAX),
            dialling: BTreeMap::new(),
            dials: 0,
        }
    }

    /// Asks a peer for values.
    pub(super) fn fetch(
        &mut self,
        peer: PeerId,
        address: &str,
        tasks: Vec<TaskHandle>,
        events: &mut Vec<Event>,
    ) {
        let request = PeerRequest::Fetch { tasks };
        if self.links.contains(peer) {
            if self.links.send(peer, request).is_err() {
                self.drop_peer(peer);
                events.push(Event::PeerLost { peer });
            }
            return;
        }
        if let Some(dialling) = self.dialling.get_mut(&peer) {
            return dialling.waiting.push(request);
        }
        match address.parse() {
            Ok(address) => self.dial(peer, address, request),
            Err(error) => {
                tracing::warn!(peer = peer.0, %error, "a worker's address is of no use");
                events.push(Event::PeerLost { peer });
            }
        }
    }

    fn dial(&mut self, peer: PeerId, address: Address, request: PeerRequest) {
        self.dials += 1;
        let number = self.dials;
        let (rt, inbox, hello) = (self.rt.clone(), self.inbox.clone(), self.hello.clone());
        let task = self.rt.spawn("dial", async move {
            let dialled = dial::<PeerReply, PeerRequest>(&rt, &address, hello).await;
            let result = dialled.map(|(link, _)| link);
            inbox.post(|mail| mail.dialled.push(Dialled { peer, number, result }));
        });
        self.dialling.insert(peer, Dialling { number, _task: task, waiting: vec![request] });
    }

    /// An attempt to reach a peer is over.
    pub(super) fn dialled(&mut self, dialled: Dialled, events: &mut Vec<Event>) {
        let Dialled { peer, number, result } = dialled;
        if self.dialling.get(&peer).is_none_or(|dialling| dialling.number != number) {
            return;
        }
        let Some(dialling) = self.dialling.remove(&peer) else { return };
        match result {
            Ok(link) => {
                self.links.insert(peer, link);
                for request in dialling.waiting {
                    // A list of handles always fits; if not, the peer is given up by its silence.
                    let _ = self.links.send(peer, request);
                }
            }
            Err(error) => {
                tracing::debug!(peer = peer.0, %error, "a worker cannot be reached");
                events.push(Event::PeerLost { peer });
            }
        }
    }

    /// Cuts the link to a peer.
    pub(super) fn drop_peer(&mut self, peer: PeerId) {
        self.dialling.remove(&peer);
        self.links.remove(peer);
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>, each: &mut dyn FnMut(Event)) {
        self.links.poll(cx, &mut |peer, event| {
            each(match event {
                LinkEvent::Message(reply) => Event::FromPeer { peer, reply },
                LinkEvent::Lost(error) => {
                    tracing::debug!(peer = peer.0, %error, "the link to a worker is lost");
                    Event::PeerLost { peer }
                }
            });
        });
    }

    pub(super) fn flush(&mut self, cx: &mut Context<'_>, events: &mut Vec<Event>) {
        self.links.flush(cx, &mut |peer, _| events.push(Event::PeerLost { peer }));
    }

    /// Gives everybody up.
    pub(super) fn clear(&mut self) {
        self.dialling.clear();
        self.links.close_all();
    }
}

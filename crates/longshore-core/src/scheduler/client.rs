//! Clients as the scheduler sees them.
use super::task::FunctionRef;
use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};
use longshore_proto::{PeerId, TaskFailure, TaskId, Time};
use std::sync::Arc;

/// One client.
#[derive(Debug)]
pub(super) struct Client {
    /// The client's numbers for functions.
    pub functions: Vec<Option<FunctionRef>>,
    /// Tasks it wants or has a claim on.
    pub wants_len: u64,
    /// Values it keeps for others to fetch.
    pub sources_len: u64,
    /// Submissions that were not taken, as long as the client may name them. The id may be that of another client's task.
    pub refused: HashMap<TaskId, Refused, FixedState>,
    knows_peer: HashSet<PeerId, FixedState>,
    pub last_heard: Time,
}

/// A submission that was not taken.
#[derive(Debug)]
pub(super) struct Refused {
    pub failure: Arc<TaskFailure>,
    /// It has a future, whose release will be heard; without one, only the rest of its graph names it.
    pub wanted: bool,
}

impl Client {
    /// Whether this is the first time it hears of the worker.
    pub(super) fn meets_peer(&mut self, peer: PeerId) -> bool {
        self.knows_peer.insert(peer)
    }

    /// The failure that a call with these inputs inherits from a submission of this client that was not taken.
    pub(super) fn refused_input(&self, inputs: &[TaskId]) -> Option<Arc<TaskFailure>> {
        if self.refused.is_empty() {
            return None;
        }
        inputs.iter().find_map(|id| self.refused.get(id)).map(|refused| Arc::clone(&refused.failure))
    }
}

/// All clients, oldest first.
#[derive(Debug, Default)]
pub(super) struct Clients {
    by_peer: HashMap<PeerId, Client, FixedState>,
    order: Vec<PeerId>,
}

impl Clients {
    pub(super) fn add(&mut self, peer: PeerId, now: Time) {
        let (functions, knows_peer) = (Vec::new(), HashSet::default());
        let refused = HashMap::default();
        let client = Client { functions, wants_len: 0, sources_len: 0, refused, knows_peer, last_heard: now };
        self.by_peer.insert(peer, client);
        self.order.push(peer);
    }

    pub(super) fn remove(&mut self, peer: PeerId) -> Option<Client> {
        self.order.retain(|p| *p != peer);
        self.by_peer.remove(&peer)
    }

    pub(super) fn get(&self, peer: PeerId) -> Option<&Client> {
        self.by_peer.get(&peer)
    }

    pub(super) fn get_mut(&mut self, peer: PeerId) -> Option<&mut Client> {
        self.by_peer.get_mut(&peer)
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    pub(super) fn peers(&self) -> &[PeerId] {
        &self.order
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (PeerId, &Client)> {
        self.order.iter().map(|p| (*p, &self.by_peer[p]))
    }
}

//! Clients as the scheduler sees them.
use super::task::FunctionRef;
use crate::peer_map::PeerMap;
use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};
use longshore_proto::{FunctionIndex, PeerId, TaskFailure, TaskId, Time};
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
    pub(super) fn new(now: Time) -> Self {
        let (functions, knows_peer) = (Vec::new(), HashSet::default());
        let refused = HashMap::default();
        Client { functions, wants_len: 0, sources_len: 0, refused, knows_peer, last_heard: now }
    }

    /// The function that the client gave a number.
    pub(super) fn function(&self, index: FunctionIndex) -> Option<FunctionRef> {
        *self.functions.get(index.0 as usize)?
    }

    /// Whether this is the first time it hears of the worker.
    pub(super) fn meets_peer(&mut self, peer: PeerId) -> bool {
        self.knows_peer.insert(peer)
    }

    /// Forgets a submission that was not taken; whether there was one.
    pub(super) fn forgets_refused(&mut self, id: TaskId) -> bool {
        !self.refused.is_empty() && self.refused.remove(&id).is_some()
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
pub(super) type Clients = PeerMap<Client>;

//! Bringing stored results to the client: from a worker that has it, from the next one, and through the scheduler when no
//! worker can be reached.
//!
//! ```text
//!            awaited              chunk by chunk
//! Stored ─────────────▶ on a lane ──────────────▶ value
//!    ▲                     │ link lost, absent, stalled
//!    │ Stored again        ▼
//! Pending ◀────────── next worker, then the scheduler
//! ```
use super::event::{Action, Actions, Outcome, Route, Token};
use super::lane::{Lane, Reach};
use super::{Machine, Phase};
use crate::assembly::{Assembly, BadChunk};
use longshore_proto::client::Chunk;
use longshore_proto::{ClientToScheduler, Payload, PeerId, PeerRequest, TaskHandle, TaskId, Time};
use smallvec::SmallVec;

/// A result that workers keep.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) task: TaskHandle,
    pub(super) nbytes: u64,
    pub(super) holders: SmallVec<[PeerId; 2]>,
    pub(super) fetch: Option<Box<Fetch>>,
}

impl Stored {
    /// Whether a place in this lane's queue still means something: it does not when the fetch went another way, or was
    /// given up and begun again.
    fn is_due(&self, route: Route, lane: &Lane) -> bool {
        self.fetch.as_ref().is_some_and(|f| f.route == Some(route)) && !lane.asked.contains_key(&self.task)
    }
}

/// A result on its way.
#[derive(Debug, Default)]
pub(super) struct Fetch {
    pub(super) route: Option<Route>,
    tried: SmallVec<[PeerId; 2]>,
    pieces: Option<Assembly>,
}

impl<D: Token> Machine<D> {
    pub(super) fn on_stored(&mut self, now: Time, id: TaskId, new: Stored, out: &mut Actions<D>) {
        let was_fetched = self.forget_stored(id);
        if self.futures.any(id).is_none() {
            self.stale += 1;
            return;
        }
        let nbytes = new.nbytes;
        self.stored.insert(id, new);
        self.settle(id, Outcome::Stored { nbytes }, out);
        if was_fetched {
            self.on_awaited(now, id, out);
        }
    }

    /// Forgets where a value is; whether somebody was waiting for it.
    pub(super) fn forget_stored(&mut self, id: TaskId) -> bool {
        let Some(stored) = self.stored.remove(&id) else { return false };
        let route = stored.fetch.as_ref().and_then(|f| f.route);
        if let Some(lane) = route.and_then(|r| self.lanes.get_mut(&r)) {
            // Pieces that still come find nobody and are counted; a place in the queue is passed over when its turn comes.
            lane.settle(stored.task);
        }
        stored.fetch.is_some()
    }

    pub(super) fn on_awaited(&mut self, now: Time, id: TaskId, out: &mut Actions<D>) {
        if let Some(own) = self.held.get(&id).map(|held| held.value.clone()) {
            // What the client gave away it still has.
            self.forget_stored(id);
            return self.settle(id, Outcome::Value(own), out);
        }
        match self.stored.get_mut(&id) {
            Some(stored) if stored.fetch.is_none() => {
                stored.fetch = Some(Box::default());
                self.route_fetch(now, id, out);
            }
            // Asked twice, or the value came, or went, in the meantime.
            _ => {}
        }
    }

    /// Chooses the next way for a fetch that has none.
    fn route_fetch(&mut self, now: Time, id: TaskId, out: &mut Actions<D>) {
        let Some(stored) = self.stored.get_mut(&id) else { return };
        let Some(fetch) = &mut stored.fetch else { return };
        let peers = &self.peers;
        let promising =
            |p: &&PeerId| !fetch.tried.contains(p) && peers.get(p).is_some_and(|peer| peer.is_promising(now));
        // Different values begin at different holders, so that copies share the load.
        #[allow(clippy::cast_possible_truncation)]
        let start = id.seq as usize % stored.holders.len().max(1);
        let (later, first) = stored.holders.split_at(start.min(stored.holders.len()));
        let holder = first.iter().chain(later).find(promising).copied();
        let route = holder.map_or(Route::Scheduler, Route::Peer);
        fetch.route = Some(route);
        fetch.pieces = None;
        self.lanes.entry(route).or_default().queue.push_back(id);
        self.ready.insert(route);
        self.reach(route, out);
    }

    /// Dials the worker at the end of `route` unless there is a link.
    pub(super) fn reach(&mut self, route: Route, out: &mut Actions<D>) {
        let Route::Peer(peer) = route else { return };
        let Some(known) = self.peers.get_mut(&peer) else { return };
        if let (Some(address), Reach::Idle | Reach::Unreachable(_)) = (&known.address, known.reach) {
            out.push(Action::Dial { peer, address: address.clone() });
            known.reach = Reach::Dialling;
        }
    }

    fn is_open(&self, route: Route) -> bool {
        match route {
            Route::Scheduler => self.phase == Phase::Up,
            Route::Peer(peer) => self.peers.get(&peer).is_some_and(|p| p.reach == Reach::Up),
        }
    }

    /// Asks for as many queued values as there is room for.
    pub(super) fn pump(&mut self, now: Time, route: Route, out: &mut Actions<D>) {
        if !self.is_open(route) {
            return;
        }
        let max = self.config.fetch_bytes_max;
        let Some(lane) = self.lanes.get_mut(&route) else { return };
        let mut tasks = Vec::new();
        while lane.asked.is_empty() || lane.asked_bytes < max {
            let Some(id) = lane.queue.pop_front() else { break };
            let Some(stored) = self.stored.get(&id).filter(|s| s.is_due(route, lane)) else { continue };
            lane.ask(now, stored.task, id, stored.nbytes);
            match route {
                Route::Scheduler => out.push(Action::Send(ClientToScheduler::Fetch { id })),
                Route::Peer(_) => tasks.push(stored.task),
            }
        }
        if let (Route::Peer(to), false) = (route, tasks.is_empty()) {
            out.push(Action::SendPeer { to, message: PeerRequest::Fetch { tasks } });
        }
    }

    /// A piece of a value came from a worker.
    pub(super) fn on_peer_data(&mut self, now: Time, from: PeerId, chunk: Chunk, out: &mut Actions<D>) {
        let lane = self.lanes.get(&Route::Peer(from));
        match lane.and_then(|l| l.asked.get(&chunk.task)) {
            Some(&(id, _)) => self.on_chunk(now, id, Route::Peer(from), chunk, out),
            None => self.stale += 1,
        }
    }

    /// A piece of `id` came by `route`.
    pub(super) fn on_chunk(
        &mut self,
        now: Time,
        id: TaskId,
        route: Route,
        chunk: Chunk,
        out: &mut Actions<D>,
    ) {
        let Some(stored) = self.stored.get_mut(&id) else { return self.stale += 1 };
        let Some(fetch) = stored.fetch.as_mut().filter(|f| f.route == Some(route)) else {
            return self.stale += 1;
        };
        if let Some(lane) = self.lanes.get_mut(&route) {
            lane.moved_at = now;
        }
        if chunk.offset == 0 {
            // Whoever is sending it begins again.
            fetch.pieces = None;
        }
        match Assembly::add(&mut fetch.pieces, chunk, u64::MAX) {
            Ok(Some(value)) => self.on_fetched(id, value, out),
            Ok(None) => {}
            Err(BadChunk) => self.stale += 1,
        }
    }

    /// The value is here.
    pub(super) fn on_fetched(&mut self, id: TaskId, value: Payload, out: &mut Actions<D>) {
        let route = self.stored.get(&id).and_then(|s| s.fetch.as_ref()?.route);
        self.forget_stored(id);
        self.settle(id, Outcome::Value(value), out);
        self.ready.extend(route);
    }

    /// A worker sent a value of this very process.
    pub(super) fn on_peer_local(
        &mut self,
        from: PeerId,
        task: TaskHandle,
        value: Payload,
        out: &mut Actions<D>,
    ) {
        let lane = self.lanes.get(&Route::Peer(from));
        match lane.and_then(|l| l.asked.get(&task)) {
            Some(&(id, _)) => self.on_fetched(id, value, out),
            None => self.stale += 1,
        }
    }

    /// A worker does not have what it was said to have.
    pub(super) fn on_absent(&mut self, now: Time, from: PeerId, task: TaskHandle, out: &mut Actions<D>) {
        let lane = self.lanes.get_mut(&Route::Peer(from));
        let Some(id) = lane.and_then(|l| l.settle(task)) else { return self.stale += 1 };
        self.ready.insert(Route::Peer(from));
        self.try_elsewhere(now, id, from, out);
    }

    /// `peer` will not give this value; the next holder may.
    pub(super) fn try_elsewhere(&mut self, now: Time, id: TaskId, peer: PeerId, out: &mut Actions<D>) {
        let fetch = self.stored.get_mut(&id).and_then(|s| s.fetch.as_mut());
        if let Some(fetch) = fetch.filter(|f| f.route == Some(Route::Peer(peer))) {
            fetch.tried.push(peer);
            fetch.route = None;
            self.route_fetch(now, id, out);
        }
    }
}

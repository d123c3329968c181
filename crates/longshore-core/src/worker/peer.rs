//! What is said on data links: by peers that were asked for values, and by callers that ask for values or bring them.
use super::fetch::Place;
use super::{Action, Actions, CallerId, Giver, Machine};
use crate::assembly::{Assembly, BadChunk};
use longshore_proto::client::Chunk;
use longshore_proto::{Payload, PeerId, PeerReply, PeerRequest, TaskHandle, Time};

/// Values that may be on their way to this worker, unasked, at the same time.
const GIFTS_MAX: usize = 1_024;

impl Machine {
    pub(super) fn on_peer(&mut self, now: Time, peer: PeerId, reply: PeerReply, out: &mut Actions) {
        if let Some(known) = self.fetches.peers.get_mut(&peer) {
            known.heard_at = now;
        }
        match reply {
            PeerReply::Data(chunk) => self.on_piece(now, peer, chunk, out),
            PeerReply::Local { task, value } => self.on_fetched(now, peer, task, value, out),
            PeerReply::Absent { task } => {
                if self.fetches.answered(peer, task) {
                    self.try_next(peer, task, out);
                } else {
                    self.stats.stale += 1;
                }
            }
            // Only callers get this answer, and a worker never puts a value on another one.
            PeerReply::Stored { .. } => self.stats.stale += 1,
        }
    }

    fn on_piece(&mut self, now: Time, id: PeerId, chunk: Chunk, out: &mut Actions) {
        let task = chunk.task;
        let Some(peer) = self.fetches.peers.get_mut(&id).filter(|p| p.in_flight.contains_key(&task)) else {
            self.stats.stale += 1;
            return;
        };
        let before = peer.assembly.take();
        let is_other = before.as_ref().is_some_and(|(of, _)| *of != task);
        let mut all = before.map(|(_, assembly)| assembly);
        match Assembly::add(&mut all, chunk, self.settings.value_bytes_max) {
            Ok(None) if !is_other => peer.assembly = all.map(|all| (task, all)),
            Ok(Some(value)) if !is_other => self.on_fetched(now, id, task, value, out),
            _ => self.drop_peer(now, id, out),
        }
    }

    fn on_fetched(&mut self, now: Time, peer: PeerId, task: TaskHandle, value: Payload, out: &mut Actions) {
        if !self.fetches.answered(peer, task) {
            self.stats.stale += 1;
            return;
        }
        self.stats.fetched_bytes += value.nbytes() as u64;
        if self.fetches.wants.contains_key(&task) {
            self.keep_copy(now, task, value, out);
        }
    }

    /// A peer did not deliver: on to the next holder, unless the value came from elsewhere meanwhile.
    fn try_next(&mut self, peer: PeerId, task: TaskHandle, out: &mut Actions) {
        let stood_there = |place| place == Place::InFlight(peer) || place == Place::Queued(peer);
        if self.fetches.wants.get(&task).is_some_and(|want| stood_there(want.place)) {
            self.fetches.unplace(task);
            self.route(task, out);
        }
    }

    pub(super) fn on_peer_lost(&mut self, now: Time, peer: PeerId, out: &mut Actions) {
        self.story.note(now, "peer lost", u64::from(peer.0));
        for task in self.fetches.peer_lost(peer) {
            self.route(task, out);
        }
    }

    /// Breaks the link to a peer that misbehaves or is silent.
    pub(super) fn drop_peer(&mut self, now: Time, peer: PeerId, out: &mut Actions) {
        self.stats.violations += 1;
        out.push(Action::DropPeer { peer });
        self.on_peer_lost(now, peer, out);
    }

    pub(super) fn ask_peers(&mut self, now: Time, out: &mut Actions) {
        if self.is_over {
            return;
        }
        while let Some(batch) = self.fetches.next_batch(now) {
            self.story.note(now, "fetch", u64::from(batch.peer.0));
            out.push(Action::Fetch { peer: batch.peer, address: batch.address, tasks: batch.tasks });
        }
    }

    pub(super) fn on_caller(&mut self, now: Time, caller: CallerId, request: PeerRequest, out: &mut Actions) {
        match request {
            PeerRequest::Fetch { tasks } => {
                for task in tasks {
                    out.push(match self.values.get(task) {
                        Some(value) => Action::Serve { caller, task, value: value.clone() },
                        None => Action::ToCaller { caller, reply: PeerReply::Absent { task } },
                    });
                }
            }
            PeerRequest::Put(chunk) => self.on_put(now, caller, chunk, out),
        }
    }

    fn on_put(&mut self, now: Time, caller: CallerId, chunk: Chunk, out: &mut Actions) {
        let (task, key) = (chunk.task, (Giver::Caller(caller), chunk.task));
        match self.add_piece(key, chunk) {
            Ok(Some(value)) => {
                self.keep_copy(now, task, value, out);
                out.push(Action::ToCaller { caller, reply: PeerReply::Stored { task } });
            }
            Ok(None) => {}
            Err(_) => {
                self.stats.violations += 1;
                self.on_caller_lost(caller);
                out.push(Action::DropCaller { caller });
            }
        }
    }

    /// Adds a piece of a value that is handed to this worker. The value once it is whole.
    pub(super) fn add_piece(
        &mut self,
        key: (Giver, TaskHandle),
        chunk: Chunk,
    ) -> Result<Option<Payload>, BadChunk> {
        let mut all = self.gifts.remove(&key);
        let value = Assembly::add(&mut all, chunk, self.settings.value_bytes_max)?;
        if let Some(assembly) = all {
            if self.gifts.len() >= GIFTS_MAX {
                return Err(BadChunk);
            }
            self.gifts.insert(key, assembly);
        }
        Ok(value)
    }

    pub(super) fn on_caller_lost(&mut self, caller: CallerId) {
        self.gifts.retain(|(giver, _), _| *giver != Giver::Caller(caller));
    }
}

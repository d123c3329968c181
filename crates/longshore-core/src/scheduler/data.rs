//! Values that clients put in, and copies of values.
//!
//! A large value that a client puts in stays with the client, its *source*, until a worker needs it or it is to be spread; the
//! client is then told to push it to that worker directly.
use super::placement::Restriction;
use super::task::{FunctionRef, Order, Phase, Slot, State, Stored, Task};
use super::window::Way;
use super::{Action, Actions, Machine, to_client};
use longshore_proto::client::Scatter;
use longshore_proto::{Grant, Payload, PeerId, RelayId, SchedulerToClient, TaskHandle, TaskId};
use smallvec::SmallVec;

impl Machine {
    pub(super) fn on_scatter(&mut self, peer: PeerId, scatter: Scatter, out: &mut Actions) {
        if let Some(slot) = self.tasks.find(scatter.id) {
            if scatter.want {
                self.want(peer, slot, out);
            }
            // The same value again: the copy that is there serves. If that is this client's, it counts how often it gave it.
            if scatter.value.is_none() {
                out.push(to_client(peer, SchedulerToClient::Dropped { id: scatter.id }));
            }
            return;
        }
        let mut task = Task::new(scatter.id, FunctionRef::DATA, Order::default(), Payload::empty());
        let restriction = Restriction { workers: scatter.workers, ..Restriction::default() };
        if restriction != Restriction::default() || scatter.broadcast {
            let options = task.options.get_or_insert_default();
            options.class = self.classes.intern(restriction);
            options.broadcast = scatter.broadcast;
        }
        let slot = self.add(peer, task, scatter.want);
        if let Some(value) = scatter.value {
            return self.done(slot, State::Inline(value), out);
        }
        if let Some(client) = self.clients.get_mut(peer) {
            client.sources_len += 1;
        }
        let (holders, coming) = (SmallVec::new(), SmallVec::new());
        let stored = Stored { nbytes: scatter.nbytes, holders, coming, source: Some(peer) };
        self.done(slot, State::Stored(Box::new(stored)), out);
        if scatter.eager {
            self.spread(slot, out);
        }
    }

    /// Has a value pushed to one worker, or to all if it is a broadcast.
    pub(super) fn spread(&mut self, slot: Slot, out: &mut Actions) {
        let options = self.tasks[slot].options.as_deref();
        let (class, broadcast) = options.map_or((0, false), |o| (o.class, o.broadcast));
        let targets: Vec<PeerId> = {
            let restriction = &self.classes[class].restriction;
            let admitted = self.workers.iter().filter(|(_, w)| restriction.admits(w, &self.functions));
            let mut by_bytes: Vec<_> = admitted.map(|(p, w)| (w.holds.len(), p)).collect();
            by_bytes.sort_unstable();
            by_bytes.into_iter().map(|(_, p)| p).take(if broadcast { usize::MAX } else { 1 }).collect()
        };
        targets.into_iter().for_each(|worker| self.push(slot, worker, out));
    }

    /// Values that are to be everywhere, and those that had nowhere to go yet, go to a worker that has just come.
    pub(super) fn place_broadcasts(&mut self, worker: PeerId, out: &mut Actions) {
        if self.clients.iter().all(|(_, c)| c.sources_len == 0) {
            return;
        }
        let waiting = |t: &Task| match &t.state {
            State::Stored(s) => {
                let spread = t.options.as_ref().is_some_and(|o| o.broadcast);
                s.source.is_some()
                    && (spread || (t.is_wanted() && s.holders.is_empty() && s.coming.is_empty()))
            }
            _ => false,
        };
        let slots: Vec<Slot> = self.tasks.iter().filter(|(_, t)| waiting(t)).map(|(s, _)| s).collect();
        for slot in slots {
            let restriction = &self.classes[self.tasks[slot].class()].restriction;
            if self.workers.get(worker).is_some_and(|w| restriction.admits(w, &self.functions)) {
                self.push(slot, worker, out);
            }
        }
    }

    /// Tells the client that has a value to push it to a worker, unless that is under way.
    pub(super) fn push(&mut self, slot: Slot, worker: PeerId, out: &mut Actions) {
        let (id, task) = (self.tasks[slot].id, self.tasks.handle(slot));
        let State::Stored(stored) = &mut self.tasks[slot].state else { return };
        let Some(source) = stored.source else { return };
        if stored.holders.contains(&worker) || stored.coming.contains(&worker) {
            return;
        }
        stored.coming.push(worker);
        let nbytes = stored.nbytes;
        self.introduce_peers_to_client(source, &[worker], out);
        if self.workers.get(worker).is_none_or(|w| w.hello.address.is_none()) {
            return self.relays.open(slot, id, Way::ToWorker, worker, nbytes);
        }
        out.push(push(source, id, task, worker, None));
    }

    /// The client could not reach the worker: the value goes through here. If that is what failed, it has no such value.
    pub(super) fn on_push_failed(
        &mut self,
        peer: PeerId,
        task: TaskHandle,
        worker: PeerId,
        relay: Option<RelayId>,
        out: &mut Actions,
    ) {
        let Some(slot) = self.tasks.resolve(task) else { return self.stale.tasks += 1 };
        let id = self.tasks[slot].id;
        let State::Stored(stored) = &self.tasks[slot].state else { return };
        if stored.source != Some(peer) || !stored.coming.contains(&worker) {
            return;
        }
        let is_live = self.relays.is_live(slot, worker);
        match relay {
            None if !is_live => self.relays.open(slot, id, Way::ToWorker, worker, stored.nbytes),
            Some(relay) if is_live && self.relays.get(relay).is_some_and(|r| r.goes(slot, peer, worker)) => {
                self.forgo_source(slot, peer, out);
            }
            _ => self.stale.relays += 1,
        }
    }

    /// A client that is there does not have the value that it put in.
    fn forgo_source(&mut self, slot: Slot, peer: PeerId, out: &mut Actions) {
        let State::Stored(stored) = &self.tasks[slot].state else { return };
        stored.coming.iter().for_each(|worker| self.relays.end_to(slot, *worker));
        self.drop_source(slot, Some(peer), out);
        self.lose_source(slot, out);
    }

    /// A worker has a copy of a stored value.
    pub(super) fn add_replica(&mut self, slot: Slot, peer: PeerId, nbytes: u64, out: &mut Actions) {
        let State::Stored(stored) = &mut self.tasks[slot].state else { return };
        let first = stored.holders.is_empty();
        stored.coming.retain(|p| *p != peer);
        if !stored.holders.contains(&peer) {
            stored.holders.push(peer);
        }
        stored.nbytes = nbytes;
        if let Some(worker) = self.workers.get_mut(peer) {
            worker.holds.insert(slot);
        }
        if !self.relays.is_empty() {
            // It may have come another way before all of it came through here.
            self.relays.end_to(slot, peer);
        }
        if first {
            self.report_to_all(slot, out);
        }
        self.hand_over(slot, out);
    }

    /// A value that was put in for its own sake belongs to the workers once one has it; its client need not keep it when it
    /// is on its way to no other.
    fn hand_over(&mut self, slot: Slot, out: &mut Actions) {
        let task = &mut self.tasks[slot];
        if !task.is_wanted() || task.options.as_ref().is_some_and(|o| o.broadcast) {
            return;
        }
        if let State::Stored(stored) = &mut task.state
            && stored.coming.is_empty()
        {
            let source = stored.source.take();
            self.drop_source(slot, source, out);
        }
    }

    /// A worker no longer has a value, or cannot be reached for it.
    pub(super) fn lose_replica(&mut self, slot: Slot, peer: PeerId) {
        let handle = self.tasks.handle(slot);
        let Some(task) = self.tasks.get_mut(slot) else { return };
        let State::Stored(stored) = &mut task.state else { return };
        let before = stored.holders.len();
        stored.holders.retain(|p| *p != peer);
        if stored.holders.len() == before {
            return;
        }
        // It may well have the value and only be out of reach of somebody.
        self.release_on(peer, slot, handle);
        self.lost_if_nowhere(slot);
    }

    fn lost_if_nowhere(&mut self, slot: Slot) {
        let State::Stored(stored) = &self.tasks[slot].state else { return };
        if stored.holders.is_empty() && stored.source.is_none() {
            self.lost.push(slot);
        }
    }

    /// Values on their way to a worker that is gone will not arrive there.
    pub(super) fn lose_pushes(&mut self, worker: PeerId, out: &mut Actions) {
        if self.clients.iter().all(|(_, c)| c.sources_len == 0) {
            return;
        }
        let coming = |t: &Task| matches!(&t.state, State::Stored(s) if s.coming.contains(&worker));
        let slots: Vec<Slot> = self.tasks.iter().filter(|(_, t)| coming(t)).map(|(s, _)| s).collect();
        for slot in slots {
            if let State::Stored(stored) = &mut self.tasks[slot].state {
                stored.coming.retain(|p| *p != worker);
                if !stored.holders.is_empty() {
                    self.hand_over(slot, out);
                }
            }
            self.lost_if_nowhere(slot);
        }
    }

    /// The client that put a value in is gone, or no longer has it.
    pub(super) fn lose_source(&mut self, slot: Slot, out: &mut Actions) {
        let State::Stored(stored) = &mut self.tasks[slot].state else { return };
        stored.source = None;
        for worker in std::mem::take(&mut stored.coming) {
            // They wait for what will not come.
            self.take_back_users(worker, slot, out);
        }
        self.lost_if_nowhere(slot);
    }

    /// Deals with values of which no copy is left: whatever needs them waits until they are made again.
    pub(super) fn recover(&mut self, out: &mut Actions) {
        let lost: Vec<Slot> = std::mem::take(&mut self.lost);
        let lost: Vec<Slot> = lost.into_iter().filter(|s| self.is_lost(*s)).collect();
        if lost.is_empty() {
            return;
        }
        for slot in &lost {
            self.set(*slot, State::Released);
            self.relays.end_all_of(*slot);
        }
        let uses_lost = |t: &Task| t.inputs.iter().any(|i| lost.contains(i));
        let stranded: Vec<Slot> = self.tasks.iter().filter(|(_, t)| uses_lost(t)).map(|(s, _)| s).collect();
        for slot in stranded {
            match self.tasks[slot].state {
                State::Queued | State::Waiting { .. } => self.plan_again(slot),
                // It lacks more now than it waits for.
                State::Assigned { phase: Phase::Ahead { .. }, .. } => {
                    self.recall(slot, out);
                    self.plan_again(slot);
                }
                _ => {}
            }
        }
        for slot in lost {
            if self.tasks[slot].is_wanted() && matches!(self.tasks[slot].state, State::Released) {
                self.plan(slot);
            }
            self.tell_pending(slot, out);
        }
    }

    fn is_lost(&self, slot: Slot) -> bool {
        let state = self.tasks.get(slot).map(|t| &t.state);
        matches!(state, Some(State::Stored(s)) if s.holders.is_empty() && s.source.is_none())
    }
}

/// What tells a client to hand a value to a worker.
pub(super) fn push(
    client: PeerId,
    id: TaskId,
    task: TaskHandle,
    worker: PeerId,
    relay: Option<Grant>,
) -> Action {
    to_client(client, SchedulerToClient::Push { id, task, worker, relay })
}

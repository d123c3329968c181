//! Stored values that go through the scheduler, to clients who cannot reach the workers that have them.
//!
//! A value is sent up once at a time, by one holder, to all clients that asked before it began; those that ask meanwhile have
//! their turn afterwards. When the holder is lost another one starts from the beginning.
use super::task::{Slot, State};
use super::{Actions, Machine, to_client, to_worker};
use longshore_proto::client::Chunk;
use longshore_proto::{PeerId, SchedulerToClient, SchedulerToWorker, TaskHandle, TaskId};

/// One client that wants one value.
#[derive(Copy, Clone, Debug)]
pub(super) struct Relay {
    pub(super) slot: Slot,
    pub(super) client: PeerId,
    /// Worker that is sending it up; `None` until it is this client's turn.
    pub(super) holder: Option<PeerId>,
}

impl Machine {
    /// A client wants a stored value through here.
    pub(super) fn on_fetch(&mut self, client: PeerId, id: TaskId, out: &mut Actions) {
        let Some(slot) = self.tasks.find(id) else { return self.on_want(client, id, out) };
        if !matches!(self.tasks[slot].state, State::Stored(_)) {
            return self.report(slot, client, out);
        }
        if self.relays.iter().any(|r| r.slot == slot && r.client == client) {
            return;
        }
        self.relays.push(Relay { slot, client, holder: None });
        self.start_relays(slot, out);
    }

    /// Has the value sent up for all that wait for it, unless it is on its way for others.
    fn start_relays(&mut self, slot: Slot, out: &mut Actions) {
        if self.relays.iter().any(|r| r.slot == slot && r.holder.is_some()) {
            return;
        }
        let first = match self.tasks.get(slot).map(|t| &t.state) {
            Some(State::Stored(stored)) => stored.holders.first().copied(),
            _ => None,
        };
        let Some(holder) = first else {
            // It was lost. The clients were told, and ask again once it is there again.
            return self.relays.retain(|r| r.slot != slot);
        };
        let mut anybody = false;
        for relay in self.relays.iter_mut().filter(|r| r.slot == slot) {
            relay.holder = Some(holder);
            anybody = true;
        }
        if anybody {
            out.push(to_worker(holder, SchedulerToWorker::Upload { task: self.tasks.handle(slot) }));
        }
    }

    /// A piece of a value for clients.
    pub(super) fn on_data(&mut self, peer: PeerId, chunk: Chunk, out: &mut Actions) {
        let Some(slot) = self.tasks.resolve(chunk.task) else { return };
        let id = self.tasks[slot].id;
        let served = |r: &Relay| r.slot == slot && r.holder == Some(peer);
        for relay in self.relays.iter().filter(|r| served(r)) {
            out.push(to_client(relay.client, SchedulerToClient::Data { id, chunk: chunk.clone() }));
        }
        if chunk.offset.saturating_add(chunk.bytes.nbytes() as u64) >= chunk.total {
            self.relays.retain(|r| !served(r));
            self.start_relays(slot, out);
        }
    }

    /// The worker does not have the value that it was to send up.
    pub(super) fn on_no_data(&mut self, peer: PeerId, task: TaskHandle, out: &mut Actions) {
        let Some(slot) = self.tasks.resolve(task) else { return };
        self.lose_replica(slot, peer);
        self.lose_relays(peer, Some(slot), out);
    }

    /// What the worker was sending up, or one value of it, is sent by another.
    pub(super) fn lose_relays(&mut self, peer: PeerId, only: Option<Slot>, out: &mut Actions) {
        let mut slots = Vec::new();
        for relay in &mut self.relays {
            if relay.holder == Some(peer) && only.is_none_or(|slot| slot == relay.slot) {
                relay.holder = None;
                slots.push(relay.slot);
            }
        }
        slots.dedup();
        slots.into_iter().for_each(|slot| self.start_relays(slot, out));
    }
}

//! Values that go through the scheduler: to clients that cannot reach the workers that have them, and to workers that the
//! client who put a value in cannot reach.
//!
//! Each goes from one sender to one receiver, in pieces, never more of them at a time than the receiver's [windows](super::window)
//! allow. When a worker that sends is lost, another one starts from the beginning.
use super::data::push;
use super::task::{Slot, State};
use super::window::{BadPart, Part, Passed, Way};
use super::{Actions, CloseReason, Machine, to_client, to_worker};
use longshore_proto::client::Chunk;
use longshore_proto::{
    Grant, PeerId, RelayId, SchedulerToClient, SchedulerToWorker, Taken, TaskHandle, TaskId,
};

const BAD_PART: CloseReason = CloseReason::Protocol("a piece of a value that was not due");

impl Machine {
    /// A client wants a stored value through here, from the beginning.
    pub(super) fn on_fetch(&mut self, client: PeerId, id: TaskId, out: &mut Actions) {
        let Some(slot) = self.tasks.find(id) else { return self.on_want(client, id, out) };
        let State::Stored(stored) = &self.tasks[slot].state else { return self.report(slot, client, out) };
        self.relays.open(slot, id, Way::ToClient, client, stored.nbytes);
    }

    /// Does what is due: tells of what is off, and begins what there is room for.
    pub(super) fn move_relays(&mut self, out: &mut Actions) {
        for (peer, relay) in self.relays.take_ended() {
            if self.workers.get(peer).is_some() {
                out.push(to_worker(peer, SchedulerToWorker::EndRelay { relay }));
            } else if self.clients.get(peer).is_some() {
                out.push(to_client(peer, SchedulerToClient::EndRelay { relay }));
            }
        }
        while let Some(relay) = self.relays.next_to_begin() {
            self.begin_relay(relay, out);
        }
    }

    fn begin_relay(&mut self, number: RelayId, out: &mut Actions) {
        let Some(relay) = self.relays.get(number) else { return };
        let (slot, id, way, receiver) = (relay.slot, relay.id, relay.way, relay.receiver);
        let Some(sender) = self.relay_sender(slot, way, receiver) else {
            self.relays.give_up(number);
            return self.wait_for_copy(slot, id, way, receiver, out);
        };
        let grant = self.relays.begin(number, sender, self.hands_over_whole(sender));
        self.story.note(self.now, "relay", number.0);
        let task = self.tasks.handle(slot);
        out.push(match way {
            Way::ToClient => to_worker(sender, SchedulerToWorker::Upload { task, grant }),
            Way::ToWorker => push(sender, id, task, receiver, Some(grant)),
        });
    }

    /// Whether a worker lives in this very process, so that its values come in one piece, whatever it was granted.
    fn hands_over_whole(&self, sender: PeerId) -> bool {
        let address = self.workers.get(sender).and_then(|w| w.hello.address.as_deref());
        address.is_some_and(|address| address.starts_with("inproc:"))
    }

    /// Nobody can send it. If it was lost, who asked for it was told; if only the client that put it in has it, some worker is
    /// to have it first. Either way who asked is told once it is there again, and asks again.
    fn wait_for_copy(&mut self, slot: Slot, id: TaskId, way: Way, receiver: PeerId, out: &mut Actions) {
        let Some(State::Stored(stored)) = self.tasks.get(slot).map(|t| &t.state) else { return };
        if way == Way::ToWorker {
            return;
        }
        out.push(to_client(receiver, SchedulerToClient::Pending { id }));
        if stored.coming.is_empty() {
            self.spread(slot, out);
        }
    }

    /// Who can send a value that is to go through here.
    fn relay_sender(&self, slot: Slot, way: Way, receiver: PeerId) -> Option<PeerId> {
        let State::Stored(stored) = &self.tasks.get(slot)?.state else { return None };
        match way {
            Way::ToClient => stored.holders.first().copied(),
            Way::ToWorker => stored.source.filter(|_| stored.coming.contains(&receiver)),
        }
    }

    /// A piece of a value for a client.
    pub(super) fn on_data(&mut self, peer: PeerId, relay: RelayId, chunk: Box<Chunk>, out: &mut Actions) {
        match self.relays.receive(relay, peer, part(&chunk)) {
            Ok(Passed::To(client, id)) => {
                out.push(to_client(client, SchedulerToClient::Data { id, relay, chunk }));
            }
            Ok(Passed::Late) => self.stale.relays += 1,
            Err(BadPart) => self.eject_worker(peer, BAD_PART, out),
        }
    }

    /// A piece of a value for a worker.
    pub(super) fn on_upload(&mut self, peer: PeerId, relay: RelayId, chunk: Chunk, out: &mut Actions) {
        match self.relays.receive(relay, peer, part(&chunk)) {
            Ok(Passed::To(worker, _)) => {
                out.push(to_worker(worker, SchedulerToWorker::Store { relay: Some(relay), chunk }));
            }
            Ok(Passed::Late) => self.stale.relays += 1,
            Err(BadPart) => self.eject_client(peer, BAD_PART, out),
        }
    }

    /// The worker does not have the value that it was to send up.
    pub(super) fn on_no_data(&mut self, peer: PeerId, relay: RelayId, task: TaskHandle) {
        if let Some(slot) = self.tasks.resolve(task) {
            self.lose_replica(slot, peer);
        }
        let is_its = self.relays.get(relay).is_some_and(|r| r.sender == Some(peer) && r.is_live());
        if is_its {
            self.relays.begin_anew(relay);
        } else {
            self.stale.relays += 1;
        }
    }

    /// A receiver took pieces in, so that more may be on its way to it.
    pub(super) fn on_taken(&mut self, peer: PeerId, taken: Taken, out: &mut Actions) {
        let Some((sender, grant)) = self.relays.take(peer, taken) else { return };
        self.grant(sender, grant, out);
    }

    fn grant(&self, sender: PeerId, grant: Grant, out: &mut Actions) {
        out.push(match self.workers.get(sender) {
            Some(_) => to_worker(sender, SchedulerToWorker::Grant(grant)),
            None => to_client(sender, SchedulerToClient::Grant(grant)),
        });
    }
}

fn part(chunk: &Chunk) -> Part {
    Part { total: chunk.total, offset: chunk.offset, nbytes: chunk.bytes.nbytes() as u64 }
}

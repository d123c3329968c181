//! What pretended peers send each other through the machine: never more than they were granted, and taken in whenever the
//! test says so.
use super::world::World;
use crate::scheduler::Action;
use longshore_proto::client::Chunk;
use longshore_proto::limit::CHUNK_BYTES;
use longshore_proto::piece::end_of_granted_piece;
use longshore_proto::{
    ClientToScheduler, Grant, Payload, PeerId, RelayId, SchedulerToClient, SchedulerToWorker, Taken,
    TaskHandle, WorkerToScheduler,
};
use std::collections::BTreeMap;

static ZEROS: [u8; 2 * CHUNK_BYTES] = [0; 2 * CHUNK_BYTES];

/// What is on its way, by whose it is.
#[derive(Default, Debug)]
pub(super) struct Traffic {
    pub sending: BTreeMap<(PeerId, RelayId), Sending>,
    pub arriving: BTreeMap<(PeerId, RelayId), Arriving>,
}

#[derive(Debug)]
pub(super) struct Sending {
    task: TaskHandle,
    until: u64,
    sent: usize,
}

#[derive(Debug)]
pub(super) struct Arriving {
    task: TaskHandle,
    total: u64,
    received: u64,
    taken: u64,
}

/// The size that a value turns out to have; it was said to be 100 000.
fn nbytes_of(task: TaskHandle) -> usize {
    [0, 90_000, 110_000, 3_000_000, 5_000_000][task.slot as usize % 5]
}

impl Traffic {
    pub(super) fn hear(&mut self, action: &Action) {
        match action {
            Action::ToWorker { peer, message } => match message {
                SchedulerToWorker::Upload { task, grant } => self.begin(*peer, *task, *grant),
                SchedulerToWorker::Grant(grant) => self.grant(*peer, *grant),
                SchedulerToWorker::Store { relay: Some(relay), chunk } => self.arrive(*peer, *relay, chunk),
                SchedulerToWorker::EndRelay { relay } => {
                    self.sending.remove(&(*peer, *relay));
                }
                _ => {}
            },
            Action::ToClient { peer, message } => match message {
                SchedulerToClient::Push { task, relay: Some(grant), .. } => self.begin(*peer, *task, *grant),
                SchedulerToClient::Grant(grant) => self.grant(*peer, *grant),
                SchedulerToClient::Data { relay, chunk, .. } => self.arrive(*peer, *relay, chunk),
                SchedulerToClient::EndRelay { relay } => {
                    self.sending.remove(&(*peer, *relay));
                }
                _ => {}
            },
            _ => {}
        }
    }

    fn begin(&mut self, peer: PeerId, task: TaskHandle, grant: Grant) {
        let new = Sending { task, until: grant.until, sent: 0 };
        assert!(self.sending.insert((peer, grant.relay), new).is_none(), "a number was used twice");
    }

    fn grant(&mut self, peer: PeerId, grant: Grant) {
        if let Some(sending) = self.sending.get_mut(&(peer, grant.relay)) {
            assert!(sending.until < grant.until, "no more than before");
            sending.until = grant.until;
        }
    }

    fn arrive(&mut self, peer: PeerId, relay: RelayId, chunk: &Chunk) {
        let (task, total, nbytes) = (chunk.task, chunk.total, chunk.bytes.nbytes() as u64);
        let new = Arriving { task, total, received: 0, taken: 0 };
        let arriving = self.arriving.entry((peer, relay)).or_insert(new);
        assert_eq!(chunk.offset, arriving.received, "in order");
        arriving.received += nbytes;
    }

    /// Bytes that were sent to a peer and not taken in.
    pub(super) fn untaken(&self, peer: PeerId) -> u64 {
        let to_it = self.arriving.iter().filter(|((to, _), _)| *to == peer);
        to_it.map(|(_, arriving)| arriving.received - arriving.taken).sum()
    }

    pub(super) fn forget(&mut self, peer: PeerId) {
        self.sending.retain(|(from, _), _| *from != peer);
        self.arriving.retain(|(to, _), _| *to != peer);
    }
}

impl World {
    /// One of those that send something sends a piece, if it may; whether it did.
    pub(super) fn send_piece(&mut self, which: usize) -> bool {
        let may = |s: &&Sending| s.next().is_some();
        let able: Vec<_> = self.traffic.sending.iter().filter(|(_, s)| may(s)).map(|(key, _)| *key).collect();
        let Some(&(from, relay)) = able.get(which % able.len().max(1)) else { return false };
        let sending = self.traffic.sending.get_mut(&(from, relay)).unwrap();
        let (end, total) = (sending.next().unwrap(), nbytes_of(sending.task));
        let bytes = Payload::from(bytes::Bytes::from_static(&ZEROS[..end - sending.sent])).into();
        let chunk = Chunk { task: sending.task, total: total as u64, offset: sending.sent as u64, bytes };
        sending.sent = end;
        if end == total {
            self.traffic.sending.remove(&(from, relay));
        }
        if self.workers.contains_key(&from) {
            self.says(from, WorkerToScheduler::Data { relay, chunk: Box::new(chunk) });
        } else {
            self.asks(from, ClientToScheduler::Upload { relay, chunk });
        }
        true
    }

    /// One of those that something has come to takes it in; whether there was one.
    pub(super) fn take_pieces(&mut self, which: usize) -> bool {
        let waits = |a: &Arriving| a.taken < a.received || a.total == 0;
        let keys: Vec<_> = self.traffic.arriving.iter().filter(|(_, a)| waits(a)).map(|(k, _)| *k).collect();
        let Some(&(to, relay)) = keys.get(which % keys.len().max(1)) else { return false };
        let arriving = self.traffic.arriving.get_mut(&(to, relay)).unwrap();
        arriving.taken = arriving.received;
        let (task, until, is_all) = (arriving.task, arriving.taken, arriving.taken == arriving.total);
        if is_all {
            self.traffic.arriving.remove(&(to, relay));
        }
        let taken = Taken { relay, until, is_all };
        if !self.workers.contains_key(&to) {
            self.asks(to, ClientToScheduler::Taken(taken));
            return true;
        }
        if is_all {
            self.workers.get_mut(&to).unwrap().values.insert(task);
            self.says(to, WorkerToScheduler::Replicas { tasks: vec![(task, until)] });
        }
        self.says(to, WorkerToScheduler::Taken(taken));
        true
    }
}

impl Sending {
    pub(super) fn task(&self) -> TaskHandle {
        self.task
    }

    fn next(&self) -> Option<usize> {
        end_of_granted_piece(self.sent, 0, nbytes_of(self.task), usize::try_from(self.until).unwrap())
    }
}

//! A machine with its hands on nothing: what it says is read off the actions.
mod any_order;
mod fetching;
mod giving;
mod runs;
mod session;

use super::*;
use longshore_proto::client::Chunk;
use longshore_proto::{Grant, PeerRequest, RelayId, TaskHandle};

#[derive(Clone, PartialEq, Debug)]
pub(super) struct T(pub(super) TaskId, pub(super) u32);

impl Token for T {
    fn id(&self) -> TaskId {
        self.0
    }
}

pub(super) fn id(seq: u64) -> TaskId {
    TaskId { origin: 1, seq }
}

pub(super) fn handle(slot: u32) -> TaskHandle {
    TaskHandle { slot, generation: 0 }
}

pub(super) fn ms(n: u64) -> Time {
    Time(n * 1_000_000)
}

pub(super) fn done(n: u64, value: &[u8]) -> SchedulerToClient {
    SchedulerToClient::Done { id: id(n), value: Payload::copy_from(value) }
}

pub(super) fn stored(n: u32, nbytes: u64, holders: &[u32]) -> SchedulerToClient {
    let holders = holders.iter().map(|p| PeerId(*p)).collect();
    SchedulerToClient::Stored { id: id(u64::from(n)), task: handle(n), nbytes, holders }
}

pub(super) fn named(peer: u32) -> SchedulerToClient {
    SchedulerToClient::Peer { peer: PeerId(peer), address: Some(format!("tcp://w{peer}:1")) }
}

pub(super) fn chunk(n: u32, total: u64, offset: u64, bytes: &[u8]) -> Chunk {
    Chunk { task: handle(n), total, offset, bytes: Payload::copy_from(bytes).into() }
}

/// A machine whose link is up, at time zero.
pub(super) struct Bench {
    pub(super) machine: Machine<T>,
    pub(super) now: Time,
}

impl Bench {
    pub(super) fn dialling() -> Self {
        Bench { machine: Machine::new(Config::default(), Time(0)), now: Time(0) }
    }

    pub(super) fn up() -> Self {
        let mut b = Self::dialling();
        assert_eq!(b.event(Event::LinkUp), []);
        b
    }

    pub(super) fn event(&mut self, event: Event<T>) -> Vec<Action<T>> {
        let mut out = vec![];
        self.machine.handle(self.now, event, &mut out);
        self.machine.validate();
        self.machine.finish(self.now, &mut out);
        self.machine.validate();
        out
    }

    pub(super) fn hear(&mut self, message: SchedulerToClient) -> Vec<Action<T>> {
        self.event(Event::Scheduler(message))
    }

    pub(super) fn peer(&mut self, from: u32, reply: PeerReply) -> Vec<Action<T>> {
        self.event(Event::Peer { from: PeerId(from), reply })
    }

    /// A future of task `n`.
    pub(super) fn want(&mut self, n: u64) -> T {
        let token = T(id(n), 0);
        assert_eq!(self.event(Event::Wanted(token.clone())), []);
        token
    }

    pub(super) fn at(&mut self, now: Time) -> &mut Self {
        self.now = now;
        self
    }
}

pub(super) fn settled(token: &T, outcome: Outcome) -> Action<T> {
    Action::Settle { token: token.clone(), outcome }
}

pub(super) fn value(token: &T, bytes: &[u8]) -> Action<T> {
    settled(token, Outcome::Value(Payload::copy_from(bytes)))
}

pub(super) fn dial(peer: u32) -> Action<T> {
    Action::Dial { peer: PeerId(peer), address: format!("tcp://w{peer}:1") }
}

pub(super) fn ask_peer(to: u32, tasks: &[u32]) -> Action<T> {
    let tasks = tasks.iter().map(|t| handle(*t)).collect();
    Action::SendPeer { to: PeerId(to), message: PeerRequest::Fetch { tasks } }
}

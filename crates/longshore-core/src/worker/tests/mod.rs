//! Tests of the worker machine: a state, an event, the exact actions; and long random lives.

mod data;
mod property;
mod run;

use super::*;
use longshore_proto::client::Chunk;
use longshore_proto::worker::Produced;
use longshore_proto::{
    Assign, FunctionId, FunctionIndex, FunctionSpec, Grant, Input, InputSource, Payload, PeerId, PeerReply,
    PeerRequest, SchedulerToWorker, Taken, TaskId,
};

const ME: PeerId = PeerId(100);

/// A machine with a clock, validated after every event.
struct Bench {
    machine: Machine,
    now: Time,
}

impl Bench {
    /// One that knows function 0 and peers 1 to 3.
    fn new(nthreads: u32) -> Self {
        let machine = Machine::new(Settings::new("w", ME, nthreads), Time(0));
        let mut bench = Bench { machine, now: Time(0) };
        let spec = FunctionSpec { id: FunctionId(7), name: "f".into(), signature: 1 };
        assert_eq!(bench.say(SchedulerToWorker::Function { index: FunctionIndex(0), spec }), []);
        for peer in 1..=3 {
            let address = Some(format!("tcp://w{peer}:1"));
            assert_eq!(bench.say(SchedulerToWorker::Peer { peer: PeerId(peer), address }), []);
        }
        bench
    }

    fn event(&mut self, event: Event) -> Actions {
        let mut out = Actions::new();
        self.machine.handle(self.now, event, &mut out);
        self.machine.validate();
        out
    }

    fn say(&mut self, message: SchedulerToWorker) -> Actions {
        self.event(Event::FromScheduler(message))
    }

    /// Assigns task `slot` with its own number as sequence.
    fn assign(&mut self, slot: u32, inputs: Vec<Input>) -> Actions {
        self.say(SchedulerToWorker::Assign(assign(slot, inputs)))
    }

    fn end(&mut self, slot: u32, duration_ns: u64, outcome: Outcome) -> Actions {
        let (task, attempt) = (handle(slot), Attempt(1));
        self.event(Event::RunEnded { task, attempt, duration_ns, outcome })
    }

    fn finish(&mut self, slot: u32) -> Actions {
        self.end(slot, 1_000_000, Outcome::Value { value: value(slot), inline: None })
    }

    fn peer_says(&mut self, peer: u32, reply: PeerReply) -> Actions {
        self.event(Event::FromPeer { peer: PeerId(peer), reply })
    }

    /// A whole value from a peer.
    fn data(&mut self, peer: u32, slot: u32) -> Actions {
        self.peer_says(peer, PeerReply::Data(chunk(slot, 3, 0, value(slot))))
    }

    fn advance_to_deadline(&mut self) -> Actions {
        self.now = self.machine.deadline().expect("a deadline");
        self.event(Event::Tick)
    }
}

fn handle(slot: u32) -> TaskHandle {
    TaskHandle { slot, generation: 0 }
}

fn id(slot: u32) -> TaskId {
    TaskId { origin: 9, seq: slot.into() }
}

/// The value of a task: three bytes.
fn value(slot: u32) -> Payload {
    Payload::copy_from(&[b'v', u8::try_from(slot % 256).unwrap_or_default(), 0])
}

fn chunk(slot: u32, total: u64, offset: u64, bytes: Payload) -> Chunk {
    Chunk { task: handle(slot), total, offset, bytes: bytes.into() }
}

fn assign(slot: u32, inputs: Vec<Input>) -> Assign {
    Assign {
        task: handle(slot),
        attempt: Attempt(1),
        id: id(slot),
        function: FunctionIndex(0),
        order: (0, slot.into()),
        args: Payload::empty(),
        inputs,
        timeout_ms: None,
    }
}

fn inline(slot: u32) -> Input {
    Input { task: handle(slot), source: InputSource::Inline(value(slot)) }
}

fn held(slot: u32) -> Input {
    Input { task: handle(slot), source: InputSource::Held }
}

fn at_peers(slot: u32, nbytes: u64, holders: &[u32]) -> Input {
    let holders = holders.iter().map(|p| PeerId(*p)).collect();
    Input { task: handle(slot), source: InputSource::Peers { nbytes, holders } }
}

fn start(slot: u32, inputs: Vec<Payload>) -> Action {
    Action::Start(Run {
        task: handle(slot),
        attempt: Attempt(1),
        id: id(slot),
        function: FunctionIndex(0),
        args: Payload::empty(),
        inputs,
        is_quick: false,
    })
}

fn fetch(peer: u32, slots: &[u32]) -> Action {
    let tasks = slots.iter().map(|s| handle(*s)).collect();
    Action::Fetch { peer: PeerId(peer), address: format!("tcp://w{peer}:1"), tasks }
}

fn up(message: WorkerToScheduler) -> Action {
    Action::ToScheduler(message)
}

fn stored(slot: u32) -> Action {
    up(WorkerToScheduler::Finished {
        task: handle(slot),
        attempt: Attempt(1),
        duration_ns: 1_000_000,
        value: Produced::Stored(3),
    })
}

fn replica(slots: &[u32]) -> Action {
    up(WorkerToScheduler::Replicas { tasks: slots.iter().map(|s| (handle(*s), 3)).collect() })
}

fn missing(slot: u32, tried: &[u32]) -> Action {
    let tried = tried.iter().map(|p| PeerId(*p)).collect();
    up(WorkerToScheduler::Missing { task: handle(slot), tried })
}

//! What goes into the worker's machine and what comes out of it.
use longshore_proto::{
    Attempt, FunctionIndex, Grant, Payload, PeerId, PeerReply, PeerRequest, RelayId, SchedulerToWorker,
    TaskFailure, TaskHandle, TaskId, WorkerToScheduler,
};
use std::fmt;
use std::sync::Arc;

/// Somebody who dialled this worker: a peer or a client. Counted by the driver, never reused.
#[derive(Copy, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct CallerId(pub u32);

/// What the machine has to know from the start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Name of the worker, for failures.
    pub name: String,
    /// The number by which the scheduler knows this worker.
    pub me: PeerId,
    /// Tasks that run at once.
    pub nthreads: u32,
    /// Largest value accepted from others, in bytes.
    pub value_bytes_max: u64,
    /// Applied once to every value that comes in. A driver makes it one that all tasks here can share once it is decoded.
    pub adopt: fn(Payload) -> Payload,
    /// Silence of the scheduler after which it counts as lost.
    pub lease_ms: u64,
    /// Silence of a peer that owes values after which it counts as lost.
    pub fetch_silence_ms: u64,
}

impl Settings {
    /// The usual settings for a worker.
    #[must_use]
    pub fn new(name: impl Into<String>, me: PeerId, nthreads: u32) -> Self {
        Settings {
            name: name.into(),
            me,
            nthreads: nthreads.max(1),
            value_bytes_max: 64 << 30,
            adopt: |value| value,
            lease_ms: 15_000,
            fetch_silence_ms: 20_000,
        }
    }
}

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// The scheduler said something.
    FromScheduler(SchedulerToWorker),
    /// A peer that was asked for values said something.
    FromPeer {
        /// The peer.
        peer: PeerId,
        /// What it said.
        reply: PeerReply,
    },
    /// A peer cannot be reached, or the link to it broke.
    PeerLost {
        /// The peer.
        peer: PeerId,
    },
    /// Somebody who dialled this worker wants something.
    FromCaller {
        /// Who.
        caller: CallerId,
        /// What.
        request: PeerRequest,
    },
    /// The link of a caller is gone.
    CallerLost {
        /// Who.
        caller: CallerId,
    },
    /// A run is over. Said exactly once for each [`Action::Start`].
    RunEnded {
        /// The task.
        task: TaskHandle,
        /// The run.
        attempt: Attempt,
        /// How long the function ran.
        duration_ns: u64,
        /// How it ended.
        outcome: Outcome,
    },
    /// A running task gives up its slot while it waits for others.
    Seceded {
        /// The task.
        task: TaskHandle,
        /// The run.
        attempt: Attempt,
    },
    /// A task that had seceded takes a slot again.
    Rejoined {
        /// The task.
        task: TaskHandle,
        /// The run.
        attempt: Attempt,
    },
    /// The link to the scheduler broke.
    SchedulerLost,
    /// The worker's owner wants it to leave.
    Close,
    /// The time of [`deadline`](super::Machine::deadline) has come.
    Tick,
}

/// How a run ended.
#[derive(Debug)]
pub enum Outcome {
    /// With a value.
    Value {
        /// The value, for tasks on this worker; kept unless it rides along.
        value: Payload,
        /// What rides along with the announcement; nothing if the value is too large for that.
        inline: Option<Payload>,
    },
    /// With a failure.
    Failed(Arc<TaskFailure>),
    /// The task wants to be run again, elsewhere if possible.
    Rescheduled,
}

/// One run, ready to go.
#[derive(Clone, PartialEq, Debug)]
pub struct Run {
    /// The task.
    pub task: TaskHandle,
    /// The run.
    pub attempt: Attempt,
    /// The task's lasting name.
    pub id: TaskId,
    /// The scheduler's number for the function.
    pub function: FunctionIndex,
    /// Encoded arguments, with places for the inputs.
    pub args: Payload,
    /// Values for those places, in order.
    pub inputs: Vec<Payload>,
    /// Whether the function is known to take much less than a millisecond.
    pub is_quick: bool,
}

/// What the driver is to do.
#[derive(PartialEq, Debug)]
pub enum Action {
    /// Say this to the scheduler.
    ToScheduler(WorkerToScheduler),
    /// Ask a peer for values; dial it first if need be.
    Fetch {
        /// The peer.
        peer: PeerId,
        /// Where it listens.
        address: String,
        /// The values.
        tasks: Vec<TaskHandle>,
    },
    /// Break the link to this peer: it said what no correct peer says, or it says nothing.
    DropPeer {
        /// The peer.
        peer: PeerId,
    },
    /// Run this, and report its end with [`Event::RunEnded`] whatever becomes of it.
    Start(Run),
    /// Nobody wants the result of this run any more: stop it if that can be done, and report its end all the same.
    CancelRun {
        /// The task.
        task: TaskHandle,
        /// The run.
        attempt: Attempt,
    },
    /// Say this to a caller.
    ToCaller {
        /// The caller.
        caller: CallerId,
        /// What to say.
        reply: PeerReply,
    },
    /// Send this value to a caller, in pieces.
    Serve {
        /// The caller.
        caller: CallerId,
        /// The value's task.
        task: TaskHandle,
        /// The value.
        value: Payload,
    },
    /// Break the link of this caller: it said what no correct caller says.
    DropCaller {
        /// The caller.
        caller: CallerId,
    },
    /// Send this value to the scheduler, in pieces and as far as is granted.
    Upload {
        /// How much of it for now.
        grant: Grant,
        /// The value's task.
        task: TaskHandle,
        /// The value.
        value: Payload,
    },
    /// More of a value may be sent to the scheduler.
    Grant(Grant),
    /// Nothing more of a value is to be sent to the scheduler.
    EndUpload(RelayId),
    /// Let go of these. They may run a user's destructors, so the driver chooses where.
    Discard(Vec<Payload>),
    /// The worker's life is over: flush what was said and stop. The machine ignores all that comes after.
    Exit(Exit),
}

/// Why a worker's life ended.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Exit {
    /// Its owner closed it.
    Closed,
    /// The scheduler sent it away.
    Shutdown {
        /// The scheduler's words.
        reason: String,
    },
    /// A client ended the whole cluster, so nobody is to start this worker again.
    ClusterEnded {
        /// The scheduler's words.
        reason: String,
    },
    /// The link to the scheduler broke.
    SchedulerLost,
    /// The scheduler was silent for too long.
    SchedulerSilent {
        /// For how long, in milliseconds.
        silence_ms: u64,
    },
    /// Its runtime ended, or a defect ended it. Never said by the machine.
    Aborted {
        /// What is known about it.
        reason: String,
    },
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exit::Closed => f.write_str("it was closed"),
            Exit::Shutdown { reason } => write!(f, "the scheduler sent it away: {reason}"),
            Exit::ClusterEnded { reason } => write!(f, "the cluster was ended: {reason}"),
            Exit::Aborted { reason } => write!(f, "it ended in the middle of its work: {reason}"),
            Exit::SchedulerLost => f.write_str("the link to the scheduler broke"),
            Exit::SchedulerSilent { silence_ms } => {
                write!(f, "the scheduler was silent for {silence_ms} ms")
            }
        }
    }
}

/// What happened so far, in numbers.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    /// Runs that ended with a value that was wanted.
    pub finished: u64,
    /// Runs that ended with a failure, timeouts included.
    pub failed: u64,
    /// Runs whose result nobody wanted any more.
    pub discarded: u64,
    /// Messages about something that is no longer so.
    pub stale: u64,
    /// Bytes fetched from peers.
    pub fetched_bytes: u64,
    /// Peers and callers that broke the protocol or fell silent.
    pub violations: u64,
}

//! Messages between the scheduler and a worker.
use crate::client::Chunk;
use crate::{
    Attempt, FunctionIndex, FunctionSpec, Grant, Payload, PeerId, RelayId, Taken, TaskFailure, TaskHandle,
    TaskId,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What the scheduler says to a worker.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum SchedulerToWorker {
    /// Introduces a function under the scheduler's number for it.
    Function {
        /// The scheduler's number.
        index: FunctionIndex,
        /// The function.
        spec: FunctionSpec,
    },
    /// How to reach another worker, said before it is first named on this link.
    Peer {
        /// The other worker.
        peer: PeerId,
        /// Where it listens; `None` if it cannot be reached.
        address: Option<String>,
    },
    /// Run a task.
    Assign(Assign),
    /// Give a task back if it has not been started.
    Retract {
        /// The task.
        task: TaskHandle,
        /// The attempt to give back.
        attempt: Attempt,
    },
    /// Nobody wants this attempt any more: drop it if it has not started, tell it if it runs.
    Cancel {
        /// The task.
        task: TaskHandle,
        /// The attempt.
        attempt: Attempt,
    },
    /// Forget the values of these tasks.
    Release {
        /// Tasks whose values are no longer needed.
        tasks: Vec<TaskHandle>,
    },
    /// New places to fetch an input from, after [`WorkerToScheduler::Missing`]; empty while it is being made again.
    Holders {
        /// The input.
        task: TaskHandle,
        /// Workers that have it now.
        holders: Vec<PeerId>,
    },
    /// Send a stored value up, for a client that cannot reach this worker.
    Upload {
        /// The value.
        task: TaskHandle,
        /// How much of it for now.
        grant: Grant,
    },
    /// A piece of a value for this worker.
    Store {
        /// A client hands it over through the scheduler; answered by [`WorkerToScheduler::Taken`]. Without one, it is a
        /// whole value of the scheduler's own.
        relay: Option<RelayId>,
        /// The piece.
        chunk: Chunk,
    },
    /// I am alive.
    Heartbeat,
    /// Finish nothing more and leave.
    Shutdown {
        /// Why.
        reason: String,
    },
    /// The cluster was ended: leave, and let nobody start this worker again.
    End {
        /// Why.
        reason: String,
    },
    /// More of a value may be sent up.
    Grant(Grant),
    /// Nothing more of a value is to be sent up, or will come down.
    EndRelay {
        /// Which.
        relay: RelayId,
    },
}

/// One run of one task.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Assign {
    /// The task.
    pub task: TaskHandle,
    /// Which run this is.
    pub attempt: Attempt,
    /// The task's lasting name: the idempotency key of what it does.
    pub id: TaskId,
    /// The scheduler's number for the function.
    pub function: FunctionIndex,
    /// Priority first (greater runs earlier), then order of submission (smaller runs earlier).
    pub order: (i32, u64),
    /// Encoded arguments, with places for the inputs.
    pub args: Payload,
    /// Values for those places.
    pub inputs: Vec<Input>,
    /// Longest run in milliseconds.
    pub timeout_ms: Option<u64>,
}

/// An input of an assigned task.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Input {
    /// The task whose value it is.
    pub task: TaskHandle,
    /// Where the value is.
    pub source: InputSource,
}

/// Where an input comes from.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum InputSource {
    /// Right here.
    Inline(Payload),
    /// The worker holds it already, it is on its way to it, or a task assigned to it makes it.
    Held,
    /// Other workers hold it.
    Peers {
        /// Size in bytes, for batching.
        nbytes: u64,
        /// Who has it.
        holders: Vec<PeerId>,
    },
}

/// What a worker says.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum WorkerToScheduler {
    /// The functions of the worker's binary, when the scheduler asked for them in its welcome.
    Registry {
        /// All of them.
        functions: Vec<FunctionSpec>,
        /// Whether this is the last message of the list.
        last: bool,
    },
    /// A run ended with a value.
    Finished {
        /// The task.
        task: TaskHandle,
        /// The run.
        attempt: Attempt,
        /// How long the function ran.
        duration_ns: u64,
        /// The value, or its size.
        value: Produced,
    },
    /// A run ended without a value.
    Failed {
        /// The task.
        task: TaskHandle,
        /// The run.
        attempt: Attempt,
        /// How long the function ran.
        duration_ns: u64,
        /// Why.
        #[serde(with = "crate::failure::shared")]
        failure: Arc<TaskFailure>,
    },
    /// The task asked to be run again, elsewhere if possible; no retry is used up.
    Rescheduled {
        /// The task.
        task: TaskHandle,
        /// The run.
        attempt: Attempt,
    },
    /// Answer to a retraction.
    Retracted {
        /// The task.
        task: TaskHandle,
        /// The run.
        attempt: Attempt,
        /// Whether it was given back; otherwise it is running or done.
        given_back: bool,
    },
    /// An input could not be had from the workers that were said to have it.
    Missing {
        /// The input.
        task: TaskHandle,
        /// Workers that do not have it or do not answer.
        tried: Vec<PeerId>,
    },
    /// The worker has a copy of these values now.
    Replicas {
        /// Values and their sizes in bytes.
        tasks: Vec<(TaskHandle, u64)>,
    },
    /// The task waits for other tasks and gives its place to somebody else meanwhile.
    Seceded {
        /// The task.
        task: TaskHandle,
        /// The run.
        attempt: Attempt,
    },
    /// A piece of a value asked for by [`SchedulerToWorker::Upload`].
    Data {
        /// As that message said.
        relay: RelayId,
        /// The piece. Behind a pointer, because no other message is as large and few are as rare.
        chunk: Box<Chunk>,
    },
    /// The value asked for by [`SchedulerToWorker::Upload`] is not here.
    NoData {
        /// As that message said.
        relay: RelayId,
        /// The value.
        task: TaskHandle,
    },
    /// I am alive.
    Heartbeat {
        /// Memory the stored values take, in bytes.
        stored_bytes: u64,
    },
    /// The worker leaves.
    Goodbye,
    /// Pieces that came as [`SchedulerToWorker::Store`], whether or not they were of use.
    Taken(Taken),
}

/// What a run produced.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Produced {
    /// A small value, which the scheduler keeps from here on; the worker keeps no copy.
    Inline(Payload),
    /// A value that stays on the worker, of so many bytes.
    Stored(u64),
}

//! Messages between a client and the scheduler.
//!
//! Everything a client says travels in one ordered session: a release can never overtake the submission it follows.
use crate::query::{Answer, Query};
use crate::{
    FunctionIndex, FunctionSpec, Grant, Payload, PeerId, Piece, RelayId, SubmitRun, Taken, TaskFailure,
    TaskHandle, TaskId,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What a client says.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum ClientToScheduler {
    /// Introduces a function under the client's own number for it.
    Function {
        /// The client's number.
        index: FunctionIndex,
        /// The function.
        spec: FunctionSpec,
    },
    /// One call.
    Submit(Submit),
    /// The client no longer wants these.
    Release {
        /// Tasks, each wanted once by this client until now.
        ids: Vec<TaskId>,
    },
    /// Stop these and, unless other clients want them, all that depends on them.
    Cancel {
        /// Tasks to stop.
        ids: Vec<TaskId>,
        /// Cancel even what other clients want.
        force: bool,
    },
    /// Run failed tasks, and the failed tasks they depend on, again.
    Retry {
        /// Failed tasks.
        ids: Vec<TaskId>,
    },
    /// Run these to the end even when nobody wants their values.
    Detach {
        /// Tasks.
        ids: Vec<TaskId>,
    },
    /// Want a task that another client submitted, or this one wanted before.
    Want {
        /// The task.
        id: TaskId,
    },
    /// A value of the client's own becomes a task that is already done.
    Scatter(Scatter),
    /// A stored result is to come through the scheduler, because its holders cannot be reached.
    Fetch {
        /// The task.
        id: TaskId,
    },
    /// A piece of a scattered value that goes through the scheduler, because the worker cannot be reached.
    Upload {
        /// As [`SchedulerToClient::Push`] said.
        relay: RelayId,
        /// The piece.
        chunk: Chunk,
    },
    /// The client could not hand a value to the worker that [`SchedulerToClient::Push`] named.
    PushFailed {
        /// The value's task.
        task: TaskHandle,
        /// The worker that could not be reached.
        worker: PeerId,
        /// What the value was to go through, if it was to go through the scheduler: the client does not have it.
        relay: Option<RelayId>,
    },
    /// A question; the answer has the same number.
    Query {
        /// Number chosen by the client.
        request: u32,
        /// The question.
        query: Query,
    },
    /// I am alive.
    Heartbeat,
    /// The client leaves; release all it wants.
    Goodbye,
    /// End the whole cluster: the workers, the scheduler, and with them every client's session.
    Shutdown,
    /// Calls submitted one after the other: the same as a [`Submit`](Self::Submit) for each.
    SubmitRun(SubmitRun),
    /// The same as a [`Release`](Self::Release) of tasks whose ids follow one another.
    ReleaseRun {
        /// The first of them.
        first: TaskId,
        /// How many, at most [`RELEASE_LEN_MAX`](crate::limit::RELEASE_LEN_MAX).
        len: u32,
    },
    /// Pieces that came as [`SchedulerToClient::Data`], whether or not they were of use.
    Taken(Taken),
}

/// One call to be run.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Submit {
    /// Name of the task, chosen by the client.
    pub id: TaskId,
    /// The client's number for the function.
    pub function: FunctionIndex,
    /// Encoded arguments, with places for the inputs.
    pub args: Payload,
    /// Tasks whose values go into those places, in order; no task twice.
    pub inputs: Vec<TaskId>,
    /// Whether the client wants the value (an inner call of a graph is wanted by its parent only).
    pub want: bool,
    /// Higher runs first; 0 is usual. Not among the options, so that calls with nothing but a priority have none.
    pub priority: i32,
    /// Whatever else is not at its default.
    pub options: Option<Box<SubmitOptions>>,
}

/// Options of one call.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct SubmitOptions {
    /// Further tries after a failed one.
    pub retries: u32,
    /// Names or addresses of the workers that may run it; empty for any.
    pub workers: Vec<String>,
    /// `workers` is a wish, not a condition.
    pub allow_other_workers: bool,
    /// Amounts of named resources held while it runs.
    pub resources: Vec<(String, f64)>,
    /// Longest run in milliseconds.
    pub timeout_ms: Option<u64>,
    /// Only workers on the runtime of this name.
    pub runtime: Option<String>,
    /// Explicit or derived key: the call's identity, so that a key used for another call is noticed.
    pub key: Option<Key>,
    /// The submitting task's order, so that work a task submits runs before work submitted after that task.
    pub parent: Option<TaskId>,
    /// Run again after a worker was lost; if not, the outcome is then unknown.
    pub no_rerun: bool,
}

/// A key that may be used by several submissions.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Key {
    /// What the user called it; empty for a pure call.
    pub text: String,
    /// Hash of function, arguments and inputs: equal for equal calls.
    pub call_hash: u64,
}

/// A value that a client puts into the cluster.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Scatter {
    /// Name of the task that the value becomes.
    pub id: TaskId,
    /// Whether the client wants it (an argument of a call is wanted by the call only).
    pub want: bool,
    /// The value itself when it is small.
    pub value: Option<Payload>,
    /// Its size otherwise; the client then waits for [`SchedulerToClient::Push`].
    pub nbytes: u64,
    /// Place on every worker.
    pub broadcast: bool,
    /// Place at once; otherwise when a task needs it, on the worker that runs that task.
    pub eager: bool,
    /// Names or addresses of the workers that may hold it; empty for any.
    pub workers: Vec<String>,
}

/// A piece of a value.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Chunk {
    /// Whose value.
    pub task: TaskHandle,
    /// Size of the whole value in bytes.
    pub total: u64,
    /// Where this piece begins.
    pub offset: u64,
    /// The piece.
    pub bytes: Piece,
}

/// What the scheduler says to a client.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum SchedulerToClient {
    /// A wanted task has a small value.
    Done {
        /// The task.
        id: TaskId,
        /// Its value.
        value: Payload,
    },
    /// A wanted task has a value, kept by workers.
    Stored {
        /// The task.
        id: TaskId,
        /// Its name on the workers.
        task: TaskHandle,
        /// Size in bytes.
        nbytes: u64,
        /// Workers that have it.
        holders: Vec<PeerId>,
    },
    /// A wanted task failed.
    Failed {
        /// The task.
        id: TaskId,
        /// Why.
        #[serde(with = "crate::failure::shared")]
        failure: Arc<TaskFailure>,
    },
    /// A task that was done is pending again: its value was lost, or it is retried.
    Pending {
        /// The task.
        id: TaskId,
    },
    /// How to reach a worker, said before the worker is first named on this link.
    Peer {
        /// The worker.
        peer: PeerId,
        /// Where it listens; `None` if it cannot be reached from outside.
        address: Option<String>,
    },
    /// Hand a scattered value to this worker.
    Push {
        /// The value.
        id: TaskId,
        /// Its name on the workers.
        task: TaskHandle,
        /// The worker.
        worker: PeerId,
        /// Send it through the scheduler, as [`ClientToScheduler::Upload`], and for now only so much of it.
        relay: Option<Grant>,
    },
    /// A scattered value is no longer needed from this client. Each [`Scatter`] without its value is answered by one of these,
    /// at once or later; the client may drop its copy with the last one.
    Dropped {
        /// The value.
        id: TaskId,
    },
    /// A piece of a value asked for by [`ClientToScheduler::Fetch`]. Answered by [`ClientToScheduler::Taken`].
    Data {
        /// The task.
        id: TaskId,
        /// One number for all pieces of the value; another one when it begins anew.
        relay: RelayId,
        /// The piece. Behind a pointer, because no other message is as large and few are as rare.
        chunk: Box<Chunk>,
    },
    /// Answer to a query.
    Answer {
        /// The query's number.
        request: u32,
        /// The answer.
        answer: Answer,
    },
    /// Something the user should know, such as work waiting while there is no worker.
    Notice {
        /// What to say.
        text: String,
    },
    /// I am alive.
    Heartbeat,
    /// The scheduler closes; nothing more will come.
    Goodbye {
        /// Why.
        reason: String,
    },
    /// The same as a [`Done`](Self::Done) for each of some tasks whose ids follow one another.
    DoneRun {
        /// The first of them.
        first: TaskId,
        /// Their values, at most [`DONE_RUN_LEN_MAX`](crate::limit::DONE_RUN_LEN_MAX).
        values: Vec<Payload>,
    },
    /// More of a value may be sent as [`ClientToScheduler::Upload`].
    Grant(Grant),
    /// Nothing more of a value is to be sent as [`ClientToScheduler::Upload`].
    EndRelay {
        /// Which.
        relay: RelayId,
    },
}

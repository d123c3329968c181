//! Questions a client may ask about the cluster, and their answers.
use crate::TaskId;
use serde::{Deserialize, Serialize};

/// A question.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Query {
    /// Which workers hold these values; all values if empty.
    WhoHas(Vec<TaskId>),
    /// The cluster as a whole.
    SchedulerInfo,
    /// Tasks each worker was assigned and has not finished.
    Processing,
    /// What happened to a task.
    Story(TaskId),
    /// Answer as soon as that many workers are there.
    WaitForWorkers(u32),
    /// Answer once everything sent before on this link was handled.
    Flush,
    /// Versions of Longshore in the scheduler's and in the workers' binaries.
    Versions,
}

/// An answer.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Answer {
    /// Values and the names of their holders.
    WhoHas(Vec<(TaskId, Vec<String>)>),
    /// The cluster as a whole.
    SchedulerInfo(SchedulerInfo),
    /// Worker names and their unfinished tasks.
    Processing(Vec<(String, Vec<TaskId>)>),
    /// Lines of the story, oldest first.
    Story(Vec<String>),
    /// That many workers are there.
    Workers(u32),
    /// Everything before was handled.
    Flushed,
    /// The scheduler's version, and the workers' by their names.
    Versions(String, Vec<(String, String)>),
}

/// A snapshot of the cluster.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct SchedulerInfo {
    /// The scheduler's incarnation.
    pub incarnation: u64,
    /// Connected workers, oldest first.
    pub workers: Vec<WorkerInfo>,
    /// Connected clients.
    pub clients: u32,
    /// Tasks known, by state.
    pub tasks: TaskCounts,
    /// Tasks finished since the start.
    pub finished_total: u64,
}

/// One worker.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct WorkerInfo {
    /// Its name.
    pub name: String,
    /// Where it listens, if it can be reached.
    pub address: Option<String>,
    /// Tasks it runs at once.
    pub nthreads: u32,
    /// Runtime it is on.
    pub runtime: String,
    /// Process id.
    pub pid: u32,
    /// Tasks assigned and not finished.
    pub assigned: u32,
    /// Memory its stored values take, in bytes, as last heard.
    pub stored_bytes: u64,
    /// Resources it supplies.
    pub resources: Vec<(String, f64)>,
}

/// Tasks by state.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct TaskCounts {
    /// An input is missing.
    pub waiting: u64,
    /// Ready, no worker chosen yet.
    pub queued: u64,
    /// Sent to a worker.
    pub assigned: u64,
    /// Done, value available.
    pub memory: u64,
    /// Failed.
    pub failed: u64,
    /// Done, value dropped, call kept in case it must be made again.
    pub released: u64,
}

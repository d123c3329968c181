//! Why a cluster on this machine could not be started.
use crate::link::ConnectError;
use crate::scheduler::SchedulerError;
use crate::worker::WorkerError;
use std::time::Duration;

/// A local cluster did not come up. Whatever was started of it has been stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// The scheduler did not start.
    #[error(transparent)]
    Scheduler(#[from] SchedulerError),
    /// A worker in this process did not start.
    #[error("a worker in this process could not start")]
    Worker(#[from] WorkerError),
    /// The own scheduler did not answer.
    #[error("the cluster's own scheduler could not be reached")]
    Connect(#[from] ConnectError),
    /// A worker process could not be started.
    #[error("the worker process {command:?} could not be started")]
    Spawn {
        /// The program.
        command: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A worker process ended before it had joined.
    #[error(
        "worker process {name:?} ended ({status}) before it joined the cluster; is `longshore::init()` the first line of main? \
         (where main is not yours, as in tests, name a worker program with worker_command)"
    )]
    WorkerEnded {
        /// Name of the worker.
        name: String,
        /// Its exit status.
        status: String,
    },
    /// Not all worker processes joined in time.
    #[error(
        "the cluster's workers did not join within {after:?}; is `longshore::init()` the first line of main, so that a worker \
         process becomes a worker instead of running the program again?"
    )]
    StartTimedOut {
        /// The limit.
        after: Duration,
    },
    /// This process is itself meant to be a worker.
    #[error(
        "a worker process tried to start a cluster of its own: it ran main instead of becoming a worker; make \
         `longshore::init()` the first line of main"
    )]
    InitForgotten,
    /// A process cannot be started on this runtime, or this binary cannot be found.
    #[error("the running program's own file could not be found, so it cannot be started again as a worker")]
    OwnBinary(#[source] std::io::Error),
    /// The scheduler's connection broke while the cluster was starting.
    #[error("the cluster's scheduler ended while the cluster was starting")]
    SchedulerEnded,
}

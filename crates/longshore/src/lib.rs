//! A programming model for parallel and distributed work: submit calls, await futures.
// The macros name this crate as a user would, in its own tests too.
#[allow(unused_extern_crates)]
extern crate self as longshore;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
mod address;
mod alarm;
pub mod blocking;
pub mod call;
mod caller_runs;
pub mod client;
pub mod cluster;
pub mod context;
pub mod error;
pub(crate) mod function;
pub mod future;
mod link;
pub mod scheduler;
pub(crate) mod value;
pub mod worker;

pub use address::{Address, ParseAddressError};
pub use call::{Arg, Call, Input, Local, Rerun, TaskFn, lambda, local, register, task};
#[cfg(feature = "async-std")]
pub use client::AsyncStdClient;
#[cfg(feature = "smol")]
pub use client::SmolClient;
#[cfg(feature = "tokio")]
pub use client::TokioClient;
pub use client::{
    AsCompleted, CallSet, Client, ClientBuilder, ExecutorClient, Gather, Versions, WaitFor, Waited,
    as_completed, progress, wait,
};
pub use cluster::{
    ClusterError, LocalCluster, LocalClusterBuilder, Supervisor, WorkerEnd, WorkerPlan, init, init_with,
};
pub use context::{TaskContext, context, try_context};
pub use error::{Error, TaskError, TaskErrorKind};
pub use function::Reschedule;
pub use future::{TaskFuture, TaskStatus};
pub use link::{ConnectError, LinkError, ListenError};
pub use longshore_proto::TaskId;
pub use longshore_proto::query::{SchedulerInfo, TaskCounts, WorkerInfo};
/// The runtimes, and the trait that makes one.
pub use longshore_rt as rt;
/// The simulator: one more runtime, on which a whole cluster runs from a seed.
#[cfg(feature = "sim")]
pub use longshore_sim as sim;
pub use scheduler::{Scheduler, SchedulerBuilder, SchedulerError};
pub use value::{Array, Blob, Element, ShapeError, Value};
pub use worker::{Compute, Worker, WorkerBuilder, WorkerError, WorkerExit};

//! The child's side: a process that finds the mark becomes a worker and nothing else.
use crate::address::{Address, ParseAddressError};
use crate::worker::{Worker, WorkerError, WorkerExit};
use longshore_proto::plan::{MARKER, WorkerPlan};
use longshore_rt::{BlockOn, DynRuntime, OwnedExecutor};
use std::io::Read;
use std::thread;
use std::time::Duration;

/// How long a worker may take to leave once its parent is gone or has told it to go.
const LEAVE_MS_MAX: u64 = 2_000;
/// Exit status of a child that could not become a worker.
const EXIT_FAILED: i32 = 70;
/// Exit status of a worker whose cluster was ended, so that it is not started again.
pub(super) const EXIT_CLUSTER_ENDED: i32 = 80;

/// Makes worker processes possible: call it as the first line of `main`.
///
/// In a normal start it returns at once. In a process that a [`LocalCluster`](crate::LocalCluster) started to be a worker, it
/// runs the worker on a thread of its own until the parent is done with it, and then ends the process: it never returns.
/// It may stand inside `#[tokio::main]` and the like.
///
/// The worker runs on the built-in runtime, or on the one that
/// [`worker_runtime`](crate::LocalClusterBuilder::worker_runtime) names. See [`init_with`] for runtimes of your own.
pub fn init() {
    init_with(|_| None);
}

/// [`init`] for a program with runtimes of its own: `runtime` is asked for the one the parent named, before the built-in ones
/// (`owned`, and `tokio`, `smol`, `async-std` with their features) are.
pub fn init_with(runtime: impl FnOnce(&str) -> Option<DynRuntime> + Send + 'static) {
    if std::env::var_os(MARKER).is_none() {
        return;
    }
    let worker = thread::Builder::new().name("longshore-worker".into()).spawn(move || be_worker(runtime));
    let ended = worker.map(thread::JoinHandle::join);
    let status = match ended {
        Ok(Ok(Ok(status))) => status,
        Ok(Ok(Err(error))) => fail(&error),
        Ok(Err(_)) => fail("its thread panicked"),
        Err(error) => fail(&error.to_string()),
    };
    std::process::exit(status);
}

/// Whether this process was started to be a worker.
pub(crate) fn is_child() -> bool {
    std::env::var_os(MARKER).is_some()
}

fn fail(error: &str) -> i32 {
    eprintln!("longshore worker process: {error}");
    EXIT_FAILED
}

/// A worker's life, and the status to exit with.
fn be_worker(runtime: impl FnOnce(&str) -> Option<DynRuntime>) -> Result<i32, String> {
    let plan = WorkerPlan::read(std::io::stdin().lock()).map_err(|e| with_sources(&e))?;
    thread::Builder::new()
        .name("longshore-parent".into())
        .spawn(leave_with_parent)
        .map_err(|e| e.to_string())?;
    let rt = match runtime(&plan.runtime) {
        Some(rt) => rt,
        None => built_in(&plan.runtime)?,
    };
    let scheduler: Address = plan.scheduler.parse().map_err(|e: ParseAddressError| with_sources(&e))?;
    let mut builder =
        Worker::builder(rt.clone(), scheduler).name(plan.name).token(plan.token).nthreads(plan.nthreads);
    for (name, amount) in plan.resources {
        builder = builder.resource(name, amount);
    }
    if let Some(bytes) = plan.memory_limit_bytes {
        builder = builder.memory_limit(bytes);
    }
    let lived = rt.block_on(async move { Ok::<_, WorkerError>(builder.start().await?.finished().await) });
    match lived {
        Ok(Ok(WorkerExit::Closed | WorkerExit::Shutdown { .. })) => Ok(0),
        Ok(Ok(WorkerExit::ClusterEnded { .. })) => Ok(EXIT_CLUSTER_ENDED),
        Ok(Ok(exit)) => Err(exit.to_string()),
        Ok(Err(e)) => Err(with_sources(&e)),
        Err(e) => Err(with_sources(&e)),
    }
}

/// Ends the process once the parent has closed the pipe, which its own end does too.
fn leave_with_parent() {
    let mut byte = [0];
    while std::io::stdin().lock().read(&mut byte).is_ok_and(|n| n > 0) {}
    // The scheduler says goodbye as well; a worker that hears it leaves sooner and in order.
    thread::sleep(Duration::from_millis(LEAVE_MS_MAX));
    std::process::exit(0);
}

/// A runtime that comes with the library.
fn built_in(name: &str) -> Result<DynRuntime, String> {
    match name {
        "owned" => OwnedExecutor::new().map(DynRuntime::new).map_err(|e| e.to_string()),
        #[cfg(feature = "tokio")]
        "tokio" => longshore_rt::TokioRuntime::new(1).map(DynRuntime::new).map_err(|e| e.to_string()),
        #[cfg(feature = "smol")]
        "smol" => Ok(DynRuntime::new(longshore_rt::SmolRuntime::new())),
        #[cfg(feature = "async-std")]
        "async-std" => Ok(DynRuntime::new(longshore_rt::AsyncStdRuntime::new())),
        other => Err(format!(
            "no runtime named {other:?} here: enable the feature of that name, or offer it through longshore::init_with"
        )),
    }
}

fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(e) = source {
        text = format!("{text}: {e}");
        source = e.source();
    }
    text
}

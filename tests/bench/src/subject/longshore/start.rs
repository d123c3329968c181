//! Clusters of every shape, and what their processes do.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use anyhow::bail;
use longshore::blocking::Client;
use longshore::rt::{AsyncStdRuntime, BlockOn, OwnedExecutor, Runtime, SmolRuntime, TokioRuntime};
use longshore::{Address, LocalCluster, Scheduler, Worker};

use super::tasks::inc;
use super::{CLIENT, Longshore, RuntimeName, SCHEDULER, WORKER, WORKERS, Way};
use crate::kernel::{resident_bytes, threads};
use crate::metric::Mode;
use crate::process::{Role, announce};
use crate::subject::{Processes, Shape, Subject};

/// How long workers may take to join.
const JOIN: Duration = Duration::from_secs(60);

/// Calls a generic function with the runtime of that name.
macro_rules! on {
    ($name:expr, $function:ident($($arg:expr),*)) => {
        match $name {
            RuntimeName::Owned => $function(OwnedExecutor::new()?, $($arg),*),
            RuntimeName::Tokio => $function(TokioRuntime::new(2)?, $($arg),*),
            RuntimeName::TokioCurrentThread => $function(current_thread()?, $($arg),*),
            RuntimeName::Smol => $function(SmolRuntime::new(), $($arg),*),
            RuntimeName::AsyncStd => $function(AsyncStdRuntime::new(), $($arg),*),
        }
    };
}

/// tokio's runtime of one thread, driven by a thread of its own.
fn current_thread() -> anyhow::Result<TokioRuntime> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    let drive = move || runtime.block_on(std::future::pending::<()>());
    thread::Builder::new().name("tokio".to_owned()).spawn(drive)?;
    Ok(TokioRuntime::from_handle(handle)?)
}

/// A cluster on this runtime, and clients of it.
///
/// # Errors
/// When it does not come up.
pub(crate) fn start(runtime: RuntimeName, way: Way, shape: Shape) -> anyhow::Result<Box<dyn Subject>> {
    match shape.mode {
        Mode::Inproc if shape.has_instant_workers => on!(runtime, start_instant(shape)),
        Mode::Inproc => on!(runtime, start_inproc(shape)),
        Mode::Tcp if shape.has_instant_workers || shape.workers != WORKERS.len() => {
            bail!("worker processes are {} and have compute threads", WORKERS.len())
        }
        Mode::Tcp => on!(runtime, start_processes(runtime, way, shape)),
    }
}

/// Where the scheduler and the workers are; only kept, they end when it is dropped.
pub(super) enum Place<R> {
    Processes {
        _scheduler: Role,
        _workers: Vec<Role>,
    },
    Here {
        _cluster: LocalCluster<R>,
    },
    Threads {
        /// Those of the scheduler's runtime.
        scheduler_threads: BTreeSet<u32>,
        _workers: Vec<Worker<OwnedExecutor>>,
        _scheduler: Scheduler<OwnedExecutor>,
    },
}

fn start_processes<R: BlockOn>(
    rt: R,
    runtime: RuntimeName,
    way: Way,
    shape: Shape,
) -> anyhow::Result<Box<dyn Subject>> {
    let scheduler = Role::start(SCHEDULER, &[runtime.name(), way.name()])?;
    let workers = WORKERS.map(|name| vec![runtime.name(), &*scheduler.address, name, way.name()]);
    let workers = Role::start_together(WORKER, &workers)?;
    let address = scheduler.address.clone();
    let processes =
        Processes { scheduler: scheduler.pid(), workers: workers.iter().map(Role::pid).collect() };
    let place = Place::Processes { _scheduler: scheduler, _workers: workers };
    subject(runtime, &connect(&rt, &address, shape)?, address, processes, place)
}

fn start_inproc<R: BlockOn>(rt: R, shape: Shape) -> anyhow::Result<Box<dyn Subject>> {
    let cluster = LocalCluster::builder(rt.clone()).workers(shape.workers).threads_per_worker(1);
    let cluster = rt.block_on(cluster.start())??;
    let address = cluster.address().to_string();
    let clients = connect(&rt, &address, shape)?;
    subject(RuntimeName::Owned, &clients, address, here(), Place::Here { _cluster: cluster })
}

/// The scheduler on a thread of its own, all workers on another. Those are the built-in runtime's, whose threads can be
/// told apart; only the clients are on the runtime that is measured.
fn start_instant<R: BlockOn>(rt: R, shape: Shape) -> anyhow::Result<Box<dyn Subject>> {
    let before = threads()?;
    let runtime = OwnedExecutor::new()?;
    let scheduler_threads = threads()?.difference(&before).copied().collect();
    let builder = Scheduler::builder(runtime.clone()).listen(Address::unique_inproc("bench"));
    let scheduler = runtime.block_on(builder.start())??;
    let address = scheduler.address().clone();
    let runtime = OwnedExecutor::new()?;
    let mut workers = Vec::with_capacity(shape.workers);
    for number in 0..shape.workers {
        let builder =
            Worker::builder(runtime.clone(), address.clone()).name(format!("w{number}")).nthreads(1);
        workers.push(runtime.block_on(builder.start())??);
    }
    let clients = connect(&rt, &address.to_string(), shape)?;
    let place = Place::Threads { scheduler_threads, _workers: workers, _scheduler: scheduler };
    subject(RuntimeName::Owned, &clients, address.to_string(), here(), place)
}

fn here() -> Processes {
    Processes { scheduler: std::process::id(), workers: Vec::new() }
}

fn connect<R: BlockOn>(rt: &R, address: &str, shape: Shape) -> anyhow::Result<Vec<Client<R>>> {
    let one = |_| Ok(Client::with(rt.clone()).address(address).connect()?);
    let clients: Vec<_> = (0..shape.clients).map(one).collect::<anyhow::Result<_>>()?;
    if let Some(client) = clients.first() {
        client.wait_for_workers(u32::try_from(shape.workers)?, Some(JOIN))?;
    }
    Ok(clients)
}

fn subject<R: BlockOn>(
    runtime: RuntimeName,
    clients: &[Client<R>],
    address: String,
    processes: Processes,
    place: Place<R>,
) -> anyhow::Result<Box<dyn Subject>> {
    let clients = clients.to_vec();
    Ok(Box::new(Longshore { runtime, clients, address, processes, held: Vec::new(), place }))
}

/// The scheduler process: runs until it is killed.
///
/// # Errors
/// When it cannot start.
pub(crate) fn serve_scheduler(runtime: RuntimeName, way: Way) -> anyhow::Result<()> {
    on!(runtime, run_scheduler(way))
}

fn run_scheduler<R: BlockOn>(rt: R, way: Way) -> anyhow::Result<()> {
    let builder = Scheduler::builder(rt.clone()).listen(Address::tcp("127.0.0.1", 0));
    let builder = builder.shortcut(way == Way::Shortcut);
    rt.block_on(async move {
        let mut scheduler = builder.start().await?;
        announce(scheduler.address())?;
        scheduler.finished().await;
        Ok(())
    })?
}

/// A worker process of one thread: runs until its scheduler is gone.
///
/// # Errors
/// When it cannot join.
pub(crate) fn serve_worker(
    runtime: RuntimeName,
    scheduler: &str,
    name: &str,
    way: Way,
) -> anyhow::Result<()> {
    on!(runtime, run_worker(scheduler, name, way))
}

fn run_worker<R: Runtime + BlockOn>(rt: R, scheduler: &str, name: &str, way: Way) -> anyhow::Result<()> {
    let builder = Worker::builder(rt.clone(), scheduler.parse()?).name(name).nthreads(1);
    let builder = builder.shortcut(way == Way::Shortcut);
    rt.block_on(async move {
        let mut worker = builder.start().await?;
        announce("ready")?;
        worker.finished().await;
        Ok(())
    })?
}

/// A client process that says what it grew by while it came to hold `n` futures.
///
/// # Errors
/// When it cannot connect or a call fails.
pub(crate) fn serve_client(runtime: RuntimeName, scheduler: &str, n: usize) -> anyhow::Result<()> {
    on!(runtime, run_client(scheduler, n))
}

fn run_client<R: BlockOn>(rt: R, scheduler: &str, n: usize) -> anyhow::Result<()> {
    let client = Client::with(rt).address(scheduler).connect()?;
    client.gather(client.map(inc, 0..200))?;
    let me = std::process::id();
    let before = resident_bytes(me)?;
    let held = client.map(inc, 0..n as u64);
    client.wait(&held).block()?;
    announce(resident_bytes(me)?.saturating_sub(before))?;
    drop(held);
    Ok(())
}

/// The client process in which [`serve_client`] runs; what it said.
///
/// # Errors
/// When it fails.
pub(super) fn client_growth(runtime: RuntimeName, scheduler: &str, n: usize) -> anyhow::Result<u64> {
    let client = Role::start(CLIENT, &[runtime.name(), scheduler, &n.to_string()])?;
    Ok(client.address.parse()?)
}

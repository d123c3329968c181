//! Longshore as a subject: the same work as the floors, through the public API and nothing else.

use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::bail;
use longshore::blocking::Client;
use longshore::rt::{AsyncStdRuntime, BlockOn, OwnedExecutor, SmolRuntime, TokioRuntime};
use longshore::{Address, LocalCluster, Scheduler, TaskFuture, Worker, task};

use super::{Subject, expect};
use crate::metric::Mode;
use crate::process::{Role, announce};

/// The role of the scheduler process.
pub(crate) const SCHEDULER: &str = "longshore-scheduler";
/// The role of a worker process.
pub(crate) const WORKER: &str = "longshore-worker";
const WORKERS: [&str; 2] = ["w1", "w2"];
/// How long workers may take to join.
const JOIN: Duration = Duration::from_secs(10);

/// What the floors compute: argument and inputs, plus one.
#[task]
fn inc(x: u64) -> u64 {
    x + 1
}

/// See [`inc`].
#[task]
fn add(x: u64, y: u64) -> u64 {
    x + y + 1
}

/// See [`inc`].
#[task]
fn total(xs: Vec<u64>) -> u64 {
    xs.iter().sum::<u64>() + 1
}

/// An object to move.
#[task]
fn block(bytes: usize) -> Vec<u8> {
    vec![7; bytes]
}

/// Uses an object.
#[task]
fn length(bytes: &[u8]) -> usize {
    bytes.len()
}

/// A runtime that all parts of a cluster are on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RuntimeName {
    Owned,
    Tokio,
    Smol,
    AsyncStd,
}

impl RuntimeName {
    /// What records and roles call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Owned => "owned",
            Self::Tokio => "tokio",
            Self::Smol => "smol",
            Self::AsyncStd => "async-std",
        }
    }
}

impl FromStr for RuntimeName {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let all = [Self::Owned, Self::Tokio, Self::Smol, Self::AsyncStd];
        let Some(found) = all.into_iter().find(|runtime| runtime.name() == text) else {
            bail!("a runtime is `owned`, `tokio`, `smol` or `async-std`, not `{text}`");
        };
        Ok(found)
    }
}

/// Calls a generic function with the runtime of that name.
macro_rules! on {
    ($name:expr, $function:ident($($arg:expr),*)) => {
        match $name {
            RuntimeName::Owned => $function(OwnedExecutor::new()?, $($arg),*),
            RuntimeName::Tokio => $function(TokioRuntime::new(2)?, $($arg),*),
            RuntimeName::Smol => $function(SmolRuntime::new(), $($arg),*),
            RuntimeName::AsyncStd => $function(AsyncStdRuntime::new(), $($arg),*),
        }
    };
}

/// A cluster on this runtime, and a client of it.
///
/// # Errors
/// When it does not come up.
pub(crate) fn start(runtime: RuntimeName, mode: Mode) -> anyhow::Result<Box<dyn Subject>> {
    match mode {
        Mode::Tcp => on!(runtime, start_processes(runtime)),
        Mode::Inproc => on!(runtime, start_inproc()),
    }
}

fn start_processes<R: BlockOn>(rt: R, runtime: RuntimeName) -> anyhow::Result<Box<dyn Subject>> {
    let scheduler = Role::start(SCHEDULER, &[runtime.name()])?;
    let workers = WORKERS.map(|name| vec![runtime.name(), &*scheduler.address, name]);
    let workers = Role::start_together(WORKER, &workers)?;
    let client = Client::with(rt).address(&scheduler.address).connect()?;
    let pid = scheduler.pid();
    subject(client, pid, Place::Processes { _scheduler: scheduler, _workers: workers })
}

fn start_inproc<R: BlockOn>(rt: R) -> anyhow::Result<Box<dyn Subject>> {
    let cluster = LocalCluster::builder(rt.clone()).workers(WORKERS.len()).threads_per_worker(1);
    let cluster = rt.block_on(cluster.start())??;
    let client = Client::with(rt).address(cluster.address()).connect()?;
    subject(client, std::process::id(), Place::Here { _cluster: cluster })
}

fn subject<R: BlockOn>(client: Client<R>, pid: u32, place: Place<R>) -> anyhow::Result<Box<dyn Subject>> {
    client.wait_for_workers(WORKERS.len() as u32, Some(JOIN))?;
    Ok(Box::new(Longshore { client, pid, held: Vec::new(), _place: place }))
}

/// The scheduler process: runs until it is killed.
///
/// # Errors
/// When it cannot start.
pub(crate) fn serve_scheduler(runtime: RuntimeName) -> anyhow::Result<()> {
    on!(runtime, run_scheduler())
}

fn run_scheduler<R: BlockOn>(rt: R) -> anyhow::Result<()> {
    let builder = Scheduler::builder(rt.clone()).listen(Address::tcp("127.0.0.1", 0));
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
pub(crate) fn serve_worker(runtime: RuntimeName, scheduler: &str, name: &str) -> anyhow::Result<()> {
    on!(runtime, run_worker(scheduler, name))
}

fn run_worker<R: BlockOn>(rt: R, scheduler: &str, name: &str) -> anyhow::Result<()> {
    let builder = Worker::builder(rt.clone(), scheduler.parse()?).name(name).nthreads(1);
    rt.block_on(async move {
        let mut worker = builder.start().await?;
        announce("ready")?;
        worker.finished().await;
        Ok(())
    })?
}

/// Where the scheduler and the workers are; only kept, they end when it is dropped.
enum Place<R> {
    Processes { _scheduler: Role, _workers: Vec<Role> },
    Here { _cluster: LocalCluster<R> },
}

struct Longshore<R> {
    client: Client<R>,
    pid: u32,
    held: Vec<TaskFuture<u64>>,
    _place: Place<R>,
}

impl<R: BlockOn> Longshore<R> {
    /// An object that the first worker made and has.
    fn made(&self, bytes: usize) -> anyhow::Result<TaskFuture<Vec<u8>>> {
        let object = self.client.submit(block(bytes).workers([WORKERS[0]]).allow_other_workers());
        self.client.wait([&object]).block()?;
        Ok(object)
    }
}

impl<R: BlockOn> Subject for Longshore<R> {
    fn noops(&mut self, n: usize) -> anyhow::Result<()> {
        let futures = self.client.map(inc, 0..n as u64);
        let sum = self.client.gather(futures)?.into_iter().sum();
        expect("the sum over no-ops", sum, (n * (n + 1) / 2) as u64)
    }

    fn one(&mut self, x: u64) -> anyhow::Result<u64> {
        Ok(self.client.submit(inc(x)).result()?)
    }

    fn chain(&mut self, n: usize) -> anyhow::Result<u64> {
        let mut last = self.client.submit(inc(0));
        for _ in 1..n {
            last = self.client.submit(inc(last));
        }
        Ok(last.result()?)
    }

    fn tree(&mut self, leaves: usize) -> anyhow::Result<u64> {
        let mut level: Vec<_> = (0..leaves).map(|_| self.client.submit(inc(0))).collect();
        while level.len() > 1 {
            level = level.chunks(2).map(|pair| self.client.submit(add(&pair[0], &pair[1]))).collect();
        }
        Ok(level[0].result()?)
    }

    fn fan_in(&mut self, n: usize) -> anyhow::Result<u64> {
        let inputs: Vec<_> = (0..n).map(|_| self.client.submit(inc(0))).collect();
        Ok(self.client.submit(total(inputs)).result()?)
    }

    fn hold(&mut self, n: usize) -> anyhow::Result<()> {
        self.held = self.client.map(inc, 0..n as u64);
        self.client.wait(&self.held).block()?;
        Ok(())
    }

    fn scatter(&mut self, bytes: usize) -> anyhow::Result<Duration> {
        let object = vec![7; bytes];
        let begin = Instant::now();
        let future = self.client.scatter(object).wait()?;
        // a value may follow its announcement; it is there when it has been used
        let found = self.client.submit(length(&future)).result()?;
        let took = begin.elapsed();
        expect("the scattered object", found as u64, bytes as u64)?;
        Ok(took)
    }

    fn gather(&mut self, bytes: usize) -> anyhow::Result<Duration> {
        let object = self.made(bytes)?;
        let begin = Instant::now();
        let found = self.client.gather(&object)?;
        let took = begin.elapsed();
        expect("the gathered object", found.len() as u64, bytes as u64)?;
        expect("its last byte", found.last().map_or(0, |byte| u64::from(*byte)), 7)?;
        Ok(took)
    }

    fn exchange(&mut self, objects: usize, bytes: usize) -> anyhow::Result<Duration> {
        let made = (0..objects).map(|_| self.made(bytes)).collect::<Result<Vec<_>, _>>()?;
        let begin = Instant::now();
        let used: Vec<_> =
            made.iter().map(|object| self.client.submit(length(object).workers([WORKERS[1]]))).collect();
        let lengths = self.client.gather(used)?;
        let took = begin.elapsed();
        expect("what was exchanged", lengths.into_iter().sum::<usize>() as u64, (objects * bytes) as u64)?;
        Ok(took)
    }

    fn scheduler_pid(&self) -> u32 {
        self.pid
    }
}

//! What can be measured: a running cluster, seen the way a program sees it.
//!
//! Longshore is one subject; each floor is another, so that both do the same work through the same loop.

pub(crate) mod longshore;

use std::time::Duration;

use anyhow::bail;

use crate::metric::Mode;

/// How large a cluster is, and where its parts are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) mode: Mode,
    pub(crate) workers: usize,
    pub(crate) clients: usize,
    /// Workers run their tasks where they receive them, all on one thread, and the scheduler has another to itself.
    pub(crate) has_instant_workers: bool,
}

impl Shape {
    /// One client and two workers of one thread.
    pub(crate) fn small(mode: Mode) -> Self {
        Self { mode, workers: 2, clients: 1, has_instant_workers: false }
    }
}

/// Processor seconds used so far, by role. What cannot be told apart is the client's.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cpu {
    pub(crate) scheduler: f64,
    pub(crate) workers: f64,
    pub(crate) client: f64,
}

/// The processes of a cluster.
#[derive(Clone, Debug)]
pub(crate) struct Processes {
    pub(crate) scheduler: u32,
    /// None when they live in the client's process.
    pub(crate) workers: Vec<u32>,
}

/// The type of a large object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    /// `Vec<u8>`: whoever uses it has a vector of its own.
    Vec,
    /// `Blob`: whoever uses it borrows what came.
    Blob,
}

/// A running cluster and its client. Results are checked, so a subject cannot be fast by being wrong.
pub(crate) trait Subject {
    /// Submits `n` calls that do nothing, at once, and waits for all of them. Several clients share the calls.
    fn noops(&mut self, n: usize) -> anyhow::Result<()>;
    /// The same with a priority for each call, five of them in turns. What knows no priorities does the no-ops.
    fn prioritized(&mut self, n: usize) -> anyhow::Result<()> {
        self.noops(n)
    }
    /// The same where one call in `every` fails, the first among them; how each failed is checked. What knows no failures
    /// does the no-ops.
    fn failing(&mut self, n: usize, _every: usize) -> anyhow::Result<()> {
        self.noops(n)
    }
    /// Submits one call and waits for its result, `x + 1`.
    fn one(&mut self, x: u64) -> anyhow::Result<u64>;
    /// Submits one call and waits until it has failed; gives `x + 1` once that was as it must be. What knows no failures
    /// does [`one`](Self::one).
    fn one_failing(&mut self, x: u64) -> anyhow::Result<u64> {
        self.one(x)
    }
    /// `n` calls, each adding one to the result of the one before; the last result, `n`.
    fn chain(&mut self, n: usize) -> anyhow::Result<u64>;
    /// A binary tree of sums over `leaves` calls (a power of two), submitted call by call; the root's result.
    fn tree(&mut self, leaves: usize) -> anyhow::Result<u64>;
    /// The same tree where every leaf fails, and with it all that needs it; the calls that failed. What knows no failures
    /// does the [`tree`](Self::tree).
    fn failing_tree(&mut self, leaves: usize) -> anyhow::Result<u64> {
        self.tree(leaves)
    }
    /// One call over the results of `n` others.
    fn fan_in(&mut self, n: usize) -> anyhow::Result<u64>;
    /// One call, and `n` more that each add one to its result; the sum of theirs, `2 n`.
    fn fan_out(&mut self, n: usize) -> anyhow::Result<u64>;
    /// `n` calls at once, each given `bytes` bytes of its own and giving them back; how many came back.
    fn echo(&mut self, n: usize, bytes: usize) -> anyhow::Result<u64>;
    /// Runs `n` calls and keeps their results wanted until the subject is dropped.
    fn hold(&mut self, n: usize) -> anyhow::Result<()>;
    /// What the process of a client grows by when it holds the futures of `n` finished calls, in bytes.
    fn client_growth(&mut self, n: usize) -> anyhow::Result<u64>;
    /// Brings an object of `bytes` from the client to a worker; how long that took.
    fn scatter(&mut self, bytes: usize, form: Form) -> anyhow::Result<Duration>;
    /// Brings an object of `bytes` that a worker made to the client; how long that took.
    fn gather(&mut self, bytes: usize, form: Form) -> anyhow::Result<Duration>;
    /// The same where the client keeps the object and takes a copy.
    fn gather_copy(&mut self, bytes: usize) -> anyhow::Result<Duration> {
        self.gather(bytes, Form::Vec)
    }
    /// Makes `objects` of `bytes` each on one worker, then uses each on another; how long the using took.
    fn exchange(&mut self, objects: usize, bytes: usize, form: Form) -> anyhow::Result<Duration>;
    /// Where its parts live.
    fn processes(&self) -> Processes;
    /// Processor time used so far.
    fn cpu(&self) -> anyhow::Result<Cpu> {
        cpu_of(&self.processes())
    }
}

/// Processor time of processes, by role.
///
/// # Errors
/// When the kernel does not say.
pub(crate) fn cpu_of(processes: &Processes) -> anyhow::Result<Cpu> {
    let me = std::process::id();
    let elsewhere = |pid: u32| if pid == me { Ok(0.0) } else { crate::kernel::cpu_seconds(pid) };
    let workers = processes.workers.iter().map(|pid| elsewhere(*pid)).sum::<anyhow::Result<f64>>()?;
    Ok(Cpu { scheduler: elsewhere(processes.scheduler)?, workers, client: crate::kernel::cpu_seconds(me)? })
}

/// Something that starts subjects.
pub(crate) trait Start {
    /// A new cluster, ready for calls.
    ///
    /// # Errors
    /// When it does not come up.
    fn start(&self) -> anyhow::Result<Box<dyn Subject>>;
}

impl<F: Fn() -> anyhow::Result<Box<dyn Subject>>> Start for F {
    fn start(&self) -> anyhow::Result<Box<dyn Subject>> {
        self()
    }
}

/// Starts a cluster and runs enough calls for every process, connection and thread of it to have worked once.
///
/// # Errors
/// When the cluster does not come up or a call fails.
pub(crate) fn warm(start: &dyn Start) -> anyhow::Result<Box<dyn Subject>> {
    run_in(start, 200)
}

/// Starts a cluster and runs so many calls that it is in its stride: memory, caches and connections have the size they
/// keep. What a first burst costs is in the series over the number of tasks, which is not run in.
///
/// # Errors
/// When the cluster does not come up or a call fails.
pub(crate) fn in_stride(start: &dyn Start) -> anyhow::Result<Box<dyn Subject>> {
    run_in(start, 20_000)
}

fn run_in(start: &dyn Start, calls: usize) -> anyhow::Result<Box<dyn Subject>> {
    let mut subject = start.start()?;
    subject.noops(calls)?;
    Ok(subject)
}

/// An error unless `found` is what the work must give.
///
/// # Errors
/// When it is not.
pub(crate) fn expect(what: &str, found: u64, wanted: u64) -> anyhow::Result<()> {
    if found != wanted {
        bail!("{what} gave {found} instead of {wanted}");
    }
    Ok(())
}

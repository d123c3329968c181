//! A cluster on this machine: a scheduler in this process, and workers here or in processes of their own.
//!
//! ```no_run
//! use longshore::LocalCluster;
//!
//! # async fn example(rt: longshore_rt::OwnedExecutor) -> Result<(), Box<dyn std::error::Error>> {
//! let cluster = LocalCluster::builder(rt).workers(2).processes(true).start().await?;
//! println!("{} is up", cluster.address());
//! cluster.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! Within one process everything is handed over as it is and nothing is encoded. Worker processes are this very program, started
//! again: [`init`] must be the first line of its `main`.

mod error;
mod process;
mod ready;

pub use error::ClusterError;
pub use longshore_proto::plan::WorkerPlan;
pub use process::{Supervisor, WorkerEnd, init, init_with};

use crate::address::Address;
use crate::client::{self, Client};
use crate::error::Error;
use crate::scheduler::Scheduler;
use crate::worker::Worker;
use futures_lite::FutureExt;
use longshore_rt::{BlockOn, DynRuntime, Runtime, RuntimeExt};
use std::fmt;
use std::future::poll_fn;
use std::path::PathBuf;
use std::task::Poll;
use std::thread::available_parallelism;
use std::time::Duration;

/// How long worker processes may take to leave before they are killed.
const LEAVE_MS_MAX: u64 = 4_000;

/// A running cluster on this machine.
///
/// Dropping it without [`close`](Self::close) ends it too, at once and without farewell.
#[must_use = "a cluster ends when it is dropped"]
pub struct LocalCluster<R = DynRuntime> {
    rt: DynRuntime,
    scheduler: Scheduler,
    workers: Vec<Worker>,
    processes: Vec<Supervisor>,
    token: String,
    own: R,
}

/// How a local cluster is to be. From [`LocalCluster::builder`].
#[must_use = "nothing runs before start()"]
pub struct LocalClusterBuilder<R> {
    rt: DynRuntime,
    workers: Option<usize>,
    threads_per_worker: Option<usize>,
    processes: bool,
    memory_limit_bytes: Option<u64>,
    resources: Vec<(String, f64)>,
    worker_runtime: String,
    worker_command: Option<PathBuf>,
    listen: Option<Address>,
    token: Option<String>,
    start_timeout: Duration,
    allowed_failures: Option<u32>,
    validate: bool,
    own: R,
}

impl<R: Runtime> LocalCluster<R> {
    /// A cluster whose scheduler, and whose workers unless they are processes, run on `rt`.
    pub fn builder(rt: R) -> LocalClusterBuilder<R> {
        LocalClusterBuilder {
            rt: DynRuntime::without_block_on(rt.clone()),
            own: rt,
            workers: None,
            threads_per_worker: None,
            processes: false,
            memory_limit_bytes: None,
            resources: Vec::new(),
            worker_runtime: "owned".to_owned(),
            worker_command: None,
            listen: None,
            token: None,
            start_timeout: Duration::from_secs(30),
            allowed_failures: None,
            validate: false,
        }
    }
}

impl<R: BlockOn> LocalCluster<R> {
    /// Connects a client, on the cluster's own runtime.
    ///
    /// On another runtime it is `Client::builder(rt).cluster(&cluster).connect().await`, and for a program that blocks
    /// `blocking::Client::with(rt).cluster(&cluster).connect()`.
    ///
    /// # Errors
    /// The cluster's scheduler is gone.
    ///
    /// # Cancel safety
    /// Dropping it gives up the connection.
    pub async fn client(&self) -> Result<Client<R>, Error> {
        client::builder(self.own.clone()).cluster(self).connect().await
    }
}

impl<R> LocalCluster<R> {
    /// Where clients in this process connect to. Unless workers are processes, such a connection encodes nothing.
    #[must_use]
    pub fn address(&self) -> &Address {
        self.scheduler.address()
    }

    /// Where clients of other processes connect to, if the cluster can be reached from outside.
    #[must_use]
    pub fn tcp_address(&self) -> Option<&Address> {
        self.scheduler.addresses().iter().find(|a| !a.is_inproc())
    }

    /// Secret that clients of other processes need. Those of this process do not.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Process ids of the worker processes that run now.
    #[must_use]
    pub fn worker_pids(&self) -> Vec<u32> {
        self.processes.iter().filter_map(Supervisor::pid).collect()
    }

    /// Ends workers and scheduler in order, and waits for that. Worker processes that do not leave within some seconds are
    /// killed.
    pub async fn close(self) {
        let LocalCluster { rt, scheduler, workers, processes, .. } = self;
        scheduler.close().await;
        for worker in workers {
            worker.close().await;
        }
        processes.iter().for_each(Supervisor::stop);
        let stopped = poll_fn(|cx| {
            let running = processes.iter().filter(|p| p.poll_stopped(cx).is_pending()).count();
            if running == 0 { Poll::Ready(()) } else { Poll::Pending }
        });
        if rt.timeout(Duration::from_millis(LEAVE_MS_MAX), stopped).await.is_err() {
            processes.iter().for_each(Supervisor::kill);
        }
    }
}

impl<R: Runtime> LocalClusterBuilder<R> {
    /// Number of workers. By default one, or one for each processor if they are processes.
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = Some(workers);
        self
    }

    /// Tasks that each worker runs at once. By default the processors are shared out among the workers.
    pub fn threads_per_worker(mut self, threads: usize) -> Self {
        self.threads_per_worker = Some(threads);
        self
    }

    /// Whether workers are processes of their own. See [`init`].
    pub fn processes(mut self, processes: bool) -> Self {
        self.processes = processes;
        self
    }

    /// A task fails once so many workers died running it. 3 by default; more where workers are killed for reasons of their
    /// own, as on machines that are taken back at any time.
    pub fn allowed_failures(mut self, deaths: u32) -> Self {
        self.allowed_failures = Some(deaths);
        self
    }

    /// Memory that each worker may use for values, in bytes; today a bound on each value that it accepts from others, not on
    /// their sum. Unlimited by default.
    pub fn memory_limit(mut self, bytes: u64) -> Self {
        self.memory_limit_bytes = Some(bytes);
        self
    }

    /// An amount of a named resource that each worker supplies.
    pub fn resource(mut self, name: impl Into<String>, amount: f64) -> Self {
        self.resources.push((name.into(), amount));
        self
    }

    /// Runtime that worker processes run on: `owned` (the default), `tokio`, `smol`, `async-std`, or a name that the program's
    /// [`init_with`] knows.
    pub fn worker_runtime(mut self, name: impl Into<String>) -> Self {
        self.worker_runtime = name.into();
        self
    }

    /// Program to start as worker process, instead of this one. It must call [`init`] as well.
    pub fn worker_command(mut self, program: impl Into<PathBuf>) -> Self {
        self.worker_command = Some(program.into());
        self
    }

    /// Address for workers and clients of other processes. By default there is none, or a free port on 127.0.0.1 when workers are
    /// processes.
    pub fn listen(mut self, address: Address) -> Self {
        self.listen = Some(address);
        self
    }

    /// Secret for callers of other processes. Random by default; see [`LocalCluster::token`].
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// How long workers may take to join. 30 s by default.
    pub fn start_timeout(mut self, limit: Duration) -> Self {
        self.start_timeout = limit;
        self
    }

    /// Checks every invariant of the scheduler after every batch. For tests.
    pub fn validate(mut self, validate: bool) -> Self {
        self.validate = validate;
        self
    }

    /// Starts the cluster; returns once all its workers have joined.
    ///
    /// # Errors
    /// Something did not start, or did not join in time; what was started is stopped again.
    ///
    /// # Cancel safety
    /// Dropping the future stops what was started.
    pub async fn start(mut self) -> Result<LocalCluster<R>, ClusterError> {
        if process::is_child() {
            return Err(ClusterError::InitForgotten);
        }
        let workers = self.workers.unwrap_or(if self.processes { cores() } else { 1 });
        let threads = self.threads_per_worker.unwrap_or_else(|| (cores() / workers.max(1)).max(1));
        if self.processes && self.listen.is_none() {
            self.listen = Some(Address::tcp("127.0.0.1", 0));
        }
        let token = self.token.take().unwrap_or_else(|| secret(&self.rt));
        let scheduler = self.start_scheduler(&token).await?;
        let rt = self.rt.clone();
        let (mut here, mut processes) = (Vec::new(), Vec::new());
        for i in 0..workers {
            let name = format!("w{i}");
            if self.processes {
                processes.push(self.start_process(name, threads, &scheduler, &token)?);
            } else {
                here.push(self.start_here(name, threads, &scheduler).await?);
            }
        }
        let (workers, own) = (here, self.own.clone());
        let cluster = LocalCluster { rt, scheduler, workers, processes, token, own };
        self.wait_for_workers(&cluster).await?;
        cluster.processes.iter().for_each(Supervisor::restart_when_dead);
        Ok(cluster)
    }

    async fn start_scheduler(&self, token: &str) -> Result<Scheduler, ClusterError> {
        let mut builder = Scheduler::builder(self.rt.clone())
            .listen(Address::unique_inproc("cluster"))
            .token(token)
            .values_leave(self.processes)
            .validate(self.validate);
        if let Some(address) = &self.listen {
            builder = builder.listen(address.clone());
        }
        if let Some(deaths) = self.allowed_failures {
            builder = builder.allowed_failures(deaths);
        }
        Ok(builder.start().await?)
    }

    async fn start_here(
        &self,
        name: String,
        threads: usize,
        scheduler: &Scheduler,
    ) -> Result<Worker, ClusterError> {
        let mut builder = Worker::builder(self.rt.clone(), scheduler.address().clone())
            .name(name)
            .nthreads(u32::try_from(threads).unwrap_or(u32::MAX));
        for (resource, amount) in &self.resources {
            builder = builder.resource(resource, *amount);
        }
        if let Some(bytes) = self.memory_limit_bytes {
            builder = builder.memory_limit(bytes);
        }
        Ok(builder.start().await?)
    }

    fn start_process(
        &self,
        name: String,
        threads: usize,
        scheduler: &Scheduler,
        token: &str,
    ) -> Result<Supervisor, ClusterError> {
        let command = match &self.worker_command {
            Some(program) => program.clone(),
            None => std::env::current_exe().map_err(ClusterError::OwnBinary)?,
        };
        let outside = scheduler.addresses().iter().find(|a| !a.is_inproc());
        let plan = WorkerPlan {
            scheduler: outside.unwrap_or(scheduler.address()).to_string(),
            token: token.to_owned(),
            name,
            nthreads: u32::try_from(threads).unwrap_or(u32::MAX),
            memory_limit_bytes: self.memory_limit_bytes,
            runtime: self.worker_runtime.clone(),
            resources: self.resources.clone(),
        };
        Supervisor::start(command.clone(), plan).map_err(|source| ClusterError::Spawn { command, source })
    }

    async fn wait_for_workers(&self, cluster: &LocalCluster<R>) -> Result<(), ClusterError> {
        let n = cluster.workers.len() + cluster.processes.len();
        let joined = ready::workers(&self.rt, cluster.address(), u32::try_from(n).unwrap_or(u32::MAX));
        let died = poll_fn(|cx| {
            for process in &cluster.processes {
                if let Poll::Ready(end) = process.poll_end(cx) {
                    return Poll::Ready(Err(ClusterError::WorkerEnded {
                        name: end.name,
                        status: end.status,
                    }));
                }
            }
            Poll::Pending
        });
        let after = self.start_timeout;
        match self.rt.timeout(after, joined.or(died)).await {
            Ok(result) => result,
            Err(_) => Err(ClusterError::StartTimedOut { after }),
        }
    }
}

fn cores() -> usize {
    available_parallelism().map_or(1, usize::from)
}

/// A secret nobody can guess.
fn secret(rt: &DynRuntime) -> String {
    (0..4).map(|_| format!("{:016x}", rt.entropy())).collect()
}

impl<R> fmt::Debug for LocalCluster<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalCluster")
            .field("scheduler", &self.scheduler)
            .field("workers", &self.workers.len())
            .field("processes", &self.processes.len())
            .finish_non_exhaustive()
    }
}

impl<R> fmt::Debug for LocalClusterBuilder<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalClusterBuilder")
            .field("workers", &self.workers)
            .field("threads_per_worker", &self.threads_per_worker)
            .field("processes", &self.processes)
            .finish_non_exhaustive()
    }
}

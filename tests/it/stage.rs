//! Clusters for tests, driven from plain threads.
use longshore::blocking::Client;
use longshore::rt::{BlockOn, OwnedExecutor};
use longshore::{
    Address, Error, LocalCluster, LocalClusterBuilder, Scheduler, SchedulerInfo, TaskCounts, TaskFuture,
    Value, Worker,
};
use longshore_tests::deadline::{DEADLINE, until};
use std::fmt::Display;

/// The program that worker processes are.
pub(crate) const WORKER_PROGRAM: &str = env!("CARGO_BIN_EXE_worker_program");

/// A free port of this machine.
pub(crate) fn anywhere() -> Address {
    Address::tcp("127.0.0.1", 0)
}

/// A scheduler and workers in this process that talk as if they were in several.
pub(crate) struct TcpCluster {
    pub(crate) rt: OwnedExecutor,
    pub(crate) scheduler: Scheduler<OwnedExecutor>,
    pub(crate) workers: Vec<Worker<OwnedExecutor>>,
}

impl TcpCluster {
    pub(crate) fn start(workers: usize) -> Self {
        let rt = OwnedExecutor::new().unwrap();
        let scheduler = Scheduler::builder(rt.clone()).listen(anywhere()).validate(true).start();
        let scheduler = rt.block_on(scheduler).unwrap().unwrap();
        let mut cluster = TcpCluster { rt, scheduler, workers: Vec::new() };
        (0..workers).for_each(|_| cluster.add_worker());
        cluster
    }

    pub(crate) fn address(&self) -> Address {
        self.scheduler.address().clone()
    }

    /// One more, with one thread.
    pub(crate) fn add_worker(&mut self) {
        let name = format!("w{}", self.workers.len());
        let builder = Worker::builder(self.rt.clone(), self.address()).listen(anywhere()).validate(true);
        let worker = self.rt.block_on(builder.name(name).nthreads(1).start()).unwrap().unwrap();
        self.workers.push(worker);
    }

    pub(crate) fn client(&self) -> Client {
        Client::with(self.rt.clone()).address(self.address()).connect().unwrap()
    }
}

/// A cluster of worker processes and a client of it.
pub(crate) struct ProcessCluster {
    rt: OwnedExecutor,
    cluster: Option<LocalCluster<OwnedExecutor>>,
    pub(crate) client: Client,
}

impl ProcessCluster {
    /// Workers of one thread each.
    pub(crate) fn start(workers: usize) -> Self {
        Self::start_as(|builder| builder.workers(workers))
    }

    pub(crate) fn start_as(
        how: impl FnOnce(LocalClusterBuilder<OwnedExecutor>) -> LocalClusterBuilder<OwnedExecutor>,
    ) -> Self {
        let rt = OwnedExecutor::new().unwrap();
        let builder = LocalCluster::builder(rt.clone()).processes(true).threads_per_worker(1).validate(true);
        let cluster = how(builder.worker_command(WORKER_PROGRAM)).start();
        let cluster = rt.block_on(cluster).unwrap().unwrap();
        let client = Client::with(rt.clone()).address(cluster.address()).connect().unwrap();
        ProcessCluster { rt, cluster: Some(cluster), client }
    }

    pub(crate) fn cluster(&self) -> &LocalCluster<OwnedExecutor> {
        self.cluster.as_ref().unwrap()
    }

    pub(crate) fn pids(&self) -> Vec<u32> {
        self.cluster().worker_pids()
    }

    /// A client as another process would have it.
    pub(crate) fn remote_client(&self) -> Client {
        let address = self.cluster().tcp_address().unwrap();
        let client = Client::with(self.rt.clone()).address(address).token(self.cluster().token());
        client.connect().unwrap()
    }

    /// The process of this worker.
    pub(crate) fn pid_of(&self, worker: &str) -> u32 {
        let workers = info(&self.client).workers;
        workers
            .iter()
            .find(|w| w.name == worker)
            .unwrap_or_else(|| panic!("{worker} is not in {workers:?}"))
            .pid
    }

    /// Ends everything in order and checks that no process stays.
    pub(crate) fn close(mut self) {
        let pids = self.pids();
        self.client.close().unwrap();
        self.rt.block_on(self.cluster.take().unwrap().close()).unwrap();
        pids.into_iter().for_each(wait_for_end_of);
    }
}

/// The cluster as its scheduler sees it.
pub(crate) fn info(client: &Client) -> SchedulerInfo {
    client.scheduler_info().unwrap()
}

/// Waits until the scheduler has forgotten every task.
pub(crate) fn wait_until_released(client: &Client) {
    until("the scheduler forgets all tasks", || {
        let tasks = info(client).tasks;
        (tasks == TaskCounts::default()).then_some(())
    });
}

/// The result of a task; if it does not come, what the scheduler knows of it.
pub(crate) fn result_or_story<T: Value>(client: &Client, future: &TaskFuture<T>) -> Result<T, Error> {
    match future.result_timeout(DEADLINE / 3) {
        Err(Error::TimedOut { .. }) => {
            let story = client.story(future).unwrap().join("\n");
            let (info, processing) = (info(client), client.processing().unwrap());
            let holders = client.who_has([future]).unwrap();
            panic!("no result of {future:?}: {info:#?}\n{processing:#?}\n{holders:?}\n{story}")
        }
        result => result,
    }
}

/// Whether a process runs. One that has ended and that nobody has waited for yet does not.
pub(crate) fn is_running(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    // The state follows the name, which is in parentheses and may hold anything.
    stat.is_ok_and(|stat| {
        stat.rsplit(')').next().is_some_and(|rest| !rest.trim_start().starts_with(['Z', 'X']))
    })
}

pub(crate) fn wait_for_end_of(pid: u32) {
    until("a process ends", || (!is_running(pid)).then_some(()));
}

/// Ends a process so that it cannot say anything. One that has ended is as good as killed.
pub(crate) fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    match rustix::process::kill_process(pid, rustix::process::Signal::KILL) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => {}
        Err(e) => panic!("a worker process could not be killed: {e}"),
    }
}

/// Checks that a text says all of this.
#[track_caller]
pub(crate) fn says(text: &impl Display, words: &[&str]) {
    let text = text.to_string();
    for word in words {
        assert!(text.contains(word), "{text:?} does not say {word:?}");
    }
}

/// An error and all its sources in one line, as programs print them.
pub(crate) fn whole(error: &dyn std::error::Error) -> String {
    let sources = std::iter::successors(error.source(), |e| e.source());
    sources.fold(error.to_string(), |text, source| format!("{text}: {source}"))
}

/// The failure of the task behind an error.
#[track_caller]
pub(crate) fn task_error(error: &Error) -> &longshore::TaskError {
    error.task().unwrap_or_else(|| panic!("not the failure of a task: {error:?}"))
}

//! A whole cluster in the simulator: scheduler, workers that die and come back, clients with random graphs, and an oracle.
//!
//! One seed decides everything. Faults go on for a while, then all is healed; every future must end with the value that the oracle
//! computed, and when the clients are done nothing may be left on the scheduler.
use crate::function::mix;
use crate::graph::{self, Node};
use longshore::{Address, Client, Compute, Scheduler, TaskFuture, Worker};
use longshore_rt::{Runtime, RuntimeExt};
use longshore_sim::{FaultRates, Faults, JobCost, Rng, Sim, SimConfig, SimRuntime};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const PORT: u16 = 8786;
/// After the faults, all must be done within this.
const CALM: Duration = Duration::from_secs(60);
/// Faults go on for so long.
const STORM: Duration = Duration::from_secs(20);

/// What a seed did.
#[derive(Clone, PartialEq, Debug)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// Fingerprint of every event of the run.
    pub fingerprint: u64,
    /// Calls that were awaited.
    pub calls: usize,
    /// Calls that failed, as they had to.
    pub failed: usize,
    /// Virtual time that passed.
    pub elapsed: Duration,
    /// Workers that were started, restarts included.
    pub workers_started: usize,
}

#[derive(Default)]
struct Tally {
    calls: usize,
    failed: usize,
    workers_started: usize,
}

type Shared = Arc<Mutex<Tally>>;

/// Runs one seed.
///
/// # Panics
/// When an invariant is violated, a value is wrong, something hangs or something is left over.
#[must_use]
pub fn run(seed: u64) -> Report {
    let mut rng = Rng::new(seed ^ 0x5eed);
    let job_cost = JobCost::Fixed(Duration::from_micros(rng.between(1_000, 400_000)));
    let sim = Sim::new(SimConfig { job_cost, time_limit: Duration::from_secs(600), ..SimConfig::seed(seed) });
    let tally = Shared::default();
    start_scheduler(&sim);
    let workers = 2 + rng.index(6);
    for i in 0..workers {
        start_worker(&sim, i, 1 + u32::try_from(rng.index(3)).unwrap_or(0), tally.clone());
    }
    let faults = faults(seed, &mut rng);
    let plan = faults.unleash(&sim);
    let clients = 1 + rng.index(2);
    let done: Vec<_> = (0..clients).map(|i| start_client(&sim, i, rng.next_u64(), tally.clone())).collect();
    let auditor = sim.node("auditor");
    sim.run(async {
        for client in done {
            client.recv().await.unwrap_or_else(|_| panic!("seed {seed}: a client died\n{plan}"));
        }
        audit(&auditor, seed).await;
    })
    .unwrap_or_else(|e| panic!("seed {seed}: {e}"));
    let (tally, elapsed) = (tally.lock().expect("no panic while held"), sim.elapsed());
    assert!(
        elapsed <= STORM + CALM,
        "seed {seed}: it took {elapsed:?}, long after the faults were healed\n{plan}"
    );
    Report {
        seed,
        fingerprint: sim.fingerprint(),
        calls: tally.calls,
        failed: tally.failed,
        elapsed,
        workers_started: tally.workers_started,
    }
}

fn faults(seed: u64, rng: &mut Rng) -> Faults {
    let quiet = rng.one_in(8);
    let mut faults = Faults {
        start: Duration::from_millis(50),
        period: STORM,
        outage: Duration::from_millis(100)..=Duration::from_secs(8),
        slow_latency: Duration::from_millis(1)..=Duration::from_millis(100),
        victims: vec!["worker-*".into()],
        linked: vec!["worker-*".into(), "scheduler".into()],
        ..Faults::swarm(seed)
    };
    // Workers die in most seeds; a seed without any fault keeps the oracle honest about the rest.
    faults.rates.kill_process_per_min = faults.rates.kill_process_per_min.max(6) * 4;
    if quiet {
        faults.rates = FaultRates::default();
    }
    faults
}

fn scheduler_address() -> Address {
    Address::tcp("scheduler", PORT)
}

fn start_scheduler(sim: &Sim) {
    sim.process("scheduler", |rt| async move {
        let builder =
            Scheduler::builder(rt).listen(scheduler_address()).allowed_failures(1_000).validate(true);
        let mut scheduler = builder.start().await.expect("a fresh port");
        scheduler.finished().await;
    });
}

/// A worker that joins again whenever it has lost the scheduler.
fn start_worker(sim: &Sim, i: usize, threads: u32, tally: Shared) {
    let name = format!("worker-{i}");
    let host = name.clone();
    sim.process(&name, move |rt| {
        let (host, tally) = (host.clone(), tally.clone());
        async move {
            loop {
                let life = rt.entropy();
                let builder = Worker::builder(rt.clone(), scheduler_address())
                    .listen(Address::tcp(host.clone(), 0))
                    .name(format!("{host}-{life:x}"))
                    .nthreads(threads)
                    .compute(Compute::Runtime)
                    .validate(true);
                if let Ok(mut worker) = builder.start().await {
                    tally.lock().expect("no panic while held").workers_started += 1;
                    worker.finished().await;
                }
                rt.sleep(Duration::from_millis(50)).await;
            }
        }
    });
}

/// A client that submits a random graph and compares every value. The channel is sent to when it is done.
fn start_client(sim: &Sim, i: usize, seed: u64, tally: Shared) -> async_channel::Receiver<()> {
    let (sender, receiver) = async_channel::bounded(1);
    sim.process(&format!("client-{i}"), move |rt| {
        let (sender, tally) = (sender.clone(), tally.clone());
        async move {
            run_client(rt, seed, &tally).await;
            let _ = sender.send(()).await;
        }
    });
    receiver
}

async fn run_client(rt: SimRuntime, seed: u64, tally: &Shared) {
    let mut rng = Rng::new(seed);
    let client = connect(&rt).await;
    let len = 20 + rng.index(180);
    let graph = graph::random(&mut rng, len);
    let mut futures: Vec<TaskFuture<Vec<u8>>> = Vec::new();
    for node in &graph {
        futures.push(submit(&client, node, &futures));
        if rng.one_in(16) {
            rt.sleep(Duration::from_micros(rng.between(1, 500_000))).await;
        }
    }
    for (at, expected) in graph::expected(&graph).into_iter().enumerate() {
        let Ok(value) = rt.timeout(STORM + CALM, futures[at].wait()).await else {
            panic!("node {at} of client seed {seed} never ended:\n{}", explain(&client, &futures[at]).await)
        };
        let mut tally = tally.lock().expect("no panic while held");
        tally.calls += 1;
        match (value, expected) {
            (Ok(value), Ok(expected)) => assert_eq!(value, expected, "node {at} of client seed {seed}"),
            (Err(e), Err(expected)) => {
                let words = e.downcast_ref::<String>();
                assert!(
                    words.is_some_and(|w| expected.contains(w)),
                    "node {at}: {e}, expected one of {expected:?}"
                );
                tally.failed += 1;
            }
            (value, expected) => {
                panic!("node {at} of client seed {seed}: got {value:?}, expected {expected:?}")
            }
        }
    }
    drop(futures);
    client.close().await.expect("an orderly end");
}

/// What the scheduler knows of a future that does not end.
async fn explain(client: &Client<SimRuntime>, future: &TaskFuture<Vec<u8>>) -> String {
    let story = client.story(future).await.unwrap_or_default().join("\n");
    let (info, processing) = (client.scheduler_info().await, client.processing().await);
    format!("{story}\n{info:#?}\n{processing:?}")
}

fn submit(client: &Client<SimRuntime>, node: &Node, futures: &[TaskFuture<Vec<u8>>]) -> TaskFuture<Vec<u8>> {
    let inputs: Vec<&TaskFuture<Vec<u8>>> = node.inputs.iter().map(|i| &futures[*i]).collect();
    client.submit(mix(node.salt, node.nbytes, inputs))
}

async fn connect(rt: &SimRuntime) -> Client<SimRuntime> {
    loop {
        match Client::builder(rt.clone()).address(scheduler_address()).connect().await {
            Ok(client) => return client,
            Err(_) => rt.sleep(Duration::from_millis(20)).await,
        }
    }
}

/// When all clients are gone, so is everything they wanted.
async fn audit(rt: &SimRuntime, seed: u64) {
    let client = connect(rt).await;
    let deadline = rt.now() + CALM;
    loop {
        let tasks = client.scheduler_info().await.expect("the scheduler is up").tasks;
        if tasks == longshore::TaskCounts::default() {
            break;
        }
        assert!(rt.now() < deadline, "seed {seed}: left over: {tasks:?}");
        rt.sleep(Duration::from_millis(100)).await;
    }
    client.close().await.expect("an orderly end");
}

//! Who is there: the scheduler, workers that join again whenever they have lost it, and what befalls them.
use super::oracle::World;
use super::{SILENCE, STORM, witness};
use longshore::{Address, Client, Compute, Error, Scheduler, Worker};
use longshore_rt::{Instant, Runtime, RuntimeExt};
use longshore_sim::{FaultRates, Faults, Kill, Rng, Sim, SimRuntime};
use std::fmt::Write;
use std::time::Duration;

const PORT: u16 = 8786;

/// What a seed is about.
pub(super) struct Scenario {
    workers: Vec<WorkerPlan>,
    pub(super) clients: usize,
    /// The last client goes without a word.
    deserter: Option<(Duration, Kill)>,
    /// The first one closes without waiting for anything.
    leaver: bool,
    fate: Fate,
    faults: Faults,
}

/// What becomes of the scheduler.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum Fate {
    /// It lives.
    Lives,
    /// It lives, and the links of clients fail.
    CutOff,
    /// It dies, and perhaps a new one comes.
    Dies { at: Duration, how: Kill, back: Option<Duration> },
}

#[derive(Clone)]
struct WorkerPlan {
    name: String,
    threads: u32,
    gpus: u32,
    joins_at: Duration,
    /// It leaves in an orderly way after this and comes back.
    leaves_after: Option<Duration>,
}

impl Scenario {
    pub(super) fn draw(seed: u64, rng: &mut Rng) -> Scenario {
        let faults = faults(seed, rng);
        let calm = faults.rates == FaultRates::default();
        let mut workers: Vec<WorkerPlan> = (0..2 + rng.index(5)).map(|i| worker(rng, i, calm)).collect();
        // Somebody has what tasks ask for.
        workers[0].gpus = workers[0].gpus.max(1);
        let clients = 1 + rng.index(3);
        let after = |rng: &mut Rng| Duration::from_millis(rng.between(50, 8_000));
        let how = |rng: &mut Rng| if rng.one_in(2) { Kill::Process } else { Kill::Power };
        let deserter = (clients > 1 && rng.one_in(2)).then(|| (after(rng), how(rng)));
        let leaver = clients - usize::from(deserter.is_some()) > 1 && rng.one_in(3);
        let fate = match rng.index(8) {
            0 => {
                let (at, how) = (after(rng), how(rng));
                Fate::Dies { at, how, back: (!rng.one_in(3)).then(|| at + after(rng)) }
            }
            1 if !calm => Fate::CutOff,
            _ => Fate::Lives,
        };
        Scenario { workers, clients, deserter, leaver, fate, faults }
    }

    pub(super) fn worker_names(&self) -> Vec<String> {
        self.workers.iter().map(|w| w.name.clone()).collect()
    }

    pub(super) fn world(&self) -> World {
        let leaves = self.workers.iter().any(|w| w.leaves_after.is_some());
        World { faults: leaves || self.faults.rates != FaultRates::default(), others: self.clients > 1 }
    }

    /// Nothing goes wrong.
    pub(super) fn is_calm(&self) -> bool {
        !self.world().faults && self.fate == Fate::Lives && self.deserter.is_none()
    }

    /// Sessions of clients may end before the clients do.
    pub(super) fn sessions_end(&self) -> bool {
        self.fate != Fate::Lives
    }

    pub(super) fn scheduler_stays_dead(&self) -> bool {
        matches!(self.fate, Fate::Dies { back: None, .. })
    }

    pub(super) fn deserts(&self, client: usize) -> bool {
        self.deserter.is_some() && client == self.clients - 1
    }

    pub(super) fn leaves_early(&self, client: usize) -> bool {
        self.leaver && client == 0
    }

    pub(super) fn start_servers(&self, sim: &Sim) {
        if self.scheduler_stays_dead() {
            // What cannot be restarted is not brought back when all is healed.
            let rt = sim.node("scheduler");
            rt.spawn("scheduler", scheduler(rt.clone())).detach();
        } else {
            sim.process("scheduler", scheduler);
        }
        for worker in &self.workers {
            start_worker(sim, worker.clone());
        }
    }

    /// Lets loose what is to go wrong, and says what that is.
    pub(super) fn unleash(&self, sim: &Sim) -> String {
        let mut faults = self.faults.clone();
        if self.fate == Fate::CutOff {
            faults.linked.push("client-*".into());
        }
        let plan = faults.unleash(sim);
        let mut told = format!("{plan}\n{:?}", self.fate);
        if let Some((at, how)) = self.deserter {
            let name = format!("client-{}", self.clients - 1);
            let _ = write!(told, "\n{name} deserts at {at:?}: {how:?}");
            sim.at(at, move |sim| sim.kill(&name, how));
        }
        if let Fate::Dies { at, how, back } = self.fate {
            sim.at(at, move |sim| sim.kill("scheduler", how));
            if let Some(back) = back {
                sim.at(back, |sim| drop(sim.restart("scheduler")));
            }
        }
        told
    }
}

fn worker(rng: &mut Rng, i: usize, calm: bool) -> WorkerPlan {
    let late = rng.one_in(4);
    WorkerPlan {
        name: format!("worker-{i}"),
        threads: 1 + u32::try_from(rng.index(3)).unwrap_or(0),
        gpus: u32::try_from(rng.index(3)).unwrap_or(0),
        joins_at: Duration::from_millis(if late { rng.between(100, 10_000) } else { 0 }),
        leaves_after: (!calm && rng.one_in(6)).then(|| Duration::from_millis(rng.between(500, 5_000))),
    }
}

fn faults(seed: u64, rng: &mut Rng) -> Faults {
    let calm = rng.one_in(6);
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
    if calm {
        faults.rates = FaultRates::default();
    }
    faults
}

pub(super) fn scheduler_address() -> Address {
    Address::tcp("scheduler", PORT)
}

async fn scheduler(rt: SimRuntime) {
    let builder = Scheduler::builder(rt).listen(scheduler_address()).allowed_failures(1_000).validate(true);
    let mut scheduler = builder.start().await.expect("a fresh port");
    scheduler.finished().await;
}

/// A worker that joins again, under the same name, whenever it has lost the scheduler.
fn start_worker(sim: &Sim, plan: WorkerPlan) {
    let name = plan.name.clone();
    sim.process(&name, move |rt| {
        let plan = plan.clone();
        async move {
            if rt.now().duration_since(Instant(0)) < plan.joins_at {
                rt.sleep(plan.joins_at).await;
            }
            loop {
                work(&rt, &plan).await;
                rt.sleep(Duration::from_millis(50)).await;
            }
        }
    });
}

/// One membership of a worker.
async fn work(rt: &SimRuntime, plan: &WorkerPlan) {
    witness::worker_starts(&plan.name, plan.gpus, rt);
    let builder = Worker::builder(rt.clone(), scheduler_address())
        .listen(Address::tcp(plan.name.clone(), 0))
        .name(&plan.name)
        .nthreads(plan.threads)
        .resource("gpu", f64::from(plan.gpus))
        .compute(Compute::Runtime)
        .validate(true);
    let Ok(mut worker) = builder.start().await else { return };
    // When all is healed, nobody leaves any more.
    let restless = plan.leaves_after.filter(|_| rt.now().duration_since(Instant(0)) < STORM);
    match restless {
        Some(after) if rt.timeout(after, worker.finished()).await.is_err() => drop(worker.close().await),
        Some(_) => {}
        None => drop(worker.finished().await),
    }
}

/// A client, as soon as there is a scheduler. If that may be gone for good, the attempt ends in time with an error that says so.
pub(super) async fn connect(rt: &SimRuntime, may_be_gone: bool) -> Option<Client<SimRuntime>> {
    let begun = rt.now();
    loop {
        match Client::builder(rt.clone()).address(scheduler_address()).connect().await {
            Ok(client) => return Some(client),
            Err(Error::Connect(_) | Error::SchedulerLost { .. } | Error::TimedOut { .. }) => {}
            Err(e) => panic!("there is no scheduler, and: {e}"),
        }
        if may_be_gone && rt.now().duration_since(begun) > SILENCE {
            return None;
        }
        rt.sleep(Duration::from_millis(20)).await;
    }
}

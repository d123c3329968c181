//! A whole cluster in the simulator: scheduler, workers that die and come back, clients with random plans, and an oracle.
//!
//! One seed decides everything: who is there, what they do (`plan`), and which faults befall them. Faults go on for a while,
//! then all is healed. Every outcome of every future is one that the `oracle` allows, whatever it is it comes in time, and
//! when the clients are done nothing may be left on the scheduler.
mod client;
mod cluster;
#[cfg(test)]
mod idle;
mod oracle;
mod plan;
#[cfg(test)]
mod relay;
mod task;
mod witness;

use client::Actor;
use cluster::{Scenario, connect};
use longshore_rt::{Runtime, RuntimeExt};
use longshore_sim::{JobCost, Rng, Sim, SimConfig, SimRuntime};
use oracle::World;
use plan::{Kind, Name, Plan, Step, Style};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use task::Ending;

/// Faults go on for so long.
const STORM: Duration = Duration::from_secs(20);
/// After the faults, all must be done within this.
const CALM: Duration = Duration::from_secs(60);
/// No future may take longer.
const PATIENCE: Duration = Duration::from_secs(80);
/// A peer that says nothing for so long is lost, and a bit.
const SILENCE: Duration = Duration::from_secs(20);

/// What clients did.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Outcomes that were looked at.
    pub calls: usize,
    /// Those that were failures, as they had to be.
    pub failed: usize,
    /// Calls that were asked for once more after they failed.
    pub retried: usize,
    /// Sessions that ended because the scheduler was gone.
    pub sessions_lost: usize,
}

/// What a seed did.
#[derive(Clone, PartialEq, Debug)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// Fingerprint of every event of the run.
    pub fingerprint: u64,
    /// What clients did.
    pub counts: Counts,
    /// Virtual time that passed.
    pub elapsed: Duration,
    /// Whether the scheduler died and stayed dead.
    pub scheduler_gone: bool,
}

type Tally = Arc<Mutex<Counts>>;

/// Clients do not reach workers before all is healed: values go through the scheduler.
fn clients_are_apart(seed: u64) -> bool {
    seed % 4 == 1
}

/// Runs one seed.
///
/// # Panics
/// When an invariant is violated, an outcome is wrong, something hangs or something is left over.
#[must_use]
pub fn run(seed: u64) -> Report {
    let mut rng = Rng::new(seed ^ 0x5eed);
    let job_cost = JobCost::Fixed(Duration::from_micros(rng.between(1_000, 400_000)));
    let mut config = SimConfig { job_cost, time_limit: Duration::from_secs(600), ..SimConfig::seed(seed) };
    if clients_are_apart(seed) {
        config.connect_timeout = Duration::from_millis(300);
    }
    let sim = Sim::new(config);
    witness::forget();
    let scenario = Scenario::draw(seed, &mut rng);
    let tally = Tally::default();
    let plans = plans(&scenario, &mut rng);
    scenario.start_servers(&sim);
    let clients: Vec<_> = plans
        .iter()
        .enumerate()
        .map(|(i, plan)| start_client(&sim, i, plan.clone(), &scenario, &tally))
        .collect();
    if clients_are_apart(seed) {
        let of = |client| scenario.worker_names().into_iter().map(move |worker| (client, worker));
        for (client, worker) in (0..plans.len()).flat_map(of) {
            sim.cut(&format!("client-{client}"), &worker);
        }
    }
    let told = scenario.unleash(&sim);
    let auditor = sim.node("auditor");
    sim.run(async {
        for client in clients {
            client.recv().await.unwrap_or_else(|_| panic!("seed {seed}: a client died\n{told}"));
        }
        if !scenario.scheduler_stays_dead() {
            while !audit(&auditor, seed, scenario.sessions_end()).await {}
        }
    })
    .unwrap_or_else(|e| panic!("seed {seed}: {e}"));
    let elapsed = sim.elapsed();
    assert!(
        elapsed <= STORM + CALM,
        "seed {seed}: it took {elapsed:?}, long after the faults were healed\n{told}"
    );
    plans.iter().for_each(|plan| check_runs(plan, &scenario, seed));
    assert_eq!(witness::wrongs(), Vec::<String>::new(), "seed {seed}");
    witness::forget();
    let counts = *tally.lock().expect("no panic while held");
    let scheduler_gone = scenario.scheduler_stays_dead();
    Report { seed, fingerprint: sim.fingerprint(), counts, elapsed, scheduler_gone }
}

/// One plan for each client that stays to the end; deserters draw theirs from the same shared part.
fn plans(scenario: &Scenario, rng: &mut Rng) -> Vec<Arc<Plan>> {
    let style = Style::swarm(rng, scenario.worker_names());
    let shared = Rng::new(rng.next_u64());
    (0..scenario.clients)
        .map(|_| Arc::new(plan::draw(&style, shared.clone(), Rng::new(rng.next_u64()))))
        .collect()
}

/// A client that lives its plan, again if its session was lost. The channel is sent to when it is done.
fn start_client(
    sim: &Sim,
    i: usize,
    plan: Arc<Plan>,
    scenario: &Scenario,
    tally: &Tally,
) -> async_channel::Receiver<()> {
    let (sender, receiver) = async_channel::bounded(1);
    let (world, mortal) = (scenario.world(), scenario.sessions_end());
    let (leaves, deserts) = (scenario.leaves_early(i), scenario.deserts(i));
    let (name, tally, gone) = (format!("client-{i}"), tally.clone(), scenario.scheduler_stays_dead());
    let rt = sim.node(&name);
    let life = rt.clone();
    let waits = (!deserts).then(|| sender.clone());
    rt.spawn("life", async move {
        loop {
            let Some(client) = connect(&life, gone).await else { break };
            let mut actor = Actor::new(&life, client, &plan, world, mortal);
            let lasted = match leaves {
                true => {
                    actor.leave_early().await;
                    true
                }
                false => actor.live().await,
            };
            tally.lock().expect("no panic while held").add(&actor.counts, lasted);
            if lasted {
                break;
            }
        }
        if let Some(sender) = waits {
            let _ = sender.send(()).await;
        }
    })
    .detach();
    if deserts {
        // Nobody waits for one who goes without a word.
        let _ = sender.try_send(());
    }
    receiver
}

impl Counts {
    fn add(&mut self, more: &Counts, lasted: bool) {
        self.calls += more.calls;
        self.failed += more.failed;
        self.retried += more.retried;
        self.sessions_lost += usize::from(!lasted);
    }
}

/// When all clients are gone, so is everything they wanted. Whether the scheduler lived long enough to say so.
async fn audit(rt: &SimRuntime, seed: u64, may_end: bool) -> bool {
    let client = connect(rt, false).await.expect("the scheduler is up");
    let deadline = rt.now() + CALM;
    loop {
        let tasks = match client.scheduler_info().await {
            Ok(info) => info.tasks,
            // It may die as late as this.
            Err(longshore::Error::SchedulerLost { .. }) if may_end => return false,
            Err(e) => panic!("seed {seed}: the scheduler was asked, and: {e}"),
        };
        if tasks == longshore::TaskCounts::default() {
            break;
        }
        assert!(rt.now() < deadline, "seed {seed}: left over: {tasks:?}");
        rt.sleep(Duration::from_millis(100)).await;
    }
    client.close().await.expect("an orderly end");
    true
}

/// Where and how often tasks were run.
fn check_runs(plan: &Plan, scenario: &Scenario, seed: u64) {
    // What nobody needs is stopped, and may be needed again.
    let given_up: BTreeSet<usize> = plan.steps.iter().filter_map(Step::gives_up).collect();
    for (at, node) in plan.nodes.iter().enumerate() {
        let runs = witness::runs(node.recipe.salt);
        if let plan::Place::On(workers) = &node.place {
            let elsewhere = runs.iter().find(|run| !workers.contains(&run.worker));
            // What delegates may run where it wants; what it delegates may run anywhere.
            let free = node.kind == Kind::Delegating;
            assert!(free || elsewhere.is_none(), "seed {seed}: node {at} ran elsewhere: {runs:?}, {node:?}");
        }
        let is_one = node.name == Name::Own && !node.inner && node.recipe.ending == Ending::Value;
        let at_most_once = node.once || (scenario.is_calm() && !given_up.contains(&at));
        assert!(
            !is_one || !at_most_once || runs.len() <= 1 || scenario.sessions_end(),
            "seed {seed}: node {at} ran {runs:?}, {node:?}"
        );
    }
    if scenario.is_calm() {
        check_detached(plan, seed);
    }
}

/// What was left to itself was run.
fn check_detached(plan: &Plan, seed: u64) {
    let certain = oracle::expected(plan, World { faults: false, others: true });
    for step in &plan.steps {
        let Step::Detach(at) = step else { continue };
        let node = &plan.nodes[*at];
        let runs = certain[*at].causes.is_empty() && node.kind != Kind::Scattered;
        let ran = !witness::runs(node.recipe.salt).is_empty();
        assert!(!runs || ran, "seed {seed}: node {at} was detached and never ran: {node:?}");
    }
}

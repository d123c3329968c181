//! A scheduler whose workers are clusters: it hands out blocks of tasks, and each worker has a scheduler of its own run
//! the tasks of its blocks.
//!
//! To the parent a child is one worker with as many threads as blocks it may have at once. In the child's process there
//! are that worker and a client of the child's scheduler. The task that stands for a block submits the block's tasks there
//! and awaits them *outside* of its run: an `async fn` that awaits futures gives up its slot, and the parent would send
//! one child all blocks there are.
use super::cluster::{connect, start_scheduler, start_workers, work};
use super::meter::{Meter, uncounted};
use super::work::{leaf, value};
use super::{Costs, world};
use longshore::{Client, TaskFuture, Value, context, task};
use longshore_rt::{Runtime, RuntimeExt};
use longshore_sim::{Sim, SimRuntime};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What is run.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Everything random follows from it.
    pub seed: u64,
    /// Children of the parent.
    pub children: usize,
    /// Workers of one thread, all children's together.
    pub workers: usize,
    /// Tasks, all blocks' together, about.
    pub tasks: u64,
    /// Tasks of a block.
    pub block_len: u64,
    /// Blocks are of any length up to twice that.
    pub uneven: bool,
    /// Blocks that a child may have at once.
    pub blocks_at_once: u32,
    /// What things take in virtual time.
    pub costs: Costs,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Report {
    /// Tasks that were run in blocks.
    pub tasks: u64,
    /// Blocks.
    pub blocks: usize,
    /// Tasks of the child that had most, as a multiple of the mean.
    pub imbalance: f64,
    /// Virtual time from the first submission to the last result.
    pub makespan: Duration,
    /// The part of it in which the parent's core was busy.
    pub parent_busy: f64,
    /// The part of it in which each child's scheduler was busy.
    pub busy: Vec<f64>,
    /// The part of the workers' time in which they ran tasks.
    pub utilisation: f64,
    /// What a block of one task takes, with nothing else to do.
    pub latency: Duration,
    /// What a task takes that is submitted to a child's scheduler by a client of its own.
    pub latency_below: Duration,
    /// Real time of the whole run.
    pub real: Duration,
    /// Stands for all that happened.
    pub fingerprint: u64,
}

/// A cluster that is a worker of another: what its tasks reach it by.
struct Child {
    rt: SimRuntime,
    client: Client<SimRuntime>,
    tasks: u64,
}

thread_local! {
    /// The children of the world that runs on this thread, by the name of the worker that each is to its parent.
    static CHILDREN: RefCell<BTreeMap<String, Child>> = RefCell::default();
}

/// Has a child compute the leaves of so many numbers, and adds them up.
///
/// # Errors
/// When one fails.
#[task]
pub async fn block(first: u64, len: u64) -> Result<u64, String> {
    let name = context().worker().name().to_owned();
    let (rt, client) = CHILDREN.with_borrow_mut(|children| {
        let child = children.get_mut(&name).ok_or(format!("{name} is no cluster"))?;
        child.tasks += len;
        Ok::<_, String>((child.rt.clone(), child.client.clone()))
    })?;
    let below = rt.spawn("block", async move { client.gather(client.map(leaf, first..first + len)).await });
    let values = below.await.map_err(|e| e.to_string())?.map_err(|e| e.to_string())?;
    Ok(values.into_iter().fold(0, u64::wrapping_add))
}

/// What [`block`] computes.
fn block_value(first: u64, len: u64) -> u64 {
    (first..first + len).map(value).fold(0, u64::wrapping_add)
}

fn name(child: usize) -> String {
    format!("child-{child}")
}

fn scheduler_of(child: usize) -> String {
    format!("child-{child}-scheduler")
}

/// What was seen while it ran.
struct Seen {
    makespan: Duration,
    busy: Vec<f64>,
    ran: Vec<u64>,
    latency: Duration,
    latency_below: Duration,
}

/// Runs it.
///
/// # Panics
/// When a result is wrong or missing.
#[must_use]
pub fn run(setup: &Setup) -> Report {
    let begun = Instant::now();
    drop(CHILDREN.take());
    let sim = world(setup.seed, &setup.costs);
    let meter = Meter::new(uncounted);
    start_scheduler(&sim, "parent", &setup.costs, &meter);
    (0..setup.children).for_each(|child| start_child(&sim, child, setup, &meter));
    let rt = sim.node("client");
    sim.set_poll_cost("client", setup.costs.client);
    let blocks = blocks(setup);
    let seen = sim.run(watch(&sim, &rt, setup, &blocks)).expect("nothing else runs on this thread");
    drop(CHILDREN.take());
    let tasks: u64 = blocks.iter().map(|(_, len)| len).sum();
    let most = seen.ran.iter().max().copied().unwrap_or_default();
    Report {
        tasks,
        blocks: blocks.len(),
        imbalance: most as f64 * setup.children as f64 / tasks as f64,
        makespan: seen.makespan,
        parent_busy: seen.busy[0],
        busy: seen.busy[1..].to_vec(),
        utilisation: setup.costs.task.as_secs_f64() * tasks as f64
            / (seen.makespan.as_secs_f64() * setup.workers as f64),
        latency: seen.latency,
        latency_below: seen.latency_below,
        real: begun.elapsed(),
        fingerprint: sim.fingerprint(),
    }
}

/// First numbers and lengths.
fn blocks(setup: &Setup) -> Vec<(u64, u64)> {
    let (mut blocks, mut next) = (Vec::new(), 0);
    while next < setup.tasks {
        let chance = value(setup.seed ^ next);
        let len = if setup.uneven { 1 + chance % (2 * setup.block_len) } else { setup.block_len };
        blocks.push((next, len));
        next += len;
    }
    blocks
}

/// A scheduler, its workers, and the process in which all of them are one worker of the parent.
fn start_child(sim: &Sim, child: usize, setup: &Setup, meter: &Arc<Meter>) {
    let (scheduler, workers) = (scheduler_of(child), setup.workers / setup.children);
    start_scheduler(sim, &scheduler, &setup.costs, meter);
    start_workers(sim, &scheduler, workers);
    let threads = setup.blocks_at_once;
    sim.process(&name(child), move |rt| {
        let (scheduler, name) = (scheduler.clone(), name(child));
        async move {
            let client = connect(&rt, &scheduler, workers).await;
            let as_child = Child { rt: rt.clone(), client, tasks: 0 };
            CHILDREN.with_borrow_mut(|children| children.insert(name.clone(), as_child));
            work(rt, "parent", &name, threads).await;
        }
    });
    sim.set_poll_cost(&name(child), setup.costs.client);
}

async fn watch(sim: &Sim, rt: &SimRuntime, setup: &Setup, blocks: &[(u64, u64)]) -> Seen {
    let client = connect(rt, "parent", setup.children).await;
    warm(&client, setup).await;
    let (start, before) = (rt.now(), processors(sim, setup.children));
    let futures = client.map(|(first, len)| block(first, len), blocks.iter().copied());
    let values = client.gather(futures).await.expect("blocks do not fail");
    let makespan = rt.now().duration_since(start);
    let used = processors(sim, setup.children).into_iter().zip(before).map(|(after, before)| after - before);
    let busy = used.map(|used| used.as_secs_f64() / makespan.as_secs_f64()).collect();
    let ran = CHILDREN.with_borrow(|all| all.values().map(|child| child.tasks).collect());
    let expected = blocks.iter().map(|(first, len)| block_value(*first, *len));
    assert!(values.into_iter().eq(expected), "a result that no sequential program gives");
    let latency = latency(rt, || client.submit(block(1, 1))).await;
    let below = connect(rt, &scheduler_of(0), 1).await;
    let latency_below = self::latency(rt, || below.submit(leaf(1))).await;
    Seen { makespan, busy, ran, latency, latency_below }
}

/// Every worker of every child runs something, so that it is known how long that takes.
async fn warm(client: &Client<SimRuntime>, setup: &Setup) {
    let len = (setup.workers / setup.children) as u64;
    let blocks = 0..2 * setup.children as u64 * u64::from(setup.blocks_at_once);
    client.gather(client.map(|_| block(0, len), blocks)).await.expect("blocks do not fail");
    CHILDREN.with_borrow_mut(|all| all.values_mut().for_each(|child| child.tasks = 0));
}

/// What the cores of the parent and of the children's schedulers have done so far.
fn processors(sim: &Sim, children: usize) -> Vec<Duration> {
    let names = ["parent".to_owned()].into_iter().chain((0..children).map(scheduler_of));
    names.map(|name| sim.processor_time(&name)).collect()
}

/// What a call takes from its submission until its result is here, one after the other.
async fn latency<T: Value>(rt: &SimRuntime, mut submit: impl FnMut() -> TaskFuture<T>) -> Duration {
    const CALLS: u32 = 20;
    let start = rt.now();
    for _ in 0..CALLS {
        submit().await.expect("it does not fail");
    }
    rt.now().duration_since(start) / CALLS
}

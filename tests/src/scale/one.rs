//! One scheduler: independent tasks from one client, among more and more workers.
use super::cluster::{connect, start_scheduler, start_workers};
use super::meter::{Allocated, Meter, Reading};
use super::work::{leaf, value};
use super::{Costs, world};
use longshore::{Client, TaskFuture};
use longshore_rt::Runtime;
use longshore_sim::SimRuntime;
use std::collections::VecDeque;
use std::ops::Range;
use std::time::{Duration, Instant};

/// Parts in which tasks are submitted: when the first of them is done, the next is.
const WAVES: u64 = 4;

/// What is run.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Everything random follows from it.
    pub seed: u64,
    /// Workers of one thread.
    pub workers: usize,
    /// Tasks, beside one for each worker that comes before.
    pub tasks: u64,
    /// Tasks whose futures the client holds at once, at most.
    pub live: u64,
    /// What things take in virtual time.
    pub costs: Costs,
    /// For the scheduler's memory.
    pub allocated: Allocated,
}

/// What came of it. All but [`scheduler`](Self::scheduler), [`real`](Self::real) and
/// [`worker_bytes`](Self::worker_bytes) follow from the seed.
#[derive(Clone, Debug)]
pub struct Report {
    /// What the scheduler's code really cost, for all tasks.
    pub scheduler: Reading,
    /// What it held for each worker before there were tasks.
    pub worker_bytes: i64,
    /// What it held at most for each live task.
    pub task_bytes: i64,
    /// The most tasks that were live at once.
    pub live_peak: u64,
    /// Virtual time from the first submission to the last result.
    pub makespan: Duration,
    /// Virtual time that the scheduler's core was busy in it.
    pub busy: Duration,
    /// Bytes that were delivered in it.
    pub bytes: u64,
    /// The part of the workers' time in which they ran tasks.
    pub utilisation: f64,
    /// Real time of the whole run.
    pub real: Duration,
    /// Stands for all that happened.
    pub fingerprint: u64,
}

/// Runs it.
///
/// # Panics
/// When a result is wrong or missing.
#[must_use]
pub fn run(setup: &Setup) -> Report {
    let begun = Instant::now();
    let sim = world(setup.seed, &setup.costs);
    let meter = Meter::new(setup.allocated);
    start_scheduler(&sim, "scheduler", &setup.costs, &meter);
    start_workers(&sim, "scheduler", setup.workers);
    let rt = sim.node("client");
    sim.set_poll_cost("client", setup.costs.client);
    let (makespan, busy, bytes, live_peak, before) = sim
        .run(async {
            let client = connect(&rt, "scheduler", setup.workers).await;
            // Every worker has run something, and how long that takes is known.
            waves(&client, 0..setup.workers as u64, setup.workers as u64).await;
            meter.restart();
            let before = meter.read();
            let start = (rt.now(), sim.processor_time("scheduler"), sim.stats().bytes);
            let live_peak = waves(&client, 0..setup.tasks, setup.live).await;
            let makespan = rt.now().duration_since(start.0);
            let busy = sim.processor_time("scheduler") - start.1;
            let bytes = sim.stats().bytes - start.2;
            client.close().await.expect("closing does not fail");
            (makespan, busy, bytes, live_peak, before)
        })
        .expect("nothing else runs on this thread");
    let scheduler = meter.read();
    let work = setup.costs.task.as_secs_f64() * setup.tasks as f64;
    Report {
        scheduler,
        worker_bytes: before.held_bytes / i64::try_from(setup.workers.max(1)).unwrap_or(1),
        task_bytes: (scheduler.peak_bytes - before.held_bytes) / i64::try_from(live_peak.max(1)).unwrap_or(1),
        live_peak,
        makespan,
        busy,
        bytes,
        utilisation: work / (makespan.as_secs_f64() * setup.workers as f64),
        real: begun.elapsed(),
        fingerprint: sim.fingerprint(),
    }
}

/// Has a leaf computed for each number, with so many futures at once at most, and looks at every result. The most futures
/// that there were.
async fn waves(client: &Client<SimRuntime>, numbers: Range<u64>, live: u64) -> u64 {
    let wave = (live / WAVES).max(1);
    let (mut next, mut held, mut held_peak) = (numbers.start, 0, 0);
    let mut under_way: VecDeque<(Range<u64>, Vec<TaskFuture<u64>>)> = VecDeque::new();
    loop {
        while next < numbers.end && held + wave <= live.max(wave) {
            let part = next..numbers.end.min(next + wave);
            (next, held) = (part.end, held + part.end - part.start);
            under_way.push_back((part.clone(), client.map(leaf, part)));
        }
        held_peak = held_peak.max(held);
        let Some((part, futures)) = under_way.pop_front() else { return held_peak };
        held -= part.end - part.start;
        check(part, client.gather(futures).await.expect("leaves do not fail"));
    }
}

fn check(numbers: Range<u64>, values: Vec<u64>) {
    let wrong = numbers.clone().zip(&values).find(|(x, given)| value(*x) != **given);
    assert_eq!(wrong, None, "a result that no sequential program gives");
    assert_eq!(values.len() as u64, numbers.end - numbers.start, "results are missing");
}

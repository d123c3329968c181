//! Large clusters in the simulator, measured and printed as tables: `cargo xtask scale`.
use clap::{Args, Parser, Subcommand};
use longshore_sim::PollCost;
use longshore_tests::scale::table::{head, number, percent, row};
use longshore_tests::scale::work::Weave;
use longshore_tests::scale::{Costs, MEASURED, nested, one, shards};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use std::alloc::System;
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Bytes that are allocated now.
fn allocated() -> i64 {
    let stats = ALLOCATOR.stats();
    i64::try_from(stats.bytes_allocated).unwrap_or(i64::MAX)
        - i64::try_from(stats.bytes_deallocated).unwrap_or(i64::MAX)
}

/// Large clusters in the simulator: what one scheduler can bear, and what lies beyond one.
#[derive(Debug, Parser)]
struct Command {
    #[command(subcommand)]
    design: Design,
}

#[derive(Debug, Subcommand)]
enum Design {
    /// One scheduler and independent tasks. Every number of workers with every number of tasks.
    One(One),
    /// A graph spread over several schedulers.
    Shards(Shards),
    /// A scheduler that hands blocks of tasks to schedulers below it.
    Nested(Nested),
}

/// What things take in virtual time.
#[derive(Debug, Args)]
struct World {
    /// Everything random follows from it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Virtual microseconds of each task.
    #[arg(long, default_value_t = 1_000)]
    task_us: u64,
    /// A scheduler's core for each of its turns, in nanoseconds.
    #[arg(long, default_value_t = MEASURED.poll_ns)]
    poll_ns: u64,
    /// A scheduler's core for each call of its kernel.
    #[arg(long, default_value_t = MEASURED.call_ns)]
    call_ns: u64,
    /// A scheduler's core for each byte, in picoseconds.
    #[arg(long, default_value_t = MEASURED.byte_ps)]
    byte_ps: u64,
    /// Clients have a core like that too; by default they take no time.
    #[arg(long)]
    charge_clients: bool,
}

impl World {
    fn costs(&self) -> Costs {
        let scheduler = PollCost { poll_ns: self.poll_ns, call_ns: self.call_ns, byte_ps: self.byte_ps };
        let client = if self.charge_clients { scheduler } else { PollCost::default() };
        Costs { scheduler, client, task: Duration::from_micros(self.task_us) }
    }
}

#[derive(Debug, Args)]
struct One {
    /// Workers of one thread.
    #[arg(long, value_delimiter = ',', default_values_t = [10, 100, 1_000, 10_000])]
    workers: Vec<usize>,
    /// Tasks.
    #[arg(long, value_delimiter = ',', default_values_t = [100_000, 1_000_000])]
    tasks: Vec<u64>,
    /// Futures that the client holds at once, at most.
    #[arg(long, default_value_t = 1_000_000)]
    live: u64,
    #[command(flatten)]
    world: World,
}

#[derive(Debug, Args)]
struct Shards {
    /// Schedulers.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2, 4, 8])]
    shards: Vec<usize>,
    /// Workers of one thread, all together.
    #[arg(long, default_value_t = 1_024)]
    workers: usize,
    /// Columns of the graph.
    #[arg(long, default_value_t = 16_384)]
    width: usize,
    /// Layers of the graph.
    #[arg(long, default_value_t = 16)]
    layers: usize,
    /// Of a thousand tasks, how many need one of any column.
    #[arg(long, value_delimiter = ',', default_values_t = [0, 20, 200])]
    stray_permille: Vec<u64>,
    /// Tasks go to schedulers by a hash of their number instead of with their neighbours.
    #[arg(long)]
    hash: bool,
    #[command(flatten)]
    world: World,
}

#[derive(Debug, Args)]
struct Nested {
    /// Schedulers below the first.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2, 4, 8])]
    children: Vec<usize>,
    /// Workers of one thread, all together.
    #[arg(long, default_value_t = 1_024)]
    workers: usize,
    /// Tasks, all together.
    #[arg(long, default_value_t = 262_144)]
    tasks: u64,
    /// Tasks of a block.
    #[arg(long, value_delimiter = ',', default_values_t = [64, 1_024, 8_192])]
    block_len: Vec<u64>,
    /// Blocks are of any length up to twice that.
    #[arg(long)]
    uneven: bool,
    /// Blocks that a child may have at once.
    #[arg(long, default_value_t = 4)]
    blocks_at_once: u32,
    #[command(flatten)]
    world: World,
}

fn main() {
    match Command::parse().design {
        Design::One(args) => run_one(&args),
        Design::Shards(args) => run_shards(&args),
        Design::Nested(args) => run_nested(&args),
    }
}

fn run_one(args: &One) {
    head(&[
        "workers",
        "tasks",
        "live",
        "scheduler µs/task",
        "bytes/task",
        "KiB/worker",
        "wire bytes/task",
        "virtual s",
        "tasks/virtual s",
        "scheduler busy",
        "workers busy",
        "real s",
    ]);
    for (workers, tasks) in pairs(&args.workers, &args.tasks) {
        let costs = args.world.costs();
        let setup = one::Setup { seed: args.world.seed, workers, tasks, live: args.live, costs, allocated };
        let report = one::run(&setup);
        let (n, makespan) = (tasks as f64, report.makespan.as_secs_f64());
        row(&[
            number(workers as f64),
            number(n),
            number(report.live_peak as f64),
            number(report.scheduler.time.as_secs_f64() * 1e6 / n),
            number(report.task_bytes as f64),
            number(report.worker_bytes as f64 / 1024.0),
            number(report.bytes as f64 / n),
            number(makespan),
            number(n / makespan),
            percent(report.busy.as_secs_f64() / makespan),
            percent(report.utilisation),
            number(report.real.as_secs_f64()),
        ]);
    }
}

fn run_shards(args: &Shards) {
    head(&[
        "shards",
        "stray ‰",
        "edges cut",
        "values carried/task",
        "imbalance",
        "virtual s",
        "tasks/virtual s",
        "schedulers busy",
        "client busy",
        "workers busy",
        "real s",
    ]);
    for (stray_permille, shards) in pairs(&args.stray_permille, &args.shards) {
        let seed = args.world.seed;
        let weave = Weave { width: args.width, layers: args.layers, stray_permille, seed };
        let partition = if args.hash { shards::Partition::Hash } else { shards::Partition::Homes };
        let costs = args.world.costs();
        let setup = shards::Setup { seed, shards, workers: args.workers, weave, partition, costs };
        let report = shards::run(&setup);
        let (n, makespan) = (weave.len() as f64, report.makespan.as_secs_f64());
        row(&[
            number(shards as f64),
            number(stray_permille as f64),
            percent(report.cut_edges as f64 / report.edges.max(1) as f64),
            number(report.carried as f64 / n),
            number(report.imbalance),
            number(makespan),
            number(n / makespan),
            range(&report.busy),
            percent(report.client_busy),
            percent(report.utilisation),
            number(report.real.as_secs_f64()),
        ]);
    }
}

fn run_nested(args: &Nested) {
    head(&[
        "children",
        "block",
        "blocks",
        "imbalance",
        "virtual s",
        "tasks/virtual s",
        "parent busy",
        "children busy",
        "workers busy",
        "latency ms",
        "below ms",
        "real s",
    ]);
    for (block_len, children) in pairs(&args.block_len, &args.children) {
        let setup = nested::Setup {
            seed: args.world.seed,
            children,
            workers: args.workers,
            tasks: args.tasks,
            block_len,
            uneven: args.uneven,
            blocks_at_once: args.blocks_at_once,
            costs: args.world.costs(),
        };
        let report = nested::run(&setup);
        let (n, makespan) = (report.tasks as f64, report.makespan.as_secs_f64());
        row(&[
            number(children as f64),
            number(block_len as f64),
            number(report.blocks as f64),
            number(report.imbalance),
            number(makespan),
            number(n / makespan),
            percent(report.parent_busy),
            range(&report.busy),
            percent(report.utilisation),
            number(report.latency.as_secs_f64() * 1e3),
            number(report.latency_below.as_secs_f64() * 1e3),
            number(report.real.as_secs_f64()),
        ]);
    }
}

/// Each of the first with each of the second.
fn pairs<A: Copy, B: Copy>(first: &[A], second: &[B]) -> Vec<(A, B)> {
    first.iter().flat_map(|a| second.iter().map(move |b| (*a, *b))).collect()
}

/// The least and the greatest part.
fn range(parts: &[f64]) -> String {
    let (least, most) = parts.iter().fold((f64::MAX, 0.0_f64), |(l, m), part| (l.min(*part), m.max(*part)));
    if parts.len() < 2 { percent(most) } else { format!("{} … {}", number(least * 100.0), percent(most)) }
}

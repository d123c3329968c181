//! Measures Longshore, each metric beside the floor of the same moment; most often run by `cargo xtask bench`.
//!
//! Every number is a ratio taken on one machine in one run. Absolute numbers of two machines, or of two hours on one
//! machine that others use, say little; the floor measured in turn with the subject says how much of what is possible
//! here was reached.
//!
//! `longshore-bench [--floor] [--mode tcp|inproc] [--runtime R] [--n N] [--reps R] [METRIC..]` measures,
//! `longshore-bench machine` says what the machine can do without any framework.

mod floor;
mod kernel;
mod metric;
mod plan;
mod process;
mod report;
mod subject;

use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Parser;

use crate::floor::{machine, null_framework, raw_link};
use crate::metric::{Mode, Wanted};
use crate::plan::Plan;
use crate::report::Record;
use crate::subject::longshore::{RuntimeName, Way};
use crate::subject::{Shape, Start};

/// Measures Longshore, each metric beside the floor of the same moment.
#[derive(Debug, Parser)]
struct Args {
    /// One JSON object a line instead of a table.
    #[arg(long)]
    json: bool,
    /// Measure only the floors.
    #[arg(long)]
    floor: bool,
    /// `tcp` (a scheduler and two workers as processes) or `inproc` (all in one process); both when not given.
    #[arg(long)]
    mode: Option<Mode>,
    /// The runtime of client, scheduler and workers: owned (the built-in one), tokio, tokio-current-thread, smol or async-std.
    #[arg(long, default_value = "owned")]
    runtime: RuntimeName,
    /// Tasks for the throughput and memory metrics, up to ten millions.
    #[arg(long, default_value_t = 100_000)]
    n: usize,
    /// Workers of the metric `many_workers`, which are drivers in one process.
    #[arg(long, default_value_t = 1_000)]
    workers: usize,
    /// Repetitions of each metric.
    #[arg(long, default_value_t = 5)]
    reps: usize,
    /// Microseconds the floor polls before it sleeps.
    #[arg(long, default_value_t = 0)]
    spin_us: u64,
    /// Let the floor's workers run tasks on a thread of their own in every metric, not only in latency.
    #[arg(long)]
    compute_thread: bool,
    /// Let Longshore's processes take Unix sockets to each other, as they do by default on one machine, instead of TCP as
    /// the null framework does. The records then say `unix` for `tcp`.
    #[arg(long)]
    shortcut: bool,
    /// The commit that is measured, for the records.
    #[arg(long, default_value = "unknown")]
    commit: String,
    /// Only metrics whose name begins with one of these, all but the series `sweep_..` when there is none; `machine` for
    /// the machine itself.
    metrics: Vec<String>,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(role) = arguments.first().and_then(|first| first.strip_prefix(process::ROLE)) {
        return play(role, &arguments[1..]);
    }
    measure(&Args::parse())
}

fn measure(args: &Args) -> anyhow::Result<()> {
    if args.metrics == ["machine"] {
        let records = machine::measure(args.reps, &args.commit)?;
        print!("{}", if args.json { report::json_lines(&records)? } else { report::table(&records) });
        return Ok(());
    }
    let plan = Plan {
        modes: args.mode.map_or_else(|| vec![Mode::Tcp, Mode::Inproc], |mode| vec![mode]),
        metrics: args.metrics.clone(),
        wanted: Wanted { n: args.n, workers: args.workers },
        reps: args.reps,
        floor: null_framework::Options {
            eager: false,
            compute_thread: args.compute_thread,
            spin_us: args.spin_us,
        },
        runtime: args.runtime.name(),
        shortcut: args.shortcut,
        commit: args.commit.clone(),
    };
    let show = |records: &[Record]| {
        if args.json {
            print!("{}", report::json_lines(records).unwrap_or_default());
        } else {
            records.iter().for_each(|r| eprintln!("{} {} {:.3} {}", r.metric, r.mode, r.value, r.unit));
        }
    };
    let (runtime, way) = (args.runtime, if args.shortcut { Way::Shortcut } else { Way::Tcp });
    let start =
        |shape: Shape| -> Box<dyn Start> { Box::new(move || subject::longshore::start(runtime, way, shape)) };
    let records = if args.floor { plan.run(None, show)? } else { plan.run(Some(&start), show)? };
    if !args.json {
        print!("{}", report::table(&records));
    }
    Ok(())
}

/// What a child process does.
fn play(role: &str, args: &[String]) -> anyhow::Result<()> {
    let arg = |index: usize| args.get(index).map(String::as_str).context("a role lacks an argument");
    match role {
        machine::ECHO => machine::serve_echo(),
        machine::SINK => machine::serve_sink(),
        raw_link::FAR_END => raw_link::serve(arg(0)?),
        null_framework::SCHEDULER => null_framework::serve_scheduler(
            null_framework::Options {
                eager: arg(0)? == "eager",
                spin_us: arg(1)?.parse()?,
                ..null_framework::Options::default()
            },
            arg(2)?.parse()?,
        ),
        null_framework::WORKER => null_framework::serve_worker(
            arg(0)?,
            null_framework::Options {
                compute_thread: arg(1)? == "compute-thread",
                spin_us: arg(2)?.parse()?,
                ..null_framework::Options::default()
            },
        ),
        subject::longshore::SCHEDULER => {
            subject::longshore::serve_scheduler(arg(0)?.parse()?, Way::named(arg(1)?))
        }
        subject::longshore::WORKER => {
            subject::longshore::serve_worker(arg(0)?.parse()?, arg(1)?, arg(2)?, Way::named(arg(3)?))
        }
        subject::longshore::CLIENT => {
            subject::longshore::serve_client(arg(0)?.parse()?, arg(1)?, arg(2)?.parse()?)
        }
        _ => bail!("there is no role {role}"),
    }
}

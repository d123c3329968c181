//! `cargo xtask bench`: builds the measuring program in release mode and runs it, alone or beside somebody else's.
//!
//! | option | does |
//! |---|---|
//! | none | measures, each metric in turns with its floors |
//! | `--against REV` | measures in turns with the program built from another commit |
//! | `--against dask`, `--against ray` | measures in turns with a peer that does the same work |
//! | `--instructions` | counts the machines' instructions and compares them with a baseline |
//! | `--report` | all of it, written into `docs/performance.md` and `docs/plots` |
//! | `--plots` | writes those again from what the last report measured |

mod against;
mod callgrind;
mod instructions;
mod peer;
mod report;
mod rival;

use std::path::PathBuf;
use std::process::Command;

use anyhow::bail;

use crate::cargo::{Workspace, cargo, root, run as run_command};

/// Options of `cargo xtask bench`; most go to the measuring program as they are.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// One JSON object a line instead of a table.
    #[arg(long)]
    json: bool,
    /// The runtime of client, scheduler and workers: owned (the built-in one), tokio, tokio-current-thread, smol or async-std.
    #[arg(long)]
    runtime: Option<String>,
    /// `tcp` (a scheduler and two workers as processes) or `inproc` (all in one process); both when not given.
    #[arg(long)]
    mode: Option<String>,
    /// Tasks for the throughput and memory metrics, up to ten millions.
    #[arg(long)]
    n: Option<u64>,
    /// Workers of the metric `many_workers`, which are drivers in one process.
    #[arg(long)]
    workers: Option<u64>,
    /// Repetitions of each metric.
    #[arg(long)]
    reps: Option<usize>,
    /// Measure in turns with `dask` or `ray`, which pip installs below target/, or with another commit. May be repeated.
    #[arg(long, value_name = "dask|ray|REV")]
    against: Vec<String>,
    /// Count the instructions of the machines' hot paths instead of measuring times. Needs valgrind.
    #[arg(long)]
    instructions: bool,
    /// With --instructions: what was counted is the baseline from now on.
    #[arg(long, requires = "instructions")]
    bless: bool,
    /// Measure everything and write docs/performance.md and docs/plots; with --against the peers' rows too. Takes about
    /// ten minutes and wants a quiet machine.
    #[arg(long)]
    report: bool,
    /// Write docs/performance.md and docs/plots again from docs/plots/report.jsonl.
    #[arg(long)]
    plots: bool,
    /// Only metrics whose name begins with one of these.
    metrics: Vec<String>,
    /// More arguments for the measuring program, after `--`.
    #[arg(last = true)]
    rest: Vec<String>,
}

/// Measures.
///
/// # Errors
/// When the measuring program does not build or fails.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    match args {
        Args { plots: true, .. } => report::render(),
        Args { report: true, .. } => report::run(&args.against),
        Args { instructions: true, .. } => instructions::run(args.bless, args.json),
        Args { against, .. } if !against.is_empty() => {
            against.iter().try_for_each(|name| against::run(args, name))
        }
        _ => measure(args),
    }
}

fn measure(args: &Args) -> anyhow::Result<()> {
    let mut command = cargo();
    command.args(["run", "--release", "--package", "longshore-bench", "--bin", "longshore-bench", "--"]);
    command.args(["--commit", &commit()]);
    if args.json {
        command.arg("--json");
    }
    pass(&mut command, "--runtime", args.runtime.as_deref());
    pass(&mut command, "--mode", args.mode.as_deref());
    pass(&mut command, "--n", args.n.map(|n| n.to_string()).as_deref());
    pass(&mut command, "--workers", args.workers.map(|n| n.to_string()).as_deref());
    pass(&mut command, "--reps", args.reps.map(|n| n.to_string()).as_deref());
    command.args(&args.metrics).args(&args.rest);
    run_command(&mut command)
}

fn pass(command: &mut Command, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        command.args([name, value]);
    }
}

/// Builds a program of the measuring package; where it is.
fn build(program: &str) -> anyhow::Result<PathBuf> {
    run_command(cargo().args(["build", "--release", "--package", "longshore-bench", "--bin", program]))?;
    Ok(Workspace::read()?.target_dir.join("release").join(program))
}

/// What a command prints.
fn output(command: &mut Command) -> anyhow::Result<String> {
    let out = command.output()?;
    if !out.status.success() {
        let words = String::from_utf8_lossy(&out.stderr);
        bail!("{} failed: {}", crate::cargo::shown(command), words.trim());
    }
    Ok(String::from_utf8(out.stdout)?)
}

/// The commit that is measured, with `+` when the tree has changes of its own.
fn commit() -> String {
    let git = |args: &[&str]| output(Command::new("git").current_dir(root()).args(args)).ok();
    let Some(hash) = git(&["rev-parse", "--short", "HEAD"]) else {
        return "unknown".to_owned();
    };
    let mut hash = hash.trim().to_owned();
    // what a report writes is no change to what it measures
    let changes = git(&["status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs"]);
    if changes.is_none_or(|changes| !changes.trim().is_empty()) {
        hash.push('+');
    }
    hash
}

//! `cargo xtask bench`: builds the measuring program in release mode and runs it.

use std::process::Command;

use crate::cargo::{cargo, root, run as run_command};

/// Options of `cargo xtask bench`; they go to the measuring program as they are.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// One JSON object a line instead of a table.
    #[arg(long)]
    json: bool,
    /// The runtime of client, scheduler and workers: owned (the built-in one), tokio, smol or async-std.
    #[arg(long)]
    runtime: Option<String>,
    /// `tcp` (a scheduler and two workers as processes) or `inproc` (all in one process); both when not given.
    #[arg(long)]
    mode: Option<String>,
    /// Tasks for the throughput and memory metrics.
    #[arg(long)]
    n: Option<u64>,
    /// Workers of the metric `many_workers`, which are drivers in one process.
    #[arg(long)]
    workers: Option<u64>,
    /// Repetitions of each metric.
    #[arg(long)]
    reps: Option<usize>,
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
    let mut command = cargo();
    command.args(["run", "--release", "--package", "longshore-bench", "--", "--commit", &commit()]);
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

/// The commit that is measured, with `+` when the tree has changes of its own.
fn commit() -> String {
    let git = |args: &[&str]| {
        let out = Command::new("git").current_dir(root()).args(args).output().ok()?;
        out.status.success().then(|| String::from_utf8_lossy(&out.stdout).trim().to_owned())
    };
    let Some(mut hash) = git(&["rev-parse", "--short", "HEAD"]) else {
        return "unknown".to_owned();
    };
    if git(&["status", "--porcelain", "--untracked-files=no"]).is_none_or(|changes| !changes.is_empty()) {
        hash.push('+');
    }
    hash
}

//! `cargo xtask bench --against NAME`: the same work in turns with a peer or with another commit.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::rival::{Rival, Row, Values, Work, rows};
use super::{Args, build, output, peer};
use crate::cargo::{Workspace, root, run as run_command};

/// Metrics that are compared when none is named: those that measuring programs of all ages have.
const METRICS: [&str; 9] = [
    "noop",
    "latency_p50",
    "chain",
    "tree",
    "fan_in",
    "scatter",
    "worker_to_worker",
    "scheduler_memory",
    "startup",
];
const REPS: usize = 5;
const N: u64 = 100_000;

/// Measures us and `name` in turns, and prints what came of it.
///
/// # Errors
/// When `name` cannot be had, or one of the two fails.
pub(super) fn run(args: &Args, name: &str) -> anyhow::Result<()> {
    let reps = args.reps.unwrap_or(REPS);
    if peer::is_one(name) {
        let rows = peer::measure(name, &args.metrics, args.n, reps.min(3))?;
        return print(&rows, name, args.json);
    }
    let ours = Rival::program("ours", build("longshore-bench")?);
    let theirs = Rival::program(name, program_of(name)?);
    let metrics =
        if args.metrics.is_empty() { METRICS.map(str::to_owned).to_vec() } else { args.metrics.clone() };
    let mut all = Vec::new();
    for mode in args.mode.as_deref().map_or_else(|| vec!["tcp", "inproc"], |mode| vec![mode]) {
        for metric in &metrics {
            let work = Work {
                metrics: vec![metric.clone()],
                mode: mode.to_owned(),
                runtime: args.runtime.clone().unwrap_or_else(|| "owned".to_owned()),
                n: args.n.unwrap_or(N),
            };
            all.extend(rows(&turns(&ours, &theirs, &work, reps)?));
        }
    }
    print(&all, name, args.json)
}

/// Each does the work `reps` times, one after the other.
///
/// # Errors
/// When one of them fails.
pub(super) fn turns(
    ours: &Rival,
    theirs: &Rival,
    work: &Work,
    reps: usize,
) -> anyhow::Result<Vec<(Values, Values)>> {
    (0..reps)
        .map(|rep| {
            eprintln!(
                "{} {}: turn {} of {reps} with {}",
                work.mode,
                work.metrics.join(" "),
                rep + 1,
                theirs.name
            );
            // who begins changes, so that neither always comes second
            if rep % 2 == 0 {
                let first = theirs.once(work)?;
                return Ok((ours.once(work)?, first));
            }
            Ok((ours.once(work)?, theirs.once(work)?))
        })
        .collect()
}

fn print(rows: &[Row], name: &str, json: bool) -> anyhow::Result<()> {
    if json {
        for row in rows {
            println!("{}", record(row, name));
        }
        return Ok(());
    }
    println!("| metric | mode | ours | {name} | ours / {name} | unit |");
    println!("|---|---|---|---|---|---|");
    for Row { name: (metric, mode), unit, ours, theirs, ratio, .. } in rows {
        println!("| {metric} | {mode} | {ours:.3} | {theirs:.3} | {ratio:.3} | {unit} |");
    }
    Ok(())
}

/// A row as a record of the measuring program, with the rival in the floor's place.
pub(super) fn record(row: &Row, name: &str) -> serde_json::Value {
    serde_json::json!({
        "metric": row.name.0, "mode": row.name.1, "runtime": "owned", "value": row.ours, "min": row.ours,
        "max": row.ours, "unit": row.unit, "floor_name": name, "floor": row.theirs,
        "ratio_to_floor": row.ratio, "other_floors": [], "goal": null, "goal_is_met": null, "n": 1,
        "reps": row.reps, "commit": super::commit(),
    })
}

/// The measuring program of another commit, built in a worktree below target/ that is gone afterwards.
fn program_of(rev: &str) -> anyhow::Result<PathBuf> {
    let git = |args: &[&str]| output(Command::new("git").current_dir(root()).args(args));
    let hash = git(&["rev-parse", "--verify", &format!("{rev}^{{commit}}")])?.trim().to_owned();
    let folder = Workspace::read()?.target_dir.join("against");
    fs::create_dir_all(&folder)?;
    let program = folder.join(format!("longshore-bench-{hash}"));
    if program.exists() {
        return Ok(program);
    }
    let tree = folder.join(&hash);
    let tree_name = tree.to_string_lossy().into_owned();
    if !tree.exists() {
        git(&["worktree", "add", "--detach", &tree_name, &hash])?;
    }
    let built = build_in(&tree, &folder.join("target"));
    git(&["worktree", "remove", "--force", &tree_name])?;
    fs::copy(built?, &program)?;
    Ok(program)
}

/// One target folder for all commits: what they depend on is built once.
fn build_in(tree: &Path, target: &Path) -> anyhow::Result<PathBuf> {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(tree).env("CARGO_TARGET_DIR", target);
    run_command(cargo.args(["build", "--release", "--package", "longshore-bench"]))?;
    Ok(target.join("release/longshore-bench"))
}

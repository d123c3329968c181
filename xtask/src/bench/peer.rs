//! Peers: other frameworks that do the same work, in a Python environment of their own below target/.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail};

use super::against::turns;
use super::build;
use super::rival::{Rival, Row, Work, rows};
use crate::cargo::{Workspace, root, run as run_command};

/// A peer: its name, and what pip installs for it.
const PEERS: [(&str, &[&str]); 2] = [("dask", &["distributed"]), ("ray", &["ray", "numpy"])];
/// What a peer's script measures when nothing is named.
const METRICS: [&str; 9] = [
    "noop",
    "latency_p50",
    "latency_p99",
    "chain",
    "tree",
    "fan_in",
    "scatter",
    "worker_to_worker",
    "scheduler_memory",
];
/// As much as a peer does in a minute.
const N: u64 = 20_000;

/// Whether that is the name of a peer.
pub(super) fn is_one(name: &str) -> bool {
    PEERS.iter().any(|(peer, _)| *peer == name)
}

/// Measures us and the peer in turns.
///
/// # Errors
/// When the peer cannot be installed, or one of the two fails.
pub(super) fn measure(
    name: &str,
    metrics: &[String],
    n: Option<u64>,
    reps: usize,
) -> anyhow::Result<Vec<Row>> {
    let python = install(name)?;
    let script = root().join(format!("tests/bench/peers/{name}.py"));
    let command = move |work: &Work| {
        let mut command = Command::new(&python);
        command.arg(&script).args(["--n", &work.n.to_string()]).args(&work.metrics);
        command
    };
    let theirs = Rival { name: name.to_owned(), command: Box::new(command) };
    let ours = Rival::program("ours", build("longshore-bench")?);
    let metrics = if metrics.is_empty() { METRICS.map(str::to_owned).to_vec() } else { metrics.to_vec() };
    let work = Work { metrics, mode: "tcp".into(), runtime: "owned".into(), n: n.unwrap_or(N) };
    Ok(rows(&turns(&ours, &theirs, &work, reps)?))
}

/// The Python of an environment that has the peer.
fn install(name: &str) -> anyhow::Result<PathBuf> {
    let (_, packages) = PEERS.iter().find(|(peer, _)| *peer == name).context("no such peer")?;
    let folder = Workspace::read()?.target_dir.join("peers").join(name);
    let python = folder.join("bin/python");
    let is_there = || {
        let import = format!("import {}", if name == "dask" { "distributed" } else { name });
        Command::new(&python).args(["-c", &import]).output().is_ok_and(|out| out.status.success())
    };
    if is_there() {
        return Ok(python);
    }
    fs::create_dir_all(&folder)?;
    run_command(Command::new("python3").args(["-m", "venv"]).arg(&folder))
        .context("a peer needs python3 with its venv module")?;
    run_command(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(*packages))?;
    if !is_there() {
        bail!("{name} was installed below {} and cannot be imported", folder.display());
    }
    Ok(python)
}

//! Peers: other frameworks that do the same work, in a Python environment of their own below target/.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail};

use super::against::turns;
use super::build;
use super::rival::{Rival, Row, Work, rows};
use crate::cargo::{Workspace, root, run as run_command};

/// A way to measure a peer.
struct Peer {
    name: &'static str,
    /// What pip installs for it; the first is what Python imports.
    packages: &'static [&'static str],
    /// What its environment and its script are called by.
    folder: &'static str,
    /// A setting that is not its default.
    variable: Option<(&'static str, &'static str)>,
}

const PEERS: [Peer; 3] = [
    Peer { name: "dask", packages: &["distributed"], folder: "dask", variable: None },
    // without it, tasks that need nothing wait at the scheduler for a worker that has room
    Peer {
        name: "dask-unqueued",
        packages: &["distributed"],
        folder: "dask",
        variable: Some(("DASK_DISTRIBUTED__SCHEDULER__WORKER_SATURATION", "inf")),
    },
    Peer { name: "ray", packages: &["ray", "numpy"], folder: "ray", variable: None },
];
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
    PEERS.iter().any(|peer| peer.name == name)
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
    let peer = PEERS.iter().find(|peer| peer.name == name).context("no such peer")?;
    let python = install(peer)?;
    let script = root().join(format!("tests/bench/peers/with_{}.py", peer.folder));
    let command = move |work: &Work| {
        let mut command = Command::new(&python);
        command.arg(&script).args(["--n", &work.n.to_string()]).args(&work.metrics).envs(peer.variable);
        command
    };
    let theirs = Rival { name: name.to_owned(), command: Box::new(command) };
    let ours = Rival::program("ours", build("longshore-bench")?);
    let metrics = if metrics.is_empty() { METRICS.map(str::to_owned).to_vec() } else { metrics.to_vec() };
    let work = Work { metrics, mode: "tcp".into(), runtime: "owned".into(), n: n.unwrap_or(N) };
    Ok(rows(&turns(&ours, &theirs, &work, reps)?))
}

/// The Python of an environment that has the peer.
fn install(peer: &Peer) -> anyhow::Result<PathBuf> {
    let folder = Workspace::read()?.target_dir.join("peers").join(peer.folder);
    let python = folder.join("bin/python");
    let is_there = || {
        let import = format!("import {}", peer.packages[0]);
        Command::new(&python).args(["-c", &import]).output().is_ok_and(|out| out.status.success())
    };
    if is_there() {
        return Ok(python);
    }
    fs::create_dir_all(&folder)?;
    run_command(Command::new("python3").args(["-m", "venv"]).arg(&folder))
        .context("a peer needs python3 with its venv module")?;
    run_command(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(peer.packages))?;
    if !is_there() {
        bail!("{} was installed below {} and cannot be imported", peer.name, folder.display());
    }
    Ok(python)
}

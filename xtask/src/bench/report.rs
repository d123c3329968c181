//! `cargo xtask bench --report`: measures everything once and writes `docs/performance.md` and `docs/plots`.
//!
//! What was measured is kept as `docs/plots/report.jsonl`, so the page can be written again without measuring, and so
//! that peers' rows, which take long and are measured only when asked for, outlive a report without them.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail};

use super::against::record;
use super::{build, commit, instructions, output, peer};
use crate::cargo::root;

/// What the measuring program is run with, one after the other. The first is the table; the rest is what it leaves out.
const RUNS: &[&[&str]] = &[
    &["--reps", "5"],
    &[
        "--reps",
        "5",
        "--mode",
        "tcp",
        "--shortcut",
        "noop",
        "latency",
        "chain",
        "tree",
        "fan_in",
        "scatter",
        "gather",
        "worker_to_worker",
    ],
    &["--reps", "5", "--mode", "tcp", "--n", "20000", "noop"],
    &["--reps", "3", "--mode", "tcp", "--n", "1000000", "noop"],
    &["--reps", "3", "--runtime", "tokio", "noop", "latency", "chain", "startup"],
    &["--reps", "3", "--runtime", "tokio-current-thread", "noop", "latency", "chain", "startup"],
    &["--reps", "3", "--runtime", "smol", "noop", "latency", "chain", "startup"],
    &["--reps", "3", "--runtime", "async-std", "noop", "latency", "chain", "startup"],
    &["--reps", "2", "--mode", "tcp", "--n", "10000000", "sweep_tasks"],
    &["--reps", "2", "--mode", "inproc", "--n", "1000000", "sweep_tasks"],
    &["--reps", "3", "sweep_workers", "sweep_fan_out", "sweep_payload"],
];

fn records_file() -> PathBuf {
    root().join("docs/plots/report.jsonl")
}

/// Measures everything, and the peers that are named; then writes the page.
///
/// # Errors
/// When something cannot be measured. Of peers it is told at the end, once the page is written without them.
pub(super) fn run(peers: &[String]) -> anyhow::Result<()> {
    let program = build("longshore-bench")?;
    let commit = commit();
    let mut text = String::new();
    for arguments in RUNS {
        eprintln!("+ longshore-bench {}", arguments.join(" "));
        text += &output(Command::new(&program).args(["--json", "--commit", &commit]).args(*arguments))?;
    }
    text += &output(Command::new(&program).args(["--json", "--commit", &commit, "--reps", "3", "machine"]))?;
    text += &format!("{}\n", load(&commit)?);
    match instructions::as_records() {
        Ok(records) => records.iter().for_each(|record| text += &format!("{record}\n")),
        Err(error) => eprintln!("no instructions in this report: {error:#}"),
    }
    let (mut measured, mut failed) = (Vec::new(), Vec::new());
    for name in peers {
        match peer::measure(name, &[], None, 1) {
            Ok(rows) => {
                rows.iter().for_each(|row| text += &format!("{}\n", record(row, name)));
                measured.push(name.clone());
            }
            // the rest took too long to be thrown away for it
            Err(error) => failed.push(format!("{name}: {error:#}")),
        }
    }
    text += &kept(&fs::read_to_string(records_file()).unwrap_or_default(), &measured);
    if let Some(folder) = records_file().parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(records_file(), text)?;
    render()?;
    if !failed.is_empty() {
        bail!(
            "the page is written, with what was known before of the peers that failed: {}",
            failed.join("; ")
        );
    }
    Ok(())
}

/// How many threads wanted to run on average while the report was measured: the page says it, so that nobody takes the
/// numbers of a busy machine for those of a quiet one.
fn load(commit: &str) -> anyhow::Result<serde_json::Value> {
    let text = fs::read_to_string("/proc/loadavg")?;
    let averages: Vec<f64> = text.split(' ').take(3).filter_map(|word| word.parse().ok()).collect();
    let value = averages.get(1).copied().context("the kernel does not say its load")?;
    Ok(serde_json::json!({
        "metric": "load_average", "mode": "machine", "runtime": "floor", "value": value, "min": value, "max": value,
        "unit": "threads", "floor_name": null, "floor": null, "ratio_to_floor": null, "other_floors": [],
        "goal": null, "goal_is_met": null, "n": 1, "reps": 1, "commit": commit,
    }))
}

/// The rows of peers that were not measured again.
fn kept(before: &str, measured: &[String]) -> String {
    let is_kept = |line: &&str| {
        let json: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
        let peer = json["floor_name"].as_str().unwrap_or_default();
        peer::is_one(peer) && !measured.iter().any(|name| name == peer)
    };
    before.lines().filter(is_kept).map(|line| format!("{line}\n")).collect()
}

/// Writes the page and the plots from the last report.
///
/// # Errors
/// When there was none.
pub(super) fn render() -> anyhow::Result<()> {
    let program = build("longshore-report")?;
    let docs = root().join("docs");
    let text = output(Command::new(program).arg(records_file()).arg(docs))?;
    print!("{text}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::kept;

    #[test]
    fn peers_that_were_not_measured_again_keep_their_rows() {
        let before = "{\"floor_name\":\"dask\"}\n{\"floor_name\":\"ray\"}\n{\"floor_name\":\"null\"}\n";
        assert_eq!(kept(before, &["dask".to_owned()]), "{\"floor_name\":\"ray\"}\n");
    }
}

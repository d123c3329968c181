//! `cargo xtask bench --instructions`: what the machines' hot paths cost in instructions, beside a baseline.
//!
//! Counted by valgrind's callgrind, which executes the same build the same way each time, so a difference of some per cent
//! is a difference of the code. Another compiler or standard library makes other code: the baseline says whose it is, and
//! is only a hint for others.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, bail};
use serde_json::{Value, json};

use super::callgrind::inclusive;
use super::{build, commit, output};
use crate::cargo::{Workspace, root};

const PROGRAM: &str = "longshore-instructions";
/// By so much a path may grow before that is a failure.
const TOLERANCE: f64 = 0.03;
/// The roles, and what the functions of the program that stand for them begin with.
const ROLES: [(&str, &[&str]); 3] = [
    ("client", &["counted_submit", "counted_release", "counted_client"]),
    ("scheduler", &["counted_scheduler"]),
    ("worker", &["counted_worker"]),
];

/// Instructions a task on one path.
struct Count {
    path: String,
    tasks: u64,
    /// In the order of the roles.
    roles: [f64; 3],
}

impl Count {
    fn total(&self) -> f64 {
        self.roles.iter().sum()
    }
}

/// Counts, prints, compares.
///
/// # Errors
/// When there is no valgrind, or a path costs more than the baseline allows.
pub(super) fn run(bless: bool, json: bool) -> anyhow::Result<()> {
    let counts = count()?;
    let baseline = Baseline::read()?;
    if json {
        records(&counts, &baseline).iter().for_each(|record| println!("{record}"));
    } else {
        print(&counts, &baseline);
    }
    if bless {
        return Baseline::write(&counts);
    }
    let worse: Vec<_> = counts.iter().filter(|count| baseline.change(count) > TOLERANCE).collect();
    if worse.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = worse.iter().map(|count| &*count.path).collect();
    let advice = "if that is meant, say so in the changelog and run it again with --bless";
    if !baseline.is_of_this_compiler() {
        eprintln!("{} cost more than the baseline, which is of {}", names.join(", "), baseline.rustc);
        return Ok(());
    }
    bail!("{} cost over {} % more than the baseline; {advice}", names.join(", "), TOLERANCE * 100.0)
}

/// The counts as records of the measuring program.
///
/// # Errors
/// As [`run`], but for the comparison.
pub(super) fn as_records() -> anyhow::Result<Vec<Value>> {
    Ok(records(&count()?, &Baseline::read()?))
}

fn count() -> anyhow::Result<Vec<Count>> {
    if !Command::new("valgrind").arg("--version").output().is_ok_and(|out| out.status.success()) {
        bail!(
            "valgrind is not there; install it (apt-get install valgrind, dnf install valgrind) and try again"
        );
    }
    let program = build(PROGRAM)?;
    let folder = Workspace::read()?.target_dir.join("callgrind");
    fs::create_dir_all(&folder)?;
    let list = output(Command::new(&program).arg("--list"))?;
    list.lines().map(|line| count_path(&program, &folder, line)).collect()
}

fn count_path(program: &Path, folder: &Path, line: &str) -> anyhow::Result<Count> {
    let (path, tasks) = line.split_once(' ').context("a path is listed without its tasks")?;
    let tasks: u64 = tasks.parse()?;
    let file = folder.join(format!("{path}.out"));
    let to = format!("--callgrind-out-file={}", file.display());
    output(Command::new("valgrind").args(["--tool=callgrind", &to]).arg(program).arg(path))?;
    let text = fs::read_to_string(&file)?;
    let cost = |parts: &[&str]| parts.iter().map(|part| inclusive(&text, part)).sum::<u64>();
    let roles = ROLES.map(|(_, parts)| cost(parts) as f64 / tasks as f64);
    if roles.contains(&0.0) {
        bail!("callgrind found no function of a role on the path {path}: were they inlined?");
    }
    Ok(Count { path: path.to_owned(), tasks, roles })
}

fn print(counts: &[Count], baseline: &Baseline) {
    println!("| path | tasks | client | scheduler | worker | instructions a task | baseline | change |");
    println!("|---|---|---|---|---|---|---|---|");
    for count in counts {
        let [client, scheduler, worker] = count.roles;
        let known = baseline.totals.get(&count.path).map_or_else(|| "-".to_owned(), |b| format!("{b:.0}"));
        println!(
            "| {} | {} | {client:.0} | {scheduler:.0} | {worker:.0} | {:.0} | {known} | {:+.1} % |",
            count.path,
            count.tasks,
            count.total(),
            baseline.change(count) * 100.0,
        );
    }
}

fn records(counts: &[Count], baseline: &Baseline) -> Vec<Value> {
    let commit = commit();
    let record = |count: &Count, role: &str, value: f64| {
        let floor = (role == "all").then(|| baseline.totals.get(&count.path)).flatten();
        json!({
            "metric": format!("instructions_{}", count.path), "mode": "machines", "runtime": role,
            "value": value, "min": value, "max": value, "unit": "instructions/task",
            "floor_name": floor.map(|_| "baseline"), "floor": floor,
            "ratio_to_floor": floor.map(|floor| value / floor), "other_floors": [],
            "goal": null, "goal_is_met": null, "n": count.tasks, "reps": 1, "commit": commit,
        })
    };
    let of = |count: &Count| {
        let roles = ROLES.iter().zip(count.roles).map(|((role, _), value)| record(count, role, value));
        roles.chain([record(count, "all", count.total())]).collect::<Vec<_>>()
    };
    counts.iter().flat_map(of).collect()
}

/// What was counted when somebody last said that it was right.
#[derive(Default)]
struct Baseline {
    rustc: String,
    totals: BTreeMap<String, f64>,
}

impl Baseline {
    fn file() -> PathBuf {
        root().join("tests/bench/instructions.json")
    }

    fn read() -> anyhow::Result<Self> {
        let Ok(text) = fs::read_to_string(Self::file()) else { return Ok(Self::default()) };
        let json: Value = serde_json::from_str(&text)?;
        let paths = json["paths"].as_object().context("the baseline has no paths")?;
        let totals = paths.iter().filter_map(|(path, roles)| Some((path.clone(), roles["all"].as_f64()?)));
        Ok(Self { rustc: json["rustc"].as_str().unwrap_or_default().to_owned(), totals: totals.collect() })
    }

    fn write(counts: &[Count]) -> anyhow::Result<()> {
        let rounded = |value: f64| (value * 10.0).round() / 10.0;
        let paths: BTreeMap<_, _> = counts
            .iter()
            .map(|count| {
                let roles = ROLES.iter().zip(count.roles).map(|((role, _), value)| (*role, rounded(value)));
                let all = [("all", rounded(count.total()))];
                (count.path.clone(), roles.chain(all).collect::<BTreeMap<_, _>>())
            })
            .collect();
        let json = json!({ "rustc": rustc(), "paths": paths });
        fs::write(Self::file(), serde_json::to_string_pretty(&json)? + "\n")?;
        eprintln!("wrote {}", Self::file().display());
        Ok(())
    }

    /// By which part of the baseline a count is more; nothing where there is no baseline.
    fn change(&self, count: &Count) -> f64 {
        self.totals.get(&count.path).map_or(0.0, |known| count.total() / known - 1.0)
    }

    fn is_of_this_compiler(&self) -> bool {
        self.rustc == rustc()
    }
}

fn rustc() -> String {
    let program = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    output(Command::new(program).arg("--version")).unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(total: f64) -> Count {
        Count { path: "noop".into(), tasks: 10, roles: [total, 0.0, 0.0] }
    }

    #[test]
    fn a_change_is_relative_to_the_baseline_of_the_same_path() {
        let baseline = Baseline { rustc: String::new(), totals: [("noop".to_owned(), 200.0)].into() };
        assert!((baseline.change(&count(210.0)) - 0.05).abs() < 1e-9);
        assert_eq!(Baseline::default().change(&count(210.0)), 0.0);
    }

    #[test]
    fn the_baseline_in_the_tree_can_be_read() {
        assert!(Baseline::read().unwrap().totals.contains_key("noop"));
    }
}

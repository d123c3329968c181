//! The tables of the page.

use std::fmt::Write as _;
use std::fs;

use super::row::{PEERS, Row};

/// The table of that name.
pub(crate) fn named(name: &str, rows: &[Row]) -> Option<String> {
    Some(match name {
        "taken" => taken(rows),
        "cluster" => cluster(rows, |row| row.runtime == "owned"),
        "runtimes" => cluster(rows, |row| row.runtime != "owned"),
        "growth" => growth(rows),
        "instructions" => instructions(rows),
        "peers" => peers(rows),
        "machine" => machine(rows),
        _ => return None,
    })
}

/// More than the measurements themselves keep busy.
const BUSY: f64 = 3.0;

/// Where and of what the numbers are.
fn taken(rows: &[Row]) -> String {
    let commit = rows.iter().find(|row| row.peer().is_none()).map_or("unknown", |row| &*row.commit);
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let models: Vec<&str> =
        info.lines().filter_map(|line| line.strip_prefix("model name")?.split(": ").nth(1)).collect();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let series = kernel.trim().split('.').take(2).collect::<Vec<_>>().join(".");
    let model = models.first().copied().unwrap_or("an unnamed processor");
    let load = rows.iter().find(|row| row.metric == "load_average").map_or_else(String::new, |row| {
        let load = row.value;
        let word = if load > BUSY { "; **the machine had other work too**" } else { "" };
        format!(" While it ran, {load:.1} threads wanted a processor on average{word}.")
    });
    format!("Commit {commit}, on {} threads of {model}, Linux {series}.{load}\n", models.len())
}

/// Values beside their floors.
fn cluster(rows: &[Row], wanted: impl Fn(&Row) -> bool) -> String {
    let mut out = head(&["Metric", "Mode", "Runtime", "n", "Longshore", "Beside", "", "Ratio", "Goal", ""]);
    for row in rows.iter().filter(|row| row.is_of_a_cluster() && !row.is_sweep() && wanted(row)) {
        let range = format!("{} ({} … {}) {}", number(row.value), number(row.min), number(row.max), row.unit);
        let met = row.goal_is_met.map_or("", |met| if met { "met" } else { "**missed**" });
        line(
            &mut out,
            &[
                &format!("`{}`", row.metric),
                &row.mode,
                &row.runtime,
                &row.n.to_string(),
                &range,
                row.floor_name.as_deref().unwrap_or_default(),
                &maybe(row.floor),
                &maybe(row.ratio_to_floor),
                &row.goal.as_deref().unwrap_or_default().replace('<', "&lt;").replace('>', "&gt;"),
                met,
            ],
        );
        for other in &row.other_floors {
            let (floor, ratio) = (number(other.floor), maybe(other.ratio));
            line(&mut out, &["", "", "", "", "", &other.name, &floor, &ratio, "", ""]);
        }
    }
    out
}

/// So much more than the floor's cost may ours grow with the number of tasks.
const GROWTH: f64 = 1.1;

/// What a task costs among many, beside what it costs among few.
fn growth(rows: &[Row]) -> String {
    let mut out = head(&["Mode", "Tasks", "Longshore, us/task", "Floor, us/task", "Ratio"]);
    let series = |mode: &str| -> Vec<&Row> {
        let mut of =
            rows.iter().filter(|row| row.metric == "sweep_tasks" && row.mode == mode).collect::<Vec<_>>();
        of.sort_by_key(|row| row.n);
        of
    };
    let mut words = String::new();
    for mode in ["tcp", "inproc"] {
        let series = series(mode);
        for row in &series {
            let cells = [number(row.value), maybe(row.floor), maybe(row.ratio_to_floor)];
            line(&mut out, &[mode, &row.n.to_string(), &cells[0], &cells[1], &cells[2]]);
        }
        let few = series.iter().find(|row| row.n == 10_000);
        let (Some(few), Some(many)) = (few, series.last()) else { continue };
        if let (Some(few_floor), Some(many_floor), true) = (few.floor, many.floor, many.n > few.n) {
            let (ours, floors) = (many.value / few.value, many_floor / few_floor);
            let met = if ours <= floors * GROWTH { "met" } else { "**missed**" };
            let _ = writeln!(
                words,
                "* {mode}, from {} to {} tasks: Longshore's cost grows {ours:.2} times, the floor's {floors:.2} times; \
                 goal: at most {GROWTH} of the floor's growth, {met}.",
                few.n, many.n,
            );
        }
    }
    format!("{out}\n{words}")
}

/// Instructions a task, by role.
fn instructions(rows: &[Row]) -> String {
    let mut out = head(&["Path", "Tasks", "Client", "Scheduler", "Worker", "All"]);
    for all in rows.iter().filter(|row| row.mode == "machines" && row.runtime == "all") {
        let of = |role: &str| rows.iter().find(|row| row.metric == all.metric && row.runtime == role);
        let cells = ["client", "scheduler", "worker", "all"]
            .map(|role| of(role).map_or_else(String::new, |row| format!("{:.0}", row.value)));
        let path = all.metric.trim_start_matches("instructions_");
        line(&mut out, &[path, &all.n.to_string(), &cells[0], &cells[1], &cells[2], &cells[3]]);
    }
    out
}

/// What peers do in turns with us.
fn peers(rows: &[Row]) -> String {
    let mut out = head(&["Metric", "Peer", "Peer's", "Longshore", "", "Longshore is"]);
    for peer in PEERS {
        for row in rows.iter().filter(|row| row.peer() == Some(peer)) {
            let is_rate = row.unit.ends_with("/s");
            let times = row.ratio_to_floor.map_or_else(String::new, |ratio| {
                let times = if is_rate { ratio } else { 1.0 / ratio };
                let word = if row.unit.starts_with("bytes") { "smaller" } else { "faster" };
                format!("{} x {word}", number(times))
            });
            let (theirs, ours) = (maybe(row.floor), number(row.value));
            line(&mut out, &[&format!("`{}`", row.metric), peer, &theirs, &ours, &row.unit, &times]);
        }
    }
    out
}

/// The machine without a framework.
fn machine(rows: &[Row]) -> String {
    let mut out = head(&["Probe", "Median", "Least … greatest", "Unit"]);
    for row in rows.iter().filter(|row| row.mode == "machine") {
        let range = format!("{} … {}", number(row.min), number(row.max));
        line(&mut out, &[&format!("`{}`", row.metric), &number(row.value), &range, &row.unit]);
    }
    out
}

fn head(cells: &[&str]) -> String {
    let mut out = String::new();
    line(&mut out, cells);
    line(&mut out, &vec!["---"; cells.len()]);
    out
}

fn line(out: &mut String, cells: &[&str]) {
    let _ = writeln!(out, "| {} |", cells.join(" | "));
}

fn maybe(value: Option<f64>) -> String {
    value.map_or_else(String::new, number)
}

/// Three digits that matter.
fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        v if v >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::read;
    use crate::row::tests::LINE;

    fn row(metric: &str, mode: &str, n: usize, value: f64, floor_name: &str, floor: f64) -> Row {
        let probe = read(LINE).unwrap().remove(0);
        Row {
            metric: metric.into(),
            mode: mode.into(),
            runtime: "owned".into(),
            n,
            value,
            floor_name: Some(floor_name.into()),
            floor: Some(floor),
            ratio_to_floor: Some(value / floor),
            ..probe
        }
    }

    #[test]
    fn growth_is_that_of_the_costs_among_few_and_many() {
        let rows = [
            row("sweep_tasks", "tcp", 10_000, 2.0, "null", 1.0),
            row("sweep_tasks", "tcp", 1_000_000, 3.0, "null", 2.0),
        ];
        let text = growth(&rows);
        assert!(text.contains("grows 1.50 times, the floor's 2.00 times"), "{text}");
        assert!(text.contains("growth, met."), "{text}");
    }

    #[test]
    fn peers_are_compared_by_how_much_better_we_are() {
        let mut time = row("chain", "tcp", 1, 2.0, "dask", 4000.0);
        time.unit = "us/task".into();
        let mut rate = row("noop", "tcp", 1, 1000.0, "ray", 10.0);
        rate.unit = "tasks/s".into();
        let rows = [time, rate];
        let text = peers(&rows);
        assert!(text.contains("2000 x faster") && text.contains("100 x faster"), "{text}");
        assert!(!cluster(&rows, |_| true).contains("chain"), "a peer is no floor");
    }

    #[test]
    fn every_cell_of_a_row_has_its_column() {
        let rows = [row("noop", "tcp", 1, 1.0, "null", 2.0)];
        for text in [cluster(&rows, |_| true), machine(&rows), peers(&rows), instructions(&rows)] {
            let bars: Vec<usize> = text.lines().map(|line| line.matches('|').count()).collect();
            assert!(bars.windows(2).all(|pair| pair[0] == pair[1]), "{text}");
        }
    }
}

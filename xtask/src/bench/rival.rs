//! Somebody who does the same work in turns with us: another commit's measuring program, or a peer's script.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

use super::output;

/// What identifies a number: metric and mode.
pub(super) type Name = (String, String);

/// How often, how much and of what.
#[derive(Clone, Debug)]
pub(super) struct Work {
    pub(super) metrics: Vec<String>,
    pub(super) mode: String,
    pub(super) runtime: String,
    pub(super) n: u64,
}

/// One repetition of some work: values by name, with their unit.
pub(super) type Values = BTreeMap<Name, (f64, String)>;

/// A program that prints one JSON object a line: `metric`, `mode`, `value`, `unit`.
pub(super) struct Rival {
    pub(super) name: String,
    /// The command, but for what is to be measured.
    pub(super) command: Box<dyn Fn(&Work) -> Command>,
}

impl Rival {
    /// A measuring program of ours.
    pub(super) fn program(name: &str, path: std::path::PathBuf) -> Self {
        let command = move |work: &Work| {
            let mut command = Command::new(&path);
            command.args(["--json", "--reps", "1", "--mode", &work.mode, "--runtime", &work.runtime]);
            command.args(["--n", &work.n.to_string()]).args(&work.metrics);
            command
        };
        Self { name: name.to_owned(), command: Box::new(command) }
    }

    /// Does the work once.
    ///
    /// # Errors
    /// When the program fails or prints something else.
    pub(super) fn once(&self, work: &Work) -> anyhow::Result<Values> {
        values(&output(&mut (self.command)(work))?)
    }
}

fn values(text: &str) -> anyhow::Result<Values> {
    let mut values = Values::new();
    for line in text.lines().filter(|line| line.starts_with('{')) {
        let json: Value = serde_json::from_str(line)?;
        let text = |key: &str| json[key].as_str().unwrap_or_default().to_owned();
        if let Some(value) = json["value"].as_f64() {
            values.insert((text("metric"), text("mode")), (value, text("unit")));
        }
    }
    Ok(values)
}

/// Medians of two that took turns, and of their ratio turn by turn.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) name: Name,
    pub(super) unit: String,
    pub(super) ours: f64,
    pub(super) theirs: f64,
    pub(super) ratio: f64,
    pub(super) reps: usize,
}

/// The rows of the metrics that both have, by the turns of both.
pub(super) fn rows(turns: &[(Values, Values)]) -> Vec<Row> {
    let Some((first, _)) = turns.first() else { return Vec::new() };
    let row = |(name, (_, unit)): (&Name, &(f64, String))| {
        let both = turns.iter().filter_map(|(ours, theirs)| Some((ours.get(name)?.0, theirs.get(name)?.0)));
        let both: Vec<(f64, f64)> = both.collect();
        Some(Row {
            name: name.clone(),
            unit: unit.clone(),
            ours: median(both.iter().map(|pair| pair.0))?,
            theirs: median(both.iter().map(|pair| pair.1))?,
            ratio: median(both.iter().map(|(ours, theirs)| ours / theirs))?,
            reps: both.len(),
        })
    };
    first.iter().filter_map(row).collect()
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = values[(values.len() - 1) / 2];
    Some(f64::midpoint(lower, upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(value: f64) -> Values {
        [(("noop".to_owned(), "tcp".to_owned()), (value, "tasks/s".to_owned()))].into()
    }

    #[test]
    fn ratios_are_taken_turn_by_turn() {
        let turns = [(turn(10.0), turn(5.0)), (turn(100.0), turn(10.0)), (turn(30.0), turn(10.0))];
        let rows = rows(&turns);
        assert_eq!((rows[0].ours, rows[0].theirs, rows[0].ratio), (30.0, 10.0, 3.0));
        assert_eq!(rows[0].reps, 3);
    }

    #[test]
    fn a_metric_that_one_lacks_is_left_out() {
        assert!(rows(&[(turn(1.0), Values::new())]).is_empty());
        assert!(rows(&[]).is_empty());
    }

    #[test]
    fn lines_that_are_no_records_are_passed_over() {
        let text = "starting\n{\"metric\":\"noop\",\"mode\":\"tcp\",\"value\":2.5,\"unit\":\"tasks/s\"}\n";
        assert_eq!(values(text).unwrap(), turn(2.5));
    }
}

//! From repetitions to records, and from records to a table or JSON lines.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::plan::ratios;

/// Median, least and greatest of some repetitions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// `None` for no repetition.
    pub(crate) fn of(mut runs: Vec<f64>) -> Option<Self> {
        runs.sort_by(f64::total_cmp);
        let (&min, &max) = (runs.first()?, runs.last()?);
        let middle = runs.len() / 2;
        let is_odd = runs.len() % 2 == 1;
        let median = if is_odd { runs[middle] } else { f64::midpoint(runs[middle - 1], runs[middle]) };
        Some(Self { median, min, max })
    }
}

/// The value below which the share `part` of `samples` lies.
pub(crate) fn percentile(samples: &mut [f64], part: f64) -> f64 {
    samples.sort_by(f64::total_cmp);
    let last = samples.len().saturating_sub(1);
    let index = (last as f64 * part).round() as usize;
    samples.get(index).copied().unwrap_or(f64::NAN)
}

/// A floor that a value was measured in turns with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Beside {
    pub(crate) name: String,
    /// Its median.
    pub(crate) floor: f64,
    /// The median over repetitions of value / floor of the same repetition.
    pub(crate) ratio: Option<f64>,
}

/// One metric in one mode on one runtime: one JSON object, one row of the table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) metric: String,
    pub(crate) mode: String,
    pub(crate) runtime: String,
    /// The median of the repetitions.
    pub(crate) value: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) unit: String,
    /// What the first floor is, of which the goal speaks.
    pub(crate) floor_name: Option<String>,
    /// The median of the floor, measured in turns with the value.
    pub(crate) floor: Option<f64>,
    /// The median over repetitions of value / floor of the same repetition.
    pub(crate) ratio_to_floor: Option<f64>,
    /// The other floors.
    pub(crate) other_floors: Vec<Beside>,
    pub(crate) goal: Option<String>,
    pub(crate) goal_is_met: Option<bool>,
    pub(crate) n: usize,
    pub(crate) reps: usize,
    pub(crate) commit: String,
}

impl Record {
    /// A floor measured for its own sake, until it is said what else it is; `None` without a repetition.
    pub(crate) fn new(metric: &str, unit: &str, runs: Vec<f64>) -> Option<Self> {
        let reps = runs.len();
        let Spread { median, min, max } = Spread::of(runs)?;
        Some(Self {
            metric: metric.into(),
            mode: String::new(),
            runtime: "floor".into(),
            value: median,
            min,
            max,
            unit: unit.into(),
            floor_name: None,
            floor: None,
            ratio_to_floor: None,
            other_floors: Vec::new(),
            goal: None,
            goal_is_met: None,
            n: 1,
            reps,
            commit: String::new(),
        })
    }

    /// The record of a subject on this runtime.
    pub(crate) fn on(self, runtime: &str) -> Self {
        Self { runtime: runtime.into(), ..self }
    }

    /// Adds a floor; the first is the one that counts.
    pub(crate) fn beside(&mut self, name: &str, values: &[f64], floors: &[f64]) {
        let Some(spread) = Spread::of(floors.to_vec()) else { return };
        let ratio = ratios(values, floors);
        if self.floor_name.is_none() {
            self.floor_name = Some(name.into());
            self.floor = Some(spread.median);
            self.ratio_to_floor = ratio;
        } else {
            self.other_floors.push(Beside { name: name.into(), floor: spread.median, ratio });
        }
    }
}

/// The records as lines of JSON.
///
/// # Errors
/// When a record does not encode.
pub(crate) fn json_lines(records: &[Record]) -> anyhow::Result<String> {
    let mut out = String::new();
    for record in records {
        out.push_str(&serde_json::to_string(record)?);
        out.push('\n');
    }
    Ok(out)
}

/// The records as a table that is also Markdown. Each further floor of a record has a row of its own.
pub(crate) fn table(records: &[Record]) -> String {
    let head =
        ["metric", "mode", "runtime", "n", "value", "min … max", "unit", "floor", "", "ratio", "goal", ""];
    let mut rows = vec![head.map(str::to_owned)];
    for r in records {
        let floor = |name: &str, floor: f64, ratio: Option<f64>| {
            [number(floor), name.to_owned(), ratio.map_or_else(String::new, number)]
        };
        let [value, name, ratio] = match (&r.floor_name, r.floor) {
            (Some(name), Some(value)) => floor(name, value, r.ratio_to_floor),
            (Some(name), None) => ["".into(), name.clone(), "".into()],
            _ => Default::default(),
        };
        let met = r.goal_is_met.map_or("", |met| if met { "met" } else { "missed" });
        rows.push([
            r.metric.clone(),
            r.mode.clone(),
            r.runtime.clone(),
            r.n.to_string(),
            number(r.value),
            format!("{} … {}", number(r.min), number(r.max)),
            r.unit.clone(),
            value,
            name,
            ratio,
            r.goal.clone().unwrap_or_default(),
            met.to_owned(),
        ]);
        for other in &r.other_floors {
            let [value, name, ratio] = floor(&other.name, other.floor, other.ratio);
            let mut row: [String; 12] = Default::default();
            (row[7], row[8], row[9]) = (value, name, ratio);
            rows.push(row);
        }
    }
    lay_out(&rows)
}

/// Rows as a Markdown table whose columns are as wide as they must be.
pub(crate) fn lay_out<const N: usize>(rows: &[[String; N]]) -> String {
    let widths: [usize; N] =
        std::array::from_fn(|i| rows.iter().map(|row| row[i].chars().count()).max().unwrap_or_default());
    let mut out = String::new();
    for (number, row) in rows.iter().enumerate() {
        for (cell, width) in row.iter().zip(widths) {
            let _ = write!(out, "| {cell:<width$} ");
        }
        out.push_str("|\n");
        if number == 0 {
            for width in widths {
                let _ = write!(out, "|{:-<1$}", "", width + 2);
            }
            out.push_str("|\n");
        }
    }
    out
}

/// Three digits that matter, and no more zeros than needed.
pub(crate) fn number(value: f64) -> String {
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

    #[test]
    fn the_spread_of_odd_and_even_counts() {
        assert_eq!(Spread::of(vec![3.0, 1.0, 2.0]), Some(Spread { median: 2.0, min: 1.0, max: 3.0 }));
        assert_eq!(Spread::of(vec![4.0, 1.0]).unwrap().median, 2.5);
        assert_eq!(Spread::of(vec![]), None);
    }

    #[test]
    fn percentiles_come_from_the_samples() {
        let mut samples: Vec<f64> = (0..=100).rev().map(f64::from).collect();
        assert_eq!(percentile(&mut samples, 0.5), 50.0);
        assert_eq!(percentile(&mut samples, 0.99), 99.0);
        assert!(percentile(&mut [], 0.5).is_nan());
    }

    fn record() -> Record {
        let mut record = Record::new("noop", "tasks/s", vec![1000.0, 1234.5, 2000.0]).unwrap().on("tokio");
        record.beside("null", &[1000.0, 1234.5, 2000.0], &[2000.0, 2469.0, 4000.0]);
        record.beside("other", &[1000.0], &[100.0]);
        record
    }

    #[test]
    fn a_record_is_one_line_of_json_and_comes_back() {
        let text = json_lines(&[record(), record()]).unwrap();
        assert_eq!(text.lines().count(), 2);
        let back: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!(back["metric"], "noop");
        assert_eq!(back["ratio_to_floor"], 0.5);
        assert_eq!(back["other_floors"][0]["ratio"], 10.0);
        assert_eq!(serde_json::from_str::<Record>(text.lines().next().unwrap()).unwrap(), record());
    }

    #[test]
    fn the_table_is_as_wide_in_every_row() {
        let text = table(&[record()]);
        let widths: Vec<usize> = text.lines().map(|l| l.chars().count()).collect();
        assert_eq!(widths.len(), 4, "head, line, the record, its other floor");
        assert!(widths.iter().all(|w| *w == widths[0]), "{text}");
    }
}

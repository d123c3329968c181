//! From repetitions to records, and from records to a table or JSON lines.

use std::fmt::Write;

use serde::Serialize;

/// Median, least and greatest of some repetitions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// The spread of `runs`; `None` when there are none.
    pub(crate) fn of(mut runs: Vec<f64>) -> Option<Self> {
        runs.sort_by(f64::total_cmp);
        let (min, max) = (*runs.first()?, *runs.last()?);
        let middle = runs.len() / 2;
        let median =
            if runs.len() % 2 == 1 { runs[middle] } else { f64::midpoint(runs[middle - 1], runs[middle]) };
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

/// One metric in one mode on one runtime: one JSON object, one row of the table.
#[derive(Debug, Serialize)]
pub(crate) struct Record {
    pub(crate) metric: &'static str,
    pub(crate) mode: &'static str,
    pub(crate) runtime: &'static str,
    /// The median of the repetitions.
    pub(crate) value: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) unit: &'static str,
    /// The median of the floor, measured in turn with the value.
    pub(crate) floor: Option<f64>,
    /// The median over repetitions of value / floor of the same repetition.
    pub(crate) ratio_to_floor: Option<f64>,
    pub(crate) n: usize,
    pub(crate) reps: usize,
    pub(crate) commit: String,
}

impl Record {
    /// A floor measured for its own sake; `None` without a repetition.
    pub(crate) fn of_floor(
        metric: &'static str,
        mode: &'static str,
        unit: &'static str,
        n: usize,
        runs: Vec<f64>,
        commit: &str,
    ) -> Option<Self> {
        let reps = runs.len();
        let Spread { median, min, max } = Spread::of(runs)?;
        let (runtime, commit) = ("floor", commit.to_owned());
        Some(Self {
            metric,
            mode,
            runtime,
            value: median,
            min,
            max,
            unit,
            floor: None,
            ratio_to_floor: None,
            n,
            reps,
            commit,
        })
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

/// The records as a table that is also Markdown.
pub(crate) fn table(records: &[Record]) -> String {
    let head = ["metric", "mode", "runtime", "n", "value", "min … max", "floor", "ratio", "unit"];
    let mut rows = vec![head.map(str::to_owned)];
    for r in records {
        rows.push([
            r.metric.to_owned(),
            r.mode.to_owned(),
            r.runtime.to_owned(),
            r.n.to_string(),
            number(r.value),
            format!("{} … {}", number(r.min), number(r.max)),
            r.floor.map_or_else(|| "-".to_owned(), number),
            r.ratio_to_floor.map_or_else(|| "-".to_owned(), number),
            r.unit.to_owned(),
        ]);
    }
    lay_out(&rows)
}

fn lay_out<const N: usize>(rows: &[[String; N]]) -> String {
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
fn number(value: f64) -> String {
    match value.abs() {
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
        Record {
            metric: "noop",
            mode: "tcp",
            runtime: "tokio",
            value: 1234.5,
            min: 1000.0,
            max: 2000.0,
            unit: "tasks/s",
            floor: None,
            ratio_to_floor: Some(0.5),
            n: 100,
            reps: 5,
            commit: "abc".to_owned(),
        }
    }

    #[test]
    fn a_record_is_one_line_of_json() {
        let text = json_lines(&[record(), record()]).unwrap();
        assert_eq!(text.lines().count(), 2);
        let back: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!(back["metric"], "noop");
        assert_eq!(back["ratio_to_floor"], 0.5);
        assert!(back["floor"].is_null());
    }

    #[test]
    fn the_table_is_as_wide_in_every_row() {
        let text = table(&[record()]);
        let widths: Vec<usize> = text.lines().map(|l| l.chars().count()).collect();
        assert_eq!(widths.len(), 3);
        assert!(widths.iter().all(|w| *w == widths[0]), "{text}");
    }
}

//! Which metrics to measure, how often, and in which order: floor and subject take turns, so that a busy minute of
//! the machine falls on both.

use crate::floor::null_framework::Options;
use crate::metric::{self, Metric, Mode};
use crate::report::{Record, Spread};
use crate::subject::Start;

/// What to measure.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) modes: Vec<Mode>,
    /// Only metrics with a column whose name contains one of these; all when empty.
    pub(crate) metrics: Vec<String>,
    pub(crate) n: usize,
    pub(crate) reps: usize,
    /// What the floors do where a metric leaves the choice.
    pub(crate) floor: Options,
    pub(crate) runtime: &'static str,
    pub(crate) commit: String,
}

/// How a subject is started in a mode; `None` measures the floors themselves.
pub(crate) type Subjects<'a> = Option<&'a dyn Fn(Mode) -> Box<dyn Start>>;

impl Plan {
    /// Measures everything, and gives each record to `done` as soon as it is there.
    ///
    /// # Errors
    /// When a subject fails or gives a wrong result.
    pub(crate) fn run(
        &self,
        subjects: Subjects<'_>,
        mut done: impl FnMut(&[Record]),
    ) -> anyhow::Result<Vec<Record>> {
        let mut records = Vec::new();
        for metric in metric::all().iter().filter(|m| self.wants(m.as_ref())) {
            for &mode in self.modes.iter().filter(|mode| metric.applies(**mode)) {
                let found = self.one(metric.as_ref(), mode, subjects)?;
                done(&found);
                records.extend(found);
            }
        }
        Ok(records)
    }

    fn wants(&self, metric: &dyn Metric) -> bool {
        let named = |part: &String| metric.columns().iter().any(|column| column.name.contains(part));
        self.metrics.is_empty() || self.metrics.iter().any(named)
    }

    fn one(&self, metric: &dyn Metric, mode: Mode, subjects: Subjects<'_>) -> anyhow::Result<Vec<Record>> {
        let n = metric.size(self.n);
        let floor = metric.floor(mode, self.floor);
        let subject = subjects.map(|start| start(mode));
        let (mut floors, mut values) = (Vec::new(), Vec::new());
        for _ in 0..self.reps {
            if let Some(floor) = &floor {
                floors.push(metric.measure(floor.as_ref(), n)?);
            }
            if let Some(subject) = &subject {
                values.push(metric.measure(subject.as_ref(), n)?);
            }
        }
        let column =
            |runs: &[Vec<f64>], index: usize| runs.iter().map(|run| run[index]).collect::<Vec<f64>>();
        let records = metric.columns().iter().enumerate().filter_map(|(index, name)| {
            let (floors, values) = (column(&floors, index), column(&values, index));
            if subject.is_none() {
                return Record::of_floor(name.name, mode.name(), name.unit, n, floors, &self.commit);
            }
            let ratios = values.iter().zip(&floors).map(|(value, floor)| value / floor).collect();
            let spread = Spread::of(values)?;
            Some(Record {
                metric: name.name,
                mode: mode.name(),
                runtime: self.runtime,
                value: spread.median,
                min: spread.min,
                max: spread.max,
                unit: name.unit,
                floor: Spread::of(floors).map(|s| s.median),
                ratio_to_floor: Spread::of(ratios).map(|s| s.median),
                n,
                reps: self.reps,
                commit: self.commit.clone(),
            })
        });
        Ok(records.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::floor::in_process::InProcess;
    use crate::floor::workload::Workload;
    use crate::subject::Subject;

    fn plan(metrics: &[&str]) -> Plan {
        Plan {
            modes: vec![Mode::Inproc],
            metrics: metrics.iter().map(|m| (*m).to_owned()).collect(),
            n: 100,
            reps: 2,
            floor: Options::default(),
            runtime: "none",
            commit: "test".to_owned(),
        }
    }

    fn in_process(_mode: Mode) -> Box<dyn Start> {
        Box::new(|| -> anyhow::Result<Box<dyn Subject>> { Ok(Box::new(Workload::new(InProcess::start()?))) })
    }

    #[test]
    fn a_subject_is_set_beside_its_floor() {
        let records = plan(&["noop", "latency"]).run(Some(&in_process), |_| {}).unwrap();
        let names: Vec<_> = records.iter().map(|r| r.metric).collect();
        assert_eq!(names, ["noop", "latency_p50", "latency_p99"]);
        assert!(records.iter().all(|r| r.ratio_to_floor.is_some_and(|ratio| ratio > 0.0)));
        assert!(records.iter().all(|r| r.reps == 2 && r.min <= r.value && r.value <= r.max));
    }

    #[test]
    fn floors_alone_have_no_ratio() {
        let records = plan(&["tree"]).run(None, |_| {}).unwrap();
        assert_eq!(records.len(), 1);
        assert_eq!((records[0].runtime, records[0].ratio_to_floor), ("floor", None));
    }

    #[test]
    fn a_metric_without_a_floor_is_skipped_when_only_floors_are_asked_for() {
        assert!(plan(&["scatter"]).run(None, |_| {}).unwrap().is_empty());
    }
}

//! Which metrics to measure, how often, and in which order: floors and subject take turns, so that a busy minute of
//! the machine falls on all of them.

use crate::floor::null_framework::Options;
use crate::metric::{self, FloorKind, Goal, Metric, Mode, Wanted};
use crate::report::{Record, Spread};
use crate::subject::{Shape, Start};

/// What to measure.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) modes: Vec<Mode>,
    /// Only metrics with a column whose name begins with one of these; all but the series for plots when empty.
    pub(crate) metrics: Vec<String>,
    pub(crate) wanted: Wanted,
    pub(crate) reps: usize,
    /// What the floors do where a metric leaves the choice.
    pub(crate) floor: Options,
    pub(crate) runtime: &'static str,
    /// Longshore takes Unix sockets where it would take TCP.
    pub(crate) shortcut: bool,
    pub(crate) commit: String,
}

/// How a subject is started in a shape; `None` measures the floors themselves.
pub(crate) type Subjects<'a> = Option<&'a dyn Fn(Shape) -> Box<dyn Start>>;

/// Repetitions that take this many calls each are fewer.
const LONG: usize = 1_000_000;

/// One metric's numbers, or a floor's: a value for each column and repetition.
struct Runs {
    name: &'static str,
    start: Box<dyn Start>,
    values: Vec<Vec<f64>>,
}

impl Runs {
    fn new(name: &'static str, start: Box<dyn Start>) -> Self {
        Self { name, start, values: Vec::new() }
    }

    fn column(&self, index: usize) -> Vec<f64> {
        self.values.iter().map(|run| run[index]).collect()
    }
}

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
        for metric in metric::all(self.wanted).iter() {
            for &mode in self.modes.iter().filter(|mode| metric.applies(**mode)) {
                if !self.wants(metric.as_ref(), mode) {
                    continue;
                }
                for n in metric.sizes(self.wanted) {
                    let found = self.one(metric.as_ref(), mode, n, subjects)?;
                    done(&found);
                    records.extend(found);
                }
            }
        }
        Ok(records)
    }

    fn wants(&self, metric: &dyn Metric, mode: Mode) -> bool {
        let named = |part: &String| metric.columns(mode).iter().any(|column| column.name.starts_with(part));
        if self.metrics.is_empty() { !metric.is_sweep() } else { self.metrics.iter().any(named) }
    }

    fn one(
        &self,
        metric: &dyn Metric,
        mode: Mode,
        n: usize,
        subjects: Subjects<'_>,
    ) -> anyhow::Result<Vec<Record>> {
        let mut subject = subjects.map(|start| Runs::new("", start(metric.shape(mode, n))));
        let mut floors = Vec::new();
        for floor in metric.floors(mode, self.floor) {
            match (floor.kind, subjects) {
                (FloorKind::Least(start), _) => floors.push(Runs::new(floor.name, start)),
                (FloorKind::Subject(shape), Some(start)) => floors.push(Runs::new(floor.name, start(shape))),
                (FloorKind::Subject(_), None) => {}
            }
        }
        for _ in 0..self.repetitions(n) {
            for runs in floors.iter_mut().chain(&mut subject) {
                runs.values.push(metric.measure(runs.start.as_ref(), mode, n)?);
            }
        }
        let columns = metric.columns(mode).iter().enumerate();
        let Some(subject) = subject else {
            return Ok(columns
                .flat_map(|(index, column)| floors.iter().map(move |floor| (index, column, floor)))
                .filter_map(|(index, column, floor)| {
                    let record = Record::new(column.name, column.unit, floor.column(index))?;
                    Some(Record { floor_name: Some(floor.name.into()), ..self.labelled(record, mode, n) })
                })
                .collect());
        };
        let beside = |(index, column): (usize, &metric::Column)| {
            let values = subject.column(index);
            let mut record = Record::new(column.name, column.unit, values.clone())?.on(self.runtime);
            for floor in &floors {
                record.beside(floor.name, &values, &floor.column(index));
            }
            let goal = Goal::of(column.name, mode, self.runtime, n);
            record.goal = goal.map(|goal| goal.words(column.unit));
            record.goal_is_met =
                goal.map(|goal| goal.is_met(record.value, record.floor, record.ratio_to_floor));
            Some(self.labelled(record, mode, n))
        };
        Ok(columns.filter_map(beside).collect())
    }

    fn labelled(&self, record: Record, mode: Mode, n: usize) -> Record {
        let mode = if self.shortcut && mode == Mode::Tcp { "unix" } else { mode.name() };
        Record { mode: mode.into(), n, commit: self.commit.clone(), ..record }
    }

    fn repetitions(&self, n: usize) -> usize {
        match n {
            _ if n >= 10 * LONG => 1,
            _ if n >= LONG => self.reps.min(3),
            _ => self.reps,
        }
    }
}

/// The spread of ratios, repetition by repetition.
pub(crate) fn ratios(values: &[f64], floors: &[f64]) -> Option<f64> {
    let ratios = values.iter().zip(floors).map(|(value, floor)| value / floor);
    Spread::of(ratios.filter(|ratio| ratio.is_finite()).collect()).map(|spread| spread.median)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::floor::in_process::InProcess;
    use crate::floor::workload::Workload;
    use crate::subject::Subject;

    fn plan(metrics: &[&str]) -> Plan {
        Plan {
            shortcut: false,
            modes: vec![Mode::Inproc],
            metrics: metrics.iter().map(|m| (*m).to_owned()).collect(),
            wanted: Wanted { n: 1_000, workers: 10 },
            reps: 2,
            floor: Options::default(),
            runtime: "none",
            commit: "test".to_owned(),
        }
    }

    fn in_process(_shape: Shape) -> Box<dyn Start> {
        Box::new(|| -> anyhow::Result<Box<dyn Subject>> {
            Ok(Box::new(Workload::new(vec![InProcess::start()?])))
        })
    }

    #[test]
    fn a_subject_is_set_beside_its_floor() {
        let records = plan(&["noop", "latency"]).run(Some(&in_process), |_| {}).unwrap();
        let names: Vec<_> = records.iter().map(|r| &*r.metric).collect();
        assert_eq!(names, ["noop", "noop_cpu", "latency_p50", "latency_p99"]);
        assert!(records.iter().all(|r| r.ratio_to_floor.is_some_and(|ratio| ratio > 0.0)));
        assert!(records.iter().all(|r| r.reps == 2 && r.min <= r.value && r.value <= r.max));
        assert_eq!(records[2].goal.as_deref(), Some("<= floor + 5 us"));
    }

    #[test]
    fn floors_alone_have_no_ratio() {
        let records = plan(&["tree"]).run(None, |_| {}).unwrap();
        assert_eq!(records.len(), 1);
        assert_eq!((&*records[0].runtime, records[0].ratio_to_floor), ("floor", None));
    }

    #[test]
    fn a_metric_without_a_floor_is_skipped_when_only_floors_are_asked_for() {
        assert!(plan(&["scatter"]).run(None, |_| {}).unwrap().is_empty());
    }

    #[test]
    fn series_are_measured_at_each_size_and_only_when_named() {
        let records = plan(&["sweep_tasks", "sweep_workers"]).run(Some(&in_process), |_| {}).unwrap();
        let found: Vec<_> = records.iter().map(|r| (&*r.metric, r.n)).collect();
        assert_eq!(found, [("sweep_tasks", 1_000), ("sweep_workers", 2), ("sweep_workers", 10)]);
        assert!(
            !metric::all(plan(&[]).wanted).iter().any(|m| m.is_sweep() && plan(&[]).wants(&**m, Mode::Tcp))
        );
    }

    #[test]
    fn long_repetitions_are_few() {
        let plan = Plan { reps: 5, ..plan(&[]) };
        assert_eq!([1_000, 1_000_000, 10_000_000].map(|n| plan.repetitions(n)), [5, 3, 1]);
    }
}

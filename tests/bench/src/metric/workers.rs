//! Many workers: what a no-op costs the scheduler when it has a thousand workers, beside what it costs with two.
//!
//! All workers are drivers in one process, on one thread that the scheduler's thread is not, joined by links within the
//! process. Their tasks run where they are received, so nothing is measured but the scheduler and its messages.

use std::time::Instant;

use super::{Column, Floor, FloorKind, Metric, Mode, Wanted};
use crate::floor::null_framework::Options;
use crate::subject::{Shape, Start, warm};

#[derive(Debug)]
pub(super) struct Workers {
    /// Calls, whatever the number of workers.
    pub(super) n: usize,
}

/// What the scheduler's thread spends on a call in microseconds, and calls a second.
pub(super) fn measure(start: &dyn Start, n: usize) -> anyhow::Result<Vec<f64>> {
    let mut subject = warm(start)?;
    // every worker has run something, so the functions' run times are known
    subject.noops(n / 10)?;
    let before = subject.cpu()?;
    let begin = Instant::now();
    subject.noops(n)?;
    let took = begin.elapsed().as_secs_f64();
    let cpu = subject.cpu()?.scheduler - before.scheduler;
    Ok(vec![cpu * 1e6 / n as f64, n as f64 / took])
}

/// The same cluster with two of these workers.
pub(super) fn with_two(mode: Mode) -> Floor {
    Floor { name: "2 workers", kind: FloorKind::Subject(shape(mode, 2)) }
}

/// Workers that are drivers and nothing else, on a thread of their own.
pub(super) fn shape(mode: Mode, workers: usize) -> Shape {
    Shape { workers, has_instant_workers: true, ..Shape::small(mode) }
}

impl Metric for Workers {
    fn applies(&self, mode: Mode) -> bool {
        mode == Mode::Inproc
    }

    fn columns(&self, _mode: Mode) -> &'static [Column] {
        const { &[Column::new("many_workers_cpu", "us/task"), Column::new("many_workers", "tasks/s")] }
    }

    /// Workers, not calls.
    fn sizes(&self, wanted: Wanted) -> Vec<usize> {
        vec![wanted.workers]
    }

    fn shape(&self, mode: Mode, n: usize) -> Shape {
        shape(mode, n)
    }

    fn measure(&self, start: &dyn Start, _mode: Mode, _n: usize) -> anyhow::Result<Vec<f64>> {
        measure(start, self.n)
    }

    fn floors(&self, mode: Mode, _base: Options) -> Vec<Floor> {
        vec![with_two(mode)]
    }
}

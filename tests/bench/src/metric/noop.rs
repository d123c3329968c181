//! Throughput: calls that do nothing, submitted at once and all awaited; and what each costs each role. Also such calls
//! with priorities, and calls that fail.

use std::time::Instant;

use super::{Column, Floor, Metric, Mode, Wanted, least};
use crate::floor::null_framework::Options;
use crate::subject::{Start, Subject, in_stride};

/// No-ops of one kind.
#[derive(Debug)]
pub(super) struct Noop {
    /// Throughput, and where there are more, the processor time of scheduler, workers and client, or of all together.
    between_processes: &'static [Column],
    within_one: &'static [Column],
    run: fn(&mut dyn Subject, usize) -> anyhow::Result<()>,
}

/// The usual ones.
pub(super) const PLAIN: Noop = Noop {
    between_processes: &[
        Column::new("noop", "tasks/s"),
        Column::new("noop_scheduler_cpu", "us/task"),
        Column::new("noop_workers_cpu", "us/task"),
        Column::new("noop_client_cpu", "us/task"),
    ],
    within_one: &[Column::new("noop", "tasks/s"), Column::new("noop_cpu", "us/task")],
    run: |subject, n| subject.noops(n),
};

/// Each with another priority than the one before.
pub(super) const PRIORITIES: Noop = Noop {
    between_processes: &[
        Column::new("priorities", "tasks/s"),
        Column::new("priorities_scheduler_cpu", "us/task"),
        Column::new("priorities_workers_cpu", "us/task"),
        Column::new("priorities_client_cpu", "us/task"),
    ],
    within_one: &[Column::new("priorities", "tasks/s"), Column::new("priorities_cpu", "us/task")],
    run: |subject, n| subject.prioritized(n),
};

/// Each of which fails.
pub(super) const FAILING: Noop = Noop {
    between_processes: &[
        Column::new("failing", "tasks/s"),
        Column::new("failing_scheduler_cpu", "us/task"),
        Column::new("failing_workers_cpu", "us/task"),
        Column::new("failing_client_cpu", "us/task"),
    ],
    within_one: &[Column::new("failing", "tasks/s"), Column::new("failing_cpu", "us/task")],
    run: |subject, n| subject.failing(n, 1),
};

/// One in a hundred of which fails.
pub(super) const SOME_FAILING: Noop = Noop {
    between_processes: &[Column::new("some_failing", "tasks/s")],
    within_one: &[Column::new("some_failing", "tasks/s")],
    run: |subject, n| subject.failing(n, 100),
};

impl Metric for Noop {
    fn applies(&self, _mode: Mode) -> bool {
        true
    }

    /// Inside one process the roles share their threads.
    fn columns(&self, mode: Mode) -> &'static [Column] {
        if mode == Mode::Tcp { self.between_processes } else { self.within_one }
    }

    fn sizes(&self, wanted: Wanted) -> Vec<usize> {
        vec![wanted.n]
    }

    fn measure(&self, start: &dyn Start, mode: Mode, n: usize) -> anyhow::Result<Vec<f64>> {
        let mut subject = in_stride(start)?;
        let before = subject.cpu()?;
        let begin = Instant::now();
        (self.run)(subject.as_mut(), n)?;
        let took = begin.elapsed().as_secs_f64();
        let after = subject.cpu()?;
        let each = |seconds: f64| seconds * 1e6 / n as f64;
        let mut values = vec![n as f64 / took];
        if mode == Mode::Tcp {
            values.push(each(after.scheduler - before.scheduler));
            values.push(each(after.workers - before.workers));
        }
        values.push(each(after.client - before.client));
        values.truncate(self.columns(mode).len());
        Ok(values)
    }

    fn floors(&self, mode: Mode, base: Options) -> Vec<Floor> {
        vec![least(mode, base)]
    }
}

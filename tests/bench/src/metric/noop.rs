//! Throughput: calls that do nothing, submitted at once and all awaited; and what each costs each role.

use std::time::Instant;

use super::{Column, Floor, Metric, Mode, Wanted, least};
use crate::floor::null_framework::Options;
use crate::subject::{Start, in_stride};

#[derive(Debug)]
pub(super) struct Noop;

const BY_ROLE: &[Column] = &[
    Column::new("noop", "tasks/s"),
    Column::new("noop_scheduler_cpu", "us/task"),
    Column::new("noop_workers_cpu", "us/task"),
    Column::new("noop_client_cpu", "us/task"),
];
const TOGETHER: &[Column] = &[Column::new("noop", "tasks/s"), Column::new("noop_cpu", "us/task")];

impl Metric for Noop {
    fn applies(&self, _mode: Mode) -> bool {
        true
    }

    /// Inside one process the roles share their threads.
    fn columns(&self, mode: Mode) -> &'static [Column] {
        if mode == Mode::Tcp { BY_ROLE } else { TOGETHER }
    }

    fn sizes(&self, wanted: Wanted) -> Vec<usize> {
        vec![wanted.n]
    }

    fn measure(&self, start: &dyn Start, mode: Mode, n: usize) -> anyhow::Result<Vec<f64>> {
        let mut subject = in_stride(start)?;
        let before = subject.cpu()?;
        let begin = Instant::now();
        subject.noops(n)?;
        let took = begin.elapsed().as_secs_f64();
        let after = subject.cpu()?;
        let each = |seconds: f64| seconds * 1e6 / n as f64;
        let mut values = vec![n as f64 / took];
        if mode == Mode::Tcp {
            values.push(each(after.scheduler - before.scheduler));
            values.push(each(after.workers - before.workers));
        }
        values.push(each(after.client - before.client));
        Ok(values)
    }

    fn floors(&self, mode: Mode, base: Options) -> Vec<Floor> {
        vec![least(mode, base)]
    }
}

//! Fan-out: many calls that need the result of one.

use std::time::Instant;

use super::{Column, Floor, Metric, Mode, Wanted, least};
use crate::floor::null_framework::Options;
use crate::subject::{Start, expect, in_stride};

#[derive(Debug)]
pub(super) struct FanOut {
    pub(super) dependents: usize,
}

/// Microseconds a dependent.
pub(super) fn measure(start: &dyn Start, n: usize) -> anyhow::Result<f64> {
    let mut subject = in_stride(start)?;
    let begin = Instant::now();
    let result = subject.fan_out(n)?;
    let took = begin.elapsed();
    expect("the fan-out", result, 2 * n as u64)?;
    Ok(took.as_secs_f64() * 1e6 / n as f64)
}

impl Metric for FanOut {
    fn applies(&self, mode: Mode) -> bool {
        mode == Mode::Tcp
    }

    fn columns(&self, _mode: Mode) -> &'static [Column] {
        const { &[Column::new("fan_out", "us/task")] }
    }

    fn sizes(&self, _wanted: Wanted) -> Vec<usize> {
        vec![self.dependents]
    }

    fn measure(&self, start: &dyn Start, _mode: Mode, n: usize) -> anyhow::Result<Vec<f64>> {
        Ok(vec![measure(start, n)?])
    }

    fn floors(&self, mode: Mode, base: Options) -> Vec<Floor> {
        vec![least(mode, base)]
    }
}

//! Fan-in: one call over the results of many.

use std::time::Instant;

use super::{Column, Floor, Metric, Mode, Wanted, least};
use crate::floor::null_framework::Options;
use crate::subject::{Start, expect, in_stride};

/// The usual one.
pub(super) const SMALL: &[Column] = &[Column::new("fan_in", "ms")];
/// One over more inputs than fit anything that is sized for the usual; between processes only.
pub(super) const LARGE: &[Column] = &[Column::new("large_fan_in", "ms")];

#[derive(Debug)]
pub(super) struct FanIn {
    pub(super) name: &'static [Column],
    pub(super) inputs: usize,
}

impl Metric for FanIn {
    fn applies(&self, mode: Mode) -> bool {
        mode == Mode::Tcp || self.name[0].name == SMALL[0].name
    }

    fn columns(&self, _mode: Mode) -> &'static [Column] {
        self.name
    }

    fn sizes(&self, _wanted: Wanted) -> Vec<usize> {
        vec![self.inputs]
    }

    fn measure(&self, start: &dyn Start, _mode: Mode, n: usize) -> anyhow::Result<Vec<f64>> {
        let mut subject = in_stride(start)?;
        let begin = Instant::now();
        let result = subject.fan_in(n)?;
        let took = begin.elapsed();
        expect("the fan-in", result, n as u64 + 1)?;
        Ok(vec![took.as_secs_f64() * 1e3])
    }

    fn floors(&self, mode: Mode, base: Options) -> Vec<Floor> {
        vec![least(mode, base)]
    }
}

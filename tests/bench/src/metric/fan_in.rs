//! Fan-in: one call over the results of many.

use std::time::Instant;

use super::{Column, Metric, Mode, least};
use crate::floor::null_framework::Options;
use crate::subject::{Start, expect, warm};

#[derive(Debug)]
pub(super) struct FanIn;

const INPUTS: usize = 2_000;

impl Metric for FanIn {
    fn applies(&self, _mode: Mode) -> bool {
        true
    }

    fn columns(&self) -> &'static [Column] {
        &[Column { name: "fan_in", unit: "ms" }]
    }

    fn size(&self, _wanted: usize) -> usize {
        INPUTS
    }

    fn measure(&self, start: &dyn Start, n: usize) -> anyhow::Result<Vec<f64>> {
        let mut subject = warm(start)?;
        let begin = Instant::now();
        let result = subject.fan_in(n)?;
        let took = begin.elapsed();
        expect("the fan-in", result, n as u64 + 1)?;
        Ok(vec![took.as_secs_f64() * 1e3])
    }

    fn floor(&self, mode: Mode, base: Options) -> Option<Box<dyn Start>> {
        Some(least(mode, base))
    }
}

//! Start-up: from nothing until the first result is in hand.

use std::time::Instant;

use super::{Column, Metric, Mode, least};
use crate::floor::null_framework::Options;
use crate::subject::{Start, expect};

#[derive(Debug)]
pub(super) struct Startup;

impl Metric for Startup {
    fn applies(&self, _mode: Mode) -> bool {
        true
    }

    fn columns(&self) -> &'static [Column] {
        &[Column { name: "startup", unit: "ms" }]
    }

    fn size(&self, _wanted: usize) -> usize {
        1
    }

    fn measure(&self, start: &dyn Start, _n: usize) -> anyhow::Result<Vec<f64>> {
        let begin = Instant::now();
        let mut subject = start.start()?;
        let result = subject.one(1)?;
        let took = begin.elapsed();
        expect("the first call", result, 2)?;
        Ok(vec![took.as_secs_f64() * 1e3])
    }

    fn floor(&self, mode: Mode, base: Options) -> Option<Box<dyn Start>> {
        Some(least(mode, base))
    }
}

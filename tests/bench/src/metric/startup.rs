//! Start-up: from nothing until the first result is in hand.

use std::time::Instant;

use super::{Column, Floor, Metric, Mode, Wanted, least};
use crate::floor::null_framework::Options;
use crate::subject::{Start, expect};

#[derive(Debug)]
pub(super) struct Startup;

impl Metric for Startup {
    fn applies(&self, _mode: Mode) -> bool {
        true
    }

    fn columns(&self, _mode: Mode) -> &'static [Column] {
        const { &[Column::new("startup", "ms")] }
    }

    fn sizes(&self, _wanted: Wanted) -> Vec<usize> {
        vec![1]
    }

    fn measure(&self, start: &dyn Start, _mode: Mode, _n: usize) -> anyhow::Result<Vec<f64>> {
        let begin = Instant::now();
        let mut subject = start.start()?;
        let result = subject.one(1)?;
        let took = begin.elapsed();
        expect("the first call", result, 2)?;
        Ok(vec![took.as_secs_f64() * 1e3])
    }

    fn floors(&self, mode: Mode, base: Options) -> Vec<Floor> {
        vec![least(mode, base)]
    }
}

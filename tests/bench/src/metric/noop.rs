//! Throughput: calls that do nothing, submitted at once and all awaited.

use std::time::Instant;

use super::{Column, Metric, Mode, least};
use crate::floor::null_framework::Options;
use crate::subject::{Start, warm};

#[derive(Debug)]
pub(super) struct Noop;

impl Metric for Noop {
    fn applies(&self, _mode: Mode) -> bool {
        true
    }

    fn columns(&self) -> &'static [Column] {
        &[Column { name: "noop", unit: "tasks/s" }]
    }

    fn size(&self, wanted: usize) -> usize {
        wanted
    }

    fn measure(&self, start: &dyn Start, n: usize) -> anyhow::Result<Vec<f64>> {
        let mut subject = warm(start)?;
        let begin = Instant::now();
        subject.noops(n)?;
        Ok(vec![n as f64 / begin.elapsed().as_secs_f64()])
    }

    fn floor(&self, mode: Mode, base: Options) -> Option<Box<dyn Start>> {
        Some(least(mode, base))
    }
}

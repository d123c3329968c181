//! A chain: each call needs the one before it.

use std::time::Instant;

use super::{Column, Metric, Mode, least};
use crate::floor::null_framework::Options;
use crate::subject::{Start, expect, warm};

#[derive(Debug)]
pub(super) struct Chain;

const LINKS: usize = 2_000;

impl Metric for Chain {
    fn applies(&self, _mode: Mode) -> bool {
        true
    }

    fn columns(&self) -> &'static [Column] {
        &[Column { name: "chain", unit: "us/task" }]
    }

    fn size(&self, _wanted: usize) -> usize {
        LINKS
    }

    fn measure(&self, start: &dyn Start, n: usize) -> anyhow::Result<Vec<f64>> {
        let mut subject = warm(start)?;
        let begin = Instant::now();
        let result = subject.chain(n)?;
        let took = begin.elapsed();
        expect("the chain", result, n as u64)?;
        Ok(vec![took.as_secs_f64() * 1e6 / n as f64])
    }

    /// With dependents sent ahead of their inputs.
    fn floor(&self, mode: Mode, base: Options) -> Option<Box<dyn Start>> {
        Some(least(mode, Options { eager: true, ..base }))
    }
}

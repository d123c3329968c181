//! A chain: each call needs the one before it.

use std::time::Instant;

use super::{Column, Metric, Mode, least};
use crate::floor::null_framework::Options;
use crate::subject::{Start, expect, warm};

/// The same chain against either floor.
#[derive(Debug)]
pub(super) struct Chain {
    /// Whether the floor sends dependents ahead of their inputs, to the worker that will have them.
    pub(super) ahead: bool,
}

const LINKS: usize = 2_000;

impl Metric for Chain {
    fn applies(&self, _mode: Mode) -> bool {
        true
    }

    fn columns(&self) -> &'static [Column] {
        if self.ahead {
            return &[Column { name: "chain_ahead", unit: "us/task" }];
        }
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

    fn floor(&self, mode: Mode, base: Options) -> Option<Box<dyn Start>> {
        Some(least(mode, Options { eager: self.ahead, ..base }))
    }
}

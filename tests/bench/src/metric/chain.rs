//! A chain: each call needs the one before it.

use std::time::Instant;

use super::{Column, Floor, Metric, Mode, Wanted, least};
use crate::floor::null_framework::Options;
use crate::subject::{Start, expect, in_stride};

/// The usual chain, which either mode can run often.
pub(super) const SHORT: &[Column] = &[Column::new("chain", "us/task")];
/// One so deep that nothing may depend on its depth, between processes only.
pub(super) const DEEP: &[Column] = &[Column::new("deep_chain", "us/task")];

#[derive(Debug)]
pub(super) struct Chain {
    pub(super) name: &'static [Column],
    pub(super) links: usize,
}

impl Metric for Chain {
    fn applies(&self, mode: Mode) -> bool {
        mode == Mode::Tcp || self.name[0].name == SHORT[0].name
    }

    fn columns(&self, _mode: Mode) -> &'static [Column] {
        self.name
    }

    fn sizes(&self, _wanted: Wanted) -> Vec<usize> {
        vec![self.links]
    }

    fn measure(&self, start: &dyn Start, _mode: Mode, n: usize) -> anyhow::Result<Vec<f64>> {
        let mut subject = in_stride(start)?;
        let begin = Instant::now();
        let result = subject.chain(n)?;
        let took = begin.elapsed();
        expect("the chain", result, n as u64)?;
        Ok(vec![took.as_secs_f64() * 1e6 / n as f64])
    }

    /// With dependents sent ahead of their inputs, to the worker that will have them, first; and for a chain of some
    /// length everything between that and a round trip through the scheduler for each link.
    fn floors(&self, mode: Mode, base: Options) -> Vec<Floor> {
        let ahead = least(mode, Options { eager: true, ..base });
        if mode == Mode::Inproc || self.name[0].name == DEEP[0].name {
            return vec![ahead];
        }
        let compute_thread = Options { compute_thread: true, ..base };
        vec![
            ahead,
            least(mode, Options { eager: true, ..compute_thread }),
            least(mode, compute_thread),
            least(mode, Options { compute_thread: false, ..base }),
        ]
    }
}

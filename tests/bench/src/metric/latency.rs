//! Latency: one call at a time, from its submission until its result is in hand.

use std::time::Instant;

use super::{Column, Floor, Metric, Mode, Wanted, least};
use crate::floor::null_framework::Options;
use crate::report::percentile;
use crate::subject::{Start, expect, in_stride};

#[derive(Debug)]
pub(super) struct Latency;

/// Calls in one repetition, and those before them that do not count.
const CALLS: usize = 5_000;
const WARM_CALLS: usize = 500;

impl Metric for Latency {
    fn applies(&self, _mode: Mode) -> bool {
        true
    }

    fn columns(&self, _mode: Mode) -> &'static [Column] {
        const { &[Column::new("latency_p50", "us"), Column::new("latency_p99", "us")] }
    }

    fn sizes(&self, _wanted: Wanted) -> Vec<usize> {
        vec![CALLS]
    }

    fn measure(&self, start: &dyn Start, _mode: Mode, n: usize) -> anyhow::Result<Vec<f64>> {
        let mut subject = in_stride(start)?;
        let mut samples = Vec::with_capacity(n);
        for x in 0..(n + WARM_CALLS) as u64 {
            let begin = Instant::now();
            let result = subject.one(x)?;
            let took = begin.elapsed();
            expect("one call", result, x + 1)?;
            if x >= WARM_CALLS as u64 {
                samples.push(took.as_secs_f64() * 1e6);
            }
        }
        Ok(vec![percentile(&mut samples, 0.5), percentile(&mut samples, 0.99)])
    }

    /// With a compute thread first: a worker that answers heartbeats while a task runs must have one.
    fn floors(&self, mode: Mode, base: Options) -> Vec<Floor> {
        match mode {
            Mode::Tcp => vec![
                least(mode, Options { compute_thread: true, ..base }),
                least(mode, Options { compute_thread: false, ..base }),
            ],
            Mode::Inproc => vec![least(mode, base)],
        }
    }
}

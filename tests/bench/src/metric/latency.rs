//! Latency: one call at a time, from its submission until its result is in hand.

use std::time::Instant;

use super::{Column, Metric, Mode, least};
use crate::floor::null_framework::Options;
use crate::report::percentile;
use crate::subject::{Start, expect, warm};

#[derive(Debug)]
pub(super) struct Latency;

/// Calls in one repetition, and those before them that do not count.
const CALLS: usize = 5_000;
const WARM_CALLS: usize = 500;

impl Metric for Latency {
    fn applies(&self, _mode: Mode) -> bool {
        true
    }

    fn columns(&self) -> &'static [Column] {
        &[Column { name: "latency_p50", unit: "us" }, Column { name: "latency_p99", unit: "us" }]
    }

    fn size(&self, _wanted: usize) -> usize {
        CALLS
    }

    fn measure(&self, start: &dyn Start, n: usize) -> anyhow::Result<Vec<f64>> {
        let mut subject = warm(start)?;
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

    /// With a compute thread: a worker that answers heartbeats while a task runs must have one.
    fn floor(&self, mode: Mode, base: Options) -> Option<Box<dyn Start>> {
        Some(least(mode, Options { compute_thread: true, ..base }))
    }
}

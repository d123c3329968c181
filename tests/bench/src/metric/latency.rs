//! Latency: one call at a time, from its submission until its result is in hand; and how often each such call wakes a
//! thread, which is what most of that time goes into.

use std::time::Instant;

use super::{Column, Floor, Metric, Mode, Wanted, least};
use crate::floor::null_framework::Options;
use crate::kernel::wake_ups;
use crate::report::percentile;
use crate::subject::{Processes, Start, Subject, expect, in_stride};

/// Calls of one kind.
#[derive(Debug)]
pub(super) struct Latency {
    /// The times, and where there are more, the wake-ups of scheduler, workers and client.
    between_processes: &'static [Column],
    within_one: &'static [Column],
    one: fn(&mut dyn Subject, u64) -> anyhow::Result<u64>,
}

/// The usual ones.
pub(super) const PLAIN: Latency = Latency {
    between_processes: &[
        Column::new("latency_p50", "us"),
        Column::new("latency_p99", "us"),
        Column::new("latency_scheduler_wake_ups", "1/call"),
        Column::new("latency_workers_wake_ups", "1/call"),
        Column::new("latency_client_wake_ups", "1/call"),
    ],
    within_one: &[Column::new("latency_p50", "us"), Column::new("latency_p99", "us")],
    one: |subject, x| subject.one(x),
};

/// Each of which fails.
pub(super) const FAILING: Latency = Latency {
    between_processes: &[Column::new("failing_latency_p50", "us")],
    within_one: &[Column::new("failing_latency_p50", "us")],
    one: |subject, x| subject.one_failing(x),
};

/// Calls in one repetition, and those before them that do not count.
const CALLS: usize = 5_000;
const WARM_CALLS: usize = 500;

/// How often threads were woken so far: the scheduler's, all workers', the client's. Within one process they cannot be
/// told apart.
fn woken(processes: &Processes, mode: Mode) -> anyhow::Result<Vec<f64>> {
    if mode == Mode::Inproc {
        return Ok(Vec::new());
    }
    let workers = processes.workers.iter().map(|pid| wake_ups(*pid)).sum::<anyhow::Result<f64>>()?;
    Ok(vec![wake_ups(processes.scheduler)?, workers, wake_ups(std::process::id())?])
}

impl Metric for Latency {
    fn applies(&self, _mode: Mode) -> bool {
        true
    }

    fn columns(&self, mode: Mode) -> &'static [Column] {
        if mode == Mode::Tcp { self.between_processes } else { self.within_one }
    }

    fn sizes(&self, _wanted: Wanted) -> Vec<usize> {
        vec![CALLS]
    }

    fn measure(&self, start: &dyn Start, mode: Mode, n: usize) -> anyhow::Result<Vec<f64>> {
        let mut subject = in_stride(start)?;
        let mut samples = Vec::with_capacity(n);
        let mut before = Vec::new();
        for x in 0..(n + WARM_CALLS) as u64 {
            if x == WARM_CALLS as u64 {
                before = woken(&subject.processes(), mode)?;
            }
            let begin = Instant::now();
            let result = (self.one)(subject.as_mut(), x)?;
            let took = begin.elapsed();
            expect("one call", result, x + 1)?;
            if x >= WARM_CALLS as u64 {
                samples.push(took.as_secs_f64() * 1e6);
            }
        }
        let after = woken(&subject.processes(), mode)?;
        let mut values = vec![percentile(&mut samples, 0.5), percentile(&mut samples, 0.99)];
        values.extend(after.iter().zip(before).map(|(after, before)| (after - before) / n as f64));
        values.truncate(self.columns(mode).len());
        Ok(values)
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

//! Idle: how often worker, scheduler and client without work wake up, and what a worker holds beyond its binary.

use std::thread;
use std::time::Duration;

use anyhow::Context;

use super::{Column, Floor, Metric, Mode, Wanted, least};
use crate::floor::null_framework::Options;
use crate::kernel::{anonymous_bytes, wake_ups};
use crate::subject::{Start, warm};

#[derive(Debug)]
pub(super) struct Idle;

/// Long enough for some heartbeats.
const WATCHED_MS: usize = 15_000;
/// What the work before may still do.
const SETTLE: Duration = Duration::from_millis(200);

impl Metric for Idle {
    /// Inside one process a worker has no wake-ups of its own.
    fn applies(&self, mode: Mode) -> bool {
        mode == Mode::Tcp
    }

    fn columns(&self, _mode: Mode) -> &'static [Column] {
        const {
            &[
                Column::new("idle_wake_ups", "1/s"),
                Column::new("idle_scheduler_wake_ups", "1/s"),
                Column::new("idle_client_wake_ups", "1/s"),
                Column::new("idle_memory", "MiB"),
            ]
        }
    }

    /// Milliseconds.
    fn sizes(&self, _wanted: Wanted) -> Vec<usize> {
        vec![WATCHED_MS]
    }

    fn measure(&self, start: &dyn Start, _mode: Mode, n: usize) -> anyhow::Result<Vec<f64>> {
        let subject = warm(start)?;
        let processes = subject.processes();
        let worker = *processes.workers.first().context("the cluster has no worker process")?;
        // tidy: allow(sleep): to watch something do nothing takes time, whatever happens meanwhile
        thread::sleep(SETTLE);
        let all = [worker, processes.scheduler, std::process::id()];
        let count = || all.iter().map(|process| wake_ups(*process)).collect::<anyhow::Result<Vec<f64>>>();
        let before = count()?;
        // tidy: allow(sleep): as above
        thread::sleep(Duration::from_millis(n as u64));
        let after = count()?;
        let each_second = |(after, before): (&f64, &f64)| (after - before) * 1e3 / n as f64;
        let mut values: Vec<f64> = after.iter().zip(&before).map(each_second).collect();
        values.push(anonymous_bytes(worker)? as f64 / f64::from(1 << 20));
        Ok(values)
    }

    fn floors(&self, mode: Mode, base: Options) -> Vec<Floor> {
        vec![least(mode, Options { compute_thread: true, ..base })]
    }
}

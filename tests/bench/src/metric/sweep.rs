//! Series for plots: what a call costs as something grows. Each is measured only when it is named.

use std::time::Instant;

use super::{Column, Floor, Metric, Mode, Wanted, fan_out, least, workers};
use crate::floor::null_framework::Options;
use crate::subject::{Shape, Start, expect, warm};

/// Over the number of calls at once, up to what was asked for.
#[derive(Debug)]
pub(super) struct Tasks;

impl Metric for Tasks {
    fn applies(&self, _mode: Mode) -> bool {
        true
    }

    fn is_sweep(&self) -> bool {
        true
    }

    fn columns(&self, _mode: Mode) -> &'static [Column] {
        const { &[Column::new("sweep_tasks", "us/task")] }
    }

    fn sizes(&self, wanted: Wanted) -> Vec<usize> {
        [1_000, 10_000, 100_000, 1_000_000, 10_000_000].into_iter().filter(|n| *n <= wanted.n).collect()
    }

    fn measure(&self, start: &dyn Start, _mode: Mode, n: usize) -> anyhow::Result<Vec<f64>> {
        let mut subject = warm(start)?;
        let begin = Instant::now();
        subject.noops(n)?;
        Ok(vec![begin.elapsed().as_secs_f64() * 1e6 / n as f64])
    }

    fn floors(&self, mode: Mode, base: Options) -> Vec<Floor> {
        vec![least(mode, base)]
    }
}

/// Over the number of workers: the scheduler's processor time for a call.
#[derive(Debug)]
pub(super) struct Workers {
    /// Calls, whatever the number of workers.
    pub(super) n: usize,
}

impl Metric for Workers {
    fn applies(&self, mode: Mode) -> bool {
        mode == Mode::Inproc
    }

    fn is_sweep(&self) -> bool {
        true
    }

    fn columns(&self, _mode: Mode) -> &'static [Column] {
        const { &[Column::new("sweep_workers", "us/task")] }
    }

    fn sizes(&self, wanted: Wanted) -> Vec<usize> {
        [2, 10, 30, 100, 300, 1_000].into_iter().filter(|workers| *workers <= wanted.workers).collect()
    }

    fn shape(&self, mode: Mode, n: usize) -> Shape {
        workers::shape(mode, n)
    }

    fn measure(&self, start: &dyn Start, _mode: Mode, _n: usize) -> anyhow::Result<Vec<f64>> {
        Ok(workers::measure(start, self.n)?[..1].to_vec())
    }

    fn floors(&self, mode: Mode, _base: Options) -> Vec<Floor> {
        vec![workers::with_two(mode)]
    }
}

/// Over the number of calls that need one result.
#[derive(Debug)]
pub(super) struct FanOut;

impl Metric for FanOut {
    fn applies(&self, mode: Mode) -> bool {
        mode == Mode::Tcp
    }

    fn is_sweep(&self) -> bool {
        true
    }

    fn columns(&self, _mode: Mode) -> &'static [Column] {
        const { &[Column::new("sweep_fan_out", "us/task")] }
    }

    fn sizes(&self, wanted: Wanted) -> Vec<usize> {
        [10, 100, 1_000, 10_000, 100_000].into_iter().filter(|n| *n <= wanted.n).collect()
    }

    fn measure(&self, start: &dyn Start, _mode: Mode, n: usize) -> anyhow::Result<Vec<f64>> {
        Ok(vec![fan_out::measure(start, n)?])
    }

    fn floors(&self, mode: Mode, base: Options) -> Vec<Floor> {
        vec![least(mode, base)]
    }
}

/// Over the bytes that a call takes and gives back.
#[derive(Debug)]
pub(super) struct Payload {
    /// Calls that were asked for.
    pub(super) n: usize,
}

/// At most so many calls at once, and at most so many bytes together.
const ECHOES_MAX: usize = 10_000;
const ECHO_BYTES_MAX: usize = 128 << 20;
/// Bytes for each call that was asked for, while that is less.
const ECHO_BYTES_EACH: usize = 4 << 10;

impl Payload {
    fn bytes_max(&self) -> usize {
        ECHO_BYTES_MAX.min(self.n * ECHO_BYTES_EACH)
    }
}

impl Metric for Payload {
    fn applies(&self, mode: Mode) -> bool {
        mode == Mode::Tcp
    }

    fn is_sweep(&self) -> bool {
        true
    }

    fn columns(&self, _mode: Mode) -> &'static [Column] {
        const { &[Column::new("sweep_payload", "us/task")] }
    }

    /// Bytes, not calls.
    fn sizes(&self, _wanted: Wanted) -> Vec<usize> {
        let all = [16, 128, 1 << 10, 8 << 10, 64 << 10, 512 << 10, 4 << 20];
        all.into_iter().filter(|bytes| *bytes <= self.bytes_max()).collect()
    }

    fn measure(&self, start: &dyn Start, _mode: Mode, bytes: usize) -> anyhow::Result<Vec<f64>> {
        let n = self.n.min(ECHOES_MAX).min(self.bytes_max() / bytes);
        let mut subject = warm(start)?;
        let begin = Instant::now();
        let found = subject.echo(n, bytes)?;
        let took = begin.elapsed();
        expect("what came back", found, (n * bytes) as u64)?;
        Ok(vec![took.as_secs_f64() * 1e6 / n as f64])
    }

    fn floors(&self, mode: Mode, base: Options) -> Vec<Floor> {
        vec![least(mode, base)]
    }
}

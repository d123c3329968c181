//! Memory: what a process grows by, for each finished call whose future lives.
//!
//! Resident bytes, so the numbers need many calls to mean something.

use super::{Column, Floor, Metric, Mode, Wanted, least};
use crate::floor::null_framework::Options;
use crate::kernel::resident_bytes;
use crate::subject::{Start, warm};

/// The scheduler's.
#[derive(Debug)]
pub(super) struct Scheduler;

impl Metric for Scheduler {
    /// Inside one process what other repetitions freed is used again, so that growth says nothing.
    fn applies(&self, mode: Mode) -> bool {
        mode == Mode::Tcp
    }

    fn columns(&self, _mode: Mode) -> &'static [Column] {
        const { &[Column::new("scheduler_memory", "bytes/task")] }
    }

    fn sizes(&self, wanted: Wanted) -> Vec<usize> {
        vec![wanted.n]
    }

    fn measure(&self, start: &dyn Start, _mode: Mode, n: usize) -> anyhow::Result<Vec<f64>> {
        let mut subject = warm(start)?;
        let pid = subject.processes().scheduler;
        let before = resident_bytes(pid)?;
        subject.hold(n)?;
        let after = resident_bytes(pid)?;
        Ok(vec![after.saturating_sub(before) as f64 / n as f64])
    }

    fn floors(&self, mode: Mode, base: Options) -> Vec<Floor> {
        vec![least(mode, base)]
    }
}

/// A client's, which is a process of its own for this.
#[derive(Debug)]
pub(super) struct Client;

impl Metric for Client {
    fn applies(&self, mode: Mode) -> bool {
        mode == Mode::Tcp
    }

    fn columns(&self, _mode: Mode) -> &'static [Column] {
        const { &[Column::new("client_memory", "bytes/task")] }
    }

    fn sizes(&self, wanted: Wanted) -> Vec<usize> {
        vec![wanted.n]
    }

    fn measure(&self, start: &dyn Start, _mode: Mode, n: usize) -> anyhow::Result<Vec<f64>> {
        Ok(vec![warm(start)?.client_growth(n)? as f64 / n as f64])
    }

    /// The null framework's client keeps nothing but a result.
    fn floors(&self, _mode: Mode, _base: Options) -> Vec<Floor> {
        Vec::new()
    }
}

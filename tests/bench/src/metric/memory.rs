//! Memory: what the process of the scheduler grows by, for each finished call whose future lives.
//!
//! Resident bytes, so the numbers need many calls to mean something.

use super::{Column, Metric, Mode, least};
use crate::floor::null_framework::Options;
use crate::process::resident_bytes;
use crate::subject::{Start, warm};

#[derive(Debug)]
pub(super) struct Memory;

impl Metric for Memory {
    /// Inside one process what other repetitions freed is used again, so that growth says nothing.
    fn applies(&self, mode: Mode) -> bool {
        mode == Mode::Tcp
    }

    fn columns(&self) -> &'static [Column] {
        &[Column { name: "scheduler_memory", unit: "bytes/task" }]
    }

    fn size(&self, wanted: usize) -> usize {
        wanted
    }

    fn measure(&self, start: &dyn Start, n: usize) -> anyhow::Result<Vec<f64>> {
        let mut subject = warm(start)?;
        let pid = subject.scheduler_pid();
        let before = resident_bytes(pid)?;
        subject.hold(n)?;
        let after = resident_bytes(pid)?;
        Ok(vec![after.saturating_sub(before) as f64 / n as f64])
    }

    fn floor(&self, mode: Mode, base: Options) -> Option<Box<dyn Start>> {
        Some(least(mode, base))
    }
}

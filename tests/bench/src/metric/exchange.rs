//! Exchange: large objects made on one worker and used on another.

use super::{Column, Metric, Mode};
use crate::floor::null_framework::Options;
use crate::floor::raw_link::RawLink;
use crate::subject::{Start, Subject, warm};

#[derive(Debug)]
pub(super) struct Exchange;

const OBJECT_MIB: usize = 64;
const OBJECTS: usize = 8;

impl Metric for Exchange {
    /// Inside one process a worker lends its object to the other.
    fn applies(&self, mode: Mode) -> bool {
        mode == Mode::Tcp
    }

    fn columns(&self) -> &'static [Column] {
        &[Column { name: "worker_to_worker", unit: "MiB/s" }]
    }

    /// MiB rather than calls.
    fn size(&self, _wanted: usize) -> usize {
        OBJECTS * OBJECT_MIB
    }

    fn measure(&self, start: &dyn Start, n: usize) -> anyhow::Result<Vec<f64>> {
        let took = warm(start)?.exchange(OBJECTS, (n / OBJECTS) << 20)?;
        Ok(vec![n as f64 / took.as_secs_f64()])
    }

    /// One connection into fresh memory.
    fn floor(&self, _mode: Mode, _base: Options) -> Option<Box<dyn Start>> {
        Some(Box::new(|| -> anyhow::Result<Box<dyn Subject>> { Ok(Box::new(RawLink::start()?)) }))
    }
}

//! Bandwidth: one large object to a worker and back.

use super::{Column, Metric, Mode};
use crate::floor::null_framework::Options;
use crate::floor::raw_link::RawLink;
use crate::subject::{Start, Subject, warm};

#[derive(Debug)]
pub(super) struct Bandwidth;

const OBJECT_MIB: usize = 256;

impl Metric for Bandwidth {
    fn applies(&self, _mode: Mode) -> bool {
        true
    }

    fn columns(&self) -> &'static [Column] {
        &[Column { name: "scatter", unit: "MiB/s" }, Column { name: "gather", unit: "MiB/s" }]
    }

    /// MiB rather than calls.
    fn size(&self, _wanted: usize) -> usize {
        OBJECT_MIB
    }

    fn measure(&self, start: &dyn Start, n: usize) -> anyhow::Result<Vec<f64>> {
        let mut subject = warm(start)?;
        let scatter = subject.scatter(n << 20)?;
        let gather = subject.gather(n << 20)?;
        Ok([scatter, gather].map(|took| n as f64 / took.as_secs_f64()).to_vec())
    }

    /// One connection into fresh memory. Inside one process nothing need move, so there is no floor to speak of.
    fn floor(&self, mode: Mode, _base: Options) -> Option<Box<dyn Start>> {
        let start = || -> anyhow::Result<Box<dyn Subject>> { Ok(Box::new(RawLink::start()?)) };
        (mode == Mode::Tcp).then(|| Box::new(start) as Box<dyn Start>)
    }
}

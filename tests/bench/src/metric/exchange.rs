//! Exchange: large objects made on one worker and used on another.

use super::{Column, Floor, Metric, Mode, Wanted, raw_links};
use crate::floor::null_framework::Options;
use crate::subject::{Form, Start, warm};

#[derive(Debug)]
pub(super) struct Exchange;

/// Less when few calls are asked for.
const OBJECT_MIB: usize = 64;
const CALLS_EACH_MIB: usize = 256;
const OBJECTS: usize = 8;

impl Metric for Exchange {
    /// Inside one process a worker lends its object to the other.
    fn applies(&self, mode: Mode) -> bool {
        mode == Mode::Tcp
    }

    fn columns(&self, _mode: Mode) -> &'static [Column] {
        const { &[Column::new("worker_to_worker", "MiB/s"), Column::new("worker_to_worker_blob", "MiB/s")] }
    }

    /// MiB rather than calls.
    fn sizes(&self, wanted: Wanted) -> Vec<usize> {
        vec![OBJECTS * (wanted.n / CALLS_EACH_MIB).clamp(1, OBJECT_MIB)]
    }

    fn measure(&self, start: &dyn Start, _mode: Mode, n: usize) -> anyhow::Result<Vec<f64>> {
        let mut subject = warm(start)?;
        let mut each = |form| -> anyhow::Result<f64> {
            let took = subject.exchange(OBJECTS, (n / OBJECTS) << 20, form)?;
            Ok(n as f64 / took.as_secs_f64())
        };
        Ok(vec![each(Form::Vec)?, each(Form::Blob)?])
    }

    fn floors(&self, _mode: Mode, _base: Options) -> Vec<Floor> {
        raw_links()
    }
}

//! Bandwidth: one large object to a worker and back.

use super::{Column, Floor, Metric, Mode, Wanted, raw_links};
use crate::floor::null_framework::Options;
use crate::subject::{Form, Start, warm};

#[derive(Debug)]
pub(super) struct Bandwidth;

/// Less when few calls are asked for.
const OBJECT_MIB: usize = 256;
const CALLS_EACH_MIB: usize = 64;

impl Metric for Bandwidth {
    fn applies(&self, _mode: Mode) -> bool {
        true
    }

    fn columns(&self, _mode: Mode) -> &'static [Column] {
        const {
            &[
                Column::new("scatter", "MiB/s"),
                Column::new("gather", "MiB/s"),
                Column::new("scatter_blob", "MiB/s"),
                Column::new("gather_blob", "MiB/s"),
                Column::new("gather_copy", "MiB/s"),
            ]
        }
    }

    /// MiB rather than calls.
    fn sizes(&self, wanted: Wanted) -> Vec<usize> {
        vec![(wanted.n / CALLS_EACH_MIB).clamp(1, OBJECT_MIB)]
    }

    fn measure(&self, start: &dyn Start, _mode: Mode, n: usize) -> anyhow::Result<Vec<f64>> {
        let mut subject = warm(start)?;
        let mut took = Vec::new();
        for form in [Form::Vec, Form::Blob] {
            took.push(subject.scatter(n << 20, form)?);
            took.push(subject.gather(n << 20, form)?);
        }
        took.push(subject.gather_copy(n << 20)?);
        Ok(took.into_iter().map(|took| n as f64 / took.as_secs_f64()).collect())
    }

    /// Inside one process nothing need move, so there is no floor to speak of.
    fn floors(&self, mode: Mode, _base: Options) -> Vec<Floor> {
        if mode == Mode::Tcp { raw_links() } else { Vec::new() }
    }
}

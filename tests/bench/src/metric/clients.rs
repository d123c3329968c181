//! Many clients at once: the throughput of no-ops that they share.

use std::time::Instant;

use super::{Column, Floor, FloorKind, Metric, Mode, Wanted};
use crate::floor::null_framework::{Cluster, Options};
use crate::floor::workload::Workload;
use crate::subject::{Shape, Start, Subject, in_stride};

#[derive(Debug)]
pub(super) struct Clients {
    pub(super) count: usize,
}

impl Metric for Clients {
    fn applies(&self, mode: Mode) -> bool {
        mode == Mode::Tcp
    }

    fn columns(&self, _mode: Mode) -> &'static [Column] {
        const { &[Column::new("clients_16", "tasks/s")] }
    }

    fn sizes(&self, wanted: Wanted) -> Vec<usize> {
        vec![wanted.n / self.count * self.count]
    }

    fn shape(&self, mode: Mode, _n: usize) -> Shape {
        Shape { clients: self.count, ..Shape::small(mode) }
    }

    fn measure(&self, start: &dyn Start, _mode: Mode, n: usize) -> anyhow::Result<Vec<f64>> {
        let mut subject = in_stride(start)?;
        let begin = Instant::now();
        subject.noops(n)?;
        Ok(vec![n as f64 / begin.elapsed().as_secs_f64()])
    }

    fn floors(&self, _mode: Mode, base: Options) -> Vec<Floor> {
        let count = self.count;
        let start = move || -> anyhow::Result<Box<dyn Subject>> {
            Ok(Box::new(Workload::new(Cluster::start(base, count)?)))
        };
        vec![Floor { name: base.name(), kind: FloorKind::Least(Box::new(start)) }]
    }
}

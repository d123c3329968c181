//! The metrics, one file each. A metric runs its work on a subject and on the floor that belongs to it, in turns.

mod bandwidth;
mod chain;
mod exchange;
mod fan_in;
mod latency;
mod memory;
mod noop;
mod startup;
mod tree;

use std::str::FromStr;

use anyhow::bail;

use crate::floor::in_process::InProcess;
use crate::floor::null_framework::{Cluster, Options};
use crate::floor::workload::Workload;
use crate::subject::{Start, Subject};

/// Where the parts of the cluster are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// A scheduler and two workers of one thread, each a process, over loopback TCP.
    Tcp,
    /// All in the process of the client.
    Inproc,
}

impl Mode {
    /// What records call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Inproc => "inproc",
        }
    }
}

impl FromStr for Mode {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        match text {
            "tcp" => Ok(Self::Tcp),
            "inproc" => Ok(Self::Inproc),
            _ => bail!("a mode is `tcp` or `inproc`, not `{text}`"),
        }
    }
}

/// One number a metric gives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
}

/// Something to measure.
pub(crate) trait Metric {
    /// Whether it means anything in this mode.
    fn applies(&self, mode: Mode) -> bool;
    /// What one repetition gives.
    fn columns(&self) -> &'static [Column];
    /// How many calls one repetition makes, when `wanted` are asked for.
    fn size(&self, wanted: usize) -> usize;
    /// One repetition: one value for each column.
    fn measure(&self, start: &dyn Start, n: usize) -> anyhow::Result<Vec<f64>>;
    /// The floor this metric stands on, with what it does not choose itself taken from `base`.
    fn floor(&self, mode: Mode, base: Options) -> Option<Box<dyn Start>>;
}

/// All of them, in the order of the table.
pub(crate) fn all() -> Vec<Box<dyn Metric>> {
    vec![
        Box::new(noop::Noop),
        Box::new(latency::Latency),
        Box::new(chain::Chain { ahead: false }),
        Box::new(chain::Chain { ahead: true }),
        Box::new(tree::Tree),
        Box::new(fan_in::FanIn),
        Box::new(bandwidth::Bandwidth),
        Box::new(exchange::Exchange),
        Box::new(memory::Memory),
        Box::new(startup::Startup),
    ]
}

/// The framework that does the least, in this mode.
fn least(mode: Mode, options: Options) -> Box<dyn Start> {
    Box::new(move || -> anyhow::Result<Box<dyn Subject>> {
        Ok(match mode {
            Mode::Tcp => Box::new(Workload::new(Cluster::start(options)?)),
            Mode::Inproc => Box::new(Workload::new(InProcess::start()?)),
        })
    })
}

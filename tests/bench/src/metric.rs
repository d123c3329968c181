//! The metrics, one file each. A metric runs its work on a subject and on the floors that belong to it, in turns.

mod bandwidth;
mod chain;
mod clients;
mod exchange;
mod fan_in;
mod fan_out;
mod goal;
mod idle;
mod latency;
mod memory;
mod noop;
mod startup;
mod sweep;
mod tree;
mod workers;

use std::str::FromStr;

use anyhow::bail;

use crate::floor::in_process::InProcess;
use crate::floor::null_framework::{Cluster, Options};
use crate::floor::raw_link::{Over, RawLink};
use crate::floor::workload::Workload;
use crate::subject::{Shape, Start, Subject};
pub(crate) use goal::Goal;

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

impl Column {
    const fn new(name: &'static str, unit: &'static str) -> Self {
        Self { name, unit }
    }
}

/// What a metric is set beside.
pub(crate) struct Floor {
    pub(crate) name: &'static str,
    pub(crate) kind: FloorKind,
}

/// Where a floor comes from.
pub(crate) enum FloorKind {
    /// Something that does less than the subject.
    Least(Box<dyn Start>),
    /// The subject itself in another shape.
    Subject(Shape),
}

/// How much work was asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// Calls.
    pub(crate) n: usize,
    /// Workers, for the metric of many.
    pub(crate) workers: usize,
}

/// Something to measure.
pub(crate) trait Metric {
    /// Whether it means anything in this mode.
    fn applies(&self, mode: Mode) -> bool;
    /// Whether it is one of a series for a plot, measured only when it is named.
    fn is_sweep(&self) -> bool {
        false
    }
    /// What one repetition gives.
    fn columns(&self, mode: Mode) -> &'static [Column];
    /// What is varied: calls, most often. Each size is measured for itself.
    fn sizes(&self, wanted: Wanted) -> Vec<usize>;
    /// The cluster it needs.
    fn shape(&self, mode: Mode, _n: usize) -> Shape {
        Shape::small(mode)
    }
    /// One repetition: one value for each column.
    fn measure(&self, start: &dyn Start, mode: Mode, n: usize) -> anyhow::Result<Vec<f64>>;
    /// The floors this metric stands on, the one its goal speaks of first, with what it does not choose itself taken
    /// from `base`.
    fn floors(&self, mode: Mode, base: Options) -> Vec<Floor>;
}

/// All of them, in the order of the table.
pub(crate) fn all(wanted: Wanted) -> Vec<Box<dyn Metric>> {
    vec![
        Box::new(noop::PLAIN),
        Box::new(noop::PRIORITIES),
        Box::new(noop::FAILING),
        Box::new(noop::SOME_FAILING),
        Box::new(latency::PLAIN),
        Box::new(latency::FAILING),
        Box::new(chain::Chain { name: chain::SHORT, links: 2_000.min(wanted.n) }),
        Box::new(tree::PLAIN),
        Box::new(tree::FAILING),
        Box::new(fan_in::FanIn { name: fan_in::SMALL, inputs: 2_000.min(wanted.n) }),
        Box::new(bandwidth::Bandwidth),
        Box::new(exchange::Exchange),
        Box::new(memory::Scheduler),
        Box::new(memory::Client),
        Box::new(startup::Startup),
        Box::new(idle::Idle),
        Box::new(chain::Chain { name: chain::DEEP, links: 100_000.min(wanted.n) }),
        Box::new(fan_out::FanOut { dependents: 100_000.min(wanted.n) }),
        Box::new(fan_in::FanIn { name: fan_in::LARGE, inputs: 10_000.min(wanted.n) }),
        Box::new(clients::Clients { count: 16 }),
        Box::new(workers::Workers { n: wanted.n }),
        Box::new(sweep::Tasks),
        Box::new(sweep::Workers { n: wanted.n }),
        Box::new(sweep::FanOut),
        Box::new(sweep::Payload { n: wanted.n }),
    ]
}

/// The framework that does the least, in this mode.
fn least(mode: Mode, options: Options) -> Floor {
    let start = move || -> anyhow::Result<Box<dyn Subject>> {
        Ok(match mode {
            Mode::Tcp => Box::new(Workload::new(Cluster::start(options, 1)?)),
            Mode::Inproc => Box::new(Workload::new(vec![InProcess::start()?])),
        })
    };
    let name = if mode == Mode::Tcp { options.name() } else { "two thread hops" };
    Floor { name, kind: FloorKind::Least(Box::new(start)) }
}

/// One connection into fresh memory: over TCP, of which the goals speak, and over what Longshore takes within a machine.
fn raw_links() -> Vec<Floor> {
    let link = |name, over| {
        let start = move || -> anyhow::Result<Box<dyn Subject>> { Ok(Box::new(RawLink::start(over)?)) };
        Floor { name, kind: FloorKind::Least(Box::new(start)) }
    };
    vec![link("raw link", Over::Tcp), link("raw unix link", Over::Unix)]
}

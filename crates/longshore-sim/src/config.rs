//! What a world is like.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use longshore_rt::TaskMeta;

/// Which of the woken tasks runs next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Policy {
    /// The one that was woken first.
    Fifo,
    /// Any of them: the seed decides. Finds more bugs.
    #[default]
    Random,
}

/// How a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kill {
    /// The operating system outlives it and closes its sockets: peers see FIN or RST after the usual latency,
    /// and new connections are refused.
    Process,
    /// The machine vanishes: peers see nothing at all, and connections to it time out.
    Power,
}

/// The virtual time a blocking job takes.
#[derive(Clone)]
#[non_exhaustive]
pub enum JobCost {
    /// Every job takes this long.
    Fixed(Duration),
    /// The seed draws it from a range.
    Between(RangeInclusive<Duration>),
    /// It follows from the job's name and the place it was started from.
    ByTask(Arc<dyn Fn(&TaskMeta) -> Duration + Send + Sync>),
}

impl JobCost {
    /// A cost that is computed from the job's [`TaskMeta`].
    pub fn by_task(cost: impl Fn(&TaskMeta) -> Duration + Send + Sync + 'static) -> Self {
        Self::ByTask(Arc::new(cost))
    }
}

impl fmt::Debug for JobCost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(cost) => f.debug_tuple("Fixed").field(cost).finish(),
            Self::Between(range) => f.debug_tuple("Between").field(range).finish(),
            Self::ByTask(_) => f.write_str("ByTask(..)"),
        }
    }
}

/// The description of a world. Start from [`SimConfig::seed`] and change what the test is about.
///
/// ```
/// use longshore_sim::{Policy, SimConfig};
/// let config = SimConfig { policy: Policy::Fifo, window_len: 4096, ..SimConfig::seed(3) };
/// # let _ = config;
/// ```
#[derive(Clone, Debug)]
pub struct SimConfig {
    /// Everything random follows from it.
    pub seed: u64,
    /// Which woken task runs next.
    pub policy: Policy,
    /// One-way delay of a segment between two processes, unless [`Sim::slow_link`](crate::Sim::slow_link) says
    /// otherwise. Within a process it is 10 µs.
    pub latency: RangeInclusive<Duration>,
    /// Bytes per second in each direction between two processes, shared by all their connections; no limit when
    /// absent. [`Sim::limit_link`](crate::Sim::limit_link) sets it for one pair.
    pub bandwidth_bytes_per_s: Option<u64>,
    /// Bytes that a connection holds in one direction before its writer must wait.
    pub window_len: usize,
    /// Connections that may wait to be accepted; further SYNs are dropped and tried again.
    pub backlog_len: usize,
    /// Make some reads and writes shorter than they could be.
    pub short_io: bool,
    /// How long SYNs are repeated before a connection attempt times out.
    pub connect_timeout: Duration,
    /// Bytes that cannot be delivered for this long time their writer out.
    pub stall_limit: Duration,
    /// The virtual time of a blocking job.
    pub job_cost: JobCost,
    /// Keep every event, for [`Sim::trace`](crate::Sim::trace). Costs memory.
    pub record_trace: bool,
    /// A run that passes this virtual time fails: heartbeats alone can keep a world going for ever.
    pub time_limit: Duration,
    /// A run that polls this often without time passing fails: some task wakes itself for ever.
    pub polls_per_instant_max: u64,
}

impl SimConfig {
    /// A local network on which nothing fails: 0.1 to 0.5 ms of latency, windows of 64 KiB.
    #[must_use]
    pub fn seed(seed: u64) -> Self {
        Self {
            seed,
            policy: Policy::Random,
            latency: Duration::from_micros(100)..=Duration::from_micros(500),
            bandwidth_bytes_per_s: None,
            window_len: 64 * 1024,
            backlog_len: 1024,
            short_io: true,
            connect_timeout: Duration::from_secs(10),
            stall_limit: Duration::from_secs(30),
            job_cost: JobCost::Fixed(Duration::from_millis(1)),
            record_trace: false,
            time_limit: Duration::from_secs(24 * 3600),
            polls_per_instant_max: 20_000_000,
        }
    }
}

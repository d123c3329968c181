//! Large clusters in the simulator: what one scheduler can bear, and what lies beyond one.
//!
//! The client, the schedulers and the workers are the ones that are shipped. Time is virtual, so thousands of workers
//! need no machines; but each process named in [`Costs`] has one core whose time is charged for what it reads and writes,
//! so a scheduler saturates as a real one does. Beside that, the real processor time and the memory of the scheduler's own
//! code are measured ([`meter`]), which changes nothing of what happens.
//!
//! | module | asks |
//! |---|---|
//! | [`one`] | what does a task cost one scheduler, with how many workers and tasks? |
//! | [`shards`] | what if a graph is spread over several schedulers? |
//! | [`nested`] | what if a scheduler hands blocks of tasks to others? |
//!
//! All results are compared with what [`work`] computes without a cluster. The same seed gives the same run; of what is
//! printed only the measured columns differ.

pub mod cluster;
pub mod meter;
pub mod nested;
pub mod one;
pub mod shards;
pub mod table;
pub mod work;

use longshore_sim::{JobCost, PollCost, Sim, SimConfig};
use std::time::Duration;

/// What things take in virtual time.
#[derive(Clone, Debug)]
pub struct Costs {
    /// The core of each scheduler.
    pub scheduler: PollCost,
    /// The core of each client.
    pub client: PollCost,
    /// One run of a task.
    pub task: Duration,
}

impl Default for Costs {
    /// A scheduler as measured, clients for nothing, tasks of a millisecond.
    fn default() -> Self {
        Costs { scheduler: MEASURED, client: PollCost::default(), task: Duration::from_millis(1) }
    }
}

/// A scheduler's costs as they were measured on real sockets; `docs/scale.md` says how.
pub const MEASURED: PollCost = PollCost { poll_ns: 2_000, call_ns: 2_000, byte_ps: 12_000 };

/// A world without faults, on a local network, in which tasks take as long as `costs` says.
#[must_use]
pub fn world(seed: u64, costs: &Costs) -> Sim {
    Sim::new(SimConfig {
        job_cost: JobCost::Fixed(costs.task),
        short_io: false,
        window_len: 4 << 20,
        backlog_len: 1 << 16,
        ..SimConfig::seed(seed)
    })
}

//! The null framework: the least that still is a central scheduler with a client, a scheduler and two worker processes.
//!
//! Loopback TCP, postcard messages, a keyed task table, dependency counts and results that ride along; nothing else.
//! It proves what can be reached, and is the floor of every metric between processes.

mod client;
mod scheduler;
mod wire;
mod worker;

pub(crate) use client::Cluster;
pub(crate) use scheduler::serve as serve_scheduler;
pub(crate) use worker::serve as serve_worker;

/// The role of the scheduler process.
pub(crate) const SCHEDULER: &str = "null-scheduler";
/// The role of a worker process.
pub(crate) const WORKER: &str = "null-worker";
/// How many workers there are.
const WORKERS: usize = 2;

/// How a null framework behaves where there is a choice.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Options {
    /// Send a task whose inputs are all with one worker there before the inputs exist.
    pub(crate) eager: bool,
    /// Run tasks on a thread of their own, fed through a queue: two more thread hops than running them in place.
    pub(crate) compute_thread: bool,
    /// Microseconds that every process polls before it sleeps in the kernel.
    pub(crate) spin_us: u64,
}

impl Options {
    /// What records call a null framework of this kind.
    pub(crate) fn name(self) -> &'static str {
        match (self.eager, self.compute_thread) {
            (false, false) => "null",
            (false, true) => "null, compute thread",
            (true, false) => "null, sent ahead",
            (true, true) => "null, sent ahead, compute thread",
        }
    }
}

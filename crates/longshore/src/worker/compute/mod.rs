//! Where task functions run.
//!
//! The worker owns its compute threads: a runtime's pool for blocking calls has no bound that fits, no order and no names.
//! For the simulator, which has no threads, jobs can go through the runtime instead. `async fn` tasks run on the worker's
//! runtime in either case.

mod asynchronous;
mod job;
mod office;
mod panic;
mod pool;
mod queue;
mod via_runtime;

pub(crate) use asynchronous::AsyncRun;
pub(crate) use job::{Job, Shipping};
pub(crate) use panic::{catch_quietly, drop_quietly, install_hook};

use super::desk::Desk;
use crate::context::Home;
use office::Office;
use pool::Pool;
use std::fmt;
use std::sync::Arc;
use via_runtime::ViaRuntime;

/// Where a worker runs plain `fn` tasks.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum Compute {
    /// On threads of its own: as many as it runs tasks at once, and one more for each task that waits for others.
    #[default]
    Threads,
    /// Through the runtime's `spawn_blocking`: for runtimes that simulate time.
    Runtime,
}

/// The compute threads, or what stands in for them.
#[derive(Debug)]
pub(super) struct Workshop(Kind);

enum Kind {
    Pool(Arc<Pool>),
    Runtime(Arc<ViaRuntime>),
}

impl Workshop {
    /// `stack_bytes` is each thread's stack.
    pub(super) fn new(
        compute: Compute,
        home: &Arc<Home>,
        desk: &Arc<Desk>,
        nthreads: u32,
        stack_bytes: usize,
    ) -> Self {
        let (nthreads, office) = (
            nthreads as usize,
            Office { home: home.clone(), desk: desk.clone(), driver: home.inbox.waker() },
        );
        Workshop(match compute {
            Compute::Threads => Kind::Pool(Pool::new(office, nthreads, stack_bytes)),
            Compute::Runtime => Kind::Runtime(ViaRuntime::new(office, nthreads)),
        })
    }

    /// Takes jobs over, in order.
    pub(super) fn push(&self, jobs: &mut Vec<Job>) {
        if jobs.is_empty() {
            return;
        }
        match &self.0 {
            Kind::Pool(pool) => pool.push(jobs),
            Kind::Runtime(via) => via.push(jobs),
        }
    }

    /// Drops what has not started and lets go of the threads. Those that run a task leave after it.
    pub(super) fn stop(&self) {
        match &self.0 {
            Kind::Pool(pool) => pool.stop(),
            Kind::Runtime(via) => via.stop(),
        }
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Pool(_) => "threads",
            Kind::Runtime(_) => "runtime",
        })
    }
}

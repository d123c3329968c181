//! The worker as a role: the machine of `longshore-core` on a runtime, running tasks and exchanging values.
//!
//! ```no_run
//! # async fn example(rt: longshore_rt::OwnedExecutor) -> Result<(), longshore::WorkerError> {
//! use longshore::Worker;
//! let scheduler = "tcp://127.0.0.1:8786".parse().unwrap();
//! let mut worker = Worker::builder(rt, scheduler).nthreads(4).start().await?;
//! println!("it ended: {}", worker.finished().await);
//! # Ok(())
//! # }
//! ```
//!
//! All decisions are the machine's. The driver gives it what links, compute threads and timers say, and carries out
//! what it answers. A worker that lost its scheduler ends; whoever started it decides whether to start another.

mod builder;
mod callers;
pub(crate) mod compute;
mod desk;
mod driver;
mod functions;
pub(crate) mod inbox;
mod peers;
mod serve;
#[cfg(test)]
mod tests;
mod uploads;

pub use builder::WorkerBuilder;
pub use compute::Compute;
pub use longshore_core::worker::Exit as WorkerExit;
pub(crate) use serve::encode_here;

use crate::address::Address;
use crate::link::{ConnectError, ListenError};
use inbox::Inbox;
use longshore_rt::{DynRuntime, Runtime, Task};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// Why a worker could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkerError {
    /// It cannot listen for other workers and clients.
    #[error("the worker could not listen")]
    Listen(#[from] ListenError),
    /// It cannot join the scheduler.
    #[error("the worker could not join its scheduler")]
    Connect(#[from] ConnectError),
}

/// A running worker.
///
/// Dropping it without [`close`](Self::close) ends it at once: scheduler and peers see their connections break. Plain
/// functions that are running cannot be stopped and run to their end; nobody hears of it.
#[must_use = "a worker ends when it is dropped"]
pub struct Worker<R = DynRuntime> {
    name: String,
    address: Address,
    inbox: Arc<Inbox>,
    task: Task<WorkerExit>,
    ended: Option<WorkerExit>,
    runtime: PhantomData<fn() -> R>,
}

impl<R: Runtime> Worker<R> {
    /// A worker on a runtime of your choice, for the scheduler at that address.
    pub fn builder(rt: R, scheduler: Address) -> WorkerBuilder<R> {
        WorkerBuilder::new(DynRuntime::without_block_on(rt), scheduler)
    }
}

impl<R> Worker<R> {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where other workers and clients reach it.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Waits until it ends, and says why it did.
    ///
    /// # Cancel safety
    /// May be given up and repeated; after the end it answers at once.
    pub async fn finished(&mut self) -> WorkerExit {
        if self.ended.is_none() {
            let exit = (&mut self.task).await;
            self.ended = Some(exit.unwrap_or_else(|e| WorkerExit::Aborted { reason: e.to_string() }));
        }
        self.ended.clone().unwrap_or(WorkerExit::Closed)
    }

    /// Tells the scheduler that it leaves, and ends. What it was running is run again elsewhere. Takes at most some seconds,
    /// whatever the others do.
    pub async fn close(mut self) -> WorkerExit {
        self.start_closing();
        self.finished().await
    }

    /// Has it close without waiting for that.
    pub(crate) fn start_closing(&self) {
        self.inbox.post(|mail| mail.close = true);
    }
}

impl<R> fmt::Debug for Worker<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("name", &self.name)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

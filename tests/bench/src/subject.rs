//! What can be measured: a running cluster, seen the way a program sees it.
//!
//! Longshore is one subject; each floor is another, so that both do the same work through the same loop.

pub(crate) mod longshore;

use std::time::Duration;

use anyhow::bail;

/// A running cluster and its client. Results are checked, so a subject cannot be fast by being wrong.
pub(crate) trait Subject {
    /// Submits `n` calls that do nothing, at once, and waits for all of them.
    fn noops(&mut self, n: usize) -> anyhow::Result<()>;
    /// Submits one call and waits for its result, `x + 1`.
    fn one(&mut self, x: u64) -> anyhow::Result<u64>;
    /// `n` calls, each adding one to the result of the one before; the last result, `n`.
    fn chain(&mut self, n: usize) -> anyhow::Result<u64>;
    /// A binary tree of sums over `leaves` calls (a power of two), submitted call by call; the root's result.
    fn tree(&mut self, leaves: usize) -> anyhow::Result<u64>;
    /// One call over the results of `n` others.
    fn fan_in(&mut self, n: usize) -> anyhow::Result<u64>;
    /// Runs `n` calls and keeps their results wanted until the subject is dropped.
    fn hold(&mut self, n: usize) -> anyhow::Result<()>;
    /// Brings an object of `bytes` from the client to a worker; how long that took.
    fn scatter(&mut self, bytes: usize) -> anyhow::Result<Duration>;
    /// Brings an object of `bytes` that a worker made to the client; how long that took.
    fn gather(&mut self, bytes: usize) -> anyhow::Result<Duration>;
    /// Makes `objects` of `bytes` each on one worker, then uses each on another; how long the using took.
    fn exchange(&mut self, objects: usize, bytes: usize) -> anyhow::Result<Duration>;
    /// The process in which the scheduler lives.
    fn scheduler_pid(&self) -> u32;
}

/// Something that starts subjects.
pub(crate) trait Start {
    /// A new cluster, ready for calls.
    ///
    /// # Errors
    /// When it does not come up.
    fn start(&self) -> anyhow::Result<Box<dyn Subject>>;
}

impl<F: Fn() -> anyhow::Result<Box<dyn Subject>>> Start for F {
    fn start(&self) -> anyhow::Result<Box<dyn Subject>> {
        self()
    }
}

/// Starts a cluster and runs enough calls for every process, connection and thread of it to have worked once.
///
/// # Errors
/// When the cluster does not come up or a call fails.
pub(crate) fn warm(start: &dyn Start) -> anyhow::Result<Box<dyn Subject>> {
    let mut subject = start.start()?;
    subject.noops(200)?;
    Ok(subject)
}

/// An error unless `found` is what the work must give.
///
/// # Errors
/// When it is not.
pub(crate) fn expect(what: &str, found: u64, wanted: u64) -> anyhow::Result<()> {
    if found != wanted {
        bail!("{what} gave {found} instead of {wanted}");
    }
    Ok(())
}

//! The client's end of a task: a value that will come.
//!
//! A [`TaskFuture`] is one type for both worlds: it is awaited on any runtime, or waited for by a plain thread. Handles
//! share a cell; the last one to go gives the task up. Deliberately absent: any runtime of its own. A future
//! needs a waker and nothing else.
mod cell;
mod group;
mod park;
mod parker;
mod status;
mod task_future;
mod wait;
mod waiter;

#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) use cell::CELL_BYTES;
pub(crate) use cell::{CellRef, Progress, Settled, TokenRef};
pub(crate) use group::Group;
pub(crate) use park::{park_on, wait_on};
pub(crate) use parker::Parker;
pub use status::TaskStatus;
pub use task_future::TaskFuture;
pub(crate) use task_future::{cancel, retry, take, take_last};
pub use wait::Wait;
pub(crate) use waiter::{Calls, Wakes};

/// A future whose type has been forgotten: what a call keeps of its inputs.
pub(crate) type FutureRef = CellRef;

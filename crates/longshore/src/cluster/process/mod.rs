//! Worker processes: the parent's side ([`Supervisor`]) and the child's ([`init`]).
//!
//! A child is the user's own binary, started again with a mark in its environment and its instructions on standard input. That
//! pipe stays open for as long as the parent lives, so a child notices at once when its parent is gone.

mod child;
mod supervisor;

pub(super) use child::is_child;
pub use child::{init, init_with};
pub use supervisor::{Supervisor, WorkerEnd};

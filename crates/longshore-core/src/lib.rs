//! The scheduler, worker and client state machines of Longshore, without I/O.
//!
//! A machine is data in, data out: a driver gives it one [`Event`](scheduler::Event) after another together with the time, and carries out
//! the actions that gather in a reused list. No runtime, socket, clock, thread or random number is named here, so a
//! machine can be run through years of cluster life in a unit test, and everything it did can be printed as a [`story`].

mod assembly;
pub mod client;
mod id_map;
mod peer_map;
pub mod scheduler;
pub mod story;
pub mod worker;

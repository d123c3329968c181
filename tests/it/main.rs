//! End-to-end tests: real runtimes, real sockets, real processes.
//!
//! One binary, because each links everything there is. What a deterministic simulation can show is not here but in `tests/src/sim.rs`.
mod client;
mod context;
mod in_process;
mod matrix;
mod misuse;
mod process;
mod stage;

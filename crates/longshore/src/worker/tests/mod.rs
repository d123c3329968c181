//! The worker's driver against a scheduler that the test plays, on real threads and sockets and in the simulator.

mod chain;
mod cluster;
mod data;
mod life;
mod run;
mod stage;
mod threads;

use stage::{Stage, args, input, real, simulated};

//! The machine alone: a state, an event, the exact actions; then random lives of a whole cluster.
mod ahead;
mod exact;
mod random;
mod relay;
mod runs;
mod shared;
mod told;
mod traffic;
mod world;

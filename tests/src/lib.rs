//! What the end-to-end tests of Longshore share: functions to run, random graphs with an oracle, a cluster in the simulator.

pub mod deadline;
pub mod function;
pub mod graph;
pub mod it_function;
pub mod sim;

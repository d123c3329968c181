//! What the end-to-end tests of Longshore share: functions to run, random graphs with an oracle, a cluster in the
//! simulator, and large ones to see what a scheduler can bear.

pub mod deadline;
pub mod function;
pub mod graph;
pub mod it_function;
pub mod scale;
pub mod sim;

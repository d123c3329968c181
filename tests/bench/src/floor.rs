//! Floors: what this machine can do at all, and what the least possible framework does on it.
//!
//! A floor is no competitor. It has no faults to survive, no stealing, no priorities, no cancellation; it says what
//! the same work costs when nothing else is done, in the same minute on the same machine.

pub(crate) mod in_process;
pub(crate) mod machine;
pub(crate) mod null_framework;
pub(crate) mod raw_link;
pub(crate) mod workload;

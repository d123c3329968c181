//! Clusters of worker processes: their start, their work, their deaths, their end.
mod data;
mod deadly_task;
mod death;
mod orphan;
mod runtime;
mod start;

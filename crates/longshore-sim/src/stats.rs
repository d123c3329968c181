//! What a run amounted to.

/// Counters of a run, from [`Sim::stats`](crate::Sim::stats).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Polls and events together: the count that [`Sim::at_step`](crate::Sim::at_step) goes by.
    pub steps: u64,
    /// Events that happened.
    pub events: u64,
    /// Polls of tasks and of the future given to `run`.
    pub polls: u64,
    /// Segments sent.
    pub segments: u64,
    /// Bytes delivered.
    pub bytes: u64,
    /// Tasks spawned.
    pub tasks: u64,
    /// Blocking jobs run.
    pub jobs: u64,
    /// Connections made.
    pub connections: u64,
    /// Tasks that exist now.
    pub tasks_live: usize,
    /// Connections of which an end is open or a byte is under way now.
    pub connections_live: usize,
    /// Events that are due later.
    pub events_pending: usize,
}

//! What can be tuned about a scheduler. The shape (bounded, stated) stays.
use std::time::Duration;

/// Settings of the scheduler machine.
#[derive(Clone, Debug)]
pub struct Config {
    /// This life of the scheduler; greater than any before.
    pub incarnation: u64,
    /// Seed of the hash tables, so that a client cannot choose ids that collide.
    pub hash_seed: u64,
    /// A worker is sent work ahead until it has this much for each of its threads.
    pub prefetch_window: Duration,
    /// A worker is never sent more unfinished tasks than this.
    pub assigned_len_max: usize,
    /// A run of tasks goes to one worker until it is this far ahead of the next.
    pub placement_slack: Duration,
    /// A peer silent for as long is lost.
    pub lease: Duration,
    /// How long a function may be unknown to all workers before its tasks fail.
    pub unknown_function_grace: Duration,
    /// How long work may wait for a worker before clients are told.
    pub no_worker_notice_after: Duration,
    /// A task that no worker there is may run fails after this; without it, it waits until one joins.
    pub no_worker_timeout: Option<Duration>,
    /// A task fails once so many workers died running it.
    pub allowed_failures: u32,
    /// Bytes of one value that may be on its way through the scheduler: sent by one side and not taken in by the other.
    pub relay_window_bytes: u64,
    /// Bytes that may be on their way through the scheduler to one client, or to one worker.
    pub receiver_window_bytes: u64,
    /// Entries of the story.
    pub story_len_max: usize,
}

/// Workers and clients give a scheduler up that says nothing for 15 s, and a word may be late.
const HEARTBEAT_INTERVAL_MAX: Duration = Duration::from_secs(5);

impl Config {
    /// How often peers are told that the scheduler lives and asked whether they do: as seldom as leaves two more tries
    /// before somebody is given up.
    pub(super) fn heartbeat_interval(&self) -> Duration {
        (self.lease / 3).min(HEARTBEAT_INTERVAL_MAX)
    }
}

impl Default for Config {
    fn default() -> Self {
        Config {
            incarnation: 1,
            hash_seed: 0,
            prefetch_window: Duration::from_millis(5),
            assigned_len_max: 1024,
            placement_slack: Duration::from_micros(200),
            lease: Duration::from_secs(15),
            unknown_function_grace: Duration::from_secs(5),
            no_worker_notice_after: Duration::from_secs(3),
            no_worker_timeout: None,
            allowed_failures: 3,
            relay_window_bytes: 4 << 20,
            receiver_window_bytes: 16 << 20,
            story_len_max: 4096,
        }
    }
}

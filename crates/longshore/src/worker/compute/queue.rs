//! Jobs that wait for a thread, and how many threads may serve them.
use super::Job;
use std::collections::VecDeque;

/// Threads beyond the usual ones, for tasks that wait for others. Beyond that, tasks that wait take all threads there are.
const EXTRA_THREADS_MAX: usize = 4_096;

/// The queue and its numbers.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) jobs: VecDeque<Job>,
    /// Threads that are there.
    pub(super) threads: usize,
    /// Those of them that wait for a job.
    pub(super) idle: usize,
    /// Tasks that occupy a thread and have given up their slot.
    seceded: usize,
    nthreads: usize,
    pub(super) stopped: bool,
}

impl Queue {
    pub(super) fn new(nthreads: usize) -> Self {
        Queue { jobs: VecDeque::new(), threads: 0, idle: 0, seceded: 0, nthreads, stopped: false }
    }

    fn threads_max(&self) -> usize {
        self.nthreads + self.seceded.min(EXTRA_THREADS_MAX)
    }

    /// Whether the next job is a quick one, if there is one.
    pub(super) fn next_is_quick(&self) -> Option<bool> {
        self.jobs.front().map(|job| job.run.is_quick)
    }

    /// Whether one more thread is of use.
    pub(super) fn wants_thread(&self) -> bool {
        !self.stopped && self.jobs.len() > self.idle && self.threads < self.threads_max()
    }

    /// Whether there is a thread too many.
    pub(super) fn has_surplus(&self) -> bool {
        self.stopped || self.threads > self.threads_max()
    }

    pub(super) fn set_seceded(&mut self, seceded: bool) {
        self.seceded = if seceded { self.seceded + 1 } else { self.seceded.saturating_sub(1) };
        if seceded && self.seceded == EXTRA_THREADS_MAX {
            tracing::error!(
                waiting = self.seceded,
                "so many tasks wait for other tasks that no thread is left to run those; submit graphs of calls, or \
                 wait in async fns, which need no thread"
            );
        }
    }
}

//! Where the end of a run is told.
use super::Job;
use crate::context::Home;
use crate::worker::desk::{Desk, Left};
use crate::worker::inbox::Ended;
use longshore_proto::Time;
use longshore_rt::Instant;
use std::sync::Arc;
use std::task::Waker;

/// What those who run jobs know of their worker.
#[derive(Clone)]
pub(super) struct Office {
    pub(super) home: Arc<Home>,
    pub(super) desk: Arc<Desk>,
    /// Wakes the driver.
    pub(super) driver: Waker,
}

impl Office {
    /// Leaves the end of a run for the driver: there are more jobs to do.
    pub(super) fn leave(&self, ended: Ended) {
        self.home.inbox.post(|mail| mail.ended.push(ended));
    }

    /// Hands in the end of a run, and takes the jobs that follow from it.
    pub(super) fn hand_in(&self, now: Instant, ended: Ended, jobs: &mut Vec<Job>) {
        // The machine must hear first that a task waited, then that it ended.
        if self.home.inbox.has_waiting() {
            return self.leave(ended);
        }
        self.home.cancelled.remove(ended.task, ended.attempt);
        if self.desk.hand_in(Time(now.0), ended, jobs, &self.driver) == Left::Something {
            self.home.inbox.ring();
        }
    }
}

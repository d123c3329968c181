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
    /// Hands in the end of a run, and takes the jobs that follow from it. `next` tells of the job that is next otherwise,
    /// whether it is a quick one.
    pub(super) fn hand_in(&self, now: Instant, ended: Ended, next: Option<bool>, jobs: &mut Vec<Job>) {
        let inbox = &self.home.inbox;
        // The machine must hear first that a task waited, then that it ended.
        if inbox.has_waiting() {
            return inbox.post(|mail| mail.ended.push(ended));
        }
        self.home.cancelled.remove(ended.task, ended.attempt);
        match self.desk.hand_in(Time(now.0), ended, next, jobs, &self.driver) {
            Ok(Left::Nothing) => {}
            Ok(Left::Something) => inbox.ring(),
            Err(ended) => inbox.post(|mail| mail.ended.push(ended)),
        }
    }
}

//! Where the end of a run is told.
use super::Job;
use crate::context::Home;
use crate::worker::desk::{Desk, HOLD};
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

/// Until when a thread may leave ends of runs where nobody is woken for them.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Leave(Option<Instant>);

impl Office {
    /// Tells of the end of a run, and takes the jobs that follow. `next` tells of the job that is next otherwise, whether
    /// it is a quick one. Whether it took the machine's time, which is not the next run's.
    pub(super) fn end(
        &self,
        now: Instant,
        ended: Ended,
        next: Option<bool>,
        leave: &mut Leave,
        jobs: &mut Vec<Job>,
    ) -> bool {
        let Office { home, desk, driver } = self;
        if next == Some(true) && leave.0.is_some_and(|until| now < until) {
            home.inbox.leave(ended);
            return false;
        }
        *leave = Leave::default();
        // The machine must hear first that a task waited, then that it ended.
        let Some(earlier) = home.inbox.take_ended() else {
            home.inbox.post(|mail| mail.ended.push(ended));
            return false;
        };
        let all = earlier.into_iter().chain([ended]);
        let all = all.inspect(|ended| home.cancelled.remove(ended.task, ended.attempt));
        let told = desk.hand_in(Time(now.0), all, next, jobs, driver);
        if told.more_follow {
            *leave = Leave(Some(now + HOLD));
        }
        if !told.all_done {
            home.inbox.ring();
        }
        true
    }
}

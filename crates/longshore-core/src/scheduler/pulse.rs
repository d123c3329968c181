//! Signs of life, and looking after what waits.
//!
//! The scheduler alone keeps the beat: it speaks to all peers at once, each answers in the same breath, and no peer has a
//! timer for it. Between two beats it wakes only for a peer that has not answered and whose lease ends, and for tasks that
//! wait: to say so, or to fail them, if no worker may ever run them.
use super::placement::Class;
use super::{Actions, CloseReason, Machine, to_client, to_worker};
use longshore_proto::{PeerId, SchedulerToClient, SchedulerToWorker, Time};
use std::time::Duration;

/// How often waiting tasks are looked after.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// When to look after whom.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    /// None while nobody is there.
    beat_at: Option<Time>,
    /// A peer did not answer the last beat; the first such lease ends then.
    lease_end: Option<Time>,
    /// None while no task waits.
    watch_at: Option<Time>,
}

impl Pulse {
    /// Somebody is there.
    pub(super) fn begin(&mut self, now: Time, interval: Duration) {
        self.beat_at.get_or_insert(now + interval);
    }

    /// When something is to be looked after.
    pub(super) fn deadline(&self) -> Option<Time> {
        [self.beat_at, self.lease_end, self.watch_at].into_iter().flatten().min()
    }
}

impl Machine {
    /// Does what is due.
    pub(super) fn keep_time(&mut self, out: &mut Actions) {
        let now = self.now;
        let is_due = |at: Option<Time>| at.is_some_and(|at| at <= now);
        let (is_beat, is_lease_over) = (is_due(self.pulse.beat_at), is_due(self.pulse.lease_end));
        if is_beat || is_lease_over {
            self.look_after_peers(is_beat, out);
        }
        if is_due(self.pulse.watch_at) {
            self.pulse.watch_at = None;
            self.fail_unknown_functions(out);
            self.look_after_lonely(out);
            self.notice_starvation(out);
        }
    }

    /// Gives up those that fell silent, and at a beat asks the others for a sign of life, which is also one.
    fn look_after_peers(&mut self, is_beat: bool, out: &mut Actions) {
        let mut lease_ends = Vec::new();
        for peer in self.workers.peers().to_vec() {
            let heard = self.workers.get(peer).map_or(self.now, |w| w.last_heard);
            match self.lease_end(heard) {
                None => self.eject_worker(peer, CloseReason::Silent(self.config.lease), out),
                Some(end) => lease_ends.push(end),
            }
        }
        for peer in self.clients.peers().to_vec() {
            let heard = self.clients.get(peer).map_or(self.now, |c| c.last_heard);
            match self.lease_end(heard) {
                None => self.eject_client(peer, CloseReason::Silent(self.config.lease), out),
                Some(end) => lease_ends.push(end),
            }
        }
        if is_beat {
            self.beat(out);
        }
        let next = self.pulse.beat_at;
        self.pulse.lease_end =
            lease_ends.into_iter().min().filter(|end| next.is_some_and(|next| *end < next));
    }

    /// When the lease of a peer ends that was last heard then, unless it has.
    fn lease_end(&self, heard: Time) -> Option<Time> {
        let end = heard + self.config.lease;
        (end > self.now).then_some(end)
    }

    fn beat(&mut self, out: &mut Actions) {
        let beat = |peer: &PeerId| to_worker(*peer, SchedulerToWorker::Heartbeat);
        out.extend(self.workers.peers().iter().map(beat));
        let beat = |peer: &PeerId| to_client(*peer, SchedulerToClient::Heartbeat);
        out.extend(self.clients.peers().iter().map(beat));
        let is_alone = self.workers.len() == 0 && self.clients.len() == 0;
        self.pulse.beat_at = (!is_alone).then(|| self.now + self.config.heartbeat_interval());
    }

    /// Tasks that nobody was given are looked after until there are none.
    pub(super) fn watch_waiting(&mut self) {
        if self.tasks.counts().queued > 0 {
            self.pulse.watch_at.get_or_insert(self.now + WATCH_INTERVAL);
        } else if self.pulse.watch_at.take().is_some() {
            (self.starving_since, self.starving_noticed) = (None, false);
            self.classes.iter_mut().for_each(Class::forget_waiting);
        }
    }
}

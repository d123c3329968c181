//! When a worker has nothing to do and nothing queues, what another worker was sent ahead and has not begun is asked back.
use crate::scheduler::task::{Phase, State};
use crate::scheduler::{Actions, Machine};
use longshore_proto::PeerId;
use std::time::Duration;

/// A worker that finished something so recently is not disturbed: its measured times are believed.
const QUIET: Duration = Duration::from_millis(10);

impl Machine {
    pub(in crate::scheduler) fn rebalance(&mut self, out: &mut Actions) {
        self.rebalance_at = None;
        let Some((_, idle)) = self.ranking.lightest().next() else { return };
        let is_idle =
            self.workers.get(idle).is_some_and(|w| w.assigned.is_empty() && w.has_room(&self.config));
        if !is_idle {
            return;
        }
        // Placing has changed much since they were sorted.
        self.refresh_ranking();
        let Some(victim) = self.victim() else { return };
        let Some(worker) = self.workers.get(victim) else { return };
        let quiet_until = worker.last_ended + QUIET;
        if self.now < quiet_until {
            self.rebalance_at = Some(quiet_until);
            return;
        }
        self.retract_half(victim, out);
    }

    /// The heaviest worker with more than its threads can run.
    fn victim(&self) -> Option<PeerId> {
        self.ranking.heaviest().next().map(|(_, peer)| peer)
    }

    fn retract_half(&mut self, victim: PeerId, out: &mut Actions) {
        let Some(worker) = self.workers.get(victim) else { return };
        let surplus = worker.surplus();
        let candidates: Vec<_> = worker.assigned.iter().rev().copied().collect();
        let sent = |slot: &u32| matches!(self.tasks[*slot].state, State::Assigned { phase: Phase::Sent, .. });
        let chosen: Vec<_> = candidates.into_iter().filter(sent).take(surplus.div_ceil(2)).collect();
        for slot in chosen {
            self.ask_back(slot, victim, out);
        }
    }
}

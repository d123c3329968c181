//! Workers and clients come, fall silent and go.
use super::client::Client;
use super::task::{Phase, Slot, State};
use super::{Action, Actions, CloseReason, Machine, to_client, to_worker};
use longshore_proto::handshake::WorkerHello;
use longshore_proto::{
    FailureKind, FunctionSpec, PeerId, SchedulerToClient, SchedulerToWorker, TaskFailure, Welcome,
};
use std::sync::Arc;

/// Functions a registry may hold; whoever sends more is cut off.
const REGISTRY_LEN_MAX: usize = 1 << 16;

impl Machine {
    pub(super) fn on_worker_joined(&mut self, peer: PeerId, hello: WorkerHello, out: &mut Actions) {
        if self.workers.is_taken(&hello.name) {
            return out.push(Action::Close { peer, reason: CloseReason::NameTaken });
        }
        let registry = self.functions.registry(hello.registry);
        self.welcome(peer, registry.is_none(), out);
        self.workers.add(peer, hello, registry, self.now);
        self.story.note(self.now, "worker joined", u64::from(peer.0));
        self.worker_ready(peer, out);
    }

    pub(super) fn on_client_joined(&mut self, peer: PeerId, out: &mut Actions) {
        self.welcome(peer, false, out);
        self.clients.insert(peer, Client::new(self.now));
        self.story.note(self.now, "client joined", u64::from(peer.0));
    }

    fn welcome(&mut self, peer: PeerId, registry_wanted: bool, out: &mut Actions) {
        let incarnation = self.config.incarnation;
        let version = longshore_proto::handshake::VERSION_MAX;
        let welcome = Welcome { version, incarnation, peer, registry_wanted };
        out.push(Action::Welcome { peer, welcome });
        self.pulse.begin(self.now, self.config.heartbeat_interval());
    }

    pub(super) fn on_registry(
        &mut self,
        peer: PeerId,
        functions: Vec<FunctionSpec>,
        last: bool,
        out: &mut Actions,
    ) {
        let Some(worker) = self.workers.get_mut(peer) else { return };
        worker.registry_parts.extend(functions);
        if worker.registry_parts.len() > REGISTRY_LEN_MAX {
            return self.eject_worker(peer, CloseReason::Protocol("a registry beyond the bound"), out);
        }
        if last {
            let parts = std::mem::take(&mut worker.registry_parts);
            let registry = self.functions.add_registry(worker.hello.registry, parts);
            self.workers.make_ready(peer, registry);
            self.worker_ready(peer, out);
        }
    }

    /// A worker can be sent work from now on.
    fn worker_ready(&mut self, peer: PeerId, out: &mut Actions) {
        if self.workers.get(peer).is_none_or(|w| w.registry.is_none()) {
            return;
        }
        self.ranking.touch(peer);
        for class in self.classes.iter_mut() {
            class.stuck_since = None;
        }
        self.place_broadcasts(peer, out);
        self.answer_waits_for_workers(out);
    }

    pub(super) fn on_worker_heartbeat(&mut self, peer: PeerId, stored_bytes: u64) {
        if let Some(worker) = self.workers.get_mut(peer) {
            worker.stored_bytes = stored_bytes;
        }
    }

    pub(super) fn on_worker_goodbye(&mut self, peer: PeerId, out: &mut Actions) {
        self.remove_worker(peer, None, out);
        out.push(Action::Close { peer, reason: CloseReason::Goodbye });
    }

    pub(super) fn on_client_goodbye(&mut self, peer: PeerId, out: &mut Actions) {
        self.remove_client(peer, out);
        out.push(Action::Close { peer, reason: CloseReason::Goodbye });
    }

    /// A client ends the whole cluster.
    pub(super) fn on_shutdown(&mut self, out: &mut Actions) {
        const REASON: &str = "a client shut the cluster down";
        self.story.note(self.now, "shutdown", self.clients.len() as u64);
        for peer in self.workers.peers() {
            out.push(to_worker(*peer, SchedulerToWorker::End { reason: REASON.to_owned() }));
        }
        for peer in self.clients.peers() {
            out.push(to_client(*peer, SchedulerToClient::Goodbye { reason: REASON.to_owned() }));
        }
        out.push(Action::End);
    }

    pub(super) fn on_peer_lost(&mut self, peer: PeerId, reason: &str, out: &mut Actions) {
        self.remove_worker(peer, Some(reason), out);
        self.remove_client(peer, out);
    }

    /// Gives up a client that broke the protocol.
    pub(super) fn eject_client(&mut self, peer: PeerId, reason: CloseReason, out: &mut Actions) {
        out.push(to_client(peer, SchedulerToClient::Goodbye { reason: reason.to_string() }));
        self.remove_client(peer, out);
        out.push(Action::Close { peer, reason });
    }

    /// Gives up a worker that broke the protocol or fell silent.
    pub(super) fn eject_worker(&mut self, peer: PeerId, reason: CloseReason, out: &mut Actions) {
        let text = reason.to_string();
        out.push(to_worker(peer, SchedulerToWorker::Shutdown { reason: text.clone() }));
        self.remove_worker(peer, Some(&text), out);
        out.push(Action::Close { peer, reason });
    }

    /// Forgets a client and all it wanted.
    fn remove_client(&mut self, peer: PeerId, out: &mut Actions) {
        let Some(client) = self.clients.remove(peer) else { return };
        self.story.note(self.now, "client gone", u64::from(peer.0));
        self.waiting_for_workers.retain(|(p, ..)| *p != peer);
        self.relays.lose_peer(peer);
        if client.wants_len == 0 && client.sources_len == 0 {
            return;
        }
        // Rare, and cheaper than a list of wants kept for every client all the time.
        let mut sources = Vec::new();
        let mut dropped = Vec::new();
        for (slot, task) in self.tasks.iter() {
            if task.claim == Some(peer) || task.wants.as_slice().contains(&peer) {
                dropped.push(slot);
            }
            if matches!(&task.state, State::Stored(s) if s.source == Some(peer)) {
                sources.push(slot);
            }
        }
        dropped.into_iter().for_each(|slot| self.unwant(peer, slot));
        sources.into_iter().for_each(|slot| self.lose_source(slot, out));
    }

    /// Forgets a worker. Its tasks run elsewhere; `died` says how it ended if it was not of its own will.
    fn remove_worker(&mut self, peer: PeerId, died: Option<&str>, out: &mut Actions) {
        let Some(worker) = self.workers.remove(peer) else { return };
        self.story.note(self.now, "worker gone", u64::from(peer.0));
        self.ranking.touch(peer);
        self.releasing.retain(|(p, _)| *p != peer);
        let mut held: Vec<Slot> = worker.holds.iter().copied().collect();
        held.sort_unstable();
        held.into_iter().for_each(|slot| self.lose_replica(slot, peer));
        self.lose_pushes(peer, out);
        self.relays.lose_peer(peer);
        for slot in worker.assigned {
            let was_ahead =
                matches!(self.tasks[slot].state, State::Assigned { phase: Phase::Ahead { .. }, .. });
            match died {
                // A suspect too, since the news of its inputs may have died with the worker, but hardly the culprit.
                Some(_) if was_ahead => self.plan_again_alone(slot),
                Some(reason) => self.run_after_death(slot, &worker.hello.name, reason, out),
                None => self.plan_again(slot),
            }
        }
    }

    /// A worker died with this task on it. The task may be the cause, so it next runs alone.
    fn run_after_death(&mut self, slot: Slot, worker: &str, reason: &str, out: &mut Actions) {
        let allowed = self.config.allowed_failures;
        let task = &mut self.tasks[slot];
        task.deaths += 1;
        let (deaths, no_rerun) = (u32::from(task.deaths), task.options.as_ref().is_some_and(|o| o.no_rerun));
        let (kind, message) = if no_rerun {
            let text = format!(
                "worker {worker:?} was lost ({reason}) and the task must not run twice; it may or may not have run"
            );
            (FailureKind::OutcomeUnknown, text)
        } else if deaths >= allowed {
            let text = format!(
                "{deaths} workers died while running it, the last one {worker:?} ({reason}); look at that worker's own output for the cause"
            );
            (FailureKind::Killed, text)
        } else {
            self.plan_again_alone(slot);
            return;
        };
        let mut failure = TaskFailure::new(kind, task.id, self.functions.name(task.function), message);
        failure.attempts = task.attempt;
        failure.worker = Some(worker.to_owned());
        self.fail(slot, Arc::new(failure), out);
    }

    fn plan_again_alone(&mut self, slot: Slot) {
        self.restrict(slot, |r| r.solo = true);
        self.plan_again(slot);
    }

    /// Tells a worker how to reach others it has not heard of.
    pub(super) fn introduce_peers(&mut self, to: PeerId, others: &[PeerId], out: &mut Actions) {
        for peer in others {
            let address = self.workers.get(*peer).and_then(|w| w.hello.address.clone());
            if self.workers.get_mut(to).is_some_and(|w| w.meets_peer(*peer)) {
                out.push(to_worker(to, SchedulerToWorker::Peer { peer: *peer, address }));
            }
        }
    }

    /// Tells a client how to reach workers it has not heard of.
    pub(super) fn introduce_peers_to_client(&mut self, to: PeerId, others: &[PeerId], out: &mut Actions) {
        for peer in others {
            let address = self.workers.get(*peer).and_then(|w| w.hello.address.clone());
            if self.clients.get_mut(to).is_some_and(|c| c.meets_peer(*peer)) {
                out.push(to_client(to, SchedulerToClient::Peer { peer: *peer, address }));
            }
        }
    }
}

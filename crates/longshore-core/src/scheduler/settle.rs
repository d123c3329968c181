//! What nobody needs is released or forgotten, and a failure reaches all that depended on the value.
//!
//! Both walk along edges of the graph with a list of work rather than by recursion, so that a chain of any length is safe.
use super::task::{Slot, State, Stored};
use super::{Actions, Machine, to_client, to_worker};
use longshore_proto::{Attempt, PeerId, SchedulerToClient, SchedulerToWorker, TaskFailure, TaskHandle};
use std::sync::Arc;

impl Machine {
    /// Follows up on an event until nothing is left to do.
    pub(super) fn settle(&mut self, out: &mut Actions) {
        loop {
            if self.is_settled() {
                return;
            }
            if !self.lost.is_empty() {
                self.recover(out);
            } else if let Some((slot, token, failure)) = self.failing.pop() {
                if self.tasks.still_waits(slot, token) {
                    self.call_off(slot, out);
                    self.fail(slot, failure, out);
                }
            } else if let Some(slot) = self.recalls.pop() {
                self.recall(slot, out);
            } else if let Some(slot) = self.check.pop() {
                self.check(slot, out);
            } else {
                self.move_relays(out);
            }
        }
    }

    fn is_settled(&self) -> bool {
        self.check.is_empty()
            && self.recalls.is_empty()
            && self.failing.is_empty()
            && self.lost.is_empty()
            && self.relays.is_settled()
    }

    /// Ends a pending task without a value.
    pub(super) fn fail(&mut self, slot: Slot, failure: Arc<TaskFailure>, out: &mut Actions) {
        self.unassign(slot);
        self.stop_needing_inputs(slot);
        self.set(slot, State::Failed(Arc::clone(&failure)));
        self.tasks[slot].detached = false;
        self.report_to_all(slot, out);
        let waiters = std::mem::take(&mut self.tasks[slot].waiters);
        for (waiter, token) in waiters {
            if self.tasks.get(waiter).is_some() {
                self.failing.push((waiter, token, self.passed_on(&failure, waiter)));
            }
        }
        self.check.push(slot);
    }

    /// The failure of an input, as that of the task that needs it.
    pub(super) fn passed_on(&self, failure: &TaskFailure, dependent: Slot) -> Arc<TaskFailure> {
        let mut passed_on = failure.clone();
        passed_on.pass_to(self.functions.name(self.tasks[dependent].function));
        Arc::new(passed_on)
    }

    /// Takes a task off the list of the worker it was assigned to, if it was.
    pub(super) fn unassign(&mut self, slot: Slot) -> Option<PeerId> {
        let State::Assigned { worker: peer, position, estimate_ns, phase } = self.tasks[slot].state else {
            return None;
        };
        let needs = &self.classes[self.tasks[slot].class()].restriction.resources;
        let worker = self.workers.get_mut(peer)?;
        worker.unassign(position, estimate_ns, phase, needs);
        if let Some(moved) = worker.assigned.get(position as usize).copied()
            && let State::Assigned { position: at, .. } = &mut self.tasks[moved].state
        {
            *at = position;
        }
        if !worker.crowded_out.is_empty() && worker.has_much_room_ahead(&self.config) {
            self.followers.extend(worker.crowded_out.drain(..));
        }
        self.ranking.touch(peer);
        Some(peer)
    }

    /// Lets go of a task that nobody may need any more.
    fn check(&mut self, slot: Slot, out: &mut Actions) {
        let Some(task) = self.tasks.get(slot) else { return };
        if task.is_needed() {
            return;
        }
        let (users, unique) = (task.users, task.is_unique());
        match &task.state {
            State::Waiting { .. } | State::Queued | State::Assigned { .. } => self.stop(slot, out),
            // Its call is gone or never was: the value stays while a lost dependent may need it.
            State::Inline(_) if users > 0 => return,
            State::Stored(_) if users > 0 && unique => return,
            State::Stored(_) => {
                if let State::Stored(stored) = self.set(slot, State::Released) {
                    self.drop_stored(slot, &stored, out);
                }
            }
            _ => {}
        }
        if users == 0 {
            self.forget(slot);
        }
    }

    /// Stops work that nobody needs.
    pub(super) fn stop(&mut self, slot: Slot, out: &mut Actions) {
        self.call_off(slot, out);
        self.unassign(slot);
        self.stop_needing_inputs(slot);
        self.set(slot, State::Released);
    }

    /// Has the worker of an assigned task drop it.
    pub(super) fn call_off(&mut self, slot: Slot, out: &mut Actions) {
        if let State::Assigned { worker, .. } = self.tasks[slot].state {
            let (task, attempt) = (self.tasks.handle(slot), Attempt(self.tasks[slot].attempt));
            out.push(to_worker(worker, SchedulerToWorker::Cancel { task, attempt }));
        }
    }

    fn forget(&mut self, slot: Slot) {
        let handle = self.tasks.handle(slot);
        let Some(inputs) = self.tasks.remove(slot) else { return };
        self.story.task(self.now, handle, "forgotten", 0);
        for input in &inputs {
            self.tasks[*input].users -= 1;
            self.check.push(*input);
        }
    }

    /// Tells everybody who has a stored value to drop it.
    pub(super) fn drop_stored(&mut self, slot: Slot, stored: &Stored, out: &mut Actions) {
        let task = self.tasks.handle(slot);
        self.relays.end_all_of(slot);
        for holder in stored.holders.iter().chain(&stored.coming) {
            self.release_on(*holder, slot, task);
        }
        self.drop_source(slot, stored.source, out);
    }

    /// Tells a client that the value it put in is no longer needed from it.
    pub(super) fn drop_source(&mut self, slot: Slot, source: Option<PeerId>, out: &mut Actions) {
        let Some(peer) = source else { return };
        if let Some(client) = self.clients.get_mut(peer) {
            client.sources_len -= 1;
            out.push(to_client(peer, SchedulerToClient::Dropped { id: self.tasks[slot].id }));
        }
    }

    /// Has a worker drop a value; sent with others at the end of the batch.
    pub(super) fn release_on(&mut self, peer: PeerId, slot: Slot, task: TaskHandle) {
        if let Some(worker) = self.workers.get_mut(peer) {
            worker.holds.remove(&slot);
            self.releasing.push((peer, task));
        }
    }

    /// Sends what [`release_on`](Self::release_on) gathered.
    pub(super) fn flush_releases(&mut self, out: &mut Actions) {
        self.releasing.sort_unstable();
        for run in self.releasing.chunk_by(|a, b| a.0 == b.0) {
            let tasks = run.iter().map(|(_, task)| *task).collect();
            out.push(to_worker(run[0].0, SchedulerToWorker::Release { tasks }));
        }
        self.releasing.clear();
    }
}

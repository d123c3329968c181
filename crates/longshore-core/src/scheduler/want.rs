//! Clients let go of tasks, stop them, have them run again or leave them to themselves.
use super::task::{FunctionRef, Slot, State};
use super::{Actions, CloseReason, Machine, to_client};
use foldhash::fast::FixedState;
use hashbrown::HashSet;
use longshore_proto::limit::RELEASE_LEN_MAX;
use longshore_proto::{FailureKind, PeerId, SchedulerToClient, TaskFailure, TaskId};
use std::sync::Arc;

impl Machine {
    pub(super) fn on_release(&mut self, peer: PeerId, ids: impl IntoIterator<Item = TaskId>) {
        for id in ids {
            // What was refused is not the task of that id, which another client may have.
            let refused = self.clients.get_mut(peer).is_some_and(|c| c.forgets_refused(id));
            if let Some(slot) = self.tasks.find(id).filter(|_| !refused) {
                self.unwant(peer, slot);
            }
        }
    }

    pub(super) fn on_release_run(&mut self, peer: PeerId, first: TaskId, len: u32, out: &mut Actions) {
        let end = first.seq.checked_add(u64::from(len)).filter(|_| len <= RELEASE_LEN_MAX);
        match end {
            Some(end) => self.on_release(peer, (first.seq..end).map(|seq| TaskId { seq, ..first })),
            None => self.eject_client(peer, CloseReason::Protocol("a release of more than may be"), out),
        }
    }

    /// The client's task of that id.
    fn find_of(&self, peer: PeerId, id: TaskId) -> Option<Slot> {
        let refused = self.clients.get(peer).is_some_and(|c| c.refused.contains_key(&id));
        self.tasks.find(id).filter(|_| !refused)
    }

    /// The client no longer wants the task.
    pub(super) fn unwant(&mut self, peer: PeerId, slot: Slot) {
        let task = &mut self.tasks[slot];
        let mut gone = u64::from(task.wants.remove(peer));
        if task.claim == Some(peer) {
            task.claim = None;
            gone += 1;
        }
        if gone == 0 {
            return;
        }
        if let Some(client) = self.clients.get_mut(peer) {
            client.wants_len -= gone;
        }
        if !self.relays.is_empty() {
            self.relays.end_to(slot, peer);
        }
        self.check.push(slot);
    }

    pub(super) fn on_want(&mut self, peer: PeerId, id: TaskId, out: &mut Actions) {
        if let Some(slot) = self.tasks.find(id) {
            return self.want(peer, slot, out);
        }
        let message = "nobody wants this task any more, so its value is gone; submit the call again";
        let failure = Arc::new(TaskFailure::new(FailureKind::Lost, id, "", message));
        out.push(to_client(peer, SchedulerToClient::Failed { id, failure }));
    }

    pub(super) fn on_detach(&mut self, peer: PeerId, ids: &[TaskId]) {
        for id in ids {
            if let Some(slot) = self.find_of(peer, *id)
                && self.tasks[slot].state.is_pending()
            {
                self.tasks[slot].detached = true;
            }
        }
    }

    /// Stops tasks and all that depends on them, as far as nobody else needs them. The client itself lets go of them apart
    /// from this, unless it has more futures of them.
    pub(super) fn on_cancel(&mut self, peer: PeerId, ids: &[TaskId], force: bool, out: &mut Actions) {
        let named: Vec<Slot> = ids.iter().filter_map(|id| self.find_of(peer, *id)).collect();
        let kept = if force { HashSet::default() } else { self.needed_by_others(peer, &named) };
        for slot in named {
            if self.tasks[slot].state.is_pending() && !kept.contains(&slot) {
                // Those that wait for it fail with it.
                self.cancel(slot, out);
            }
        }
    }

    /// Those of the tasks, and of those that wait for them, that others want or that others' tasks wait for.
    fn needed_by_others(&self, peer: PeerId, named: &[Slot]) -> HashSet<Slot, FixedState> {
        let (mut seen, mut todo) = (HashSet::<Slot, FixedState>::default(), named.to_vec());
        let mut needed = Vec::new();
        while let Some(slot) = todo.pop() {
            if !seen.insert(slot) {
                continue;
            }
            let task = &self.tasks[slot];
            let others = task.wants.as_slice().iter().any(|c| *c != peer);
            if others || task.detached || task.claim.is_some_and(|c| c != peer) {
                needed.push(slot);
            }
            todo.extend(
                task.waiters.iter().filter(|(w, token)| self.tasks.still_waits(*w, *token)).map(|(w, _)| *w),
            );
        }
        let mut kept = HashSet::default();
        while let Some(slot) = needed.pop() {
            if kept.insert(slot) {
                needed.extend(self.tasks[slot].inputs.iter().copied().filter(|input| seen.contains(input)));
            }
        }
        kept
    }

    /// Ends a pending task as cancelled.
    fn cancel(&mut self, slot: Slot, out: &mut Actions) {
        self.call_off(slot, out);
        let task = &self.tasks[slot];
        let name = self.functions.name(task.function);
        let failure = TaskFailure::new(FailureKind::Cancelled, task.id, name, "it was cancelled");
        self.fail(slot, Arc::new(failure), out);
    }

    /// Runs failed tasks, and the failed tasks they depend on, again. A task that did not fail is left alone.
    pub(super) fn on_retry(&mut self, peer: PeerId, ids: &[TaskId], out: &mut Actions) {
        let mut todo: Vec<Slot> = ids.iter().filter_map(|id| self.find_of(peer, *id)).collect();
        let mut failed = Vec::new();
        while let Some(slot) = todo.pop() {
            let task = &self.tasks[slot];
            if matches!(task.state, State::Failed(_)) && task.function != FunctionRef::DATA {
                todo.extend_from_slice(&task.inputs);
                // Out of the failed state at once, so that no task is visited twice.
                self.set(slot, State::Released);
                failed.push(slot);
            }
        }
        for slot in failed {
            self.tell_pending(slot, out);
            self.tasks[slot].deaths = 0;
            self.plan(slot);
        }
    }

    /// Tells the clients of a task that was done or failed that it is under way again.
    pub(super) fn tell_pending(&mut self, slot: Slot, out: &mut Actions) {
        let id = self.tasks[slot].id;
        for peer in self.tasks[slot].wants.as_slice() {
            out.push(to_client(*peer, SchedulerToClient::Pending { id }));
        }
    }
}

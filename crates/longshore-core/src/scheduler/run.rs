//! Workers report how a run ended.
use super::task::{Phase, Slot, State, Stored};
use super::{Action, Actions, Machine, to_client, to_worker};
use longshore_proto::client::Chunk;
use longshore_proto::limit::{DONE_RUN_LEN_MAX, INLINE_RESULT_BYTES_MAX};
use longshore_proto::worker::Produced;
use longshore_proto::{
    Attempt, Payload, PeerId, SchedulerToClient, SchedulerToWorker, TaskFailure, TaskHandle, TaskId,
};
use smallvec::smallvec;
use std::sync::Arc;

impl Machine {
    /// The task a worker speaks of, if this is still its current run.
    fn current(&mut self, peer: PeerId, task: TaskHandle, attempt: Attempt) -> Option<Slot> {
        let Some(slot) = self.tasks.resolve(task) else {
            self.stale.tasks += 1;
            return None;
        };
        let task = &self.tasks[slot];
        let assigned = matches!(task.state, State::Assigned { worker, .. } if worker == peer);
        if assigned && task.attempt == attempt.0 {
            return Some(slot);
        }
        self.stale.attempts += 1;
        None
    }

    pub(super) fn on_finished(
        &mut self,
        peer: PeerId,
        task: TaskHandle,
        attempt: Attempt,
        duration_ns: u64,
        value: Produced,
        out: &mut Actions,
    ) {
        let Some(slot) = self.current(peer, task, attempt) else {
            if matches!(value, Produced::Stored(_)) {
                self.releasing.push((peer, task));
            }
            return;
        };
        self.ran(slot, peer, duration_ns);
        self.finished_total += 1;
        self.unassign(slot);
        match value {
            Produced::Inline(payload) => self.done(slot, State::Inline(payload), out),
            Produced::Stored(nbytes) => {
                if let Some(worker) = self.workers.get_mut(peer) {
                    worker.holds.insert(slot);
                }
                let stored = Stored { nbytes, holders: smallvec![peer], coming: smallvec![], source: None };
                self.done(slot, State::Stored(Box::new(stored)), out);
            }
        }
    }

    /// A run took so long, whatever came of it: the next one of the function is expected to take about as long, and while
    /// that is unknown a worker gets one task at a time.
    fn ran(&mut self, slot: Slot, peer: PeerId, duration_ns: u64) {
        self.functions.measured(self.tasks[slot].function, duration_ns);
        if let Some(worker) = self.workers.get_mut(peer) {
            worker.last_ended = self.now;
        }
    }

    /// A pending task has its value.
    pub(super) fn done(&mut self, slot: Slot, state: State, out: &mut Actions) {
        let inline = matches!(state, State::Inline(_));
        self.stop_needing_inputs(slot);
        self.set(slot, state);
        let task = &mut self.tasks[slot];
        task.detached = false;
        if let Some(options) = &mut task.options {
            options.spent = options.no_rerun;
        }
        if inline {
            // The value cannot be lost, so the call is never needed again.
            task.args = Payload::empty();
            if !task.inputs.is_empty() {
                for input in std::mem::take(&mut task.inputs) {
                    self.tasks[input].users -= 1;
                }
            }
        }
        self.report_to_all(slot, out);
        self.input_came(slot);
        if !self.tasks[slot].is_needed() {
            self.check.push(slot);
        }
    }

    pub(super) fn on_failed(
        &mut self,
        peer: PeerId,
        task: TaskHandle,
        attempt: Attempt,
        duration_ns: u64,
        mut failure: Arc<TaskFailure>,
        out: &mut Actions,
    ) {
        let Some(slot) = self.current(peer, task, attempt) else { return };
        // Nothing at all: it failed before it was run.
        if duration_ns > 0 {
            self.ran(slot, peer, duration_ns);
        }
        let retries = self.tasks[slot].options.as_mut().map(|o| &mut o.retries);
        if let Some(retries @ 1..) = retries {
            *retries -= 1;
            self.unassign(slot);
            return self.plan_again(slot);
        }
        // Nobody else has it yet, so that it is changed where it is.
        let record = Arc::make_mut(&mut failure);
        record.root = self.tasks[slot].id;
        if record.function.is_empty() {
            self.functions.name(self.tasks[slot].function).clone_into(&mut record.function);
        }
        record.attempts = attempt.0;
        record.worker = self.workers.get(peer).map(|w| w.hello.name.clone());
        record.bound();
        self.fail(slot, failure, out);
    }

    pub(super) fn on_rescheduled(&mut self, peer: PeerId, task: TaskHandle, attempt: Attempt) {
        let Some(slot) = self.current(peer, task, attempt) else { return };
        self.unassign(slot);
        self.plan_again(slot);
    }

    pub(super) fn on_retracted(
        &mut self,
        peer: PeerId,
        task: TaskHandle,
        attempt: Attempt,
        given_back: bool,
    ) {
        let Some(slot) = self.current(peer, task, attempt) else { return };
        if given_back {
            self.unassign(slot);
            return self.plan_again(slot);
        }
        // It may have given up its slot meanwhile.
        if matches!(self.tasks[slot].state, State::Assigned { phase: Phase::Retracting, .. }) {
            self.change_phase(slot, peer, Phase::Sent);
        }
    }

    pub(super) fn on_seceded(&mut self, peer: PeerId, task: TaskHandle, attempt: Attempt) {
        let Some(slot) = self.current(peer, task, attempt) else { return };
        self.change_phase(slot, peer, Phase::Seceded);
        // It waits for others, for however long; what follows it may wait where it takes no room from those.
        self.recall_followers(slot);
    }

    /// Notes something new about an assigned task, on both sides.
    pub(super) fn change_phase(&mut self, slot: Slot, peer: PeerId, to: Phase) {
        let State::Assigned { phase, estimate_ns, .. } = &mut self.tasks[slot].state else { return };
        let from = std::mem::replace(phase, to);
        if let Some(worker) = self.workers.get_mut(peer) {
            worker.change_phase(from, to, *estimate_ns);
        }
        self.ranking.touch(peer);
    }

    /// A worker cannot get an input from the holders it was told of.
    pub(super) fn on_missing(&mut self, peer: PeerId, task: TaskHandle, tried: &[PeerId], out: &mut Actions) {
        let Some(slot) = self.tasks.resolve(task) else {
            self.stale.tasks += 1;
            return;
        };
        for holder in tried {
            self.lose_replica(slot, *holder);
        }
        if let State::Stored(stored) = &self.tasks[slot].state
            && !stored.holders.is_empty()
        {
            let holders = stored.holders.to_vec();
            self.introduce_peers(peer, &holders, out);
            return out.push(to_worker(peer, SchedulerToWorker::Holders { task, holders }));
        }
        if let State::Stored(stored) = &self.tasks[slot].state
            && stored.coming.contains(&peer)
        {
            // Its client is handing it over: the worker will have it without being told.
            return;
        }
        // It made the value itself, and had let go of it before a task came that had been sent ahead of it.
        if let State::Inline(value) = &self.tasks[slot].state {
            let chunk = Chunk { task, total: value.nbytes() as u64, offset: 0, bytes: value.clone().into() };
            return out.push(to_worker(peer, SchedulerToWorker::Store { relay: None, chunk }));
        }
        self.take_back_users(peer, slot, out);
    }

    /// Takes back from a worker all tasks that need an input it cannot get.
    pub(super) fn take_back_users(&mut self, peer: PeerId, input: Slot, out: &mut Actions) {
        let Some(worker) = self.workers.get(peer) else { return };
        let users: Vec<Slot> =
            worker.assigned.iter().copied().filter(|s| self.tasks[*s].inputs.contains(&input)).collect();
        for slot in users {
            // One that must not run twice may be running, with the input in hand: only the worker knows.
            if self.tasks[slot].options.as_ref().is_some_and(|o| o.no_rerun) {
                self.ask_back(slot, peer, out);
                continue;
            }
            self.call_off(slot, out);
            self.unassign(slot);
            self.plan_again(slot);
        }
    }

    /// Asks a worker to give a task back that it has not begun.
    pub(super) fn ask_back(&mut self, slot: Slot, peer: PeerId, out: &mut Actions) {
        if !matches!(self.tasks[slot].state, State::Assigned { phase: Phase::Sent, .. }) {
            return;
        }
        let (task, attempt) = (self.tasks.handle(slot), Attempt(self.tasks[slot].attempt));
        out.push(to_worker(peer, SchedulerToWorker::Retract { task, attempt }));
        self.change_phase(slot, peer, Phase::Retracting);
    }

    /// A worker fetched values, or was handed them by a client.
    pub(super) fn on_replicas(&mut self, peer: PeerId, tasks: &[(TaskHandle, u64)], out: &mut Actions) {
        for (handle, nbytes) in tasks {
            match self.tasks.resolve(*handle) {
                Some(slot) if matches!(self.tasks[slot].state, State::Stored(_)) => {
                    self.add_replica(slot, peer, *nbytes, out);
                }
                _ => self.releasing.push((peer, *handle)),
            }
        }
    }

    /// Tells all clients that want a task how it ended.
    pub(super) fn report_to_all(&mut self, slot: Slot, out: &mut Actions) {
        for i in 0..self.tasks[slot].wants.as_slice().len() {
            let peer = self.tasks[slot].wants.as_slice()[i];
            self.report(slot, peer, out);
        }
    }

    /// Tells a client how a task ended, if it has.
    pub(super) fn report(&mut self, slot: Slot, peer: PeerId, out: &mut Actions) {
        let task = &self.tasks[slot];
        let id = task.id;
        match &task.state {
            State::Inline(value) => tell_done(peer, id, value.clone(), out),
            State::Failed(failure) => {
                let failure = Arc::clone(failure);
                out.push(to_client(peer, SchedulerToClient::Failed { id, failure }));
            }
            State::Stored(stored) if !stored.holders.is_empty() => {
                let (nbytes, holders) = (stored.nbytes, stored.holders.to_vec());
                self.introduce_peers_to_client(peer, &holders, out);
                let task = self.tasks.handle(slot);
                out.push(to_client(peer, SchedulerToClient::Stored { id, task, nbytes, holders }));
            }
            _ => {}
        }
    }
}

/// Tells a client of a value. Values of tasks that follow one another, as those of a map do, share a message.
fn tell_done(peer: PeerId, id: TaskId, value: Payload, out: &mut Actions) {
    // what has yet to be encoded may turn out not to be encodable, and then fails alone
    let may_join = |value: &Payload| value.as_bytes().is_some_and(|b| b.len() <= INLINE_RESULT_BYTES_MAX);
    let last = match out.last_mut() {
        Some(Action::ToClient { peer: to, message }) if *to == peer && may_join(&value) => Some(message),
        _ => None,
    };
    match last {
        Some(SchedulerToClient::DoneRun { first, values })
            if values.len() < DONE_RUN_LEN_MAX && follows(*first, values.len(), id) =>
        {
            return values.push(value);
        }
        Some(message @ SchedulerToClient::Done { .. }) => {
            if let SchedulerToClient::Done { id: first, value: before } = message
                && follows(*first, 1, id)
                && may_join(before)
            {
                let values = vec![std::mem::replace(before, Payload::empty()), value];
                *message = SchedulerToClient::DoneRun { first: *first, values };
                return;
            }
        }
        _ => {}
    }
    out.push(to_client(peer, SchedulerToClient::Done { id, value }));
}

/// Whether an id is that of the task so many places after another.
fn follows(first: TaskId, places: usize, id: TaskId) -> bool {
    id.origin == first.origin && first.seq.checked_add(places as u64) == Some(id.seq)
}

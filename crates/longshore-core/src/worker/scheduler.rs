//! What the scheduler says.
use super::fetch::Place;
use super::task::{State, Task};
use super::{Action, Actions, Exit, Giver, Machine};
use longshore_proto::client::Chunk;
use longshore_proto::{
    Assign, Attempt, FailureKind, Input, InputSource, Payload, PeerId, RelayId, SchedulerToWorker, Taken,
    TaskFailure, TaskHandle, Time, WorkerToScheduler,
};
use smallvec::SmallVec;
use std::sync::Arc;

/// An input that is not here yet: its place, and where it is said to be.
type Absent = (u32, TaskHandle, u64, Vec<PeerId>);

impl Machine {
    pub(super) fn on_scheduler(&mut self, now: Time, message: SchedulerToWorker, out: &mut Actions) {
        self.heard_at = now;
        match message {
            SchedulerToWorker::Assign(assign) => self.on_assign(now, assign, out),
            SchedulerToWorker::Release { tasks } => self.on_release(&tasks, out),
            SchedulerToWorker::Function { index, spec } => {
                if !self.functions.introduce(index, spec) {
                    self.stats.violations += 1;
                }
            }
            SchedulerToWorker::Peer { peer, address } => {
                self.fetches.peers.entry(peer).or_default().address = address;
            }
            SchedulerToWorker::Retract { task, attempt } => self.on_retract(now, task, attempt, out),
            SchedulerToWorker::Cancel { task, attempt } => self.on_cancel(now, task, attempt, out),
            SchedulerToWorker::Holders { task, holders } => self.on_holders(task, &holders, out),
            SchedulerToWorker::Upload { task, grant } => out.push(match self.values.get(task) {
                Some(value) => Action::Upload { grant, task, value: value.clone() },
                None => Action::ToScheduler(WorkerToScheduler::NoData { relay: grant.relay, task }),
            }),
            SchedulerToWorker::Grant(grant) => out.push(Action::Grant(grant)),
            SchedulerToWorker::EndRelay { relay } => self.on_end_relay(relay, out),
            SchedulerToWorker::Store { relay, chunk } => self.on_store(now, relay, chunk, out),
            SchedulerToWorker::Heartbeat => {
                let stored_bytes = self.values.stored_bytes();
                out.push(Action::ToScheduler(WorkerToScheduler::Heartbeat { stored_bytes }));
            }
            SchedulerToWorker::Shutdown { reason } => self.exit(now, Exit::Shutdown { reason }, out),
            SchedulerToWorker::End { reason } => self.exit(now, Exit::ClusterEnded { reason }, out),
        }
    }

    fn on_assign(&mut self, now: Time, mut assign: Assign, out: &mut Actions) {
        let handle = assign.task;
        if let Some(old) = self.tasks.get(handle) {
            if old.attempt >= assign.attempt {
                self.stats.stale += 1;
                return;
            }
            self.abandon(now, handle, "superseded", out);
        }
        if self.functions.spec(assign.function).is_none() {
            return self.refuse_unknown(&assign, out);
        }
        let inputs = std::mem::take(&mut assign.inputs);
        let mut task = Task::new(assign);
        let absent = self.resolve_inputs(inputs, &mut task.inputs);
        let order = task.order;
        if absent.is_empty() {
            task.transition(now, handle, State::Ready, &mut self.roster, &mut self.story);
            self.tasks.insert(handle, task);
            return;
        }
        self.tasks.insert(handle, task);
        let awaited = absent.iter().map(|(at, input, ..)| (*at, *input)).collect();
        self.transition(now, handle, State::Waiting { missing: absent.len(), awaited });
        for (at, input, nbytes, holders) in absent {
            let is_new = self.fetches.wait_for(input, (handle, at), order);
            self.fetches.add_holders(input, nbytes, &holders, self.settings.me);
            if is_new || !holders.is_empty() {
                self.route(input, out);
            }
        }
    }

    /// Fills `places` with the inputs that are here, and returns those that are not.
    fn resolve_inputs(&self, inputs: Vec<Input>, places: &mut Vec<Payload>) -> SmallVec<[Absent; 2]> {
        let mut absent = SmallVec::new();
        places.reserve_exact(inputs.len());
        for (at, input) in (0..).zip(inputs) {
            let here = match input.source {
                InputSource::Inline(value) => Ok(value),
                InputSource::Held => self.values.get(input.task).cloned().ok_or((0, Vec::new())),
                InputSource::Peers { nbytes, holders } => {
                    self.values.get(input.task).cloned().ok_or((nbytes, holders))
                }
            };
            places.push(here.unwrap_or_else(|(nbytes, holders)| {
                absent.push((at, input.task, nbytes, holders));
                Payload::empty()
            }));
        }
        absent
    }

    fn refuse_unknown(&mut self, assign: &Assign, out: &mut Actions) {
        let words = "the scheduler assigned a function that it never introduced to this worker";
        let mut failure = TaskFailure::new(FailureKind::UnknownFunction, assign.id, "unknown", words);
        failure.worker = Some(self.settings.name.clone());
        self.stats.failed += 1;
        self.stats.violations += 1;
        out.push(Action::ToScheduler(WorkerToScheduler::Failed {
            task: assign.task,
            attempt: assign.attempt,
            duration_ns: 0,
            failure: Arc::new(failure),
        }));
        self.maker_gone(assign.task, out);
    }

    fn on_retract(&mut self, now: Time, task: TaskHandle, attempt: Attempt, out: &mut Actions) {
        let found = self.tasks.get(task).filter(|t| t.attempt == attempt);
        let given_back = found.is_some_and(|t| t.running().is_none());
        if given_back {
            self.drop_task(now, task, "given back", out);
            self.maker_gone(task, out);
        }
        out.push(Action::ToScheduler(WorkerToScheduler::Retracted { task, attempt, given_back }));
    }

    fn on_cancel(&mut self, now: Time, task: TaskHandle, attempt: Attempt, out: &mut Actions) {
        if self.tasks.get(task).is_some_and(|t| t.attempt == attempt) {
            self.abandon(now, task, "cancelled", out);
            self.maker_gone(task, out);
        } else {
            self.stats.stale += 1;
        }
    }

    /// Takes a task and what it was to be called with away.
    fn drop_task(
        &mut self,
        now: Time,
        handle: TaskHandle,
        why: &'static str,
        out: &mut Actions,
    ) -> Option<Task> {
        let mut task = self.remove_task(now, handle, why)?;
        discard(std::mem::take(&mut task.inputs), out);
        discard([std::mem::replace(&mut task.args, Payload::empty())], out);
        Some(task)
    }

    /// Takes a task out of the table; if it runs, its run goes on without it.
    pub(super) fn abandon(&mut self, now: Time, handle: TaskHandle, why: &'static str, out: &mut Actions) {
        let Some(task) = self.drop_task(now, handle, why, out) else { return };
        if let Some(mut running) = task.running() {
            running.deadline = None;
            self.roster.slots.enter(running);
            self.abandoned.insert((handle, task.attempt), running);
            out.push(Action::CancelRun { task: handle, attempt: task.attempt });
        }
    }

    fn on_release(&mut self, tasks: &[TaskHandle], out: &mut Actions) {
        for task in tasks {
            let value = self.values.remove(*task);
            let was_here = value.is_some();
            discard(value, out);
            let was_coming = !self.gifts.is_empty() && self.drop_gifts_of(*task);
            if let Some(want) = self.fetches.wants.get_mut(task) {
                want.released = true;
            } else if !was_here && !was_coming {
                self.stats.stale += 1;
            }
        }
    }

    fn on_holders(&mut self, task: TaskHandle, holders: &[PeerId], out: &mut Actions) {
        if !self.fetches.wants.contains_key(&task) {
            self.stats.stale += 1;
            return;
        }
        self.fetches.add_holders(task, 0, holders, self.settings.me);
        if !holders.is_empty() {
            self.route(task, out);
        }
    }

    /// Forgets what came so far of a value that comes through the scheduler; whether there was something.
    fn drop_gifts_of(&mut self, task: TaskHandle) -> bool {
        let before = self.gifts.len();
        self.gifts.retain(|(giver, of), _| *of != task || matches!(giver, Giver::Caller(_)));
        self.gifts.len() < before
    }

    /// One end of a relay is gone, or nobody needs the value: no more of it goes up, or comes down.
    fn on_end_relay(&mut self, relay: RelayId, out: &mut Actions) {
        let before = self.gifts.len();
        self.gifts.retain(|(giver, _), _| *giver != Giver::Relay(relay));
        if self.gifts.len() == before {
            out.push(Action::EndUpload(relay));
        }
    }

    fn on_store(&mut self, now: Time, relay: Option<RelayId>, chunk: Chunk, out: &mut Actions) {
        let (task, total) = (chunk.task, chunk.total);
        let key = (relay.map_or(Giver::Scheduler, Giver::Relay), task);
        if let Some(relay) = relay {
            let until = chunk.offset.saturating_add(chunk.bytes.nbytes() as u64);
            let taken = Taken { relay, until, is_all: until >= total };
            out.push(Action::ToScheduler(WorkerToScheduler::Taken(taken)));
        }
        let is_too_large = chunk.offset == 0 && total > self.settings.value_bytes_max;
        match self.add_piece(key, chunk) {
            Ok(Some(value)) => self.keep_copy(now, task, value, out),
            Ok(None) => {}
            Err(_) if is_too_large => self.fail_waiters(now, task, total, out),
            // The rest of a value that was released meanwhile looks like this too.
            Err(_) => self.stats.stale += 1,
        }
    }

    /// An input that was handed over is larger than this worker takes: what waits for it cannot run here.
    fn fail_waiters(&mut self, now: Time, input: TaskHandle, nbytes: u64, out: &mut Actions) {
        let Some(want) = self.fetches.wants.get(&input) else { return };
        let max = self.settings.value_bytes_max;
        for (handle, _) in want.waiters.clone() {
            let Some(task) = self.drop_task(now, handle, "input too large", out) else { continue };
            let words = format!(
                "an input of {nbytes} bytes is more than the worker takes, whose memory limit is {max}; give it more, \
                 or send the task to a worker that has more"
            );
            let mut failure =
                TaskFailure::new(FailureKind::Lost, task.id, self.functions.name(task.function), words);
            failure.worker = Some(self.settings.name.clone());
            self.stats.failed += 1;
            out.push(Action::ToScheduler(WorkerToScheduler::Failed {
                task: handle,
                attempt: task.attempt,
                duration_ns: 0,
                failure: Arc::new(failure),
            }));
            self.maker_gone(handle, out);
        }
    }

    /// A value came from outside: keeps it, says so, and gives it to whoever waits for it.
    pub(super) fn keep_copy(&mut self, now: Time, task: TaskHandle, value: Payload, out: &mut Actions) {
        let value = (self.settings.adopt)(value);
        let released = self.fetches.wants.get(&task).is_some_and(|want| want.released);
        if !released {
            let (nbytes, old) = self.values.insert(task, value.clone());
            announce(task, nbytes, out);
            discard(old, out);
        }
        self.give_to_waiters(now, task, &value);
    }

    /// A value is here: those that waited for it have one input more.
    pub(super) fn give_to_waiters(&mut self, now: Time, input: TaskHandle, value: &Payload) {
        let Some(want) = self.fetches.take(input) else { return };
        for (task, at) in want.waiters {
            if self.tasks.get_mut(task).is_some_and(|t| t.fill(at, value.clone())) {
                self.transition(now, task, State::Ready);
            }
        }
    }

    /// Finds somebody to ask for an input that stands nowhere, or tells the scheduler that there is nobody.
    pub(super) fn route(&mut self, input: TaskHandle, out: &mut Actions) {
        if self.fetches.route(input) {
            return;
        }
        let Some(want) = self.fetches.wants.get_mut(&input) else { return };
        if self.tasks.contains(input) {
            want.place = Place::Made;
            return;
        }
        want.place = Place::Missing;
        let tried = want.tried.to_vec();
        out.push(Action::ToScheduler(WorkerToScheduler::Missing { task: input, tried }));
    }

    /// A task that was to make a value here went away without it.
    pub(super) fn maker_gone(&mut self, task: TaskHandle, out: &mut Actions) {
        if self.fetches.wants.get(&task).is_some_and(|want| want.place == Place::Made) {
            self.route(task, out);
        }
    }
}

/// Has the driver let go of values with destructors; bytes have none that matter.
pub(super) fn discard(values: impl IntoIterator<Item = Payload>, out: &mut Actions) {
    for value in values.into_iter().filter(|value| matches!(value, Payload::Local(_))) {
        if let Some(Action::Discard(values)) = out.last_mut() {
            values.push(value);
        } else {
            out.push(Action::Discard(vec![value]));
        }
    }
}

/// Tells the scheduler of a copy, in the message before this one if that was about copies too.
fn announce(task: TaskHandle, nbytes: u64, out: &mut Actions) {
    if let Some(Action::ToScheduler(WorkerToScheduler::Replicas { tasks })) = out.last_mut() {
        tasks.push((task, nbytes));
    } else {
        out.push(Action::ToScheduler(WorkerToScheduler::Replicas { tasks: vec![(task, nbytes)] }));
    }
}

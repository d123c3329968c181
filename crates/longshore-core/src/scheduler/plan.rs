//! A task that is needed waits for its inputs, or queues when they are there.
use super::Machine;
use super::placement::Restriction;
use super::task::{FunctionRef, Phase, Slot, State};
use longshore_proto::{FailureKind, TaskFailure};
use smallvec::{SmallVec, smallvec};
use std::sync::Arc;

impl Machine {
    /// Sees to it that a task which is neither done nor under way gets its value, and so for the inputs it lacks.
    pub(super) fn plan(&mut self, slot: Slot) {
        let mut todo: SmallVec<[Slot; 8]> = smallvec![slot];
        while let Some(slot) = todo.pop() {
            let task = &self.tasks[slot];
            if task.state.is_pending() || task.state.is_done() {
                continue;
            }
            if task.inputs.is_empty() && !task.is_unique() {
                self.enqueue(slot);
                continue;
            }
            let token = self.tasks.token();
            let mut failed = None;
            let (mut missing, mut assigned) = (0, 0);
            for i in 0..self.tasks[slot].inputs.len() {
                let input = self.tasks[slot].inputs[i];
                let input_task = &mut self.tasks[input];
                input_task.pending_users += 1;
                match &input_task.state {
                    State::Inline(_) | State::Stored(_) => continue,
                    State::Failed(f) => failed = Some(Arc::clone(f)),
                    State::Released => todo.push(input),
                    State::Assigned { .. } => assigned += 1,
                    _ => {}
                }
                input_task.waiters.push((slot, token));
                missing += 1;
            }
            self.set(slot, State::Waiting { missing, token });
            let mut failed = failed.map(|f| self.passed_on(&f, slot));
            if self.tasks[slot].is_unique() {
                failed = Some(Arc::new(self.lost_for_good(slot)));
            }
            match failed {
                Some(failure) => self.failing.push((slot, token, failure)),
                None if missing == 0 => self.enqueue(slot),
                // It may be possible to send it after them.
                None if missing == assigned => self.look_at(slot),
                None => {}
            }
        }
    }

    fn lost_for_good(&self, slot: Slot) -> TaskFailure {
        let task = &self.tasks[slot];
        if task.function != FunctionRef::DATA {
            let message =
                "it ran and had a value, every copy of that is gone, and the task must not run twice";
            return TaskFailure::new(FailureKind::Lost, task.id, self.functions.name(task.function), message);
        }
        let message = "the value was put into the cluster by a client, every copy of it is gone, and it cannot be computed again; scatter it anew";
        TaskFailure::new(FailureKind::Lost, task.id, "scatter", message)
    }

    /// The task has all its inputs.
    pub(super) fn enqueue(&mut self, slot: Slot) {
        self.set(slot, State::Queued);
        let task = &self.tasks[slot];
        let (order, class) = (task.order, task.class());
        self.classes[class].queue.push(order, self.tasks.handle(slot));
    }

    /// One input of each of these tasks has come.
    pub(super) fn input_came(&mut self, slot: Slot) {
        if self.tasks[slot].waiters.is_empty() {
            return;
        }
        for (waiter, token) in std::mem::take(&mut self.tasks[slot].waiters) {
            let Some(task) = self.tasks.get_mut(waiter) else { continue };
            match &mut task.state {
                State::Waiting { missing, token: current } if *current == token => {
                    *missing -= 1;
                    match *missing {
                        0 => self.enqueue(waiter),
                        // One worker may make all the others.
                        _ => self.look_at(waiter),
                    }
                }
                State::Assigned { worker, phase: Phase::Ahead { missing, token: current }, .. }
                    if *current == token =>
                {
                    *missing -= 1;
                    if *missing == 0 {
                        let worker = *worker;
                        self.change_phase(waiter, worker, Phase::Sent);
                    }
                }
                _ => {}
            }
        }
    }

    /// A pending task stops being so: its inputs are needed by one less.
    pub(super) fn stop_needing_inputs(&mut self, slot: Slot) {
        for i in 0..self.tasks[slot].inputs.len() {
            let input = self.tasks[slot].inputs[i];
            self.tasks[input].pending_users -= 1;
            self.check.push(input);
        }
    }

    /// A task that was queued or assigned goes back to the start, because an input or its worker was lost.
    pub(super) fn plan_again(&mut self, slot: Slot) {
        self.stop_needing_inputs(slot);
        self.set(slot, State::Released);
        self.recall_followers(slot);
        if self.tasks[slot].is_needed() {
            self.plan(slot);
        } else {
            self.check.push(slot);
        }
    }

    /// Moves a task into the class of those with one more restriction.
    pub(super) fn restrict(&mut self, slot: Slot, change: impl FnOnce(&mut Restriction)) {
        let mut restriction = self.classes[self.tasks[slot].class()].restriction.clone();
        change(&mut restriction);
        let class = self.classes.intern(restriction);
        self.tasks[slot].options.get_or_insert_default().class = class;
    }
}

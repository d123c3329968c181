//! From ready to run, and what comes after.
use super::pace::AHEAD_NS;
use super::scheduler::discard;
use super::task::{Running, State, Task};
use super::{Action, Actions, Machine, Outcome, Run};
use longshore_proto::worker::Produced;
use longshore_proto::{Attempt, FailureKind, Payload, TaskFailure, TaskHandle, Time, WorkerToScheduler};
use std::sync::Arc;
use std::time::Duration;

impl Machine {
    /// Hands over as many ready tasks as fit.
    pub(super) fn start_ready(&mut self, now: Time, out: &mut Actions) {
        while !self.roster.slots.is_full()
            && !self.is_over
            && let Some(entry) = self.roster.ready.peek()
        {
            let Some(task) = self.tasks.get_mut(entry.task).filter(|task| task.is_ready(&entry)) else {
                self.roster.ready.pop_dead();
                continue;
            };
            let charge_ns = self.functions.charge_ns(entry.function);
            // The clock of a timeout starts here, so such a task must not wait behind another one.
            if !self.roster.slots.admits(charge_ns, task.timeout_ms.is_none()) {
                return;
            }
            let deadline = task.timeout_ms.map(|ms| now + Duration::from_millis(ms));
            let running = State::Running(Running { charge_ns, seceded: false, deadline });
            self.roster.ready.pop_live();
            task.transition(now, entry.task, running, &mut self.roster, &mut self.story);
            out.push(Action::Start(task.take_run(entry.task, charge_ns < AHEAD_NS)));
        }
    }

    pub(super) fn on_run_ended(
        &mut self,
        now: Time,
        (task, attempt): (TaskHandle, Attempt),
        duration_ns: u64,
        outcome: Outcome,
        out: &mut Actions,
    ) {
        let what = match &outcome {
            Outcome::Value { .. } => "finished",
            Outcome::Failed(_) => "failed",
            Outcome::Rescheduled => "rescheduled",
        };
        let Some(ended) = self.remove_running(now, (task, attempt), what) else {
            match self.abandoned.remove(&(task, attempt)) {
                Some(running) => {
                    self.roster.slots.leave(running);
                    self.stats.discarded += 1;
                }
                None => self.stats.stale += 1,
            }
            if let Outcome::Value { value, inline } = outcome {
                discard([value], out);
                discard(inline, out);
            }
            return;
        };
        self.functions.measured(ended.function, duration_ns);
        match outcome {
            Outcome::Value { value, inline } => {
                self.on_value(now, (task, attempt), duration_ns, (value, inline), out);
            }
            Outcome::Failed(mut failure) => {
                self.stats.failed += 1;
                let record = Arc::make_mut(&mut failure);
                record.root = ended.id;
                record.bound();
                let failed = WorkerToScheduler::Failed { task, attempt, duration_ns, failure };
                out.push(Action::ToScheduler(failed));
                self.maker_gone(task, out);
            }
            Outcome::Rescheduled => {
                out.push(Action::ToScheduler(WorkerToScheduler::Rescheduled { task, attempt }));
                self.maker_gone(task, out);
            }
        }
    }

    fn on_value(
        &mut self,
        now: Time,
        (task, attempt): (TaskHandle, Attempt),
        duration_ns: u64,
        (value, inline): (Payload, Option<Payload>),
        out: &mut Actions,
    ) {
        self.stats.finished += 1;
        let (produced, old) = match inline {
            // The scheduler keeps it, and hands it to whoever needs it.
            Some(inline) => (Produced::Inline(inline), None),
            None => {
                let (nbytes, old) = self.values.insert(task, value.clone());
                (Produced::Stored(nbytes), old)
            }
        };
        out.push(Action::ToScheduler(WorkerToScheduler::Finished {
            task,
            attempt,
            duration_ns,
            value: produced,
        }));
        discard(old, out);
        self.give_to_waiters(now, task, &value);
    }

    fn is_running(&self, task: TaskHandle, attempt: Attempt) -> bool {
        self.tasks.get(task).is_some_and(|t| t.attempt == attempt && t.running().is_some())
    }

    pub(super) fn on_timeout(&mut self, now: Time, handle: TaskHandle, out: &mut Actions) {
        let Some(task) = self.tasks.get(handle) else { return };
        let (attempt, ms) = (task.attempt, task.timeout_ms.unwrap_or_default());
        let words = format!("it ran longer than its timeout of {ms} ms");
        let name = self.functions.name(task.function);
        let mut failure = TaskFailure::new(FailureKind::TimedOut, task.id, name, words);
        failure.worker = Some(self.settings.name.clone());
        let (failure, duration_ns) = (Arc::new(failure), ms.saturating_mul(1_000_000));
        self.stats.failed += 1;
        out.push(Action::ToScheduler(WorkerToScheduler::Failed {
            task: handle,
            attempt,
            duration_ns,
            failure,
        }));
        self.abandon(now, handle, "timed out", out);
        self.maker_gone(handle, out);
    }

    pub(super) fn on_seceded(&mut self, now: Time, task: TaskHandle, attempt: Attempt, out: &mut Actions) {
        if !self.set_seceded(now, (task, attempt), true) {
            self.stats.stale += 1;
        } else if self.is_running(task, attempt) {
            out.push(Action::ToScheduler(WorkerToScheduler::Seceded { task, attempt }));
        }
    }

    /// The slot is taken at once, even if that makes one too many: nothing new starts until that has passed.
    pub(super) fn on_rejoined(&mut self, now: Time, task: TaskHandle, attempt: Attempt) {
        if !self.set_seceded(now, (task, attempt), false) {
            self.stats.stale += 1;
        }
    }

    fn set_seceded(&mut self, now: Time, (task, attempt): (TaskHandle, Attempt), seceded: bool) -> bool {
        // A run that waits is no tiny one, whatever was measured before.
        let change = |running: Running| Running { seceded, charge_ns: AHEAD_NS, ..running };
        if let Some(running) = self.abandoned.get_mut(&(task, attempt)) {
            self.roster.slots.leave(*running);
            *running = change(*running);
            self.roster.slots.enter(*running);
            return true;
        }
        let found = self.tasks.get(task).filter(|t| t.attempt == attempt).and_then(|t| t.running());
        let Some(running) = found.filter(|running| running.seceded != seceded) else { return false };
        self.transition(now, task, State::Running(change(running)));
        true
    }
}

impl Task {
    /// What the compute threads need of it, which it gives away.
    fn take_run(&mut self, task: TaskHandle, is_quick: bool) -> Run {
        Run {
            task,
            attempt: self.attempt,
            id: self.id,
            function: self.function,
            args: std::mem::replace(&mut self.args, Payload::empty()),
            inputs: std::mem::take(&mut self.inputs),
            is_quick,
        }
    }
}

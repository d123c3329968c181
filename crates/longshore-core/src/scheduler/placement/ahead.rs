//! A task is sent ahead of its inputs to the worker that will make them.
//!
//! When everything a task still lacks was assigned to one worker, that worker can run the task as soon as it has made the
//! rest, without a word from here: a chain costs no round trips. Room is the bound, as for any task, so that no more than
//! a window of work is ever promised to a worker whose neighbours are idle; a chain goes on when half of it is free again. Should an input come about otherwise (it is
//! asked back, retried or lost with its worker), the task is called back and waits like any other.
use crate::scheduler::task::{FunctionRef, Phase, Slot, State, Task};
use crate::scheduler::{Actions, Machine};
use longshore_proto::PeerId;

/// A task of more inputs is looked at once they are all there, and not each time that one of them comes or is assigned.
const INPUTS_LEN_MAX: usize = 16;
/// So many tasks that a worker has no room for are looked at again when it has; others once their inputs are there.
const CROWDED_OUT_LEN_MAX: usize = 64;

impl Machine {
    /// Sends ahead what waits for the tasks that were just assigned.
    pub(super) fn place_ahead(&mut self, out: &mut Actions) {
        let heads = self.classes.iter().filter_map(|class| Some(class.queue.peek()?.0.rank));
        let first_rank = heads.min().unwrap_or(i32::MAX);
        while let Some(slot) = self.followers.pop_front() {
            // What is more urgent and could run now must find room.
            let is_urgent = |task: &Task| task.order.rank <= first_rank;
            if self.tasks.get(slot).is_some_and(is_urgent)
                && let Some(peer) = self.maker_of_all(slot)
                && self.finds_room_ahead(slot, peer)
                && self.may_follow(slot, peer)
            {
                self.assign(slot, peer, out);
            }
        }
    }

    /// Whether there is room; if not, the task is looked at again once there is much, so that a chain goes on before the
    /// worker has come to the end of what it was sent, and goes in few messages.
    fn finds_room_ahead(&mut self, slot: Slot, peer: PeerId) -> bool {
        let Some(worker) = self.workers.get_mut(peer) else { return false };
        let has_room = worker.has_room_ahead(&self.config);
        if !has_room && worker.crowded_out.len() < CROWDED_OUT_LEN_MAX {
            worker.crowded_out.push(slot);
        }
        has_room
    }

    /// Has the tasks that wait for this one, which was just assigned, looked at.
    pub(super) fn look_at_followers(&mut self, slot: Slot) {
        for at in 0..self.tasks[slot].waiters.len() {
            self.look_at(self.tasks[slot].waiters[at].0);
        }
    }

    /// Has it looked at, in the next placement, whether a waiting task can be sent ahead.
    pub(in crate::scheduler) fn look_at(&mut self, slot: Slot) {
        if self.tasks.get(slot).is_some_and(|t| t.inputs.len() <= INPUTS_LEN_MAX) {
            self.followers.push_back(slot);
        }
    }

    /// The one worker that makes all that a waiting task lacks.
    fn maker_of_all(&self, slot: Slot) -> Option<PeerId> {
        let task = self.tasks.get(slot).filter(|t| matches!(t.state, State::Waiting { .. }))?;
        if !self.may_go_ahead(task) {
            return None;
        }
        let mut maker = None;
        for input in &task.inputs {
            match &self.tasks[*input].state {
                State::Inline(_) | State::Stored(_) => {}
                State::Assigned { worker, phase: Phase::Sent | Phase::Ahead { .. }, .. } => {
                    if *maker.get_or_insert(*worker) != *worker {
                        return None;
                    }
                }
                _ => return None,
            }
        }
        maker
    }

    /// Whether the worker that makes what a task lacks may run the task too, and is the one to.
    fn may_follow(&self, slot: Slot, peer: PeerId) -> bool {
        // Data that is worth going to is not fetched for the sake of a small input.
        if self.nearest_to_inputs(slot).is_some_and(|near| near != peer) {
            return false;
        }
        let class = self.tasks[slot].class();
        let admits = |worker| self.classes[class].restriction.admits(worker, &self.functions);
        (class == 0 || self.workers.get(peer).is_some_and(admits)) && self.knows_function(peer, slot)
    }

    /// Whether a task can be promised to a worker before it can run. One that must not run twice cannot: should the worker
    /// die, nobody would know whether it had begun. Neither can one that takes resources, or would rather be elsewhere.
    fn may_go_ahead(&self, task: &Task) -> bool {
        let restriction = &self.classes[task.class()].restriction;
        let free = restriction.resources.is_empty() && !restriction.solo && !restriction.loose;
        free && task.function != FunctionRef::DATA && !task.options.as_ref().is_some_and(|o| o.no_rerun)
    }

    /// Has the tasks called back that were sent ahead of this one, which is not made where it was to be made.
    pub(in crate::scheduler) fn recall_followers(&mut self, slot: Slot) {
        let (tasks, waiters) = (&self.tasks, &self.tasks[slot].waiters);
        let ahead = waiters.iter().filter(|(waiter, token)| tasks.is_ahead(*waiter, *token));
        self.recalls.extend(ahead.map(|(waiter, _)| *waiter));
    }

    /// Calls a task back that was sent ahead.
    pub(in crate::scheduler) fn recall(&mut self, slot: Slot, out: &mut Actions) {
        let state = self.tasks.get(slot).map(|t| &t.state);
        let Some(State::Assigned { phase: Phase::Ahead { missing, token }, .. }) = state else { return };
        let (missing, token) = (*missing, *token);
        self.call_off(slot, out);
        self.unassign(slot);
        // It waits as before: its inputs still know of it.
        self.set(slot, State::Waiting { missing, token });
        self.recall_followers(slot);
    }
}

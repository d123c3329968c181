//! Queued tasks are assigned to workers.
//!
//! * [`queue`]: runnable tasks in the order in which they are to run.
//! * [`class`]: tasks that may run on the same workers share a queue.
//! * [`ranking`]: workers by load, those with room and those with too much.
//! * [`ahead`]: tasks that go to a worker before their inputs are there.
//!
//! Placement happens once per batch of events. The lightest worker gets a run of tasks until it is a little ahead of the next
//! one, so that a million tiny tasks cost a few looks at the ranking and two long ones still go to two workers. A task whose
//! large inputs are stored goes to the holder of most bytes if that has room.

mod ahead;
mod class;
mod queue;
mod ranking;
mod rebalance;
mod stuck;

pub(super) use class::{Class, Classes, Restriction};
pub(super) use ranking::{Ranking, Standing};

use super::task::{Order, Phase, Slot, State};
use super::{Actions, Machine, to_worker};
use longshore_proto::worker::{Assign, Input, InputSource};
use longshore_proto::{Attempt, FunctionIndex, PeerId, SchedulerToWorker, TaskHandle};

/// Inputs smaller than this in all are cheaper to move than to think about.
const LOCALITY_BYTES_MIN: u64 = 64 * 1024;
/// Holders of one input that a worker is told of.
const HOLDERS_LEN_MAX: usize = 4;

impl Machine {
    /// Assigns queued tasks as long as there is room for any.
    pub(super) fn place(&mut self, out: &mut Actions) {
        self.refresh_ranking();
        loop {
            self.reclassified = false;
            for class in self.classes_in_order() {
                self.place_class(class, out);
            }
            self.place_ahead(out);
            // A task may have turned out to need a class of its own.
            if !self.reclassified {
                return;
            }
        }
    }

    fn refresh_ranking(&mut self) {
        let Machine { ranking, workers, config, .. } = self;
        ranking.refresh(|peer| workers.get(peer)?.standing(config));
    }

    /// Classes with tasks in them, by their first task.
    fn classes_in_order(&self) -> Vec<u32> {
        let heads = (0u32..).zip(self.classes.iter());
        let mut heads: Vec<_> = heads.filter_map(|(i, c)| Some((c.queue.peek()?.0, i))).collect();
        heads.sort_unstable();
        heads.into_iter().map(|(_, i)| i).collect()
    }

    fn place_class(&mut self, class: u32, out: &mut Actions) {
        while self.skip_gone(class) {
            let Some((worker, until_ns)) = self.pick(class) else { return self.wait_for_room(class) };
            if !self.fill(class, worker, until_ns, out) {
                return;
            }
        }
    }

    /// Drops entries of tasks that left the queue; whether a live one is at the head.
    fn skip_gone(&mut self, class: u32) -> bool {
        while let Some((order, handle)) = self.classes[class].queue.peek() {
            if self.is_live(class, order, handle) {
                return true;
            }
            self.classes[class].queue.pop();
        }
        false
    }

    /// Takes the first task of a class off its queue.
    fn take_first(&mut self, class: u32) -> Option<Slot> {
        while let Some((order, handle)) = self.classes[class].queue.pop() {
            if self.is_live(class, order, handle) {
                return Some(handle.slot);
            }
        }
        None
    }

    /// Whether the entry of a queue is of a task that is still in it.
    fn is_live(&self, class: u32, order: Order, handle: TaskHandle) -> bool {
        let task = self.tasks.resolve(handle).map(|slot| &self.tasks[slot]);
        task.is_some_and(|t| matches!(t.state, State::Queued) && t.order == order && t.class() == class)
    }

    /// The lightest worker that may take a task of the class now, and the load up to which it should be filled.
    fn pick(&self, class: u32) -> Option<(PeerId, u64)> {
        let restriction = &self.classes[class].restriction;
        let free = |peer: PeerId| {
            let worker = self.workers.get(peer)?;
            let fits = worker.has_room(&self.config)
                && (!restriction.solo || worker.is_vacant())
                && worker.has_free(&restriction.resources)
                && (class == 0 || restriction.admits(worker, &self.functions));
            fits.then_some(worker)
        };
        let slack = u64::try_from(self.config.placement_slack.as_nanos()).unwrap_or(u64::MAX);
        let mut found = self.ranking.lightest().filter(|(_, peer)| free(*peer).is_some());
        let (first, next) = (found.next()?, found.next());
        if restriction.loose
            && let Some((_, wished)) =
                self.ranking.lightest().find(|(_, p)| free(*p).is_some_and(|w| restriction.prefers(w)))
        {
            return Some((wished, 0));
        }
        Some((first.1, next.map_or(u64::MAX, |(load, _)| load.saturating_add(slack))))
    }

    /// Gives a worker tasks of a class until it has enough; `false` when the class has no more.
    fn fill(&mut self, class: u32, lightest: PeerId, until_ns: u64, out: &mut Actions) -> bool {
        loop {
            let Some(slot) = self.take_first(class) else { return false };
            let worker = self.nearest_to_inputs(slot).unwrap_or(lightest);
            if !self.knows_function(worker, slot) {
                let function = self.tasks[slot].function;
                self.restrict(slot, |r| r.function = Some(function));
                self.reclassified = true;
                self.enqueue(slot);
                continue;
            }
            self.assign(slot, worker, out);
            let Some(w) = self.workers.get(lightest) else { return true };
            let restriction = &self.classes[class].restriction;
            let full = !w.has_room(&self.config) || !w.has_free(&restriction.resources);
            if full || w.is_heavier_than(until_ns) || restriction.solo {
                self.ranking.set(lightest, w.standing(&self.config));
                return true;
            }
        }
    }

    fn knows_function(&self, worker: PeerId, slot: Slot) -> bool {
        let function = self.tasks[slot].function;
        let Some(worker) = self.workers.get(worker) else { return false };
        let is_in = |registry| self.functions.is_in(function, registry);
        worker.knows_function(function) || worker.registry.is_some_and(is_in)
    }

    /// The worker with room that holds most bytes of a task's stored inputs, if they are worth it.
    pub(super) fn nearest_to_inputs(&self, slot: Slot) -> Option<PeerId> {
        let task = &self.tasks[slot];
        if task.inputs.is_empty() {
            return None;
        }
        let mut bytes: Vec<(PeerId, u64)> = Vec::new();
        for input in &task.inputs {
            let State::Stored(stored) = &self.tasks[*input].state else { continue };
            for holder in stored.holders.iter().chain(&stored.coming) {
                match bytes.iter_mut().find(|(p, _)| p == holder) {
                    Some((_, sum)) => *sum += stored.nbytes,
                    None => bytes.push((*holder, stored.nbytes)),
                }
            }
        }
        let restriction = &self.classes[task.class()].restriction;
        bytes.retain(|(peer, sum)| {
            *sum >= LOCALITY_BYTES_MIN
                && self.workers.get(*peer).is_some_and(|w| {
                    w.has_room(&self.config)
                        && w.has_free(&restriction.resources)
                        && (!restriction.solo || w.is_vacant())
                        && restriction.admits(w, &self.functions)
                })
        });
        bytes.into_iter().max_by_key(|(peer, sum)| (*sum, std::cmp::Reverse(*peer))).map(|(peer, _)| peer)
    }

    /// Hands a task to a worker: one that is ready to run, or one that waits for what that worker will make.
    fn assign(&mut self, slot: Slot, peer: PeerId, out: &mut Actions) {
        self.introduce_function(slot, peer, out);
        let inputs = self.inputs_for(slot, peer, out);
        let estimate_ns = self.estimate_ns(slot);
        let task = &mut self.tasks[slot];
        task.attempt += 1;
        let class = task.options.as_ref().map_or(0, |o| o.class);
        let restriction = &self.classes[class].restriction;
        let phase = match task.state {
            State::Waiting { missing, token } => Phase::Ahead { missing, token },
            _ => Phase::Sent,
        };
        let Some(worker) = self.workers.get_mut(peer) else { return };
        let position = worker.assign(slot, estimate_ns, phase, &restriction.resources);
        worker.solo |= restriction.solo;
        out.push(to_worker(
            peer,
            SchedulerToWorker::Assign(Assign {
                attempt: Attempt(task.attempt),
                id: task.id,
                function: FunctionIndex(task.function.0),
                order: (task.order.rank.saturating_neg(), task.order.seq),
                args: task.args.clone(),
                inputs,
                timeout_ms: task.options.as_ref().and_then(|o| o.timeout_ms),
                task: self.tasks.handle(slot),
            }),
        ));
        self.set(slot, State::Assigned { worker: peer, position, estimate_ns, phase });
        self.ranking.touch(peer);
        self.look_at_followers(slot);
    }

    fn introduce_function(&mut self, slot: Slot, peer: PeerId, out: &mut Actions) {
        let function = self.tasks[slot].function;
        if self.workers.get(peer).is_none_or(|w| w.knows_function(function)) {
            return;
        }
        if self.workers.get_mut(peer).is_some_and(|w| w.meets_function(function))
            && let Some(f) = self.functions.get(function)
        {
            let (index, spec) = (FunctionIndex(function.0), f.spec.clone());
            out.push(to_worker(peer, SchedulerToWorker::Function { index, spec }));
        }
    }

    /// A task of unknown duration counts as one window: it is sent where a thread is free, and not much ahead.
    fn estimate_ns(&self, slot: Slot) -> u64 {
        let window = u64::try_from(self.config.prefetch_window.as_nanos()).unwrap_or(u64::MAX);
        let mean = self.functions.get(self.tasks[slot].function).and_then(|f| f.mean_ns);
        mean.unwrap_or(window).clamp(1, u64::from(u32::MAX) * 1000)
    }

    /// Where a worker finds each input of a task.
    fn inputs_for(&mut self, slot: Slot, peer: PeerId, out: &mut Actions) -> Vec<Input> {
        let len = self.tasks[slot].inputs.len();
        let mut inputs = Vec::with_capacity(len);
        for i in 0..len {
            let input = self.tasks[slot].inputs[i];
            let source = match &self.tasks[input].state {
                State::Inline(value) => InputSource::Inline(value.clone()),
                State::Stored(s) if s.holders.contains(&peer) => InputSource::Held,
                State::Stored(s) if s.holders.is_empty() => {
                    self.push(input, peer, out);
                    InputSource::Held
                }
                State::Stored(s) => {
                    let holders: Vec<_> = s.holders.iter().copied().take(HOLDERS_LEN_MAX).collect();
                    let nbytes = s.nbytes;
                    self.introduce_peers(peer, &holders, out);
                    InputSource::Peers { nbytes, holders }
                }
                // The worker makes it before it runs this task.
                _ => InputSource::Held,
            };
            inputs.push(Input { task: self.tasks.handle(input), source });
        }
        inputs
    }
}

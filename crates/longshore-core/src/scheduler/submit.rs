//! A client's call becomes a task.
use super::client::Refused;
use super::placement::Restriction;
use super::task::{FunctionRef, Inputs, Options, Order, Slot, State, Task, Wants};
use super::{Actions, CloseReason, Machine, to_client};
use longshore_proto::{
    FailureKind, FunctionIndex, FunctionSpec, Payload, PeerId, SchedulerToClient, Submit, SubmitOptions,
    SubmitRun, TaskFailure, TaskId,
};
use smallvec::SmallVec;
use std::sync::Arc;

/// A client cannot introduce more functions than this.
const FUNCTIONS_LEN_MAX: usize = 1 << 20;

impl Machine {
    pub(super) fn on_client_function(
        &mut self,
        peer: PeerId,
        index: FunctionIndex,
        spec: FunctionSpec,
        out: &mut Actions,
    ) {
        let at = index.0 as usize;
        if at >= FUNCTIONS_LEN_MAX {
            return self.eject_client(peer, CloseReason::Protocol("a function number beyond the bound"), out);
        }
        let function = self.functions.intern(spec);
        let Some(client) = self.clients.get_mut(peer) else { return };
        if client.functions.len() <= at {
            client.functions.resize(at + 1, None);
        }
        client.functions[at] = Some(function);
    }

    pub(super) fn on_submit(&mut self, peer: PeerId, submit: Submit, out: &mut Actions) {
        if let Some(function) = self.function_of(peer, submit.function, out) {
            self.enter(peer, function, submit, out);
        }
    }

    /// Calls of one function, each as if it came alone.
    pub(super) fn on_submit_run(&mut self, peer: PeerId, run: &SubmitRun, out: &mut Actions) {
        let Some(function) = self.function_of(peer, run.function, out) else { return };
        if !run.has_shareable_options() {
            return self.eject_client(
                peer,
                CloseReason::Protocol("a run of calls with a key or long options"),
                out,
            );
        }
        for submit in run.submits() {
            let Ok(submit) = submit else {
                return self.eject_client(peer, CloseReason::Protocol("a malformed run of calls"), out);
            };
            self.enter(peer, function, submit, out);
            // What a call that is refused held may be gone before the next.
            self.settle(out);
        }
    }

    /// The function that a client has a number for. A client without it is told to go.
    fn function_of(&mut self, peer: PeerId, index: FunctionIndex, out: &mut Actions) -> Option<FunctionRef> {
        let known = self.clients.get(peer)?.function(index);
        if known.is_none() {
            self.eject_client(peer, CloseReason::Protocol("a call of a function never introduced"), out);
        }
        known
    }

    /// Enters one call into the table, or refuses it.
    fn enter(&mut self, peer: PeerId, function: FunctionRef, submit: Submit, out: &mut Actions) {
        if let Some(failure) = self.clients.get(peer).and_then(|c| c.refused_input(&submit.inputs)) {
            let mut failure = TaskFailure::clone(&failure);
            failure.pass_to(self.functions.name(function));
            return self.refuse(peer, &submit, failure, out);
        }
        if let Some(slot) = self.tasks.find(submit.id) {
            return self.submit_again(peer, slot, function, &submit, out);
        }
        let Some(inputs) = self.find_all(&submit.inputs) else {
            let message = "one of its inputs is no longer known to the scheduler: its future was dropped or cancelled before this call was submitted";
            let name = self.functions.name(function);
            let failure = TaskFailure::new(FailureKind::Lost, submit.id, name, message);
            return self.refuse(peer, &submit, failure, out);
        };
        let Submit { id, args, want, priority, options, .. } = submit;
        let order = self.order_of(priority, options.as_deref());
        let mut task = Task::new(id, function, order, args);
        task.inputs = inputs;
        task.options = options.map(|o| Box::new(self.keep_options(*o)));
        let slot = self.add(peer, task, want);
        self.plan(slot);
    }

    /// Does not take a submission. What the client builds on it is refused for the same reason.
    fn refuse(&mut self, peer: PeerId, submit: &Submit, failure: TaskFailure, out: &mut Actions) {
        for input in &submit.inputs {
            if let Some(slot) = self.tasks.find(*input) {
                self.drop_claim(peer, slot);
            }
        }
        let Some(client) = self.clients.get_mut(peer) else { return };
        let failure = Arc::new(failure);
        if submit.want {
            // The graph that it belongs to is complete.
            client.refused.retain(|_, refused| refused.wanted);
            let failure = Arc::clone(&failure);
            out.push(to_client(peer, SchedulerToClient::Failed { id: submit.id, failure }));
        }
        let refused = Refused { failure, wanted: submit.want };
        client.refused.insert(submit.id, refused);
    }

    /// Puts a new task into the table, wanted or claimed by the client.
    pub(super) fn add(&mut self, peer: PeerId, mut task: Task, want: bool) -> Slot {
        if want {
            task.wants = Wants::One(peer);
        } else {
            task.claim = Some(peer);
        }
        if let Some(client) = self.clients.get_mut(peer) {
            client.wants_len += 1;
        }
        let inputs = task.inputs.len();
        let slot = self.tasks.insert(task);
        for i in 0..inputs {
            let input = self.tasks[slot].inputs[i];
            self.tasks[input].users += 1;
            self.drop_claim(peer, input);
        }
        slot
    }

    /// The client's first task that names another as its input keeps it from then on.
    fn drop_claim(&mut self, peer: PeerId, slot: Slot) {
        if self.tasks[slot].claim != Some(peer) {
            return;
        }
        self.tasks[slot].claim = None;
        if let Some(client) = self.clients.get_mut(peer) {
            client.wants_len -= 1;
        }
        self.check.push(slot);
    }

    fn find_all(&self, ids: &[TaskId]) -> Option<Inputs> {
        // of the right size from the start, which a collection that may fail is not
        let mut slots = Inputs::with_capacity(ids.len());
        for id in ids {
            slots.push(self.tasks.find(*id)?);
        }
        Some(slots)
    }

    fn order_of(&mut self, priority: i32, options: Option<&SubmitOptions>) -> Order {
        let seq = self.next_seq;
        self.next_seq += 1;
        let parent = options.and_then(|options| self.tasks.find(options.parent?));
        let seq = parent.map_or(seq, |p| self.tasks[p].order.seq);
        Order { rank: priority.saturating_neg(), seq }
    }

    fn keep_options(&mut self, o: SubmitOptions) -> Options {
        let restriction = Restriction {
            workers: o.workers,
            loose: o.allow_other_workers,
            resources: o.resources,
            runtime: o.runtime,
            function: None,
            solo: false,
        };
        let free = restriction == Restriction::default();
        Options {
            retries: o.retries,
            class: if free { 0 } else { self.classes.intern(restriction) },
            timeout_ms: o.timeout_ms,
            call_hash: o.key.map(|k| k.call_hash),
            no_rerun: o.no_rerun,
            spent: false,
            broadcast: false,
        }
    }

    /// A call under an id that is known: the same key again, or the same submission sent twice.
    fn submit_again(
        &mut self,
        peer: PeerId,
        slot: Slot,
        function: FunctionRef,
        submit: &Submit,
        out: &mut Actions,
    ) {
        let task = &self.tasks[slot];
        let key = submit.options.as_ref().and_then(|o| o.key.as_ref());
        let known = task.options.as_ref().and_then(|o| o.call_hash);
        if key.map(|k| k.call_hash) != known {
            let (ours, other) = (self.functions.name(function), self.functions.name(task.function));
            let text = key.map_or("", |k| &*k.text);
            let message = format!(
                "the key {text:?} is in use for another call, of {other}, as long as that has futures"
            );
            let failure = TaskFailure::new(FailureKind::KeyConflict, submit.id, ours, message);
            return self.refuse(peer, submit, failure, out);
        }
        for input in &submit.inputs {
            if let Some(slot) = self.tasks.find(*input) {
                self.drop_claim(peer, slot);
            }
        }
        if submit.want {
            self.want(peer, slot, out);
        } else if self.tasks[slot].claim.is_none() {
            // Whoever wants it now may let go before the call that names it is here.
            self.tasks[slot].claim = Some(peer);
            if let Some(client) = self.clients.get_mut(peer) {
                client.wants_len += 1;
            }
        }
    }

    /// The client wants the task's value: tell it if it is there, see that it comes if not.
    pub(super) fn want(&mut self, peer: PeerId, slot: Slot, out: &mut Actions) {
        if self.tasks[slot].wants.add(peer)
            && let Some(client) = self.clients.get_mut(peer)
        {
            client.wants_len += 1;
        }
        match &self.tasks[slot].state {
            State::Released => self.plan(slot),
            State::Failed(f) if f.kind == FailureKind::Cancelled => self.plan(slot),
            _ => self.report(slot, peer, out),
        }
    }
}

impl Task {
    pub(super) fn new(id: TaskId, function: FunctionRef, order: Order, args: Payload) -> Self {
        Task {
            id,
            order,
            function,
            attempt: 0,
            users: 0,
            pending_users: 0,
            deaths: 0,
            detached: false,
            claim: None,
            wants: Wants::None,
            args,
            inputs: Inputs::new(),
            waiters: SmallVec::new(),
            options: None,
            state: State::Released,
        }
    }
}

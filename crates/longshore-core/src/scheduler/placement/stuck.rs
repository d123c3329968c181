//! Work that cannot go anywhere: no worker is there, none has the function, or a suspect task needs one to itself.
use super::class::Class;
use crate::scheduler::task::{FunctionRef, Slot, State};
use crate::scheduler::{Actions, Machine, to_client};
use longshore_proto::{FailureKind, SchedulerToClient, TaskFailure};
use std::sync::Arc;

impl Machine {
    /// Nobody has room for the class now. A suspect gets a worker to itself as soon as that has finished what it has.
    pub(super) fn wait_for_room(&mut self, class: u32) {
        let restriction = &self.classes[class].restriction;
        if !restriction.solo || self.workers.iter().any(|(_, w)| w.solo) {
            return;
        }
        let admitted = self.workers.iter().filter(|(_, w)| restriction.admits(w, &self.functions));
        let chosen = admitted.min_by_key(|(peer, w)| (w.load_ns(), *peer)).map(|(peer, _)| peer);
        if let Some(peer) = chosen
            && let Some(worker) = self.workers.get_mut(peer)
        {
            worker.solo = true;
            self.ranking.touch(peer);
        }
    }

    /// Tasks whose function no worker has, although workers are there, fail after a grace period.
    pub(in crate::scheduler) fn fail_unknown_functions(&mut self, out: &mut Actions) {
        if self.workers.ready_len() == 0 {
            return;
        }
        let grace = self.config.unknown_function_grace;
        for class in 0..u32::try_from(self.classes.len()).unwrap_or(u32::MAX) {
            let Some(function) = self.classes[class].restriction.function else { continue };
            let known = self
                .workers
                .iter()
                .any(|(_, w)| w.registry.is_some_and(|r| self.functions.is_in(function, r)));
            if known || self.classes[class].queue.is_empty() {
                self.classes[class].stuck_since = None;
                continue;
            }
            let since = *self.classes[class].stuck_since.get_or_insert(self.now);
            if self.now.since(since) >= grace {
                let (kind, message) = self.why_unknown(function);
                self.fail_class(class, kind, &message, out);
            }
        }
    }

    /// Tasks that none of the workers may run wait, and the clients are told; with a limit, they fail after that.
    pub(in crate::scheduler) fn look_after_lonely(&mut self, out: &mut Actions) {
        for class in 0..u32::try_from(self.classes.len()).unwrap_or(u32::MAX) {
            let restriction = &self.classes[class].restriction;
            let admitted = self.workers.iter().any(|(_, w)| restriction.admits(w, &self.functions));
            if admitted || !self.skip_gone(class) {
                (self.classes[class].lonely_since, self.classes[class].lonely_noticed) = (None, false);
                continue;
            }
            let since = *self.classes[class].lonely_since.get_or_insert(self.now);
            let waited = self.now.since(since);
            if self.config.no_worker_timeout.is_some_and(|limit| waited >= limit) {
                let message = format!("{} within {} s", self.why_lonely(class), waited.as_secs());
                self.fail_class(class, FailureKind::NoWorker, &message, out);
            } else if waited >= self.config.no_worker_notice_after && self.workers.ready_len() > 0 {
                self.notice_lonely(class, out);
            }
        }
    }

    fn why_lonely(&self, class: u32) -> String {
        match self.workers.ready_len() {
            0 => "no worker joined the cluster".to_owned(),
            n => format!(
                "none of {n} workers may run it: it would have to {}",
                self.classes[class].restriction
            ),
        }
    }

    /// Tells clients once, unless it is about functions: of those they hear by failures.
    fn notice_lonely(&mut self, class: u32, out: &mut Actions) {
        let Class { restriction, lonely_noticed, .. } = &mut self.classes[class];
        if restriction.function.is_some() || std::mem::replace(lonely_noticed, true) {
            return;
        }
        let text = format!(
            "tasks wait because no worker may run them; one would have to {restriction}; they will run as soon as one joins"
        );
        for peer in self.clients.peers() {
            out.push(to_client(*peer, SchedulerToClient::Notice { text: text.clone() }));
        }
    }

    fn fail_class(&mut self, class: u32, kind: FailureKind, message: &str, out: &mut Actions) {
        while let Some((_, handle)) = self.classes[class].queue.pop() {
            let Some(slot) = self.tasks.resolve(handle) else { continue };
            if self.is_queued_in(slot, class) {
                let name = self.functions.name(self.tasks[slot].function);
                let failure = TaskFailure::new(kind, self.tasks[slot].id, name, message);
                self.fail(slot, Arc::new(failure), out);
            }
        }
    }

    fn is_queued_in(&self, slot: Slot, class: u32) -> bool {
        matches!(self.tasks[slot].state, State::Queued) && self.tasks[slot].class() == class
    }

    fn why_unknown(&self, function: FunctionRef) -> (FailureKind, String) {
        let mut asked: Vec<&str> = self.workers.iter().map(|(_, w)| &*w.hello.name).take(8).collect();
        asked.sort_unstable();
        let asked = asked.join(", ");
        if let Some(other) = self.functions.same_name(function) {
            let ours = self.functions.get(function).map_or(0, |f| f.spec.signature);
            let text = format!(
                "workers have {:?} with other argument or result types (signature {:016x}, the client's is {ours:016x}); build client and workers from the same source (asked: {asked})",
                other.spec.name, other.spec.signature
            );
            return (FailureKind::SignatureMismatch, text);
        }
        let near = self.functions.nearest(function, 3);
        let near = if near.is_empty() {
            "they have no functions at all; is the crate that defines them linked into the worker?".to_owned()
        } else {
            format!("the nearest they have: {}", near.join(", "))
        };
        let text = format!(
            "no worker's binary contains {:?} (asked: {asked}); {near}",
            self.functions.name(function)
        );
        (FailureKind::UnknownFunction, text)
    }

    /// Tells clients once when work has waited for a worker for a while.
    pub(in crate::scheduler) fn notice_starvation(&mut self, out: &mut Actions) {
        let waits = self.tasks.counts().queued > 0 && self.workers.ready_len() == 0;
        if !waits {
            (self.starving_since, self.starving_noticed) = (None, false);
            return;
        }
        let since = *self.starving_since.get_or_insert(self.now);
        if self.starving_noticed || self.now.since(since) < self.config.no_worker_notice_after {
            return;
        }
        self.starving_noticed = true;
        let queued = self.tasks.counts().queued;
        let text = format!(
            "{queued} tasks wait because the cluster has no workers; they will run as soon as one joins"
        );
        for peer in self.clients.peers() {
            out.push(to_client(*peer, SchedulerToClient::Notice { text: text.clone() }));
        }
    }
}

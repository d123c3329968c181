//! Every relation between the machine's collections, checked.
use super::Machine;
use super::fetch::{PEERS_ASKED_MAX, Place};
use super::task::{State, is_ready};
use longshore_proto::TaskHandle;
use std::collections::BTreeSet;

impl Machine {
    /// Checks that all that the machine remembers fits together.
    ///
    /// # Panics
    /// When it does not: that is a defect of the machine, whatever the events were. The panic tells what happened lately.
    pub fn validate(&self) {
        if let Err(what) = self.check() {
            panic!("{what}\nwhat happened before:\n{}", self.story.lines(None).join("\n"));
        }
    }

    fn check(&self) -> Result<(), String> {
        self.check_slots()?;
        self.check_ready()?;
        for (handle, task) in self.tasks.iter() {
            if let State::Waiting { missing, awaited } = task.state() {
                self.check_waiting(handle, *missing, awaited)?;
            }
        }
        self.check_wants()?;
        self.check_peers()?;
        ensure(self.values.stored_bytes() == self.values.counted_bytes(), || {
            "the bytes of the stored values do not add up".to_owned()
        })
    }

    fn check_slots(&self) -> Result<(), String> {
        let running = self.tasks.iter().filter_map(|(_, task)| task.running());
        let (mut handed, mut charged_ns) = (0, 0);
        for run in running.chain(self.abandoned.values().copied()).filter(|run| !run.seceded) {
            (handed, charged_ns) = (handed + 1, charged_ns + run.charge_ns);
        }
        ensure(self.roster.slots.in_use() == (handed, charged_ns), || {
            format!("slots say {:?}, runs say {:?}", self.roster.slots.in_use(), (handed, charged_ns))
        })?;
        let deadlines = self.tasks.iter().filter_map(|(h, t)| Some((t.running()?.deadline?, h)));
        let deadlines: BTreeSet<_> = deadlines.collect();
        ensure(self.roster.timeouts == deadlines, || {
            format!("timeouts {:?}, deadlines {deadlines:?}", self.roster.timeouts)
        })
    }

    fn check_ready(&self) -> Result<(), String> {
        let ready = self.tasks.iter().filter(|(_, task)| matches!(task.state(), State::Ready));
        let ready: BTreeSet<_> = ready.map(|(handle, _)| handle).collect();
        let queued = self.roster.ready.iter().filter(|entry| is_ready(&self.tasks, entry));
        let queued: BTreeSet<_> = queued.map(|entry| entry.task).collect();
        ensure(ready == queued, || format!("ready {ready:?}, queued {queued:?}"))?;
        ensure(ready.len() == self.roster.ready.live(), || {
            format!("{} ready, {} counted", ready.len(), self.roster.ready.live())
        })?;
        let is_idle = self.roster.slots.in_use().0 < self.settings.nthreads && !self.is_over;
        ensure(ready.is_empty() || !is_idle, || format!("a slot is free while {ready:?} could run"))
    }

    fn check_waiting(
        &self,
        task: TaskHandle,
        missing: usize,
        awaited: &[(u32, TaskHandle)],
    ) -> Result<(), String> {
        let is_awaited = |(at, input): &&(u32, TaskHandle)| {
            let want = self.fetches.wants.get(input);
            want.is_some_and(|want| want.waiters.contains(&(task, *at)))
        };
        let wanted = awaited.iter().filter(is_awaited).count();
        ensure(missing > 0 && wanted == missing, || {
            format!("{task:?} misses {missing} inputs and waits for {wanted} of {awaited:?}")
        })
    }

    fn check_wants(&self) -> Result<(), String> {
        for (input, want) in &self.fetches.wants {
            let is_waiting = |task: &TaskHandle| {
                self.tasks.get(*task).is_some_and(|t| matches!(t.state(), State::Waiting { .. }))
            };
            ensure(
                !want.waiters.is_empty() && want.waiters.iter().all(|(task, _)| is_waiting(task)),
                || format!("{input:?} is wanted by {:?}, not all of which wait", want.waiters),
            )?;
            ensure(!self.values.contains(*input), || format!("{input:?} is here and wanted"))?;
            let peer = |id| self.fetches.peers.get(&id);
            let is_placed = match want.place {
                Place::Queued(id) => peer(id).is_some_and(|p| p.queue.contains(&(want.order, *input))),
                Place::InFlight(id) => peer(id).is_some_and(|p| p.in_flight.contains_key(input)),
                Place::Made => self.tasks.contains(*input),
                Place::Missing => want.holders.is_empty(),
            };
            ensure(is_placed, || format!("{input:?} does not stand where it says: {want:?}"))?;
        }
        Ok(())
    }

    fn check_peers(&self) -> Result<(), String> {
        for (id, peer) in &self.fetches.peers {
            let queued =
                |input: &TaskHandle| self.fetches.wants.get(input).filter(|w| w.place == Place::Queued(*id));
            ensure(peer.queue.iter().all(|(_, input)| queued(input).is_some()), || {
                format!("{id:?} has in its queue what does not stand there: {peer:?}")
            })?;
            let queued_bytes: u64 = peer.queue.iter().filter_map(|(_, i)| Some(queued(i)?.nbytes)).sum();
            let owed_bytes = queued_bytes + peer.in_flight.values().sum::<u64>();
            ensure(peer.owed_bytes == owed_bytes, || format!("{id:?} owes {owed_bytes} bytes: {peer:?}"))?;
            let is_asked = !peer.in_flight.is_empty();
            let is_idle = !peer.queue.is_empty() && !is_asked;
            ensure(self.fetches.asked.contains(id) == is_asked, || format!("{id:?} is asked: {is_asked}"))?;
            ensure(self.fetches.idle.contains(id) == is_idle, || format!("{id:?} is idle: {is_idle}"))?;
            let of = peer.assembly.as_ref().map(|(of, _)| of);
            ensure(of.is_none_or(|of| peer.in_flight.contains_key(of)), || {
                format!("{id:?} sends {of:?}, which it was not asked for")
            })?;
        }
        let is_bounded = self.fetches.asked.len() <= PEERS_ASKED_MAX;
        let waits_for_nothing = !self.fetches.idle.is_empty() && self.fetches.asked.len() < PEERS_ASKED_MAX;
        ensure(is_bounded && (self.is_over || !waits_for_nothing), || {
            format!("{} peers are asked while {:?} are idle", self.fetches.asked.len(), self.fetches.idle)
        })
    }
}

fn ensure(holds: bool, story: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(story()) }
}

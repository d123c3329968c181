//! Everything that must be true between events. Tests and the simulator check it after each.
use super::Machine;
use super::task::{Counts, FunctionRef, Phase, Slot, State, Task};
use super::window::{Relay, Stage, Way};
use longshore_proto::PeerId;

impl Machine {
    /// Checks every relation between the collections.
    ///
    /// # Panics
    /// With the story, if one does not hold. That is a fault of this machine, whatever its peers did.
    pub fn validate(&self) {
        if let Err(fault) = self.faults() {
            panic!("scheduler invariant violated: {fault}\nstory:\n{}", self.story().join("\n"));
        }
    }

    fn faults(&self) -> Result<(), String> {
        let mut counts = Counts::default();
        let len = self.tasks.iter().map(|(s, _)| s as usize + 1).max().unwrap_or(0);
        let (mut users, mut pending) = (vec![0u32; len], vec![0u32; len]);
        for (slot, task) in self.tasks.iter() {
            self.check_task(slot, task).map_err(|e| format!("task {} ({slot}): {e}; {task:?}", task.id))?;
            counts.add(task.state.kind());
            for input in &task.inputs {
                users[*input as usize] += 1;
                pending[*input as usize] += u32::from(task.state.is_pending());
            }
        }
        for (slot, task) in self.tasks.iter() {
            let (u, p) = (users[slot as usize], pending[slot as usize]);
            ensure(task.users == u, || format!("task {slot} counts {} users, has {u}", task.users))?;
            ensure(task.pending_users == p, || {
                format!("task {slot} counts {} pending users, has {p}", task.pending_users)
            })?;
        }
        let counts = counts.told();
        ensure(counts == self.tasks.counts(), || format!("counts {:?} are {counts:?}", self.tasks.counts()))?;
        self.check_workers()?;
        self.check_relays()?;
        self.check_clients()
    }

    fn check_task(&self, slot: Slot, task: &Task) -> Result<(), String> {
        ensure(self.tasks.find(task.id) == Some(slot), || "not in the index".into())?;
        ensure(task.inputs.iter().all(|i| self.tasks.get(*i).is_some()), || "an input is gone".into())?;
        let done = |i: &Slot| self.tasks[*i].state.is_done();
        match &task.state {
            State::Waiting { missing, .. } => {
                let lacking = task.inputs.iter().filter(|i| !done(i)).count();
                ensure(*missing as usize == lacking, || {
                    format!("{missing} inputs counted missing, {lacking} are")
                })?;
                ensure(lacking > 0, || "waits for nothing".into())?;
                ensure(
                    task.inputs.iter().filter(|i| !done(i)).all(|i| self.tasks[*i].state.is_pending()),
                    || "waits for what nobody makes".into(),
                )
            }
            State::Queued => ensure(task.inputs.iter().all(done), || "queued without its inputs".into()),
            State::Assigned { worker, position, phase, .. } => {
                let listed = self.workers.get(*worker).and_then(|w| w.assigned.get(*position as usize));
                ensure(listed == Some(&slot), || "not in its worker's list".into())?;
                match phase {
                    Phase::Ahead { missing, .. } => self.check_ahead(task, *worker, *missing),
                    _ => Ok(()),
                }
            }
            State::Inline(_) => {
                ensure(task.inputs.is_empty(), || "done for good and still has inputs".into())
            }
            State::Stored(s) => {
                ensure(!s.holders.is_empty() || s.source.is_some(), || "stored nowhere".into())?;
                let held =
                    s.holders.iter().all(|h| self.workers.get(*h).is_some_and(|w| w.holds.contains(&slot)));
                ensure(held, || "a holder does not list it".into())?;
                ensure(s.coming.iter().all(|h| self.workers.get(*h).is_some()), || {
                    "on its way to nobody".into()
                })
            }
            State::Failed(_) => Ok(()),
            State::Released => {
                let data = task.function == FunctionRef::DATA;
                ensure(!task.is_wanted() || data, || "wanted, and nobody makes it".into())
            }
        }?;
        ensure(task.users > 0 || task.is_wanted(), || "nobody keeps it".into())
    }

    fn check_ahead(&self, task: &Task, peer: PeerId, missing: u32) -> Result<(), String> {
        let lacking: Vec<_> = task.inputs.iter().filter(|i| !self.tasks[**i].state.is_done()).collect();
        let made_there =
            |i: &Slot| matches!(self.tasks[*i].state, State::Assigned { worker, .. } if worker == peer);
        ensure(missing as usize == lacking.len() && lacking.iter().all(|i| made_there(i)), || {
            format!("sent ahead of {missing} inputs, lacks {lacking:?}; are all of them made there?")
        })
    }

    fn check_workers(&self) -> Result<(), String> {
        for (peer, worker) in self.workers.iter() {
            let (mut occupancy, mut ahead, mut ahead_ns) = (0, 0, 0);
            for (at, slot) in worker.assigned.iter().enumerate() {
                match self.tasks.get(*slot).map(|t| &t.state) {
                    Some(State::Assigned { worker, position, estimate_ns, phase }) => {
                        ensure(*worker == peer && *position as usize == at, || {
                            format!("{peer:?} lists a task of another place")
                        })?;
                        occupancy += if *phase == Phase::Seceded { 0 } else { *estimate_ns };
                        if matches!(phase, Phase::Ahead { .. }) {
                            (ahead, ahead_ns) = (ahead + 1, ahead_ns + *estimate_ns);
                        }
                    }
                    _ => return Err(format!("{peer:?} lists task {slot}, which is not assigned")),
                }
            }
            ensure((worker.ahead, worker.ahead_ns) == (ahead, ahead_ns), || {
                format!("{peer:?} counts {} tasks sent ahead, has {ahead}", worker.ahead)
            })?;
            ensure(worker.occupancy_ns == occupancy, || {
                format!("{peer:?} has occupancy {} for {occupancy}", worker.occupancy_ns)
            })?;
            ensure(self.ranking.agrees(peer, worker.standing(&self.config)), || {
                format!("{peer:?} has changed and will not be sorted in")
            })?;
            ensure(worker.resources_are_sane(), || format!("{peer:?} gave away more resources than it has"))?;
            for slot in &worker.holds {
                let listed = matches!(self.tasks.get(*slot).map(|t| &t.state), Some(State::Stored(s)) if s.holders.contains(&peer));
                ensure(listed, || format!("{peer:?} holds {slot}, which does not say so"))?;
            }
        }
        Ok(())
    }

    fn check_relays(&self) -> Result<(), String> {
        self.relays.fault().map_or(Ok(()), Err)?;
        self.relays
            .live()
            .try_for_each(|relay| self.check_relay(relay).map_err(|e| format!("{e}: {relay:?}")))
    }

    fn check_relay(&self, relay: &Relay) -> Result<(), String> {
        let is_stored = self.tasks.get(relay.slot).is_some_and(|t| matches!(t.state, State::Stored(_)));
        ensure(is_stored, || "a relay of what is not there".into())?;
        let is_client = |p: PeerId| self.clients.get(p).is_some();
        let is_worker = |p: PeerId| self.workers.get(p).is_some();
        let is_there = |p: PeerId| if relay.way == Way::ToClient { is_client(p) } else { is_worker(p) };
        ensure(is_there(relay.receiver), || "a relay to nobody".into())?;
        let sends = |p: PeerId| if relay.way == Way::ToClient { is_worker(p) } else { is_client(p) };
        let is_sent = relay.stage != Stage::Running || relay.sender.is_some_and(sends);
        ensure(is_sent, || "a relay from nobody".into())
    }

    fn check_clients(&self) -> Result<(), String> {
        for (peer, client) in self.clients.iter() {
            let wants =
                |t: &Task| u64::from(t.wants.as_slice().contains(&peer)) + u64::from(t.claim == Some(peer));
            let len: u64 = self.tasks.iter().map(|(_, t)| wants(t)).sum();
            ensure(client.wants_len == len, || {
                format!("{peer:?} counts {} wants, has {len}", client.wants_len)
            })?;
            let source = |t: &Task| matches!(&t.state, State::Stored(s) if s.source == Some(peer));
            let len = self.tasks.iter().filter(|(_, t)| source(t)).count() as u64;
            ensure(client.sources_len == len, || {
                format!("{peer:?} counts {} sources, has {len}", client.sources_len)
            })?;
        }
        Ok(())
    }
}

fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

//! Workers as the scheduler sees them.
use super::config::Config;
use super::placement::Standing;
use super::task::{FunctionRef, Phase, Slot};
use crate::peer_map::PeerMap;
use foldhash::fast::FixedState;
use hashbrown::HashSet;
use longshore_proto::handshake::WorkerHello;
use longshore_proto::{FunctionSpec, PeerId, Time};

/// One worker.
#[derive(Debug)]
pub(super) struct Worker {
    pub hello: WorkerHello,
    /// Index of its registry, once that is known; nothing is assigned before.
    pub registry: Option<u32>,
    /// Functions of its registry heard so far.
    pub registry_parts: Vec<FunctionSpec>,
    /// Tasks assigned and not finished. A task knows its place here.
    pub assigned: Vec<Slot>,
    /// Sum of what they are expected to take.
    pub occupancy_ns: u64,
    /// Assigned tasks that wait for other tasks and use no thread.
    pub seceded: u32,
    /// Assigned tasks that were sent ahead of their inputs, which use no thread yet.
    pub ahead: u32,
    /// What those are expected to take.
    pub ahead_ns: u64,
    /// Tasks that were to be sent ahead and found no room.
    pub crowded_out: Vec<Slot>,
    /// Stored values it has a copy of.
    pub holds: HashSet<Slot, FixedState>,
    pub stored_bytes: u64,
    /// What is left of its resources while tasks hold some, in the order of `hello.resources`.
    free: Vec<f64>,
    /// Functions it was introduced to, a bit for each.
    knows_function: Vec<u64>,
    /// Workers it was introduced to.
    knows_peer: HashSet<PeerId, FixedState>,
    /// Runs one suspect task at a time, and nothing else but what that waits for, until no suspect is left.
    pub solo: bool,
    pub last_heard: Time,
    pub last_ended: Time,
    /// Tasks that were asked back and not answered for.
    pub retracting: u32,
}

impl Worker {
    fn new(hello: WorkerHello, registry: Option<u32>, now: Time) -> Self {
        Worker {
            free: hello.resources.iter().map(|(_, amount)| *amount).collect(),
            hello,
            registry,
            registry_parts: Vec::new(),
            assigned: Vec::new(),
            occupancy_ns: 0,
            seceded: 0,
            ahead: 0,
            ahead_ns: 0,
            crowded_out: Vec::new(),
            holds: HashSet::default(),
            stored_bytes: 0,
            knows_function: Vec::new(),
            knows_peer: HashSet::default(),
            solo: false,
            last_heard: now,
            last_ended: now,
            retracting: 0,
        }
    }

    /// Notes a task as assigned and gives its place in the list.
    pub(super) fn assign(
        &mut self,
        slot: Slot,
        estimate_ns: u64,
        phase: Phase,
        needs: &[(String, f64)],
    ) -> u32 {
        self.assigned.push(slot);
        self.occupancy_ns += estimate_ns;
        self.change_phase(Phase::Sent, phase, estimate_ns);
        self.hold(needs, -1.0);
        u32::try_from(self.assigned.len() - 1).expect("a bounded list")
    }

    /// Takes a task off the list; the last one takes its place.
    pub(super) fn unassign(
        &mut self,
        position: u32,
        estimate_ns: u64,
        phase: Phase,
        needs: &[(String, f64)],
    ) {
        self.change_phase(phase, Phase::Sent, estimate_ns);
        self.assigned.swap_remove(position as usize);
        self.occupancy_ns -= estimate_ns;
        self.hold(needs, 1.0);
        self.solo &= !self.is_vacant();
    }

    /// Notes that an assigned task went from one phase to another.
    pub(super) fn change_phase(&mut self, from: Phase, to: Phase, estimate_ns: u64) {
        match from {
            Phase::Sent => {}
            Phase::Ahead { .. } => {
                self.ahead -= 1;
                self.ahead_ns -= estimate_ns;
            }
            Phase::Retracting => self.retracting -= 1,
            Phase::Seceded => {
                self.seceded -= 1;
                self.occupancy_ns += estimate_ns;
            }
        }
        match to {
            Phase::Sent => {}
            Phase::Ahead { .. } => {
                self.ahead += 1;
                self.ahead_ns += estimate_ns;
            }
            Phase::Retracting => self.retracting += 1,
            Phase::Seceded => {
                self.seceded += 1;
                self.occupancy_ns -= estimate_ns;
                self.solo &= !self.is_vacant();
            }
        }
    }

    fn hold(&mut self, needs: &[(String, f64)], sign: f64) {
        for (name, amount) in needs {
            if let Some(at) = self.hello.resources.iter().position(|(n, _)| n == name) {
                self.free[at] += sign * amount;
            }
        }
    }

    /// Whether tasks hold no more than there is.
    pub(super) fn resources_are_sane(&self) -> bool {
        self.free.iter().all(|free| *free > -1e-6)
    }

    /// Whether enough of the resources is free now. Amounts are compared with a little tolerance, since tenths do not add up exactly.
    pub(super) fn has_free(&self, needs: &[(String, f64)]) -> bool {
        needs.iter().all(|(name, amount)| {
            let at = self.hello.resources.iter().position(|(n, _)| n == name);
            at.is_some_and(|at| self.free[at] + 1e-9 >= *amount)
        })
    }

    /// Threads that assigned tasks may use, those of waiting tasks on top.
    fn threads(&self) -> usize {
        (self.hello.nthreads.max(1) + self.seceded) as usize
    }

    /// Whether it may be sent another task that is ready to run. What was sent ahead takes no room from it.
    pub(super) fn has_room(&self, config: &Config) -> bool {
        let (len, ns) = (self.assigned.len() - self.ahead as usize, self.occupancy_ns - self.ahead_ns);
        self.may_take(config, len, ns)
    }

    /// Whether it may be sent another task ahead of its inputs.
    pub(super) fn has_room_ahead(&self, config: &Config) -> bool {
        self.may_take(config, self.assigned.len(), self.occupancy_ns)
    }

    /// Whether half of the room is free, or a thread.
    pub(super) fn has_much_room_ahead(&self, config: &Config) -> bool {
        let (len, threads) = (self.assigned.len(), self.threads());
        let half_free =
            len <= config.assigned_len_max / 2 && self.occupancy_ns <= window_ns(config, threads) / 2;
        self.has_room_ahead(config) && (half_free || len <= threads)
    }

    fn may_take(&self, config: &Config, len: usize, expected_ns: u64) -> bool {
        if self.registry.is_none() || (self.solo && !self.is_vacant()) {
            return false;
        }
        let threads = self.threads();
        len <= threads || (len < config.assigned_len_max && expected_ns < window_ns(config, threads))
    }

    /// Whether nothing runs on it. Tasks that wait for others do not count: what they wait for may have to run here.
    pub(super) fn is_vacant(&self) -> bool {
        self.assigned.len() == self.seceded as usize
    }

    /// Expected time until a thread is free, the measure by which workers are compared.
    pub(super) fn load_ns(&self) -> u64 {
        self.occupancy_ns / self.threads() as u64
    }

    /// How it stands beside others; nothing while it takes no work.
    pub(super) fn standing(&self, config: &Config) -> Option<Standing> {
        self.registry?;
        let (has_room, has_surplus) = (self.has_room(config), self.surplus() > 0);
        Some(Standing { load_ns: self.load_ns(), has_room, has_surplus })
    }

    /// Whether its load is over a bound.
    pub(super) fn is_heavier_than(&self, load_ns: u64) -> bool {
        self.occupancy_ns > load_ns.saturating_mul(self.threads() as u64)
    }

    /// Tasks that could run elsewhere, beyond what its threads can run now.
    pub(super) fn surplus(&self) -> usize {
        let fixed = self.threads() + self.retracting as usize + self.ahead as usize;
        self.assigned.len().saturating_sub(fixed)
    }

    /// Whether it was introduced to the function, so that its binary contains it.
    pub(super) fn knows_function(&self, f: FunctionRef) -> bool {
        let (word, bit) = place(f);
        self.knows_function.get(word).is_some_and(|w| w & bit != 0)
    }

    /// Whether this is the first time it hears of the function.
    pub(super) fn meets_function(&mut self, f: FunctionRef) -> bool {
        if self.knows_function(f) {
            return false;
        }
        let (word, bit) = place(f);
        if self.knows_function.len() <= word {
            self.knows_function.resize(word + 1, 0);
        }
        self.knows_function[word] |= bit;
        true
    }

    /// Whether this is the first time it hears of the other worker.
    pub(super) fn meets_peer(&mut self, peer: PeerId) -> bool {
        self.knows_peer.insert(peer)
    }

    /// Whether `name` means this worker: its name or its address.
    pub(super) fn is_called(&self, name: &str) -> bool {
        self.hello.name == name || self.hello.address.as_deref() == Some(name)
    }
}

/// Where the bit of a function is.
fn place(f: FunctionRef) -> (usize, u64) {
    (f.0 as usize / 64, 1 << (f.0 % 64))
}

fn window_ns(config: &Config, threads: usize) -> u64 {
    u64::try_from(config.prefetch_window.as_nanos()).unwrap_or(u64::MAX).saturating_mul(threads as u64)
}

/// All workers, oldest first.
#[derive(Debug, Default)]
pub(super) struct Workers {
    by_peer: PeerMap<Worker>,
    names: HashSet<String, FixedState>,
    /// Those that can be sent work.
    ready_len: usize,
}

impl Workers {
    pub(super) fn add(&mut self, peer: PeerId, hello: WorkerHello, registry: Option<u32>, now: Time) {
        self.names.insert(hello.name.clone());
        self.ready_len += usize::from(registry.is_some());
        self.by_peer.insert(peer, Worker::new(hello, registry, now));
    }

    pub(super) fn remove(&mut self, peer: PeerId) -> Option<Worker> {
        let worker = self.by_peer.remove(peer)?;
        self.names.remove(&worker.hello.name);
        self.ready_len -= usize::from(worker.registry.is_some());
        Some(worker)
    }

    /// Whether a worker has this name.
    pub(super) fn is_taken(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// A worker's functions are known: it can be sent work.
    pub(super) fn make_ready(&mut self, peer: PeerId, registry: u32) {
        if let Some(worker) = self.by_peer.get_mut(peer) {
            self.ready_len += usize::from(worker.registry.replace(registry).is_none());
        }
    }

    pub(super) fn get(&self, peer: PeerId) -> Option<&Worker> {
        self.by_peer.get(peer)
    }

    pub(super) fn get_mut(&mut self, peer: PeerId) -> Option<&mut Worker> {
        self.by_peer.get_mut(peer)
    }

    pub(super) fn len(&self) -> usize {
        self.by_peer.len()
    }

    /// All workers, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (PeerId, &Worker)> {
        self.by_peer.iter()
    }

    pub(super) fn peers(&self) -> &[PeerId] {
        self.by_peer.peers()
    }

    /// Workers that can be sent work once they have room.
    pub(super) fn ready_len(&self) -> usize {
        self.ready_len
    }
}

//! Inputs that are not here: who waits for them, who has them, and whom they are asked from.
//!
//! ```text
//!            a holder is chosen          the peer is idle            it came
//! wanted ───────────────────▶ Queued ───────────────────▶ InFlight ───────────▶ (gone)
//!    │  ▲                        └──────────┬─────────────────┘ absent, or peer lost
//!    │  └───────────────────────────────────┘ the next holder, if there is one
//!    ├──▶ Missing   nobody left to ask: the scheduler was told, and will name new holders
//!    └──▶ Made      a task assigned to this worker will make it
//! ```
//!
//! Each want stands in the queue of one peer, the one that owes least; a peer answers one batch at a time.
use super::table::Table;
use super::task::Order;
use crate::assembly::Assembly;
use longshore_proto::{PeerId, TaskHandle, Time};
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Bytes asked for in one batch; one value is always asked for, whatever its size.
pub(super) const BATCH_BYTES_MAX: u64 = 50_000_000;
/// Values asked for in one batch.
pub(super) const BATCH_TASKS_MAX: usize = 4_096;
/// Peers that are asked at the same time.
pub(super) const PEERS_ASKED_MAX: usize = 64;

/// A waiting task and the place among its inputs.
pub(super) type Waiter = (TaskHandle, u32);

/// An input that somebody here waits for.
#[derive(Debug)]
pub(super) struct Want {
    pub(super) waiters: SmallVec<[Waiter; 2]>,
    /// Workers still to be asked.
    pub(super) holders: SmallVec<[PeerId; 4]>,
    /// Workers that did not have it or did not answer.
    pub(super) tried: SmallVec<[PeerId; 4]>,
    pub(super) nbytes: u64,
    pub(super) order: Order,
    pub(super) place: Place,
    /// The scheduler wants no copy to be kept here.
    pub(super) released: bool,
}

/// Where a want stands.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// In the queue of a peer.
    Queued(PeerId),
    /// A peer was asked.
    InFlight(PeerId),
    /// A task assigned here makes it.
    Made,
    /// The scheduler was told.
    Missing,
}

/// A worker that may have values.
#[derive(Debug, Default)]
pub(super) struct Peer {
    pub(super) address: Option<String>,
    pub(super) queue: BTreeSet<(Order, TaskHandle)>,
    /// What it was asked for and has not answered.
    pub(super) in_flight: BTreeMap<TaskHandle, u64>,
    /// The sum of both, in bytes.
    pub(super) owed_bytes: u64,
    /// The value that is coming in.
    pub(super) assembly: Option<(TaskHandle, Assembly)>,
    /// When it last said something, while it owes answers.
    pub(super) heard_at: Time,
}

/// A batch to ask for.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Batch {
    pub(super) peer: PeerId,
    pub(super) address: String,
    pub(super) tasks: Vec<TaskHandle>,
}

/// All wants and all peers.
#[derive(Debug, Default)]
pub(super) struct Fetches {
    pub(super) wants: Table<Want>,
    pub(super) peers: BTreeMap<PeerId, Peer>,
    /// Peers with something in their queue and nothing in flight.
    pub(super) idle: BTreeSet<PeerId>,
    /// Peers with something in flight.
    pub(super) asked: BTreeSet<PeerId>,
}

impl Fetches {
    /// Somebody waits for an input. Says whether that is news; the want is then routed.
    pub(super) fn wait_for(&mut self, input: TaskHandle, waiter: Waiter, order: Order) -> bool {
        let mut is_new = false;
        let want = self.wants.entry(input).or_insert_with(|| {
            is_new = true;
            Want {
                waiters: SmallVec::new(),
                holders: SmallVec::new(),
                tried: SmallVec::new(),
                nbytes: 0,
                order,
                place: Place::Missing,
                released: false,
            }
        });
        want.waiters.push(waiter);
        want.released = false;
        is_new
    }

    /// Adds workers that have an input.
    pub(super) fn add_holders(&mut self, input: TaskHandle, nbytes: u64, holders: &[PeerId], me: PeerId) {
        let Some(want) = self.wants.get_mut(&input) else { return };
        if !matches!(want.place, Place::Queued(_) | Place::InFlight(_)) {
            // The size counts in its peer's debt, and must not change while it does.
            want.nbytes = nbytes.max(want.nbytes);
        }
        let asked = match want.place {
            Place::Queued(peer) | Place::InFlight(peer) => Some(peer),
            Place::Made | Place::Missing => None,
        };
        for peer in holders {
            if *peer == me {
                // The scheduler is wrong about this worker: it will hear so.
                remember(&mut want.tried, me);
            } else if Some(*peer) != asked {
                want.tried.retain(|tried| tried != peer);
                remember(&mut want.holders, *peer);
            }
        }
    }

    /// Puts a want that stands nowhere into the queue of the best holder. Whether there was one.
    pub(super) fn route(&mut self, input: TaskHandle) -> bool {
        let Some(want) = self.wants.get_mut(&input) else { return true };
        if matches!(want.place, Place::Queued(_) | Place::InFlight(_)) {
            return true;
        }
        // An earlier want may have been given up while its answer was on its way.
        let on_its_way = want.holders.iter().find(|p| is_asked(&self.peers, **p, input)).copied();
        if let Some(peer) = on_its_way {
            want.holders.retain(|p| *p != peer);
            want.place = Place::InFlight(peer);
            return true;
        }
        while let Some(at) = best(&self.peers, &want.holders, input) {
            let id = want.holders.remove(at);
            remember(&mut want.tried, id);
            let Some(peer) = self.peers.get_mut(&id).filter(|p| p.address.is_some()) else { continue };
            peer.queue.insert((want.order, input));
            peer.owed_bytes += want.nbytes;
            want.place = Place::Queued(id);
            if peer.in_flight.is_empty() {
                self.idle.insert(id);
            }
            return true;
        }
        false
    }

    /// Takes a want off the queue or the peer that it stands with.
    pub(super) fn unplace(&mut self, input: TaskHandle) {
        let Some(want) = self.wants.get_mut(&input) else { return };
        if let Place::Queued(id) = want.place
            && let Some(peer) = self.peers.get_mut(&id)
        {
            peer.queue.remove(&(want.order, input));
            peer.owed_bytes -= want.nbytes;
            if peer.queue.is_empty() {
                self.idle.remove(&id);
            }
        }
        want.place = Place::Missing;
    }

    /// One waiter less; a want nobody waits for is forgotten.
    pub(super) fn give_up(&mut self, input: TaskHandle, waiter: Waiter) {
        let Some(want) = self.wants.get_mut(&input) else { return };
        if let Some(at) = want.waiters.iter().position(|w| *w == waiter) {
            want.waiters.swap_remove(at);
        }
        if want.waiters.is_empty() {
            self.take(input);
        }
    }

    /// Forgets a want, because its value is here or because nobody waits for it.
    pub(super) fn take(&mut self, input: TaskHandle) -> Option<Want> {
        if self.wants.is_empty() {
            return None;
        }
        self.unplace(input);
        self.wants.remove(&input)
    }

    /// The next batch for a peer that has nothing to do.
    pub(super) fn next_batch(&mut self, now: Time) -> Option<Batch> {
        if self.asked.len() >= PEERS_ASKED_MAX {
            return None;
        }
        let id = self.idle.pop_first()?;
        let peer = self.peers.get_mut(&id)?;
        let (mut tasks, mut bytes) = (Vec::new(), 0);
        while let Some(&(_, input)) = peer.queue.first() {
            let Some(want) = self.wants.get_mut(&input) else {
                debug_assert!(false, "{input:?} is queued and not wanted");
                peer.queue.pop_first();
                continue;
            };
            let is_too_much = bytes + want.nbytes > BATCH_BYTES_MAX || tasks.len() >= BATCH_TASKS_MAX;
            if is_too_much && !tasks.is_empty() {
                break;
            }
            bytes += want.nbytes;
            want.place = Place::InFlight(id);
            peer.queue.pop_first();
            peer.in_flight.insert(input, want.nbytes);
            tasks.push(input);
        }
        peer.heard_at = now;
        self.asked.insert(id);
        Some(Batch { peer: id, address: peer.address.clone().unwrap_or_default(), tasks })
    }

    /// A peer answered for one value, with or without it. Whether it was asked for it.
    pub(super) fn answered(&mut self, id: PeerId, input: TaskHandle) -> bool {
        let Some(peer) = self.peers.get_mut(&id) else { return false };
        let Some(nbytes) = peer.in_flight.remove(&input) else { return false };
        peer.owed_bytes -= nbytes;
        peer.assembly.take_if(|(of, _)| *of == input);
        if peer.in_flight.is_empty() {
            self.asked.remove(&id);
            if !peer.queue.is_empty() {
                self.idle.insert(id);
            }
        }
        true
    }

    /// A peer is gone: what stood with it stands nowhere now, and is returned in order.
    pub(super) fn peer_lost(&mut self, id: PeerId) -> Vec<TaskHandle> {
        let Some(peer) = self.peers.get_mut(&id) else { return Vec::new() };
        let queue = std::mem::take(&mut peer.queue);
        let in_flight = std::mem::take(&mut peer.in_flight);
        (peer.owed_bytes, peer.assembly) = (0, None);
        self.idle.remove(&id);
        self.asked.remove(&id);
        let mut stranded: Vec<_> = queue.into_iter().map(|(_, input)| input).collect();
        stranded.extend(in_flight.into_keys());
        stranded.retain(|input| {
            let want = self.wants.get_mut(input);
            let Some(want) =
                want.filter(|w| matches!(w.place, Place::Queued(p) | Place::InFlight(p) if p == id))
            else {
                return false;
            };
            want.place = Place::Missing;
            true
        });
        stranded.sort_unstable();
        stranded
    }

    /// When the first of the peers that owe answers has been silent for too long, and which it is.
    pub(super) fn silent_at(&self, silence: Duration) -> Option<(Time, PeerId)> {
        let heard = self.asked.iter().filter_map(|id| Some((self.peers.get(id)?.heard_at + silence, *id)));
        heard.min()
    }
}

fn remember(list: &mut SmallVec<[PeerId; 4]>, peer: PeerId) {
    if !list.contains(&peer) {
        list.push(peer);
    }
}

fn is_asked(peers: &BTreeMap<PeerId, Peer>, id: PeerId, input: TaskHandle) -> bool {
    peers.get(&id).is_some_and(|peer| peer.in_flight.contains_key(&input))
}

/// Index of the holder that owes least. Among equals the input's own number decides, so that many small inputs with the
/// same holders are spread over them, in the same way in every run.
fn best(peers: &BTreeMap<PeerId, Peer>, holders: &[PeerId], input: TaskHandle) -> Option<usize> {
    let start = input.slot as usize % holders.len().max(1);
    let owed = |id: &PeerId| peers.get(id).map_or(0, |peer| peer.owed_bytes);
    (0..holders.len()).map(|i| (start + i) % holders.len()).min_by_key(|at| owed(&holders[*at]))
}

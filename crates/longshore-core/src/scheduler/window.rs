//! How much of which value may be on its way through the scheduler.
//!
//! ```text
//!           the receiver has room         all of it came, or it is off
//! Waiting ───────────────────────▶ Running ─────────────────────────▶ Draining ──▶ (gone)
//!    ▲                                │                            the receiver took all that was sent
//!    └────────────────────────────────┘ the sender is lost: another one begins anew, as a new relay
//! ```
//!
//! Each relay has a window: bytes that its sender was granted and its receiver has not taken. All relays to one receiver
//! share a greater one, which bounds the memory that a receiver can cost that does not read. Values wait in the order in
//! which they were asked for.
//!
//! What was granted and has not come takes up the receiver's window too. So a relay begins with the leave for one piece, and
//! its window grows with what the receiver takes: a sender that sends nothing holds room for a piece, one that stops in the
//! middle its window at most.
//!
//! Nothing here says or decides who sends; see [`relay`](super::relay).
use super::config::Config;
use super::task::Slot;
use longshore_proto::limit::CHUNK_BYTES;
use longshore_proto::piece::{CUT_BYTES_MIN, TAIL_BYTES_MIN};
use longshore_proto::{Grant, PeerId, RelayId, Taken, TaskId};
use std::collections::{BTreeMap, BTreeSet};

/// Less is not granted, unless it is the rest of a value or the sender may have to wait for it; and a relay begins with it.
const STEP_BYTES: u64 = CHUNK_BYTES as u64;
/// What the first grant is at least, since the size of a value may be known only roughly until it is encoded.
const FIRST_BYTES_MIN: u64 = CUT_BYTES_MIN as u64;
/// A last piece may go beyond what was granted by less than this.
const EXCESS_BYTES_MAX: u64 = TAIL_BYTES_MIN as u64;
/// What a value that is to be taken counts as at least, however small, since it must be remembered until then.
const DRAINING_BYTES_MIN: u64 = 256;

/// Which way a value goes.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Way {
    /// From a worker that has it to a client that asked.
    ToClient,
    /// From the client that put it in to a worker that needs it.
    ToWorker,
}

#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    Waiting,
    Running,
    Draining,
}

/// Those that begin anew stand before all others.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Turn {
    Anew,
    New,
}

/// One value on its way to one receiver. Sizes are bytes of the value, from its beginning.
#[derive(Debug)]
pub(super) struct Relay {
    pub(super) slot: Slot,
    pub(super) id: TaskId,
    pub(super) way: Way,
    pub(super) receiver: PeerId,
    /// Who sends it, once somebody does.
    pub(super) sender: Option<PeerId>,
    pub(super) stage: Stage,
    turn: Turn,
    /// Size of the value; before the first piece came, what it was said to be.
    total: u64,
    /// The sender may send what is before this.
    until: u64,
    /// What is before this counts as on its way: more than was granted where a value comes whole all the same.
    reserved: u64,
    /// What is before this came and was passed on.
    received: u64,
    /// What is before this is with the receiver.
    taken: u64,
}

impl Relay {
    /// Whether more of it is to come.
    pub(super) fn is_live(&self) -> bool {
        self.stage != Stage::Draining
    }

    /// Whether this value goes from this sender to this receiver.
    pub(super) fn goes(&self, slot: Slot, from: PeerId, to: PeerId) -> bool {
        self.is_live() && (self.slot, self.sender, self.receiver) == (slot, Some(from), to)
    }

    /// What counts as on its way, in bytes: a value that has begun keeps room for a piece, so that it can go on.
    fn in_flight(&self) -> u64 {
        let kept = match self.stage {
            Stage::Running => {
                let rest = self.total.saturating_sub(self.taken).min(FIRST_BYTES_MIN);
                rest.max(self.reserved.saturating_sub(self.taken))
            }
            Stage::Waiting => 0,
            Stage::Draining => DRAINING_BYTES_MIN,
        };
        self.granted().max(kept)
    }

    /// What its sender was granted, or has sent, and its receiver has not taken, in bytes.
    fn granted(&self) -> u64 {
        self.until.max(self.received) - self.taken
    }

    /// What it would like to be granted at first.
    fn first_bytes(&self, window_bytes: u64) -> u64 {
        self.total.max(FIRST_BYTES_MIN).min(self.window(window_bytes))
    }

    /// How far its sender may be ahead of its receiver: a piece at first, and more with each piece that was taken.
    fn window(&self, window_bytes: u64) -> u64 {
        self.taken.saturating_add(STEP_BYTES).min(window_bytes)
    }

    /// Takes note of a piece from `sender`.
    fn receive(&mut self, part: Part) -> Result<(), BadPart> {
        let end = part.offset.checked_add(part.nbytes).ok_or(BadPart)?;
        let is_sized = self.received > 0;
        let is_whole = part.offset == 0 && end == part.total;
        let is_due =
            part.offset == self.received && end <= part.total && (!is_sized || part.total == self.total);
        let is_granted = end <= self.until.saturating_add(EXCESS_BYTES_MAX);
        // Within a process a value comes whole, since it is not copied.
        if !is_due || (part.nbytes == 0 && part.total > 0) || !(is_granted || is_whole) {
            return Err(BadPart);
        }
        (self.total, self.received) = (part.total, end);
        self.until = self.until.min(self.total);
        Ok(())
    }

    /// How much more to grant, when the receiver has room for so much.
    fn more(&self, window_bytes: u64, room: u64) -> u64 {
        let wish =
            self.total.min(self.taken.saturating_add(self.window(window_bytes))).saturating_sub(self.until);
        let more = wish.min(room + (self.in_flight() - self.granted()));
        // Its sender may wait, and nothing may be on its way whose arrival would lead here again.
        let is_starving = self.granted() < FIRST_BYTES_MIN;
        let is_enough = more >= STEP_BYTES || self.until + more >= self.total || is_starving;
        if is_enough { more } else { 0 }
    }
}

/// Where a piece stands in its value.
#[derive(Copy, Clone, Debug)]
pub(super) struct Part {
    pub(super) total: u64,
    pub(super) offset: u64,
    pub(super) nbytes: u64,
}

/// A piece that no correct sender sends.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) struct BadPart;

/// What becomes of a piece.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Passed {
    /// It goes to this receiver, as part of the value of this task.
    To(PeerId, TaskId),
    /// The relay is over.
    Late,
}

#[derive(Debug, Default)]
struct Receiver {
    /// The sum over its relays.
    in_flight: u64,
    /// Those that have not begun, in order.
    waiting: BTreeSet<(Turn, RelayId)>,
}

/// All relays.
#[derive(Debug)]
pub(super) struct Relays {
    next: u64,
    all: BTreeMap<RelayId, Relay>,
    /// Those that wait or run: one for each value and receiver.
    live: BTreeMap<(Slot, PeerId), RelayId>,
    receivers: BTreeMap<PeerId, Receiver>,
    /// Receivers that may have room for another value.
    stirred: BTreeSet<PeerId>,
    /// Peers that are to hear that a relay is off.
    ended: Vec<(PeerId, RelayId)>,
    window_bytes: u64,
    receiver_window_bytes: u64,
}

impl Relays {
    pub(super) fn new(config: &Config) -> Self {
        // No sender cuts a piece from less.
        let window_bytes = config.relay_window_bytes.max(FIRST_BYTES_MIN);
        Relays {
            next: 0,
            all: BTreeMap::new(),
            live: BTreeMap::new(),
            receivers: BTreeMap::new(),
            stirred: BTreeSet::new(),
            ended: Vec::new(),
            window_bytes,
            receiver_window_bytes: config.receiver_window_bytes.max(window_bytes),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Whether there is nothing to begin and nothing to tell.
    pub(super) fn is_settled(&self) -> bool {
        self.stirred.is_empty() && self.ended.is_empty()
    }

    /// A value is to go to `receiver`, from the beginning.
    pub(super) fn open(&mut self, slot: Slot, id: TaskId, way: Way, receiver: PeerId, total: u64) {
        self.end_to(slot, receiver);
        self.add(slot, id, way, receiver, Turn::New, total);
    }

    fn add(&mut self, slot: Slot, id: TaskId, way: Way, receiver: PeerId, turn: Turn, total: u64) {
        let (sender, stage) = (None, Stage::Waiting);
        let (until, reserved, received, taken) = (0, 0, 0, 0);
        let new =
            Relay { slot, id, way, receiver, sender, stage, turn, total, until, reserved, received, taken };
        self.next += 1;
        let relay = RelayId(self.next);
        self.all.insert(relay, new);
        self.live.insert((slot, receiver), relay);
        self.receivers.entry(receiver).or_default().waiting.insert((turn, relay));
        self.stirred.insert(receiver);
    }

    /// A relay that may begin now, if there is one: the receiver that is next to be looked after has room.
    pub(super) fn next_to_begin(&mut self) -> Option<RelayId> {
        while let Some(peer) = self.stirred.first().copied() {
            let begins = self.first_waiting(peer).filter(|relay| self.has_room(peer, *relay));
            if begins.is_some() {
                return begins;
            }
            self.stirred.remove(&peer);
            if self.receivers.get(&peer).is_some_and(|r| r.in_flight == 0 && r.waiting.is_empty()) {
                self.receivers.remove(&peer);
            }
        }
        None
    }

    fn first_waiting(&self, peer: PeerId) -> Option<RelayId> {
        self.receivers.get(&peer)?.waiting.first().map(|(_, relay)| *relay)
    }

    fn has_room(&self, peer: PeerId, relay: RelayId) -> bool {
        let first_bytes = self.all[&relay].first_bytes(self.window_bytes);
        self.receivers[&peer].in_flight == 0 || self.room(peer) >= first_bytes
    }

    /// What may still be granted to relays to this receiver.
    fn room(&self, peer: PeerId) -> u64 {
        let in_flight = self.receivers.get(&peer).map_or(0, |r| r.in_flight);
        self.receiver_window_bytes.saturating_sub(in_flight)
    }

    /// One that waits begins. What comes in one piece counts as on its way as such, so that no other begins beside it.
    pub(super) fn begin(&mut self, relay: RelayId, sender: PeerId, is_whole: bool) -> Grant {
        let waiting = &self.all[&relay];
        let until = waiting.first_bytes(self.window_bytes).min(self.room(waiting.receiver));
        let reserved = if is_whole { waiting.total.min(self.receiver_window_bytes) } else { 0 };
        self.change(relay, |r| {
            (r.stage, r.sender) = (Stage::Running, Some(sender));
            (r.until, r.reserved) = (until, reserved);
        });
        Grant { relay, until }
    }

    pub(super) fn get(&self, relay: RelayId) -> Option<&Relay> {
        self.all.get(&relay)
    }

    /// Whether this value is to go to `receiver`, and not all of it came.
    pub(super) fn is_live(&self, slot: Slot, receiver: PeerId) -> bool {
        self.live.contains_key(&(slot, receiver))
    }

    /// A piece came from `sender`.
    pub(super) fn receive(&mut self, relay: RelayId, sender: PeerId, part: Part) -> Result<Passed, BadPart> {
        let runs = |r: &&Relay| r.stage == Stage::Running && r.sender == Some(sender);
        let Some(running) = self.all.get(&relay).filter(runs) else { return Ok(Passed::Late) };
        let (receiver, id, place) = (running.receiver, running.id, (running.slot, running.receiver));
        let mut result = Ok(());
        self.change(relay, |r| {
            result = r.receive(part);
            if result.is_ok() && r.received == r.total {
                r.stage = Stage::Draining;
            }
        });
        if self.all[&relay].stage == Stage::Draining {
            self.live.remove(&place);
        }
        result.map(|()| Passed::To(receiver, id))
    }

    /// A receiver took something in. What its sender may send now, if that is more than before.
    pub(super) fn take(&mut self, receiver: PeerId, told: Taken) -> Option<(PeerId, Grant)> {
        let relay = told.relay;
        self.all.get(&relay).filter(|r| r.receiver == receiver)?;
        self.change(relay, |r| r.taken = told.until.clamp(r.taken, r.received));
        let room = self.room(receiver);
        let taking = &self.all[&relay];
        if taking.stage == Stage::Draining {
            // The size of a value that was encoded underway was known only roughly.
            if told.is_all || taking.taken == taking.received {
                self.remove(relay);
            }
            return None;
        }
        let (sender, until) = (taking.sender?, taking.until + taking.more(self.window_bytes, room));
        if until == taking.until {
            return None;
        }
        self.change(relay, |r| r.until = until);
        Some((sender, Grant { relay, until }))
    }

    /// The sender of this has nothing to send or is gone: somebody else is to begin anew, before all that wait.
    pub(super) fn begin_anew(&mut self, relay: RelayId) {
        let Some(Relay { slot, id, way, receiver, total, .. }) = self.all.get(&relay) else { return };
        let (slot, id, way, receiver, total) = (*slot, *id, *way, *receiver, *total);
        self.drain(relay);
        self.add(slot, id, way, receiver, Turn::Anew, total);
    }

    /// The relay of this value to this receiver is off, if there is one.
    pub(super) fn end_to(&mut self, slot: Slot, receiver: PeerId) {
        if let Some(relay) = self.live.get(&(slot, receiver)) {
            self.end(*relay);
        }
    }

    /// All relays of this value are off.
    pub(super) fn end_all_of(&mut self, slot: Slot) {
        const FIRST: PeerId = PeerId(u32::MIN);
        const LAST: PeerId = PeerId(u32::MAX);
        let relays: Vec<_> = self.live.range((slot, FIRST)..=(slot, LAST)).map(|(_, relay)| *relay).collect();
        relays.into_iter().for_each(|relay| self.end(relay));
    }

    fn end(&mut self, relay: RelayId) {
        let ending = &self.all[&relay];
        if ending.stage == Stage::Running {
            self.ended.extend(ending.sender.map(|sender| (sender, relay)));
            // A client began anew or forgot it before; a worker keeps what it has until it hears of the end.
            let receiver = ending.receiver;
            self.ended.extend((ending.way == Way::ToWorker).then_some((receiver, relay)));
        }
        self.drain(relay);
    }

    /// Nothing more comes; what came is on its way to the receiver.
    fn drain(&mut self, relay: RelayId) {
        let draining = &self.all[&relay];
        let (place, is_over) = ((draining.slot, draining.receiver), draining.taken == draining.received);
        self.live.remove(&place);
        self.change(relay, |r| (r.stage, r.until) = (Stage::Draining, r.received));
        self.stirred.insert(place.1);
        if is_over {
            self.remove(relay);
        }
    }

    /// A peer is gone: nothing comes from it, and nothing goes to it. Values that another worker may send begin anew.
    pub(super) fn lose_peer(&mut self, peer: PeerId) {
        if self.is_empty() {
            return;
        }
        let to_it = self.all.iter().filter(|(_, r)| r.receiver == peer).map(|(relay, _)| *relay);
        for relay in to_it.collect::<Vec<_>>() {
            let lost = &self.all[&relay];
            let sender = lost.sender.filter(|_| lost.stage == Stage::Running);
            self.ended.extend(sender.map(|sender| (sender, relay)));
            self.remove(relay);
        }
        self.receivers.remove(&peer);
        self.stirred.remove(&peer);
        let from_it = |r: &Relay| r.sender == Some(peer) && r.stage == Stage::Running;
        let from_it = self.all.iter().filter(|(_, r)| from_it(r)).map(|(relay, r)| (*relay, r.way));
        for (relay, way) in from_it.collect::<Vec<_>>() {
            match way {
                Way::ToClient => self.begin_anew(relay),
                Way::ToWorker => self.end(relay),
            }
        }
        self.ended.retain(|(told, _)| *told != peer);
    }

    /// A relay that was to begin has nobody to send it.
    pub(super) fn give_up(&mut self, relay: RelayId) {
        self.remove(relay);
    }

    fn remove(&mut self, relay: RelayId) {
        let Some(gone) = self.all.remove(&relay) else { return };
        let place = (gone.slot, gone.receiver);
        if self.live.get(&place) == Some(&relay) {
            self.live.remove(&place);
        }
        if let Some(receiver) = self.receivers.get_mut(&gone.receiver) {
            receiver.in_flight -= gone.in_flight();
            receiver.waiting.remove(&(gone.turn, relay));
            self.stirred.insert(gone.receiver);
        }
    }

    /// Those that are to hear of an end.
    pub(super) fn take_ended(&mut self) -> Vec<(PeerId, RelayId)> {
        std::mem::take(&mut self.ended)
    }

    /// Changes a relay, and its receiver's sum and queue.
    fn change(&mut self, relay: RelayId, change: impl FnOnce(&mut Relay)) {
        let Some(changing) = self.all.get_mut(&relay) else { return };
        let (before, waited) = (changing.in_flight(), changing.stage == Stage::Waiting);
        change(changing);
        let after = changing.in_flight();
        if let Some(receiver) = self.receivers.get_mut(&changing.receiver) {
            receiver.in_flight = receiver.in_flight - before + after;
            if waited && changing.stage != Stage::Waiting {
                receiver.waiting.remove(&(changing.turn, relay));
            }
            if after < before {
                self.stirred.insert(changing.receiver);
            }
        }
    }

    /// Those that wait or run.
    pub(super) fn live(&self) -> impl Iterator<Item = &Relay> {
        self.live.values().map(|relay| &self.all[relay])
    }

    /// What may be on its way to this receiver, in bytes.
    #[cfg(test)]
    pub(super) fn in_flight(&self, receiver: PeerId) -> u64 {
        self.receivers.get(&receiver).map_or(0, |r| r.in_flight)
    }

    /// How many values wait for room to this receiver.
    #[cfg(test)]
    pub(super) fn waiting_len(&self, receiver: PeerId) -> usize {
        self.receivers.get(&receiver).map_or(0, |r| r.waiting.len())
    }

    /// What does not agree here, if anything.
    pub(super) fn fault(&self) -> Option<String> {
        let mut sums: BTreeMap<PeerId, u64> = BTreeMap::new();
        for (number, relay) in &self.all {
            let is_live = self.live.get(&(relay.slot, relay.receiver)) == Some(number);
            if is_live == (relay.stage == Stage::Draining) {
                return Some(format!("{number:?} is in the wrong table: {relay:?}"));
            }
            if relay.taken > relay.received || (relay.stage == Stage::Running && relay.sender.is_none()) {
                return Some(format!("{number:?} makes no sense: {relay:?}"));
            }
            let waits = |r: &Receiver| r.waiting.contains(&(relay.turn, *number));
            if self.receivers.get(&relay.receiver).is_some_and(waits) != (relay.stage == Stage::Waiting) {
                return Some(format!("{number:?} is in no queue, or without reason: {relay:?}"));
            }
            *sums.entry(relay.receiver).or_default() += relay.in_flight();
        }
        let queued: usize = self.receivers.values().map(|r| r.waiting.len()).sum();
        if queued != self.live().filter(|r| r.stage == Stage::Waiting).count() {
            return Some(format!("{queued} are queued, and not so many wait"));
        }
        let differs = |(peer, r): &(&PeerId, &Receiver)| r.in_flight != sums.get(peer).copied().unwrap_or(0);
        if let Some((peer, receiver)) = self.receivers.iter().find(differs) {
            return Some(format!("{peer:?} counts {} bytes on their way to it", receiver.in_flight));
        }
        // Whatever waits is looked at again once something is taken in.
        let waits = self.live().find(|r| r.stage == Stage::Waiting && sums[&r.receiver] == 0)?;
        Some(format!("nothing leads to a beginning of {waits:?}"))
    }
}

//! The client's side of a session: futures that wait, results on their way, values given to the cluster.
//!
//! ```text
//!  user threads                       driver
//!  ────────────                       ──────
//!  submit, drop ──▶ [Outbox] ──take──▶ Machine ◀── SchedulerToClient, PeerReply
//!                                        │
//!                                        ▼
//!                       Settle futures, Send, Dial, SendPeer, Answered
//! ```
//!
//! A session is `Dialling`, then `Up`, then `Over`, and never comes back. Futures that have no value when it is over learn
//! why. A future's own state (pending, stored, value, failed, cancelled) lives in the future, where any thread may look at
//! it; the machine knows which futures await a task, where stored results are, and what is on its way.
//!
//! Deliberately absent: user values (payloads are opaque), locks, wakers, and the resumption of a lost session.
mod event;
mod fetch;
mod gate;
mod lane;
mod outbox;
mod push;
mod runs;
mod table;
#[cfg(test)]
mod tests;
mod validate;

pub use event::{Action, Actions, Config, Ending, Event, Outcome, Route, Token};
pub use gate::Gate;
pub use outbox::{Batch, FENCE_MIN, News, Outbox, RefusedSubmit, Unsent};

use crate::story::Story;
use fetch::Stored;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use lane::{Lane, Peer, Reach};
use longshore_proto::query::Answer;
use longshore_proto::{
    ClientToScheduler, Payload, PeerId, PeerReply, SchedulerToClient, Taken, TaskId, Time,
};
use push::{Held, push_failed};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use table::Futures;

/// Where a session is in its life.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum Phase {
    Dialling,
    Up,
    Over,
}

/// The machine of one session.
#[derive(Debug)]
pub struct Machine<D> {
    config: Config,
    phase: Phase,
    futures: Futures<D>,
    /// Results that workers keep and futures here want.
    stored: HashMap<TaskId, Stored, FixedState>,
    /// Values that the client gave to the cluster and must keep.
    held: HashMap<TaskId, Held, FixedState>,
    peers: BTreeMap<PeerId, Peer>,
    lanes: BTreeMap<Route, Lane>,
    /// Lanes on which more may be asked for.
    ready: BTreeSet<Route>,
    /// Fences on their way, and what is behind them.
    fences: BTreeMap<u32, Option<TaskId>>,
    /// Tasks of which nothing is believed until their latest fence is answered.
    fenced: HashMap<TaskId, u32, FixedState>,
    /// Open questions, and when their askers give up.
    questions: BTreeMap<u32, Option<Time>>,
    /// When the scheduler last said something.
    heard_at: Time,
    stale: u64,
    story: Story,
}

impl<D: Token> Machine<D> {
    /// A session that is being dialled.
    #[must_use]
    pub fn new(config: Config, now: Time) -> Self {
        let story = Story::new(config.story_len_max);
        Machine {
            config,
            phase: Phase::Dialling,
            futures: Futures::new(),
            stored: HashMap::default(),
            held: HashMap::default(),
            peers: BTreeMap::new(),
            lanes: BTreeMap::new(),
            ready: BTreeSet::new(),
            fences: BTreeMap::new(),
            fenced: HashMap::default(),
            questions: BTreeMap::new(),
            heard_at: now,
            stale: 0,
            story,
        }
    }

    /// Takes one event.
    pub fn handle(&mut self, now: Time, event: Event<D>, out: &mut Actions<D>) {
        if self.phase == Phase::Over {
            return self.on_late(event, out);
        }
        match event {
            Event::Wanted(token) => self.futures.insert(token),
            Event::Shared(token) => self.on_shared(token, out),
            Event::Dropped(token) => self.on_dropped(&token),
            Event::Awaited(id) => self.on_awaited(now, id, out),
            Event::Held { id, value } => self.on_held(id, value),
            Event::Asked { request, until } => drop(self.questions.insert(request, until)),
            Event::Fence { request, id } => self.on_fence(request, id),
            Event::Close => self.on_close(now, out),
            Event::LinkUp => self.on_link_up(now),
            Event::Scheduler(message) => self.on_scheduler(now, message, out),
            Event::LinkLost { reason } => self.end(now, Ending::Lost { reason }, out),
            Event::PeerUp(peer) => self.on_peer_up(now, peer),
            Event::PeerDown(peer) => self.on_peer_down(now, peer, out),
            Event::Peer { from, reply } => self.on_peer(now, from, reply, out),
            Event::Tick => self.on_tick(now, out),
        }
    }

    /// Ends a batch of events: asks for stored values, many in one message.
    pub fn finish(&mut self, now: Time, out: &mut Actions<D>) {
        while let Some(route) = self.ready.pop_first() {
            self.pump(now, route, out);
            if self.lanes.get(&route).is_some_and(Lane::is_idle) {
                self.lanes.remove(&route);
            }
        }
    }

    /// When [`Event::Tick`] is due.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        if self.phase == Phase::Over {
            return None;
        }
        let questions = self.questions.values().flatten().copied();
        let owing = |(_, lane): &(&Route, &Lane)| lane.awaits_peer();
        let peers = self.lanes.iter().filter(|(route, _)| **route != Route::Scheduler);
        let stalls = peers.filter(owing).map(|(_, lane)| lane.moved_at + self.config.stall_max);
        let link = (self.phase == Phase::Up).then(|| self.heard_at + self.config.silence_max);
        questions.chain(stalls).chain(link).min()
    }

    /// Whether the session has ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// Futures that exist.
    #[must_use]
    pub fn futures_len(&self) -> usize {
        self.futures.len()
    }

    /// Messages that concerned nothing any more. Expected now and then.
    #[must_use]
    pub fn stale(&self) -> u64 {
        self.stale
    }

    /// What happened lately, oldest first.
    #[must_use]
    pub fn story(&self) -> Vec<String> {
        self.story.lines(None)
    }

    /// After the end: a future that came too late learns so, a question gets no answer, the rest does not matter.
    fn on_late(&mut self, event: Event<D>, out: &mut Actions<D>) {
        match event {
            Event::Wanted(token) | Event::Shared(token) => {
                out.push(Action::Settle { token, outcome: Outcome::Over });
            }
            Event::Asked { request, .. } => out.push(Action::Answered { request, answer: None }),
            _ => self.stale += 1,
        }
    }

    fn on_shared(&mut self, token: D, out: &mut Actions<D>) {
        // One that was cancelled knows nothing; which that is, only the futures themselves can tell.
        let older = self.futures.of(token.id());
        out.extend(older.map(|older| Action::Share { from: older.clone(), to: token.clone() }));
        self.futures.expect_several();
        self.futures.insert(token);
    }

    fn on_dropped(&mut self, token: &D) {
        if !self.futures.remove(token) {
            self.stale += 1;
        }
        if self.futures.any(token.id()).is_none() {
            self.forget_stored(token.id());
        }
    }

    fn on_fence(&mut self, request: u32, id: Option<TaskId>) {
        // A future of the life before, cancelled and still held, may share the id with one of the next.
        self.futures.expect_several();
        self.fences.insert(request, id);
        if let Some(id) = id {
            self.fenced.insert(id, request);
        }
    }

    fn on_answer(&mut self, request: u32, answer: Answer, out: &mut Actions<D>) {
        match self.fences.remove(&request) {
            Some(Some(id)) if self.fenced.get(&id) == Some(&request) => {
                self.fenced.remove(&id);
                return;
            }
            Some(Some(_)) => return,
            Some(None) => return out.push(Action::PastIsKnown),
            None => {}
        }
        match self.questions.remove(&request) {
            Some(_) => out.push(Action::Answered { request, answer: Some(answer) }),
            None => self.stale += 1,
        }
    }

    fn on_link_up(&mut self, now: Time) {
        self.story.note(now, "link up", 0);
        self.phase = Phase::Up;
        self.heard_at = now;
        self.ready.extend(self.lanes.keys());
    }

    fn on_close(&mut self, now: Time, out: &mut Actions<D>) {
        if self.phase == Phase::Up {
            out.push(Action::Send(ClientToScheduler::Goodbye));
        }
        self.end(now, Ending::Closed, out);
    }

    /// The session is over: everybody who waits learns why.
    fn end(&mut self, now: Time, ending: Ending, out: &mut Actions<D>) {
        self.story.note(now, "session over", self.futures.len() as u64);
        self.phase = Phase::Over;
        out.push(Action::End(ending));
        let settle = |token| Action::Settle { token, outcome: Outcome::Over };
        out.extend(self.futures.take_all().into_iter().map(settle));
        let questions = std::mem::take(&mut self.questions);
        out.extend(questions.into_keys().map(|request| Action::Answered { request, answer: None }));
        self.stored.clear();
        self.held.clear();
        self.fences.clear();
        self.fenced.clear();
        self.lanes.clear();
        self.ready.clear();
        let linked = |(peer, p): (PeerId, Peer)| (p.reach == Reach::Up).then_some(Action::HangUp(peer));
        out.extend(std::mem::take(&mut self.peers).into_iter().filter_map(linked));
    }

    fn on_scheduler(&mut self, now: Time, message: SchedulerToClient, out: &mut Actions<D>) {
        self.heard_at = now;
        if let SchedulerToClient::Data { relay, chunk, .. } = &message {
            // Said of what is of no use, too: the scheduler counts what is on its way.
            let until = chunk.offset.saturating_add(chunk.bytes.nbytes() as u64);
            let taken = Taken { relay: *relay, until, is_all: until >= chunk.total };
            out.push(Action::Send(ClientToScheduler::Taken(taken)));
        }
        if !self.fenced.is_empty() && subject(&message).is_some_and(|id| self.fenced.contains_key(&id)) {
            return self.stale += 1;
        }
        match message {
            SchedulerToClient::Done { id, value } => self.on_outcome(id, Outcome::Value(value), out),
            SchedulerToClient::DoneRun { first, values } => self.on_done_run(first, values, out),
            SchedulerToClient::Failed { id, failure } => self.on_outcome(id, Outcome::Failed(failure), out),
            SchedulerToClient::Pending { id } => self.on_pending(id, out),
            SchedulerToClient::Stored { id, task, nbytes, holders } => {
                let stored = Stored { task, nbytes, holders: holders.into(), fetch: None };
                self.on_stored(now, id, stored, out);
            }
            SchedulerToClient::Peer { peer, address } => self.on_peer_named(peer, address),
            SchedulerToClient::Push { id, task, worker, relay } => {
                self.on_push(now, id, task, worker, relay, out);
            }
            SchedulerToClient::Dropped { id } => self.on_let_go(id),
            SchedulerToClient::Data { id, chunk, .. } => {
                self.on_chunk(now, id, Route::Scheduler, *chunk, out);
            }
            SchedulerToClient::Grant(grant) => self.on_grant(grant),
            SchedulerToClient::EndRelay { relay } => self.on_end_relay(relay),
            SchedulerToClient::Answer { request, answer } => self.on_answer(request, answer, out),
            SchedulerToClient::Notice { text } => out.push(Action::Notice(text)),
            SchedulerToClient::Heartbeat => out.push(Action::Send(ClientToScheduler::Heartbeat)),
            SchedulerToClient::Goodbye { reason } => self.end(now, Ending::Lost { reason }, out),
        }
    }

    fn on_outcome(&mut self, id: TaskId, outcome: Outcome, out: &mut Actions<D>) {
        if !self.stored.is_empty() {
            self.forget_stored(id);
        }
        self.settle(id, outcome, out);
    }

    fn on_done_run(&mut self, first: TaskId, values: Vec<Payload>, out: &mut Actions<D>) {
        for (value, place) in values.into_iter().zip(0u64..) {
            let id = TaskId { seq: first.seq.wrapping_add(place), ..first };
            if !self.fenced.is_empty() && self.fenced.contains_key(&id) {
                self.stale += 1;
                continue;
            }
            self.on_outcome(id, Outcome::Value(value), out);
        }
    }

    /// The value is gone and being made again. Whoever was fetching it goes on when it is back.
    fn on_pending(&mut self, id: TaskId, out: &mut Actions<D>) {
        self.forget_stored(id);
        self.settle(id, Outcome::Pending, out);
    }

    /// Tells all futures of `id`.
    fn settle(&mut self, id: TaskId, outcome: Outcome, out: &mut Actions<D>) {
        if !self.futures.shares() {
            match self.futures.any(id) {
                Some(token) => out.push(Action::Settle { token: token.clone(), outcome }),
                None => self.stale += 1,
            }
            return;
        }
        let mut futures = self.futures.of(id);
        let Some(first) = futures.next() else {
            drop(futures);
            return self.stale += 1;
        };
        for token in futures {
            out.push(Action::Settle { token: token.clone(), outcome: outcome.clone() });
        }
        out.push(Action::Settle { token: first.clone(), outcome });
    }

    fn on_peer_named(&mut self, peer: PeerId, address: Option<String>) {
        let known = self.peers.entry(peer).or_insert(Peer { address: None, reach: Reach::Idle });
        if known.address != address {
            known.address = address;
            if matches!(known.reach, Reach::Unreachable(_)) {
                known.reach = Reach::Idle;
            }
        }
    }

    fn on_peer_up(&mut self, now: Time, peer: PeerId) {
        let Some(known) = self.peers.get_mut(&peer) else { return self.stale += 1 };
        known.reach = Reach::Up;
        self.story.note(now, "peer up", u64::from(peer.0));
        if let Some(lane) = self.lanes.get_mut(&Route::Peer(peer)) {
            lane.moved_at = now;
        }
        self.ready.insert(Route::Peer(peer));
    }

    fn on_peer_down(&mut self, now: Time, peer: PeerId, out: &mut Actions<D>) {
        let Some(known) = self.peers.get_mut(&peer) else { return self.stale += 1 };
        self.story.note(now, "peer down", u64::from(peer.0));
        known.reach = match known.reach {
            // It worked until now, so it may work again.
            Reach::Up => Reach::Idle,
            _ => Reach::Unreachable(now + self.config.redial_after),
        };
        self.reroute(now, peer, out);
    }

    /// Whatever was on its way to or from `peer` goes another way.
    fn reroute(&mut self, now: Time, peer: PeerId, out: &mut Actions<D>) {
        let Some(lane) = self.lanes.remove(&Route::Peer(peer)) else { return };
        let failed = lane.puts.iter().map(|put| (put.task, put.worker)).chain(lane.unconfirmed);
        out.extend(failed.map(|(task, worker)| push_failed(task, worker, None)));
        for id in lane.asked.into_values().map(|(id, _)| id).chain(lane.queue) {
            self.try_elsewhere(now, id, peer, out);
        }
    }

    fn on_peer(&mut self, now: Time, from: PeerId, reply: PeerReply, out: &mut Actions<D>) {
        match reply {
            PeerReply::Data(chunk) => self.on_peer_data(now, from, chunk, out),
            PeerReply::Local { task, value } => self.on_peer_local(from, task, value, out),
            PeerReply::Absent { task } => self.on_absent(now, from, task, out),
            PeerReply::Stored { task } => self.on_put_stored(now, from, task),
        }
    }

    fn on_tick(&mut self, now: Time, out: &mut Actions<D>) {
        self.forgive_own_pause(now);
        self.expire_questions(now, out);
        self.expire_stalls(now, out);
        if self.phase != Phase::Up {
            return;
        }
        if now >= self.heard_at + self.config.silence_max {
            let silence = now.since(self.heard_at).as_secs();
            let reason = format!("the scheduler has not been heard of for {silence} s");
            self.end(now, Ending::Lost { reason }, out);
        }
    }

    /// A process that was stopped, or a thread that a user blocked, must not mistake its own pause for the scheduler's
    /// silence: it gets the time from one of its heartbeats to the next.
    fn forgive_own_pause(&mut self, now: Time) {
        const LATE: Duration = Duration::from_secs(1);
        const GRACE: Duration = Duration::from_secs(6);
        let late = self.deadline().map_or(Duration::ZERO, |due| now.since(due));
        if late > LATE {
            self.story.note(now, "called late, ms", late.as_millis() as u64);
            self.heard_at = self.heard_at.max(now + GRACE - self.config.silence_max);
            self.lanes.values_mut().for_each(|lane| lane.moved_at = now);
        }
    }

    fn expire_questions(&mut self, now: Time, out: &mut Actions<D>) {
        self.questions.retain(|request, until| {
            let over = until.is_some_and(|until| now >= until);
            if over {
                out.push(Action::Answered { request: *request, answer: None });
            }
            !over
        });
    }

    /// A worker that owes something and says nothing is left alone for a while.
    fn expire_stalls(&mut self, now: Time, out: &mut Actions<D>) {
        let stalled = |(route, lane): (&Route, &Lane)| match route {
            Route::Peer(p) if lane.awaits_peer() && now >= lane.moved_at + self.config.stall_max => Some(*p),
            _ => None,
        };
        let stalled: Vec<PeerId> = self.lanes.iter().filter_map(stalled).collect();
        for peer in stalled {
            out.push(Action::HangUp(peer));
            if let Some(known) = self.peers.get_mut(&peer) {
                known.reach = Reach::Unreachable(now + self.config.redial_after);
            }
            self.reroute(now, peer, out);
        }
    }
}

/// The task whose outcome a message tells.
fn subject(message: &SchedulerToClient) -> Option<TaskId> {
    match message {
        SchedulerToClient::Done { id, .. }
        | SchedulerToClient::Failed { id, .. }
        | SchedulerToClient::Pending { id }
        | SchedulerToClient::Stored { id, .. }
        | SchedulerToClient::Data { id, .. } => Some(*id),
        _ => None,
    }
}

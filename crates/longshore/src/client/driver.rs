//! What runs a client: it reads, feeds the machine, carries out what the machine asks for, and writes.
//!
//! ```text
//! a turn:  links ─▶ machine ◀─ what user threads said ◀─ timer
//!                      │
//!                      ▼
//!          outboxes, futures to settle ─▶ flush ─▶ wake those who waited
//! ```
//! It decides nothing. Who takes a turn is the [desk](super::desk)'s affair: a task, or a thread that waits. Dropping it,
//! which a runtime does when it shuts down, ends the session like a lost link.
use super::desk::TICK;
use super::dialer::Dialer;
use super::session::{Ended, Phase, Session};
use crate::error::TaskError;
use crate::future::{Settled, TokenRef, Wakes};
use crate::link::{Attendance, BACKLOG_BYTES_MAX, Link, LinkError, LinkEvent, LinkSet};
use longshore_core::client::{Action, Batch, Config, Ending, Event, Machine, Outcome, Route};
use longshore_proto::frame::EncodeError;
use longshore_proto::{
    ClientToScheduler, FailureKind, PeerReply, PeerRequest, SchedulerToClient, TaskFailure, TaskId, Time,
};
use longshore_rt::{BoxSleep, DynRuntime, Instant, Runtime, Sleep};
use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// Pieces of large values wait in the machine until a link holds less than this.
const PUSH_BACKLOG_BYTES: usize = 2 * 1024 * 1024;
/// Actions are carried out once there are so many, while what they touch is at hand.
const ACTIONS_LEN_MAX: usize = 256;
/// How long the last words may take.
const GOODBYE_MAX: Duration = Duration::from_secs(5);

pub(super) type SchedulerLink = Link<SchedulerToClient, ClientToScheduler>;

/// A client's driver, link up.
pub(super) struct Driver {
    core: Core,
    link: SchedulerLink,
    peers: LinkSet<PeerReply, PeerRequest>,
    dialer: Dialer,
    sleep: Option<(Time, BoxSleep)>,
    /// Set when only the last words are left to be sent.
    goodbye_until: Option<Time>,
}

/// Who takes a turn.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Turn {
    /// The driver's task. `reads`: nobody else reads the scheduler's link. `ticks`: it looks again after [`TICK`].
    Task { reads: bool, ticks: bool },
    /// A thread that reads the scheduler's link itself.
    Thread,
}

/// What there is whether or not there is a link.
pub(super) struct Core {
    session: Arc<Session>,
    rt: DynRuntime,
    machine: Machine<TokenRef>,
    batch: Batch<TokenRef>,
    actions: Vec<Action<TokenRef>>,
    /// Actions that need a link.
    outward: Vec<Action<TokenRef>>,
    wakes: Wakes,
    /// A future was settled since the driver's task last looked: it may be dropped soon.
    settled: bool,
    ended: Option<Ended>,
    /// What an unfinished future fails with, made once.
    over: Option<TaskError>,
}

impl Core {
    pub(super) fn new(session: Arc<Session>) -> Self {
        let rt = session.rt().clone();
        let machine = Machine::new(Config::default(), Time(rt.now().0));
        let (batch, actions, wakes) = (Batch::default(), Vec::new(), Wakes::default());
        Core {
            session,
            rt,
            machine,
            batch,
            actions,
            outward: Vec::new(),
            wakes,
            settled: false,
            ended: None,
            over: None,
        }
    }

    fn now(&self) -> Time {
        Time(self.rt.now().0)
    }

    fn handle(&mut self, now: Time, event: Event<TokenRef>) {
        self.machine.handle(now, event, &mut self.actions);
    }

    /// Ends the session for a reason that the machine cannot know, and tells everybody.
    pub(super) fn end(&mut self, ended: Ended) {
        if self.ended.is_none() {
            self.ended = Some(ended.clone());
            self.over = Some(ended.task_error());
        }
        let event = match ended {
            Ended::Closed => Event::Close,
            Ended::Lost(reason) => Event::LinkLost { reason: reason.to_string() },
            Ended::Unconnected(e) => Event::LinkLost { reason: e.to_string() },
        };
        let now = self.now();
        self.handle(now, event);
        self.settle_all(now);
    }

    /// With nobody to talk to, futures and questions are all that is left of the actions.
    fn settle_all(&mut self, now: Time) {
        // From here on nothing is taken, so what is in the outbox now is the last of it.
        if let Some(ended) = &self.ended {
            self.session.set_phase(Phase::Over(ended.clone()));
        }
        self.take(now, 0, &mut |_| {});
        while !self.actions.is_empty() {
            self.carry_out_all(now);
        }
        self.outward.clear();
        self.wakes.fire();
    }

    /// Takes what user threads said. Messages are given to `send`, in order and before anything that follows from them.
    /// Whether something else was said than messages.
    fn take(&mut self, now: Time, backlog_bytes: usize, send: &mut dyn FnMut(ClientToScheduler)) -> bool {
        let mut batch = std::mem::take(&mut self.batch);
        self.session.take(&mut batch, backlog_bytes);
        batch.messages.drain(..).for_each(send);
        batch.news.drain(..).for_each(|news| self.handle(now, news.into()));
        let any_events = !batch.events.is_empty();
        batch.events.drain(..).for_each(|event| self.handle(now, event));
        batch.clear();
        self.batch = batch;
        any_events
    }

    /// Carries out what needs no link, and keeps what does, in order.
    fn carry_out_all(&mut self, now: Time) {
        let mut actions = std::mem::take(&mut self.actions);
        for action in actions.drain(..) {
            let outward = self.carry_out(now, action);
            self.outward.extend(outward);
        }
        // What follows from these comes next; the memory is used again.
        if self.actions.is_empty() {
            self.actions = actions;
        }
    }

    /// Carries out what needs no link; gives back what does.
    fn carry_out(&mut self, now: Time, action: Action<TokenRef>) -> Option<Action<TokenRef>> {
        match action {
            Action::Settle { token, outcome } => self.settle(now, &token, outcome),
            Action::Share { from, to } => {
                if let Some(settled) = from.0.as_settled()
                    && to.0.settle(settled, &mut self.wakes)
                {
                    self.handle(now, Event::Awaited(to.0.id()));
                }
            }
            Action::Answered { request, answer } => self.session.answer(request, answer),
            Action::PastIsKnown => self.session.lock().outbox.past_is_known(),
            Action::Notice(text) => tracing::warn!(target: "longshore::client", "{text}"),
            Action::End(ending) => self.on_end(ending),
            other => return Some(other),
        }
        None
    }

    fn settle(&mut self, now: Time, token: &TokenRef, outcome: Outcome) {
        self.settled = true;
        let settled = match outcome {
            Outcome::Value(value) => Settled::Value(value),
            Outcome::Stored { nbytes } => Settled::Stored { nbytes },
            Outcome::Failed(failure) => Settled::Failed(TaskError::new(failure)),
            Outcome::Pending => Settled::Pending,
            Outcome::Over => {
                let closed = || Ended::Closed.task_error();
                Settled::Failed(self.over.get_or_insert_with(closed).clone())
            }
        };
        if token.0.settle(settled, &mut self.wakes) {
            self.handle(now, Event::Awaited(token.0.id()));
        }
    }

    fn on_end(&mut self, ending: Ending) {
        let closing = self.session.lock().closing;
        let ended = self.ended.get_or_insert_with(|| match ending {
            // Who leaves does not mind that the other side was quicker.
            Ending::Lost { .. } if closing => Ended::Closed,
            Ending::Closed => Ended::Closed,
            Ending::Lost { reason } => Ended::Lost(reason.into()),
        });
        if let Ended::Lost(reason) = ended {
            // Who awaits something learns it from that; who does not need not be alarmed.
            tracing::info!(target: "longshore::client", %reason, "the session has ended");
        }
        self.over = Some(ended.task_error());
        self.session.set_phase(Phase::Over(ended.clone()));
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        if self.machine.is_over() {
            // What was said between the last look and the end still gets its answer.
            let now = self.now();
            self.settle_all(now);
        } else {
            self.end(Ended::Lost("the runtime that ran the client was shut down".into()));
        }
        let ended = self.ended.take().unwrap_or(Ended::Closed);
        self.session.set_phase(Phase::Finished(ended));
    }
}

impl Driver {
    pub(super) fn new(mut core: Core, link: SchedulerLink, dialer: Dialer) -> Self {
        let now = core.now();
        core.handle(now, Event::LinkUp);
        core.session.set_phase(Phase::Up);
        let peers = LinkSet::new(&core.rt, BACKLOG_BYTES_MAX);
        Driver { core, link, peers, dialer, sleep: None, goodbye_until: None }
    }

    /// What a thread needs to take turns; `None` if there is nothing to be read by threads.
    pub(super) fn attendance(&self) -> Option<Arc<Attendance>> {
        self.link.attendance().filter(|_| !self.core.machine.is_over()).cloned()
    }

    /// Exchanges those who are to be woken once no lock is held for an empty list.
    pub(super) fn swap_wakes(&mut self, wakes: &mut Wakes) {
        std::mem::swap(&mut self.core.wakes, wakes);
    }

    /// Sends what user threads said. Whether the driver's task, which `cx` wakes, has nothing to do.
    pub(super) fn send(&mut self, cx: &mut Context<'_>) -> bool {
        if self.core.machine.is_over() {
            return false;
        }
        let now = self.core.now();
        let any_events = self.listen_to_users(now);
        let is_lost = matches!(self.link.poll_flush(cx), Poll::Ready(Err(_)));
        let asleep = self.core.session.sleep(self.link.backlog_bytes(), None);
        asleep && !any_events && !is_lost && self.core.actions.is_empty()
    }

    /// One turn. `cx` wakes the driver's task, whoever takes it. `Ready` when the session is over, which only the task sees
    /// to the end.
    pub(super) fn turn(&mut self, turn: Turn, cx: &mut Context<'_>) -> Poll<()> {
        let now = self.core.now();
        match turn {
            // A thread that leads may be busy for long with what it was told. That the link is lost waits for nobody.
            Turn::Task { reads: false, .. } if self.link.is_lost() => self.read(now, cx),
            Turn::Task { reads: false, .. } => {}
            Turn::Task { reads: true, .. } | Turn::Thread => {
                self.link.attend(turn == Turn::Thread);
                self.read(now, cx);
            }
        }
        self.read_peers(now, cx);
        self.listen_to_users(now);
        if self.core.machine.deadline().is_some_and(|due| due <= now) {
            self.core.handle(now, Event::Tick);
        }
        self.act(now);
        self.core.machine.finish(now, &mut self.core.actions);
        if cfg!(debug_assertions) {
            self.core.machine.validate();
        }
        self.act(now);
        self.push(now);
        if self.core.machine.is_over() {
            return self.say_goodbye(turn, now, cx);
        }
        self.flush(now, cx);
        let ticks = self.arm(turn, now, cx);
        let asleep = self.core.session.sleep(self.link.backlog_bytes(), ticks);
        if !asleep || !self.core.actions.is_empty() || self.dialer.is_due() {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    fn read(&mut self, now: Time, cx: &mut Context<'_>) {
        let core = &mut self.core;
        let polled = self.link.poll_recv(cx, &mut |message| {
            core.handle(now, Event::Scheduler(message));
            if core.actions.len() >= ACTIONS_LEN_MAX {
                core.carry_out_all(now);
            }
        });
        if let Poll::Ready(Err(e)) = polled {
            core.handle(now, Event::LinkLost { reason: lost(&e) });
        }
    }

    fn read_peers(&mut self, now: Time, cx: &mut Context<'_>) {
        let core = &mut self.core;
        self.peers.poll(cx, &mut |from, event| match event {
            LinkEvent::Message(reply) => core.handle(now, Event::Peer { from, reply }),
            LinkEvent::Lost(_) => core.handle(now, Event::PeerDown(from)),
        });
        let peers = &mut self.peers;
        self.dialer.poll(cx, &mut |peer, dialled| match dialled {
            Ok(link) => {
                peers.insert(peer, link);
                core.handle(now, Event::PeerUp(peer));
            }
            Err(e) => {
                tracing::debug!(target: "longshore::client", peer = peer.0, reason = %e, "a worker cannot be reached");
                core.handle(now, Event::PeerDown(peer));
            }
        });
    }

    /// Whether there was more than messages.
    fn listen_to_users(&mut self, now: Time) -> bool {
        let (link, mut failed) = (&mut self.link, Vec::new());
        let any_events = self.core.take(now, link.backlog_bytes(), &mut |message| {
            let id = subject(&message);
            if let Err(e) = link.send(message) {
                failed.push((id, e));
            }
        });
        failed.into_iter().for_each(|(id, e)| self.on_unsendable(now, id, &e));
        any_events
    }

    /// A call that no frame can carry fails as if the scheduler had said so.
    fn on_unsendable(&mut self, now: Time, subject: Option<Subject>, e: &EncodeError) {
        let Some((first, len)) = subject else {
            return tracing::error!(target: "longshore::client", "a message is lost: {e}");
        };
        for seq in (first.seq..).take(len as usize) {
            self.on_unsendable_call(now, TaskId { seq, ..first }, e);
        }
    }

    fn on_unsendable_call(&mut self, now: Time, id: TaskId, e: &EncodeError) {
        let failure = TaskFailure::new(FailureKind::Refused, id, "", format!("the call cannot be sent: {e}"));
        let message = SchedulerToClient::Failed { id, failure: Arc::new(failure) };
        self.core.handle(now, Event::Scheduler(message));
    }

    /// Carries out actions until there are none: settling a future may lead to more.
    fn act(&mut self, now: Time) {
        while !self.core.actions.is_empty() || !self.core.outward.is_empty() {
            self.core.carry_out_all(now);
            let mut outward = std::mem::take(&mut self.core.outward);
            outward.drain(..).for_each(|action| self.talk(now, action));
            if self.core.outward.is_empty() {
                self.core.outward = outward;
            }
        }
    }

    fn talk(&mut self, now: Time, action: Action<TokenRef>) {
        match action {
            Action::Send(message) => {
                let id = subject(&message);
                if let Err(e) = self.link.send(message) {
                    self.on_unsendable(now, id, &e);
                }
            }
            Action::SendPeer { to, message } => {
                if let Err(e) = self.peers.send(to, message) {
                    tracing::error!(target: "longshore::client", peer = to.0, "a message is lost: {e}");
                }
            }
            Action::Dial { peer, address } => self.dialer.dial(peer, &address),
            Action::HangUp(peer) => drop(self.peers.remove(peer)),
            _ => {}
        }
    }

    /// Sends pieces of large values as long as their links have room.
    fn push(&mut self, now: Time) {
        let routes: Vec<Route> = self.core.machine.sending().collect();
        for route in routes {
            while self.has_room(route) {
                let Some(action) = self.core.machine.next_piece(now, route) else { break };
                self.talk(now, action);
            }
        }
    }

    fn has_room(&self, route: Route) -> bool {
        let backlog_bytes = match route {
            Route::Scheduler => Some(self.link.backlog_bytes()),
            Route::Peer(peer) => self.peers.get(peer).map(Link::backlog_bytes),
        };
        backlog_bytes.is_some_and(|bytes| bytes < PUSH_BACKLOG_BYTES)
    }

    fn flush(&mut self, now: Time, cx: &mut Context<'_>) {
        // A link that cannot be written to says so when it is read.
        if let Poll::Ready(Err(_)) = self.link.poll_flush(cx) {
            cx.waker().wake_by_ref();
        }
        let core = &mut self.core;
        let mut lost = false;
        self.peers.flush(cx, &mut |peer, _| {
            core.handle(now, Event::PeerDown(peer));
            lost = true;
        });
        if lost {
            // What was on its way there goes another way in the next turn.
            cx.waker().wake_by_ref();
        }
        // What a link took may have made room for more pieces.
        let more = self.core.machine.sending().any(|route| self.has_room(route));
        if more {
            cx.waker().wake_by_ref();
        }
    }

    /// Re-arms the one timer. Whether the task looks again soon; `None` if that is for the task to say.
    fn arm(&mut self, turn: Turn, now: Time, cx: &mut Context<'_>) -> Option<bool> {
        let due = self.core.machine.deadline();
        let Turn::Task { ticks, .. } = turn else {
            let armed = self.sleep.as_ref().map(|(armed, _)| *armed);
            if due.is_some_and(|due| armed.is_none_or(|armed| due < armed)) {
                cx.waker().wake_by_ref();
            }
            return None;
        };
        // Who was given a result drops its future next.
        let ticks = std::mem::take(&mut self.core.settled) || ticks;
        let tick = ticks.then(|| now + TICK);
        if let Some(due) = due.into_iter().chain(tick).min() {
            self.arm_at(due, now, cx);
        }
        Some(ticks)
    }

    fn arm_at(&mut self, due: Time, now: Time, cx: &mut Context<'_>) {
        let rt = &self.core.rt;
        let (armed, sleep) = self.sleep.get_or_insert_with(|| (due, rt.sleep_until(Instant(due.0))));
        // Every message moves the end of the scheduler's lease: a timer that fires early looks again and moves on.
        if due < *armed || *armed <= now {
            sleep.reset(Instant(due.0));
            *armed = due;
        }
        if Pin::new(sleep).poll(cx).is_ready() {
            *armed = Time(0);
            cx.waker().wake_by_ref();
        }
    }

    /// Sends what is left and closes, within bounds.
    fn say_goodbye(&mut self, turn: Turn, now: Time, cx: &mut Context<'_>) -> Poll<()> {
        if turn == Turn::Thread {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let until = *self.goodbye_until.get_or_insert(now + GOODBYE_MAX);
        self.link.attend(false);
        self.peers.close_all();
        self.peers.flush(cx, &mut |_, _| {});
        let closed = self.link.poll_end(cx).is_ready();
        let sleep = self.sleep.insert((until, self.core.rt.sleep_until(Instant(until.0))));
        if (closed && self.peers.is_flushed()) || Pin::new(&mut sleep.1).poll(cx).is_ready() {
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

/// Tasks whose ids follow one another: the first, and how many.
type Subject = (TaskId, u32);

/// The tasks that fail when this message cannot be sent.
fn subject(message: &ClientToScheduler) -> Option<Subject> {
    match message {
        ClientToScheduler::Submit(submit) => Some((submit.id, 1)),
        ClientToScheduler::SubmitRun(run) => Some((run.first, run.claimed_len())),
        ClientToScheduler::Scatter(scatter) => Some((scatter.id, 1)),
        _ => None,
    }
}

fn lost(e: &LinkError) -> String {
    format!("the link to the scheduler is lost: {e}")
}

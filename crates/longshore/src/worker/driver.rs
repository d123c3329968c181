//! The worker's turn: what came in goes to the machine, what the machine wants done is done, what is to go out goes out.
use super::callers::Callers;
use super::compute::{AsyncRun, Job, Workshop, drop_quietly};
use super::desk::{Desk, Papers};
use super::functions::Functions;
use super::inbox::{Encoded, Mail};
use super::peers::Peers;
use super::serve::encode_here;
use super::uploads::Uploads;
use crate::alarm::Alarm;
use crate::context::Home;
use crate::function::Run as HowToRun;
use crate::link::Acceptor;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use longshore_core::worker::{Action, Actions, Event, Exit, Outcome, Run};
use longshore_proto::client::Chunk;
use longshore_proto::{Attempt, Grant, Payload, TaskHandle, Time, WorkerToScheduler};
use longshore_rt::{Instant, Runtime, RuntimeExt, Task};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// How long a worker that leaves waits for its last words to be taken.
const LEAVE_MS_MAX: u64 = 2_000;
/// Released values beyond this are dropped off the driver.
const DISCARD_HERE_BYTES_MAX: usize = 256 * 1024;

/// The worker's one future.
pub(super) struct Driver {
    home: Arc<Home>,
    desk: Arc<Desk>,
    incarnation: u64,
    uploads: Uploads,
    peers: Peers,
    callers: Callers,
    acceptor: Option<Acceptor>,
    workshop: Workshop,
    /// Runs of `async fn`s.
    asynchronous: HashMap<(TaskHandle, Attempt), Task<()>, FixedState>,
    encodings: u64,
    mail: Mail,
    /// Kept for its memory.
    actions: Actions,
    /// What happened while actions were carried out.
    events: Vec<Event>,
    jobs: Vec<Job>,
    alarm: Alarm,
    leaving: Option<(Exit, Instant)>,
}

/// What a driver is made of.
pub(super) struct Parts {
    pub(super) home: Arc<Home>,
    pub(super) desk: Arc<Desk>,
    pub(super) incarnation: u64,
    pub(super) peers: Peers,
    pub(super) acceptor: Acceptor,
    pub(super) workshop: Workshop,
}

impl Driver {
    pub(super) fn new(parts: Parts) -> Self {
        let rt = &parts.home.rt;
        Driver {
            uploads: Uploads::default(),
            callers: Callers::new(rt),
            acceptor: Some(parts.acceptor),
            asynchronous: HashMap::default(),
            encodings: 0,
            mail: Mail::default(),
            actions: Actions::new(),
            events: Vec::new(),
            jobs: Vec::new(),
            alarm: Alarm::new(rt),
            leaving: None,
            home: parts.home,
            desk: parts.desk,
            incarnation: parts.incarnation,
            peers: parts.peers,
            workshop: parts.workshop,
        }
    }

    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<Exit> {
        let now = Time(self.home.rt.now().0);
        let mut deadline = None;
        if self.leaving.is_none() {
            let desk = self.desk.clone();
            let mut papers = desk.lock();
            self.take_mail(&mut papers, now, cx);
            self.receive(&mut papers, now, cx);
            if papers.machine.deadline().is_some_and(|at| at <= now) {
                papers.handle(now, Event::Tick);
            }
            self.carry_out_all(&mut papers, now);
            self.flush(&mut papers, now, cx);
            deadline = papers.deadline();
            papers.armed = self.alarm.armed_by(deadline);
        }
        // Not under the lock, which a thread that wakes at once soon wants: it would sleep again.
        self.workshop.push(&mut self.jobs);
        if self.leaving.is_some() {
            return self.leave(cx);
        }
        self.alarm.arm(deadline, cx);
        Poll::Pending
    }

    /// Takes in what other threads and tasks left.
    fn take_mail(&mut self, papers: &mut Papers, now: Time, cx: &Context<'_>) {
        let mut mail = std::mem::take(&mut self.mail);
        self.home.inbox.take(cx, &mut mail);
        for waiting in mail.waiting.drain(..) {
            let (task, attempt) = (waiting.task, waiting.attempt);
            let event = match waiting.seceded {
                true => Event::Seceded { task, attempt },
                false => Event::Rejoined { task, attempt },
            };
            papers.handle(now, event);
        }
        for run in mail.ended_async.drain(..) {
            self.asynchronous.remove(&run);
        }
        for ended in mail.ended.drain(..) {
            self.home.cancelled.remove(ended.task, ended.attempt);
            papers.run_ended(now, ended);
        }
        for accepted in mail.accepted.drain(..) {
            self.callers.introduce(accepted, &self.home.token, self.incarnation);
        }
        for dialled in mail.dialled.drain(..) {
            self.peers.dialled(dialled, &mut self.events);
        }
        for Encoded { number, result } in mail.encoded.drain(..) {
            if !self.uploads.encoded(number, &result) {
                self.callers.encoded(number, &result);
            }
        }
        if std::mem::take(&mut mail.close) {
            self.events.push(Event::Close);
        }
        self.mail = mail;
    }

    /// Takes in what came over links.
    fn receive(&mut self, papers: &mut Papers, now: Time, cx: &mut Context<'_>) {
        papers.receive(now, cx);
        let Driver { peers, callers, .. } = self;
        peers.poll(cx, &mut |event| papers.handle(now, event));
        callers.poll(cx, &mut |event| papers.handle(now, event));
    }

    /// Does what the machine wants, and what follows from that.
    fn carry_out_all(&mut self, papers: &mut Papers, now: Time) {
        loop {
            self.carry_out(papers);
            if self.events.is_empty() || self.leaving.is_some() {
                break;
            }
            let mut events = std::mem::take(&mut self.events);
            for event in events.drain(..) {
                papers.handle(now, event);
            }
            self.events = events;
        }
        papers.validate();
    }

    fn carry_out(&mut self, papers: &mut Papers) {
        let mut actions = std::mem::replace(&mut papers.actions, std::mem::take(&mut self.actions));
        for action in actions.drain(..) {
            match action {
                Action::ToScheduler(message) => papers.tell_now(message),
                Action::Start(run) => self.start(run, &papers.functions),
                Action::CancelRun { task, attempt } => self.cancel(task, attempt),
                Action::Fetch { peer, address, tasks } => {
                    self.peers.fetch(peer, &address, tasks, &mut self.events);
                }
                Action::DropPeer { peer } => self.peers.drop_peer(peer),
                Action::ToCaller { caller, reply } => self.callers.send(caller, reply),
                Action::Serve { caller, task, value } => {
                    let Driver { callers, home, encodings, .. } = self;
                    callers.serve(caller, task, value, &mut |value| encode_elsewhere(home, encodings, value));
                }
                Action::DropCaller { caller } => self.callers.drop_caller(caller),
                Action::Upload { grant, task, value } => self.upload(papers, grant, task, value),
                Action::Grant(grant) => self.uploads.grant(grant),
                Action::EndUpload(relay) => self.uploads.end(relay),
                Action::Discard(values) => self.discard(values),
                Action::Exit(exit) => self.begin_to_leave(exit),
            }
        }
        self.actions = actions;
    }

    fn start(&mut self, run: Run, functions: &Functions) {
        let function = match functions.find(run.function, run.id) {
            Ok(function) => function,
            Err(failure) => {
                let (task, attempt, outcome) = (run.task, run.attempt, Outcome::Failed(failure));
                return self.events.push(Event::RunEnded { task, attempt, duration_ns: 0, outcome });
            }
        };
        match function.run() {
            HowToRun::Sync(_) => self.jobs.push(Job { run, function }),
            HowToRun::Async(begin) => {
                let key = (run.task, run.attempt);
                let future = AsyncRun::new(self.home.clone(), function, begin, run);
                self.asynchronous.insert(key, self.home.rt.spawn("task", future));
            }
        }
    }

    fn cancel(&mut self, task: TaskHandle, attempt: Attempt) {
        self.home.cancelled.insert(task, attempt);
        // Dropping it aborts it; it reports its end like any other.
        self.asynchronous.remove(&(task, attempt));
    }

    fn upload(&mut self, papers: &mut Papers, grant: Grant, task: TaskHandle, value: Payload) {
        if papers.scheduler.is_local() {
            // Handing it over costs no memory, whoever it is for.
            let total = value.nbytes() as u64;
            let chunk = Box::new(Chunk { task, total, offset: 0, bytes: value.into() });
            return papers.tell_now(WorkerToScheduler::Data { relay: grant.relay, chunk });
        }
        let Driver { uploads, home, encodings, .. } = self;
        uploads.push(grant, task, value, &mut |value| encode_elsewhere(home, encodings, value));
    }

    fn discard(&self, values: Vec<Payload>) {
        if values.iter().map(Payload::nbytes).sum::<usize>() > DISCARD_HERE_BYTES_MAX {
            self.home.rt.spawn_blocking("discard", move || drop_quietly(values)).detach();
        } else {
            drop_quietly(values);
        }
    }

    /// Sends what is to be sent, as far as sockets take it.
    fn flush(&mut self, papers: &mut Papers, now: Time, cx: &mut Context<'_>) {
        while let Some(message) = self.uploads.next(papers.scheduler.backlog_bytes()) {
            papers.tell_now(message);
        }
        papers.flush(now, cx);
        if self.uploads.has_room(papers.scheduler.backlog_bytes()) {
            cx.waker().wake_by_ref();
        }
        self.callers.pump();
        self.callers.flush(cx, &mut self.events);
        self.peers.flush(cx, &mut self.events);
        if !self.events.is_empty() {
            cx.waker().wake_by_ref();
        }
    }

    fn begin_to_leave(&mut self, exit: Exit) {
        tracing::debug!(%exit, "the worker leaves");
        self.acceptor = None;
        self.workshop.stop();
        self.asynchronous.clear();
        self.peers.clear();
        self.callers.close_all();
        let until = self.home.rt.now() + Duration::from_millis(LEAVE_MS_MAX);
        self.alarm.set(until);
        self.leaving = Some((exit, until));
    }

    /// Waits until the last words were taken, but not for ever.
    fn leave(&mut self, cx: &mut Context<'_>) -> Poll<Exit> {
        let is_said = self.desk.lock().scheduler.poll_end(cx).is_ready();
        self.callers.poll(cx, &mut |_| {});
        self.callers.flush(cx, &mut self.events);
        let is_over = is_said && self.callers.are_gone();
        if !is_over && self.alarm.poll(cx).is_pending() {
            return Poll::Pending;
        }
        let exit = self.leaving.take().map(|(exit, _)| exit);
        Poll::Ready(exit.unwrap_or(Exit::Closed))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.desk.cut();
    }
}

impl Future for Driver {
    type Output = Exit;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Exit> {
        self.turn(cx)
    }
}

/// Has a large typed value encoded off the driver. The number under which the result will come.
fn encode_elsewhere(home: &Arc<Home>, encodings: &mut u64, value: Payload) -> u64 {
    *encodings += 1;
    let (number, inbox) = (*encodings, home.inbox.clone());
    let encoding = home.rt.spawn_blocking("encode", move || {
        let result = encode_here(value);
        inbox.post(|mail| mail.encoded.push(Encoded { number, result }));
    });
    encoding.detach();
    number
}

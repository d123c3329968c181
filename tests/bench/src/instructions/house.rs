//! The three machines, wired together: messages move as batches, runs end at once, time is a number.

use std::collections::BTreeSet;

use longshore_core::client::{self, Batch, Outbox, Outcome as Settled, Token};
use longshore_core::scheduler::{self, Config};
use longshore_core::worker::{self, CallerId, Outcome, Run, Settings};
use longshore_proto::client::Chunk;
use longshore_proto::failure::FailureValue;
use longshore_proto::handshake::WorkerHello;
use longshore_proto::{
    FailureKind, FunctionId, FunctionIndex, FunctionSpec, Payload, PeerId, PeerReply, PeerRequest,
    SchedulerToClient, SessionId, Submit, TaskFailure, TaskId, Time, WorkerToScheduler,
};
use std::sync::Arc;

/// A future is its task here.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Future(TaskId);

impl Token for Future {
    fn id(&self) -> TaskId {
        self.0
    }
}

const SESSION: SessionId = SessionId(1);
const CLIENT: PeerId = PeerId(0);
/// How long each run is said to take.
const RUN_NS: u64 = 100;
/// How long each turn of the machines is said to take.
const TURN_NS: u64 = 10_000;
const OUTBOX_BYTES_MAX: usize = 1 << 30;

fn spec() -> FunctionSpec {
    FunctionSpec { id: FunctionId(7), name: "bench::noop".into(), signature: 1 }
}

/// A worker's machine and what waits for it.
struct Worker {
    peer: PeerId,
    machine: worker::Machine,
    events: Vec<worker::Event>,
    actions: worker::Actions,
}

/// Client, scheduler and workers.
pub(crate) struct House {
    now: Time,
    client: client::Machine<Future>,
    outbox: Outbox<Future>,
    batch: Batch<Future>,
    client_actions: client::Actions<Future>,
    scheduler: scheduler::Machine,
    scheduler_actions: scheduler::Actions,
    workers: Vec<Worker>,
    to_scheduler: Vec<scheduler::Event>,
    to_client: Vec<SchedulerToClient>,
    function: FunctionIndex,
    next_seq: u64,
    waiting: BTreeSet<TaskId>,
    /// Runs end with an error from now on.
    pub(crate) runs_fail: bool,
}

impl House {
    /// With so many workers of one thread, all welcome.
    pub(crate) fn new(workers: u32) -> Self {
        let now = Time(0);
        let mut house = Self {
            now,
            client: client::Machine::new(client::Config::default(), now),
            outbox: Outbox::new(SESSION, OUTBOX_BYTES_MAX),
            batch: Batch::default(),
            client_actions: Vec::new(),
            scheduler: scheduler::Machine::new(Config::default()),
            scheduler_actions: Vec::new(),
            workers: Vec::new(),
            to_scheduler: vec![scheduler::Event::ClientJoined { peer: CLIENT }],
            to_client: Vec::new(),
            function: FunctionIndex(0),
            next_seq: 0,
            waiting: BTreeSet::new(),
            runs_fail: false,
        };
        house.client.handle(now, client::Event::LinkUp, &mut house.client_actions);
        house.function = house.outbox.function(spec().id, spec);
        (1..=workers).for_each(|number| house.add_worker(PeerId(number)));
        house.settle();
        house
    }

    fn add_worker(&mut self, peer: PeerId) {
        let hello = WorkerHello {
            name: format!("w{}", peer.0),
            incarnation: 1,
            address: Some(format!("tcp://w{}:1", peer.0)),
            nthreads: 1,
            runtime: "bench".into(),
            pid: 1,
            memory_limit_bytes: None,
            resources: Vec::new(),
            registry: 1,
            version: String::new(),
        };
        self.to_scheduler.push(scheduler::Event::WorkerJoined { peer, hello: Box::new(hello) });
        let message = WorkerToScheduler::Registry { functions: vec![spec()], last: true };
        self.to_scheduler.push(scheduler::Event::FromWorker { peer, message });
        let machine = worker::Machine::new(Settings::new(format!("w{}", peer.0), peer, 1), self.now);
        self.workers.push(Worker { peer, machine, events: Vec::new(), actions: Vec::new() });
    }

    /// Describes a call that somebody wants the value of.
    pub(crate) fn submit(&mut self, inputs: &[TaskId]) -> TaskId {
        self.submit_with(inputs, 0)
    }

    /// The same with a priority.
    pub(crate) fn submit_with(&mut self, inputs: &[TaskId], priority: i32) -> TaskId {
        self.next_seq += 1;
        let id = TaskId { origin: SESSION.0, seq: self.next_seq };
        let args = Payload::copy_from(&self.next_seq.to_le_bytes());
        let (function, inputs) = (self.function, inputs.to_vec());
        let submit = Submit { id, function, args, inputs, want: true, priority, options: None };
        self.waiting.insert(id);
        let taken = counted_submit(&mut self.outbox, submit);
        assert!(taken, "the outbox refused a call");
        id
    }

    /// The last handle of a future goes.
    pub(crate) fn release(&mut self, id: TaskId) {
        self.waiting.remove(&id);
        counted_release(&mut self.outbox, Future(id));
    }

    /// Turns until nobody has anything to say.
    pub(crate) fn settle(&mut self) {
        while self.turn() {
            self.now.0 += TURN_NS;
        }
    }

    /// Tasks the scheduler knows.
    pub(crate) fn tasks_len(&self) -> usize {
        self.scheduler.tasks_len()
    }

    /// Futures that are held and have no value.
    pub(crate) fn unsettled_len(&self) -> usize {
        self.waiting.len()
    }

    /// One batch through each machine; whether anything moved.
    fn turn(&mut self) -> bool {
        let has_news = !self.outbox.is_empty() || !self.to_client.is_empty();
        let moved = has_news
            || !self.to_scheduler.is_empty()
            || self.workers.iter().any(|worker| !worker.events.is_empty());
        if has_news {
            self.client_turn();
        }
        if !self.to_scheduler.is_empty() {
            self.scheduler_turn();
        }
        for index in 0..self.workers.len() {
            if !self.workers[index].events.is_empty() {
                self.worker_turn(index);
            }
        }
        moved
    }

    fn client_turn(&mut self) {
        self.outbox.take(&mut self.batch);
        let messages = std::mem::take(&mut self.to_client);
        counted_client(&mut self.client, self.now, &mut self.batch, messages, &mut self.client_actions);
        let sent = self.batch.messages.drain(..);
        self.to_scheduler.extend(sent.map(|message| scheduler::Event::FromClient { peer: CLIENT, message }));
        self.batch.clear();
        for action in self.client_actions.drain(..) {
            match action {
                client::Action::Settle { token, outcome: Settled::Value(_) | Settled::Failed(_) } => {
                    self.waiting.remove(&token.id());
                }
                client::Action::Send(message) => {
                    self.to_scheduler.push(scheduler::Event::FromClient { peer: CLIENT, message });
                }
                client::Action::PastIsKnown => self.outbox.past_is_known(),
                other => panic!("a client of no-ops does not {other:?}"),
            }
        }
    }

    fn scheduler_turn(&mut self) {
        let events = std::mem::take(&mut self.to_scheduler);
        counted_scheduler(&mut self.scheduler, self.now, events, &mut self.scheduler_actions);
        for action in self.scheduler_actions.drain(..) {
            match action {
                scheduler::Action::ToWorker { peer, message } => {
                    let worker = &mut self.workers[peer.0 as usize - 1];
                    worker.events.push(worker::Event::FromScheduler(message));
                }
                scheduler::Action::ToClient { message, .. } => self.to_client.push(message),
                scheduler::Action::Welcome { .. } => {}
                other => panic!("a scheduler of no-ops does not {other:?}"),
            }
        }
    }

    /// What was received, then the ends of the runs that began.
    fn worker_turn(&mut self, index: usize) {
        let (mut others, end_of) = (Vec::new(), if self.runs_fail { failure_of } else { end_of });
        let worker = &mut self.workers[index];
        let mut events = std::mem::take(&mut worker.events);
        while !events.is_empty() {
            counted_worker(&mut worker.machine, self.now, std::mem::take(&mut events), &mut worker.actions);
            for action in worker.actions.drain(..) {
                match action {
                    worker::Action::Start(run) => events.push(end_of(&run)),
                    worker::Action::ToScheduler(message) => {
                        self.to_scheduler.push(scheduler::Event::FromWorker { peer: worker.peer, message });
                    }
                    worker::Action::Discard(_) => {}
                    other => others.push(between_workers(worker.peer, other)),
                }
            }
        }
        for (to, event) in others {
            self.workers[to.0 as usize - 1].events.push(event);
        }
    }
}

/// The one function: gives back its arguments.
fn end_of(run: &Run) -> worker::Event {
    let outcome = Outcome::Value { value: run.args.clone(), inline: Some(run.args.clone()) };
    worker::Event::RunEnded { task: run.task, attempt: run.attempt, duration_ns: RUN_NS, outcome }
}

/// The same function where it returns an error.
fn failure_of(run: &Run) -> worker::Event {
    let mut failure = TaskFailure::new(FailureKind::Failed, run.id, &spec().name, "it is refused");
    failure.value = Some(FailureValue { type_id: 1, payload: run.args.clone() });
    let outcome = Outcome::Failed(Arc::new(failure));
    worker::Event::RunEnded { task: run.task, attempt: run.attempt, duration_ns: RUN_NS, outcome }
}

/// To whom what goes that worker `from` asks of another, or answers.
fn between_workers(from: PeerId, action: worker::Action) -> (PeerId, worker::Event) {
    let reply = |caller: CallerId, reply| (PeerId(caller.0), worker::Event::FromPeer { peer: from, reply });
    match action {
        worker::Action::Fetch { peer, tasks, .. } => {
            let request = PeerRequest::Fetch { tasks };
            (peer, worker::Event::FromCaller { caller: CallerId(from.0), request })
        }
        worker::Action::ToCaller { caller, reply: words } => reply(caller, words),
        worker::Action::Serve { caller, task, value } => {
            let total = value.nbytes() as u64;
            reply(caller, PeerReply::Data(Chunk { task, total, offset: 0, bytes: value.into() }))
        }
        other => panic!("a worker of no-ops does not {other:?}"),
    }
}

/// The client's part of a submission.
#[inline(never)]
fn counted_submit(outbox: &mut Outbox<Future>, submit: Submit) -> bool {
    let future = Future(submit.id);
    outbox.submit(submit, Some(future)).is_ok()
}

/// The client's part of a release.
#[inline(never)]
fn counted_release(outbox: &mut Outbox<Future>, future: Future) {
    outbox.dropped(future, false);
}

/// A batch through the client's machine.
#[inline(never)]
fn counted_client(
    machine: &mut client::Machine<Future>,
    now: Time,
    batch: &mut Batch<Future>,
    messages: Vec<SchedulerToClient>,
    out: &mut client::Actions<Future>,
) {
    for news in batch.news.drain(..) {
        machine.handle(now, news.into(), out);
    }
    for event in batch.events.drain(..) {
        machine.handle(now, event, out);
    }
    for message in messages {
        machine.handle(now, client::Event::Scheduler(message), out);
    }
    machine.finish(now, out);
}

/// A batch through the scheduler's machine.
#[inline(never)]
fn counted_scheduler(
    machine: &mut scheduler::Machine,
    now: Time,
    events: Vec<scheduler::Event>,
    out: &mut scheduler::Actions,
) {
    for event in events {
        machine.handle(now, event, out);
    }
    machine.schedule(now, out);
}

/// A batch through a worker's machine.
#[inline(never)]
fn counted_worker(
    machine: &mut worker::Machine,
    now: Time,
    events: Vec<worker::Event>,
    out: &mut worker::Actions,
) {
    for event in events {
        machine.handle(now, event, out);
    }
}

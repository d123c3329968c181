//! A cluster of pretended clients and workers around one machine, without time or threads of its own.
use super::traffic::Traffic;
use crate::scheduler::{Action, Actions, Config, Event, Machine};
use longshore_proto::handshake::WorkerHello;
use longshore_proto::worker::{Assign, Produced};
use longshore_proto::{
    Attempt, ClientToScheduler, FailureKind, FunctionId, FunctionIndex, FunctionSpec, InputSource, Payload,
    PeerId, SchedulerToClient, SchedulerToWorker, Submit, TaskFailure, TaskHandle, TaskId, Time,
    WorkerToScheduler,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// What a pretended worker knows.
#[derive(Default, Debug)]
pub(super) struct FakeWorker {
    pub assigned: Vec<Assign>,
    pub values: BTreeSet<TaskHandle>,
    pub retractions: Vec<(TaskHandle, Attempt)>,
}

/// How a client's task ended, as the client was told.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum End {
    Pending,
    Value,
    Failed(FailureKind),
}

#[derive(Default, Debug)]
pub(super) struct FakeClient {
    pub ends: BTreeMap<TaskId, End>,
    pub sources: BTreeSet<TaskId>,
    pub notices: Vec<String>,
    pub pushes: Vec<(TaskHandle, PeerId)>,
}

pub(super) struct World {
    pub machine: Machine,
    pub now: Time,
    pub workers: BTreeMap<PeerId, FakeWorker>,
    pub clients: BTreeMap<PeerId, FakeClient>,
    pub traffic: Traffic,
    pub next_peer: u32,
    pub next_id: u64,
    pub log: Actions,
    /// How long runs are said to take.
    pub duration_ns: u64,
}

pub(super) const F: FunctionIndex = FunctionIndex(0);

pub(super) fn spec(name: &str) -> FunctionSpec {
    let id = name.bytes().fold(7u64, |h, b| h.wrapping_mul(31).wrapping_add(u64::from(b)));
    FunctionSpec { id: FunctionId(id), name: name.into(), signature: 1 }
}

pub(super) fn call(id: TaskId, inputs: &[TaskId], want: bool) -> Submit {
    Submit {
        id,
        function: F,
        args: Payload::empty(),
        inputs: inputs.to_vec(),
        want,
        priority: 0,
        options: None,
    }
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(Config::default())
    }

    pub(super) fn with(config: Config) -> Self {
        World {
            machine: Machine::new(config),
            now: Time(0),
            workers: BTreeMap::new(),
            clients: BTreeMap::new(),
            traffic: Traffic::default(),
            next_peer: 0,
            next_id: 0,
            log: Vec::new(),
            duration_ns: 1000,
        }
    }

    fn peer(&mut self) -> PeerId {
        self.next_peer += 1;
        PeerId(self.next_peer)
    }

    /// A worker with the function `f` and so many threads.
    pub(super) fn worker(&mut self, nthreads: u32) -> PeerId {
        let functions = vec![spec("f")];
        self.worker_with(nthreads, 1, functions)
    }

    /// A worker that no client can reach.
    pub(super) fn hidden_worker(&mut self) -> PeerId {
        self.join(1, 1, vec![spec("f")], None)
    }

    /// A worker in the scheduler's own process.
    pub(super) fn inproc_worker(&mut self) -> PeerId {
        self.join(1, 1, vec![spec("f")], Some("inproc"))
    }

    pub(super) fn worker_with(
        &mut self,
        nthreads: u32,
        registry: u64,
        functions: Vec<FunctionSpec>,
    ) -> PeerId {
        self.join(nthreads, registry, functions, Some("tcp"))
    }

    fn join(
        &mut self,
        nthreads: u32,
        registry: u64,
        functions: Vec<FunctionSpec>,
        scheme: Option<&str>,
    ) -> PeerId {
        let peer = self.peer();
        let hello = WorkerHello {
            name: format!("w{}", peer.0),
            incarnation: 1,
            address: scheme.map(|scheme| format!("{scheme}://w{}:1", peer.0)),
            nthreads,
            runtime: "test".into(),
            pid: 1,
            memory_limit_bytes: None,
            resources: vec![("gpu".into(), 2.0)],
            registry,
            version: "1.2.3".into(),
        };
        self.workers.insert(peer, FakeWorker::default());
        self.event(Event::WorkerJoined { peer, hello: Box::new(hello) });
        self.says(peer, WorkerToScheduler::Registry { functions, last: true });
        peer
    }

    /// A client that has introduced the function `f` as number 0.
    pub(super) fn client(&mut self) -> PeerId {
        let peer = self.peer();
        self.clients.insert(peer, FakeClient::default());
        self.event(Event::ClientJoined { peer });
        self.asks(peer, ClientToScheduler::Function { index: F, spec: spec("f") });
        peer
    }

    pub(super) fn id(&mut self) -> TaskId {
        self.next_id += 1;
        TaskId { origin: 1, seq: self.next_id }
    }

    pub(super) fn submit(&mut self, client: PeerId, inputs: &[TaskId], want: bool) -> TaskId {
        let id = self.id();
        if want {
            self.clients.get_mut(&client).unwrap().ends.insert(id, End::Pending);
        }
        self.asks(client, ClientToScheduler::Submit(call(id, inputs, want)));
        id
    }

    pub(super) fn asks(&mut self, peer: PeerId, message: ClientToScheduler) {
        self.event(Event::FromClient { peer, message });
    }

    pub(super) fn says(&mut self, peer: PeerId, message: WorkerToScheduler) {
        self.event(Event::FromWorker { peer, message });
    }

    /// One event, one batch.
    pub(super) fn event(&mut self, event: Event) {
        let mut out = Vec::new();
        self.machine.handle(self.now, event, &mut out);
        self.machine.validate();
        self.machine.schedule(self.now, &mut out);
        self.machine.validate();
        self.carry_out(&out);
        self.log.extend(out);
    }

    pub(super) fn pass(&mut self, d: Duration) {
        self.now = self.now + d;
        let mut out = Vec::new();
        self.machine.schedule(self.now, &mut out);
        self.machine.validate();
        self.carry_out(&out);
        self.log.extend(out);
    }

    fn carry_out(&mut self, out: &Actions) {
        for action in out {
            self.traffic.hear(action);
            match action {
                Action::ToWorker { peer, message } => self.worker_hears(*peer, message),
                Action::ToClient { peer, message } => self.client_hears(*peer, message),
                Action::End => {}
                Action::Close { peer, .. } => {
                    self.workers.remove(peer);
                    self.clients.remove(peer);
                    self.traffic.forget(*peer);
                }
                Action::Welcome { .. } => {}
            }
        }
    }

    fn worker_hears(&mut self, peer: PeerId, message: &SchedulerToWorker) {
        let Some(w) = self.workers.get_mut(&peer) else { return };
        match message {
            SchedulerToWorker::Assign(a) => {
                for input in &a.inputs {
                    if matches!(input.source, InputSource::Peers { .. }) {
                        w.values.insert(input.task);
                    }
                }
                w.assigned.push(a.clone());
            }
            SchedulerToWorker::Cancel { task, attempt } => {
                w.assigned.retain(|a| (a.task, a.attempt) != (*task, *attempt));
            }
            SchedulerToWorker::Retract { task, attempt } => w.retractions.push((*task, *attempt)),
            SchedulerToWorker::Release { tasks } => w.values.retain(|v| !tasks.contains(v)),
            _ => {}
        }
    }

    fn client_hears(&mut self, peer: PeerId, message: &SchedulerToClient) {
        if let SchedulerToClient::DoneRun { first, values } = message {
            for (value, place) in values.iter().zip(0..) {
                let id = TaskId { seq: first.seq + place, ..*first };
                self.client_hears(peer, &SchedulerToClient::Done { id, value: value.clone() });
            }
            return;
        }
        let Some(c) = self.clients.get_mut(&peer) else { return };
        let (id, end) = match message {
            SchedulerToClient::Done { id, .. } | SchedulerToClient::Stored { id, .. } => (*id, End::Value),
            SchedulerToClient::Failed { id, failure } => (*id, End::Failed(failure.kind)),
            SchedulerToClient::Pending { id } => (*id, End::Pending),
            SchedulerToClient::Notice { text } => return c.notices.push(text.clone()),
            SchedulerToClient::Push { task, worker, .. } => return c.pushes.push((*task, *worker)),
            SchedulerToClient::Dropped { id } => {
                c.sources.remove(id);
                return;
            }
            _ => return,
        };
        if let Some(known) = c.ends.get_mut(&id) {
            *known = end;
        }
    }

    /// Ends the run of the worker's `nth` assigned task.
    pub(super) fn finish(&mut self, worker: PeerId, nth: usize, value: Produced) {
        let w = self.workers.get_mut(&worker).unwrap();
        let Assign { task, attempt, .. } = w.assigned.remove(nth);
        if matches!(value, Produced::Stored(_)) {
            w.values.insert(task);
        }
        let duration_ns = self.duration_ns;
        self.says(worker, WorkerToScheduler::Finished { task, attempt, duration_ns, value });
    }

    pub(super) fn fail(&mut self, worker: PeerId, nth: usize) {
        let Assign { task, attempt, id, .. } = self.workers.get_mut(&worker).unwrap().assigned.remove(nth);
        let failure = Arc::new(TaskFailure::new(FailureKind::Failed, id, "f", "no"));
        self.says(worker, WorkerToScheduler::Failed { task, attempt, duration_ns: 1000, failure });
    }

    pub(super) fn die(&mut self, worker: PeerId) {
        self.workers.remove(&worker);
        self.traffic.forget(worker);
        self.event(Event::PeerLost { peer: worker, reason: "reset".into() });
    }

    pub(super) fn assigned(&self, worker: PeerId) -> Vec<TaskId> {
        self.workers[&worker].assigned.iter().map(|a| a.id).collect()
    }

    pub(super) fn end(&self, client: PeerId, id: TaskId) -> End {
        self.clients[&client].ends[&id].clone()
    }
}

pub(super) fn inline() -> Produced {
    Produced::Inline(Payload::copy_from(&[1]))
}

//! The scheduler's part, played line by line.
use crate::address::Address;
use crate::call::tag;
use crate::function::registry;
use crate::link::{Accepted, Acceptor, Link};
use crate::value::{StoredValue, Value, encode_into};
use crate::worker::{Compute, Worker, WorkerBuilder};
use longshore_proto::handshake::{Role, WorkerHello};
use longshore_proto::worker::Produced;
use longshore_proto::{
    Assign, Attempt, FunctionIndex, FunctionSpec, Input, InputSource, Payload, PeerId, SchedulerToWorker,
    TaskFailure, TaskHandle, TaskId, Welcome, WorkerToScheduler,
};
use longshore_rt::{BlockOn, DynRuntime, OwnedExecutor, RuntimeExt};
use longshore_sim::{JobCost, Sim, SimConfig, SimRuntime};
use std::future::{Future, poll_fn};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

/// Runs a test on threads, timers and sockets of the operating system.
pub(super) fn real<F: Future>(test: impl FnOnce(OwnedExecutor) -> F) -> F::Output {
    let rt = OwnedExecutor::new().unwrap();
    rt.block_on(test(rt.clone())).unwrap()
}

/// Runs a test in the simulator, where a job takes 100 ms of virtual time.
pub(super) fn simulated<F: Future>(test: impl FnOnce(Sim, SimRuntime) -> F) -> F::Output {
    let job_cost = JobCost::Fixed(Duration::from_millis(100));
    let sim = Sim::new(SimConfig { job_cost, ..SimConfig::seed(7) });
    let node = sim.node("scheduler");
    sim.run(test(sim.clone(), node)).unwrap()
}

/// What the acceptor leaves for the test.
#[derive(Default)]
struct Door {
    callers: Vec<Accepted>,
    waker: Option<Waker>,
}

/// A scheduler's address and whoever knocked there.
pub(super) struct Stage {
    rt: DynRuntime,
    acceptor: Acceptor,
    door: Arc<Mutex<Door>>,
    workers: u32,
}

/// The scheduler's side of one worker.
pub(super) struct Actor {
    rt: DynRuntime,
    link: Link<WorkerToScheduler, SchedulerToWorker>,
    heard: Vec<WorkerToScheduler>,
    functions: Vec<FunctionSpec>,
    pub(super) hello: WorkerHello,
    pub(super) peer: PeerId,
}

const INCARNATION: u64 = 11;

impl Stage {
    pub(super) async fn new(rt: DynRuntime, on: &str) -> Stage {
        let door = Arc::new(Mutex::new(Door::default()));
        let sink = door.clone();
        let on: Address = on.parse().unwrap();
        let knocked = move |caller| {
            let mut door = sink.lock().unwrap();
            door.callers.push(caller);
            door.waker.take().into_iter().for_each(Waker::wake);
        };
        let acceptor = Acceptor::bind(&rt, &on, knocked).await.unwrap();
        Stage { rt, acceptor, door, workers: 0 }
    }

    pub(super) async fn inproc(rt: &OwnedExecutor) -> Stage {
        let on = Address::unique_inproc("stage").to_string();
        Stage::new(DynRuntime::new(rt.clone()), &on).await
    }

    pub(super) async fn tcp(rt: &OwnedExecutor) -> Stage {
        Stage::new(DynRuntime::new(rt.clone()), "tcp://127.0.0.1:0").await
    }

    pub(super) fn address(&self) -> Address {
        self.acceptor.local().clone()
    }

    /// Starts a worker and lets it in.
    pub(super) async fn enter<R>(&mut self, builder: WorkerBuilder<R>) -> (Worker<R>, Actor)
    where
        R: longshore_rt::Runtime,
    {
        let started = builder.validate(true).connect_timeout(Duration::ZERO).start();
        let (worker, actor) = futures_lite::future::zip(started, self.admit()).await;
        (worker.unwrap(), actor)
    }

    /// Whoever knocks next.
    pub(super) async fn caller(&mut self) -> Accepted {
        let caller = poll_fn(|cx| {
            let mut door = self.door.lock().unwrap();
            door.waker = Some(cx.waker().clone());
            door.callers.pop().map_or(Poll::Pending, Poll::Ready)
        });
        caller.await
    }

    /// Lets in the worker that knocks next.
    pub(super) async fn admit(&mut self) -> Actor {
        let caller = self.caller().await;
        let Role::Worker(hello) = caller.hello().role.clone() else { panic!("no worker") };
        self.workers += 1;
        let peer = PeerId(self.workers);
        let welcome = Welcome { version: 0, incarnation: INCARNATION, peer, registry_wanted: true };
        let mut link = caller.welcome(welcome);
        let _ = poll_fn(|cx| link.poll_flush(cx)).await;
        let mut actor = Actor { rt: self.rt.clone(), link, heard: vec![], functions: vec![], hello, peer };
        actor.hear_registry().await;
        actor
    }

    pub(super) async fn worker(
        &mut self,
        rt: &OwnedExecutor,
        nthreads: u32,
    ) -> (Worker<OwnedExecutor>, Actor) {
        let builder = Worker::builder(rt.clone(), self.address());
        self.enter(builder.nthreads(nthreads).name("w")).await
    }

    pub(super) async fn simulated_worker(&mut self, sim: &Sim, name: &str) -> (Worker<SimRuntime>, Actor) {
        let builder = Worker::builder(sim.node(name), self.address());
        let listen = Address::tcp(name, 7);
        self.enter(builder.nthreads(1).name(name).listen(listen).compute(Compute::Runtime)).await
    }
}

impl Actor {
    pub(super) fn say(&mut self, message: SchedulerToWorker) {
        self.link.send(message).unwrap();
    }

    /// The next word of the worker that is no sign of life.
    pub(super) async fn hear(&mut self) -> WorkerToScheduler {
        let Actor { rt, link, heard, .. } = self;
        let next = poll_fn(|cx| {
            let _ = link.poll_flush(cx);
            let polled = link.poll_recv(cx, &mut |message| heard.push(message));
            heard.retain(|message| !matches!(message, WorkerToScheduler::Heartbeat { .. }));
            if !heard.is_empty() {
                return Poll::Ready(heard.remove(0));
            }
            match polled {
                Poll::Ready(Err(e)) => panic!("the worker is gone: {e}"),
                Poll::Ready(Ok(())) => {
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
                Poll::Pending => Poll::Pending,
            }
        });
        rt.timeout(Duration::from_secs(30), next).await.expect("the worker says nothing")
    }

    /// A worker first says what it can run.
    async fn hear_registry(&mut self) {
        let mut known = 0;
        loop {
            let WorkerToScheduler::Registry { functions, last } = self.hear().await else {
                panic!("no registry")
            };
            known += functions.len();
            if last {
                break assert_eq!(known, registry().functions().len());
            }
        }
    }

    /// The scheduler vanishes.
    pub(super) fn vanish(self) {}

    /// Sends what was said, and ends when the worker hangs up.
    pub(super) async fn hung_up_on(&mut self) {
        let Actor { link, .. } = self;
        let gone = poll_fn(|cx| {
            let _ = link.poll_flush(cx);
            match link.poll_recv(cx, &mut |_| {}) {
                Poll::Ready(Err(_)) => Poll::Ready(()),
                Poll::Ready(Ok(())) => {
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
                Poll::Pending => Poll::Pending,
            }
        });
        self.rt.timeout(Duration::from_secs(30), gone).await.expect("the worker stays");
    }

    /// Introduces a function of this binary, by the end of its name.
    pub(super) fn function(&mut self, name: &str) -> FunctionIndex {
        let ending = format!("::{name}");
        let registry = registry();
        let found = registry.functions().iter().find(|f| f.name().ends_with(&ending));
        self.introduce(found.unwrap_or_else(|| panic!("no function {name}")).spec().clone())
    }

    pub(super) fn introduce(&mut self, spec: FunctionSpec) -> FunctionIndex {
        if let Some(at) = self.functions.iter().position(|f| *f == spec) {
            return FunctionIndex(u32::try_from(at).unwrap());
        }
        let index = FunctionIndex(u32::try_from(self.functions.len()).unwrap());
        self.functions.push(spec.clone());
        self.say(SchedulerToWorker::Function { index, spec });
        index
    }

    /// Assigns task `slot`.
    pub(super) fn call(&mut self, slot: u32, function: &str, args: Payload, inputs: Vec<Input>) {
        let function = self.function(function);
        self.assign(Assign { function, args, inputs, ..plain(slot) });
    }

    pub(super) fn assign(&mut self, assign: Assign) {
        self.say(SchedulerToWorker::Assign(assign));
    }

    pub(super) fn cancel(&mut self, slot: u32) {
        self.say(SchedulerToWorker::Cancel { task: handle(slot), attempt: Attempt(1) });
    }

    /// The next word is that task `slot` gave this value.
    pub(super) async fn expect<T: Value + PartialEq + std::fmt::Debug>(&mut self, slot: u32, value: &T) {
        match self.hear().await {
            WorkerToScheduler::Finished { task, value: Produced::Inline(payload), .. } => {
                assert_eq!((task, &take::<T>(payload)), (handle(slot), value));
            }
            other => panic!("{other:?}"),
        }
    }

    /// The next word is that task `slot` failed.
    pub(super) async fn expect_failure(&mut self, slot: u32) -> TaskFailure {
        match self.hear().await {
            WorkerToScheduler::Failed { task, failure, .. } if task == handle(slot) => {
                Arc::unwrap_or_clone(failure)
            }
            other => panic!("{other:?}"),
        }
    }

    /// The next word is that the value of task `slot` stays with the worker. Its size.
    pub(super) async fn expect_stored(&mut self, slot: u32) -> u64 {
        match self.hear().await {
            WorkerToScheduler::Finished { task, value: Produced::Stored(nbytes), .. } => {
                assert_eq!(task, handle(slot));
                nbytes
            }
            other => panic!("{other:?}"),
        }
    }
}

pub(super) fn handle(slot: u32) -> TaskHandle {
    TaskHandle { slot, generation: 3 }
}

/// An assignment without arguments.
pub(super) fn plain(slot: u32) -> Assign {
    Assign {
        task: handle(slot),
        attempt: Attempt(1),
        id: TaskId { origin: 5, seq: slot.into() },
        function: FunctionIndex(0),
        order: (0, slot.into()),
        args: Payload::empty(),
        inputs: vec![],
        timeout_ms: None,
    }
}

/// One encoded argument.
pub(super) fn args<T: Value>(value: &T) -> Payload {
    let (mut body, mut out) = (vec![], vec![tag::VALUE]);
    encode_into(value, &mut body).unwrap();
    crate::value::put_varint(body.len() as u64, &mut out);
    out.extend(body);
    Payload::from(out)
}

/// One argument that is the first input.
pub(super) fn input() -> Payload {
    Payload::copy_from(&[tag::INPUT, 0])
}

/// Decodes a result.
pub(super) fn take<T: Value>(payload: Payload) -> T {
    (*StoredValue::from_payload(payload).typed::<T>().unwrap()).clone()
}

pub(super) fn inline<T: Value>(slot: u32, value: &T) -> Input {
    let mut bytes = vec![];
    encode_into(value, &mut bytes).unwrap();
    Input { task: handle(slot), source: InputSource::Inline(bytes.into()) }
}

pub(super) fn held(slot: u32) -> Input {
    Input { task: handle(slot), source: InputSource::Held }
}

pub(super) fn at(slot: u32, nbytes: u64, holder: PeerId) -> Input {
    Input { task: handle(slot), source: InputSource::Peers { nbytes, holders: vec![holder] } }
}

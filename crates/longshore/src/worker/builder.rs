//! How a worker is to be, and how it joins its scheduler.
use super::compute::{Shipping, Workshop, install_hook};
use super::desk::{Desk, SchedulerLink};
use super::driver::{Driver, Parts};
use super::functions::Functions;
use super::inbox::Inbox;
use super::peers::Peers;
use super::{Compute, Worker, WorkerError};
use crate::address::Address;
use crate::caller_runs::CallerRuns;
use crate::client::ClientOfWorker;
use crate::context::{Cancelled, Home, Proofs};
use crate::link::{Acceptor, ConnectError, dial};
use crate::value::StoredValue;
use longshore_core::worker::{Machine, Settings};
use longshore_proto::handshake::{PeerHello, Role, WorkerHello};
use longshore_proto::{Hello, Payload, Reject, SchedulerToWorker, Time, Welcome, WorkerToScheduler};
use longshore_rt::{DynRuntime, Runtime, RuntimeExt};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

/// First pause before the scheduler is dialled again; doubles up to the last.
const REDIAL_MS_MIN: u64 = 50;
const REDIAL_MS_MAX: u64 = 1_000;

/// What the code of worker, scheduler and client needs when a compute thread runs it.
const STACK_BYTES_MIN: usize = 512 << 10;

/// How a worker is to be. From [`Worker::builder`].
#[must_use = "nothing runs before start()"]
pub struct WorkerBuilder<R> {
    rt: DynRuntime,
    scheduler: Address,
    name: Option<String>,
    nthreads: Option<u32>,
    memory_limit_bytes: Option<u64>,
    resources: Vec<(String, f64)>,
    listen: Option<Address>,
    advertise: Option<Address>,
    token: String,
    compute: Compute,
    stack_bytes: usize,
    connect_timeout: Duration,
    validate: bool,
    has_shortcut: bool,
    runtime: PhantomData<fn() -> R>,
}

impl<R: Runtime> WorkerBuilder<R> {
    pub(super) fn new(rt: DynRuntime, scheduler: Address) -> Self {
        WorkerBuilder {
            rt,
            scheduler,
            name: None,
            nthreads: None,
            memory_limit_bytes: None,
            resources: Vec::new(),
            listen: None,
            advertise: None,
            token: String::new(),
            compute: Compute::Threads,
            stack_bytes: 8 << 20,
            connect_timeout: Duration::from_secs(10),
            validate: false,
            has_shortcut: true,
            runtime: PhantomData,
        }
    }

    /// Its name, which no other worker of the cluster may have. By default one is made up.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Tasks it runs at once, and so the threads it runs plain functions on. By default as many as the machine has processors.
    pub fn nthreads(mut self, nthreads: u32) -> Self {
        self.nthreads = Some(nthreads.max(1));
        self
    }

    /// Memory it may use for values, in bytes. Today that bounds each single value it accepts from others and is told to the
    /// scheduler; the sum of what it keeps is not limited yet. By default it says nothing about it.
    pub fn memory_limit(mut self, bytes: u64) -> Self {
        self.memory_limit_bytes = Some(bytes);
        self
    }

    /// Supplies an amount of a resource that tasks can ask for; may be called several times.
    pub fn resource(mut self, name: impl Into<String>, amount: f64) -> Self {
        self.resources.push((name.into(), amount));
        self
    }

    /// Listens there for other workers and for clients. By default within the process if the scheduler is there too, and
    /// otherwise on a free port of `127.0.0.1`, which other machines do not reach.
    pub fn listen(mut self, address: Address) -> Self {
        self.listen = Some(address);
        self
    }

    /// Tells others to reach it there instead of where it listens.
    pub fn advertise(mut self, address: Address) -> Self {
        self.advertise = Some(address);
        self
    }

    /// The cluster's secret.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = token.into();
        self
    }

    /// Where plain functions run. On threads of the worker's own, by default.
    pub fn compute(mut self, compute: Compute) -> Self {
        self.compute = compute;
        self
    }

    /// Stack of each compute thread, in bytes. 8 MiB by default, and at least 512 KiB, since the worker's own code runs there
    /// as well.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_bytes = bytes.max(STACK_BYTES_MIN);
        self
    }

    /// How long it tries to reach a scheduler that is not there yet. 10 s by default.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Whether other workers and clients of this machine and user may come over a Unix socket instead of the TCP port it
    /// listens on, which is quicker and changes nothing else. They may by default, on Linux.
    pub fn shortcut(mut self, shortcut: bool) -> Self {
        self.has_shortcut = shortcut;
        self
    }

    /// Checks every invariant after every batch, at a cost in proportion to the number of tasks. For tests.
    pub fn validate(mut self, validate: bool) -> Self {
        self.validate = validate;
        self
    }

    /// Starts it: it listens, joins the scheduler and is ready for tasks.
    ///
    /// # Errors
    /// It cannot listen, cannot reach the scheduler in time, or the scheduler refuses it.
    ///
    /// # Cancel safety
    /// Dropping the future starts nothing that lasts.
    pub async fn start(mut self) -> Result<Worker<R>, WorkerError> {
        install_hook();
        warn_about_abort();
        let inbox = Arc::new(Inbox::default());
        let acceptor = {
            let (inbox, on) = (inbox.clone(), self.listen.clone());
            let on = on.unwrap_or_else(|| default_listen(&self.scheduler));
            let sink = move |caller| inbox.post(|mail| mail.accepted.push(caller));
            Acceptor::bind_with(&self.rt, &on, self.has_shortcut, sink).await?
        };
        let address = self.advertise.take().unwrap_or_else(|| acceptor.local().clone());
        warn_about_unspecified(&address);
        let name = self.name.take().unwrap_or_else(|| format!("worker-{:08x}", self.rt.entropy() >> 32));
        let functions = Functions::new();
        let hello = self.hello(&name, &address, functions.fingerprint());
        let (mut link, welcome) = self.join(hello).await?;
        if welcome.registry_wanted {
            for message in functions.announcement() {
                // Bounded in number and length of names, so it fits a frame.
                let _ = link.send(message);
            }
        }
        let home = Arc::new(self.home(&name, &address, &link, &inbox));
        let driver = self.driver(home, link, &welcome, acceptor, functions);
        let task = self.rt.spawn("worker", CallerRuns::new(driver));
        Ok(Worker { name, address, inbox, task, ended: None, runtime: PhantomData })
    }

    fn nthreads_or_default(&self) -> u32 {
        let processors = || std::thread::available_parallelism().map_or(1, usize::from);
        self.nthreads.unwrap_or_else(|| u32::try_from(processors()).unwrap_or(1))
    }

    fn hello(&self, name: &str, address: &Address, registry: u64) -> Hello {
        let role = Role::Worker(WorkerHello {
            name: name.to_owned(),
            incarnation: self.rt.entropy(),
            address: Some(address.to_string()),
            nthreads: self.nthreads_or_default(),
            runtime: self.rt.name().to_owned(),
            pid: process_id(&self.rt),
            memory_limit_bytes: self.memory_limit_bytes,
            resources: self.resources.clone(),
            registry,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        });
        Hello { token: self.token.clone(), role }
    }

    /// Dials the scheduler until it is there or the time is up.
    async fn join(&self, hello: Hello) -> Result<(SchedulerLink, Welcome), ConnectError> {
        let give_up_at = self.rt.now() + self.connect_timeout;
        let mut pause_ms = REDIAL_MS_MIN;
        let mut may_be_there = false;
        loop {
            let dialled =
                dial::<SchedulerToWorker, WorkerToScheduler>(&self.rt, &self.scheduler, hello.clone()).await;
            let error = match dialled {
                Ok(joined) => return Ok(joined),
                Err(error) => error,
            };
            let pause = Duration::from_millis(pause_ms);
            // The scheduler may have met the hello that was given up on, and not yet that its sender is gone.
            let is_own_name = std::mem::take(&mut may_be_there) && is_name_taken(&error);
            may_be_there |= matches!(error, ConnectError::TimedOut { .. });
            if !(may_pass(&error) || is_own_name)
                || self.scheduler.is_inproc()
                || self.rt.now() + pause > give_up_at
            {
                return Err(error);
            }
            tracing::debug!(%error, "the scheduler is not there yet; trying again");
            self.rt.sleep(pause).await;
            pause_ms = (pause_ms * 2).min(REDIAL_MS_MAX);
        }
    }

    fn home(&self, name: &str, address: &Address, link: &SchedulerLink, inbox: &Arc<Inbox>) -> Home {
        Home {
            rt: self.rt.clone(),
            name: name.to_owned(),
            address: Some(address.clone()),
            scheduler: self.scheduler.clone(),
            token: self.token.clone(),
            shipping: if link.is_local() { Shipping::AsIs } else { Shipping::Encoded },
            inbox: inbox.clone(),
            cancelled: Cancelled::default(),
            proofs: Proofs::default(),
            client: ClientOfWorker::default(),
        }
    }

    fn driver(
        &self,
        home: Arc<Home>,
        scheduler: SchedulerLink,
        welcome: &Welcome,
        acceptor: Acceptor,
        functions: Functions,
    ) -> Driver {
        let nthreads = self.nthreads_or_default();
        let mut settings = Settings::new(home.name.clone(), welcome.peer, nthreads);
        settings.adopt = adopt;
        if let Some(limit) = self.memory_limit_bytes {
            settings.value_bytes_max = limit;
        }
        let machine = Machine::new(settings, Time(self.rt.now().0));
        let desk = Arc::new(Desk::new(machine, functions, scheduler, self.validate));
        let incarnation = welcome.incarnation;
        let hello = PeerHello { incarnation, name: home.name.clone() };
        Driver::new(Parts {
            incarnation,
            peers: Peers::new(&self.rt, &home.inbox, &self.token, hello),
            acceptor,
            workshop: Workshop::new(self.compute, &home, &desk, nthreads, self.stack_bytes),
            desk,
            home,
        })
    }
}

/// Wraps a value that came in, so that all tasks that use it share one decoding.
fn adopt(value: Payload) -> Payload {
    match value {
        Payload::Copied(_) | Payload::Bytes(_) | Payload::Rope(_) => {
            Payload::Local(Arc::new(StoredValue::from_payload(value)))
        }
        other => other,
    }
}

fn default_listen(scheduler: &Address) -> Address {
    match scheduler {
        Address::InProc(_) => Address::unique_inproc("worker"),
        _ => Address::tcp("127.0.0.1", 0),
    }
}

/// Whether it is of use to dial again.
fn may_pass(error: &ConnectError) -> bool {
    matches!(
        error,
        ConnectError::Refused { .. } | ConnectError::TimedOut { .. } | ConnectError::HungUp { .. }
    )
}

fn is_name_taken(error: &ConnectError) -> bool {
    matches!(error, ConnectError::Rejected { reason: Reject::NameTaken { .. }, .. })
}

/// The number of this process, which a simulation must not depend on.
fn process_id(rt: &DynRuntime) -> u32 {
    if rt.name() == "sim" { 0 } else { std::process::id() }
}

fn warn_about_unspecified(address: &Address) {
    if matches!(address, Address::Tcp { host, .. } if host == "0.0.0.0" || host == "::") {
        tracing::warn!(
            %address,
            "other machines are told to reach this worker at an address that means any; name one with advertise()"
        );
    }
}

fn warn_about_abort() {
    if cfg!(panic = "abort") {
        tracing::warn!(
            "this binary is built with panic = \"abort\": a task that panics ends the whole worker; build it with \
             panic = \"unwind\""
        );
    }
}

impl<R> fmt::Debug for WorkerBuilder<R> {
    /// Without the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerBuilder")
            .field("name", &self.name)
            .field("scheduler", &self.scheduler)
            .field("nthreads", &self.nthreads)
            .field("compute", &self.compute)
            .finish_non_exhaustive()
    }
}

//! The scheduler as a role: the machine of `longshore-core` on a runtime, offering links.
//!
//! ```no_run
//! # async fn example(rt: longshore_rt::OwnedExecutor) -> Result<(), longshore::SchedulerError> {
//! use longshore::Scheduler;
//! let scheduler = Scheduler::builder(rt).listen("tcp://127.0.0.1:8786".parse().unwrap()).start().await?;
//! println!("workers and clients connect to {}", scheduler.address());
//! scheduler.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! All decisions are the machine's. The driver takes a batch of messages from the links, gives them to the machine, and
//! carries out what it says.

mod departure;
mod driver;
mod inbox;

use crate::address::Address;
use crate::caller_runs::CallerRuns;
use crate::link::{Acceptor, House, ListenError, describe};
use driver::Driver;
use inbox::Inbox;
use longshore_core::scheduler::{Config, Machine};
use longshore_rt::{DynRuntime, Runtime, RuntimeExt, Task};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

/// Why a scheduler could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SchedulerError {
    /// It cannot listen on an address.
    #[error("the scheduler could not listen")]
    Listen(#[from] ListenError),
}

/// A running scheduler.
///
/// Dropping it without [`close`](Self::close) ends it at once: workers and clients see their connection break.
#[must_use = "a scheduler ends when it is dropped"]
pub struct Scheduler<R = DynRuntime> {
    addresses: Vec<Address>,
    inbox: Arc<Inbox>,
    task: Task<()>,
    runtime: PhantomData<fn() -> R>,
}

/// How a scheduler is to be. From [`Scheduler::builder`].
#[must_use = "nothing runs before start()"]
pub struct SchedulerBuilder<R> {
    rt: DynRuntime,
    listen: Vec<Address>,
    token: String,
    config: Config,
    values_leave: bool,
    validate: bool,
    has_shortcut: bool,
    runtime: PhantomData<fn() -> R>,
}

impl<R: Runtime> Scheduler<R> {
    /// A scheduler on a runtime of your choice.
    pub fn builder(rt: R) -> SchedulerBuilder<R> {
        SchedulerBuilder {
            rt: DynRuntime::without_block_on(rt),
            listen: Vec::new(),
            token: String::new(),
            config: Config::default(),
            values_leave: false,
            validate: false,
            has_shortcut: true,
            runtime: PhantomData,
        }
    }
}

impl<R> Scheduler<R> {
    /// Where it listens; the first address if there are several.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.addresses[0]
    }

    /// All addresses it listens on, with the ports that were chosen.
    #[must_use]
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// Tells workers and clients that it closes, and ends. Takes at most some seconds, whatever they do.
    pub async fn close(self) {
        self.inbox.close("the scheduler was closed");
        // However it ended, it ended.
        let _ = self.task.await;
    }

    /// Waits until it ends: because a client [shut the cluster down](crate::Client::shutdown), or with its runtime.
    pub async fn finished(&mut self) {
        let _ = (&mut self.task).await;
    }
}

impl<R: Runtime> SchedulerBuilder<R> {
    /// Listens there; may be called several times. Without it, on `tcp://127.0.0.1:8786`.
    pub fn listen(mut self, address: Address) -> Self {
        self.listen.push(address);
        self
    }

    /// Secret that workers and clients of other processes must know. Empty, as it is by default, lets everybody in who can
    /// connect.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = token.into();
        self
    }

    /// How much work a worker is sent ahead, as the time that it keeps one of its threads busy. 5 ms by default.
    pub fn prefetch_window(mut self, window: Duration) -> Self {
        self.config.prefetch_window = window;
        self
    }

    /// A task fails once so many workers died running it. 3 by default.
    pub fn allowed_failures(mut self, deaths: u32) -> Self {
        self.config.allowed_failures = deaths;
        self
    }

    /// How long a function may be unknown to all workers before its tasks fail. 5 s by default.
    pub fn unknown_function_grace(mut self, grace: Duration) -> Self {
        self.config.unknown_function_grace = grace;
        self
    }

    /// How long a task may wait while there is no worker that it may run on, before it fails with
    /// [`NoWorker`](crate::TaskErrorKind::NoWorker). Without this, which is the default, it waits until one joins, and clients
    /// are told that it does.
    pub fn no_worker_timeout(mut self, limit: Duration) -> Self {
        self.config.no_worker_timeout = Some(limit);
        self
    }

    /// A peer that is silent for longer is given up. 15 s by default.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.config.lease = lease;
        self
    }

    /// Whether workers and clients of this machine and user may come over a Unix socket instead of the TCP ports it listens
    /// on, which is quicker and changes nothing else. They may by default, on Linux.
    pub fn shortcut(mut self, shortcut: bool) -> Self {
        self.has_shortcut = shortcut;
        self
    }

    /// Checks every invariant after every batch, at a cost in proportion to the number of tasks. For tests.
    pub fn validate(mut self, validate: bool) -> Self {
        self.validate = validate;
        self
    }

    /// Its workers are processes of their own: clients in this process encode values themselves, as any other client does.
    pub(crate) fn values_leave(mut self, values_leave: bool) -> Self {
        self.values_leave = values_leave;
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// It cannot listen on one of its addresses.
    ///
    /// # Cancel safety
    /// Dropping the future starts nothing that lasts.
    pub async fn start(mut self) -> Result<Scheduler<R>, SchedulerError> {
        if self.listen.is_empty() {
            self.listen.push(Address::tcp("127.0.0.1", 8786));
        }
        self.config.incarnation = u64::try_from(self.rt.unix_now().as_nanos()).unwrap_or(u64::MAX);
        self.config.hash_seed = self.rt.entropy();
        let inbox = Arc::new(Inbox::default());
        let (mut acceptors, mut addresses) = (Vec::new(), Vec::new());
        for on in &self.listen {
            let inbox = inbox.clone();
            let sink = move |accepted| inbox.accepted(accepted);
            let acceptor = Acceptor::bind_with(&self.rt, on, self.has_shortcut, sink).await?;
            describe(acceptor.local(), House { token: self.token.clone(), values_leave: self.values_leave });
            addresses.push(acceptor.local().clone());
            acceptors.push(acceptor);
        }
        let machine = Machine::new(self.config);
        let driver =
            Driver::new(self.rt.clone(), machine, self.token, inbox.clone(), acceptors, self.validate);
        let task = self.rt.spawn("scheduler", CallerRuns::new(driver));
        Ok(Scheduler { addresses, inbox, task, runtime: PhantomData })
    }
}

impl<R> fmt::Debug for Scheduler<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scheduler").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

impl<R> fmt::Debug for SchedulerBuilder<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SchedulerBuilder { listen, config, validate, .. } = self;
        f.debug_struct("SchedulerBuilder")
            .field("listen", listen)
            .field("config", config)
            .field("validate", validate)
            .finish_non_exhaustive()
    }
}

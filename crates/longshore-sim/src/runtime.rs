//! The adapter: one process's view of the world, as a [`Runtime`].

use std::fmt;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use longshore_rt::{BlockOn, BlockOnError, BoxFuture, BoxJob, Closed, Endpoint, Instant, Runtime, TaskMeta};

use crate::job::cost_by_task;
use crate::net::{self, SimConn, SimListener};
use crate::process::Incarnation;
use crate::sim::Sim;
use crate::timer::SimSleep;
use crate::world::World;

/// The runtime of one life of one simulated process.
///
/// After the process was killed, even if it was restarted, it accepts neither tasks nor jobs nor connections.
#[derive(Clone)]
pub struct SimRuntime {
    world: Arc<World>,
    incarnation: Incarnation,
}

impl SimRuntime {
    pub(crate) fn new(world: Arc<World>, incarnation: Incarnation) -> Self {
        Self { world, incarnation }
    }

    pub(crate) fn world(&self) -> &Arc<World> {
        &self.world
    }

    pub(crate) fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// The world's time when this process's clock shows `at`.
    pub(crate) fn world_time(&self, at: Instant) -> u64 {
        self.world.with(|state| state.processes.get(self.incarnation.pid).clock.world(at.0))
    }

    /// The name of the process.
    #[must_use]
    pub fn process_name(&self) -> String {
        self.world.with(|state| state.processes.get(self.incarnation.pid).name.to_string())
    }

    /// Whether this life of the process goes on.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.world.with(|state| state.is_alive(self.incarnation))
    }

    /// A handle to the world, for code in a process that brings about a fault: its own end, say.
    #[must_use]
    pub fn sim(&self) -> Sim {
        Sim::handle(&self.world)
    }
}

impl fmt::Debug for SimRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SimRuntime({}, life {})", self.process_name(), self.incarnation.epoch)
    }
}

impl Runtime for SimRuntime {
    type Sleep = SimSleep;
    type Conn = SimConn;
    type Listener = SimListener;

    fn name(&self) -> &'static str {
        "sim"
    }

    fn spawn_raw(&self, meta: TaskMeta, fut: BoxFuture<'static, ()>) -> Result<(), Closed> {
        let ready = &self.world.ready;
        let spawned = self.world.with(|state| state.spawn(ready, self.incarnation, meta, fut));
        spawned.map_err(|(closed, _fut)| closed) // The future is dropped here, with the world unlocked.
    }

    fn spawn_blocking_raw(&self, meta: TaskMeta, job: BoxJob) -> Result<(), Closed> {
        let cost = self.world.with(|state| state.job_cost());
        let cost_ns = cost.unwrap_or_else(|by_task| cost_by_task(&by_task, &meta));
        let started = self.world.with(|state| state.start_job(self.incarnation, meta.name, cost_ns, job));
        started.map_err(|(closed, _job)| closed)
    }

    fn now(&self) -> Instant {
        self.world.with(|state| Instant(state.processes.get(self.incarnation.pid).clock.local(state.now)))
    }

    fn unix_now(&self) -> Duration {
        self.world.with(|state| state.processes.get(self.incarnation.pid).clock.unix(state.now))
    }

    fn sleep_until(&self, at: Instant) -> SimSleep {
        SimSleep::new(self.clone(), self.world_time(at))
    }

    fn entropy(&self) -> u64 {
        self.world.with(|state| state.processes.get_mut(self.incarnation.pid).rng.next_u64())
    }

    fn connect(&self, to: &Endpoint) -> impl Future<Output = io::Result<SimConn>> + Send + 'static + use<> {
        net::connect(self.clone(), to.clone())
    }

    fn listen(
        &self,
        on: &Endpoint,
    ) -> impl Future<Output = io::Result<SimListener>> + Send + 'static + use<> {
        net::listen(self.clone(), on.clone())
    }
}

impl BlockOn for SimRuntime {
    fn block_on<F: Future>(&self, fut: F) -> Result<F::Output, BlockOnError> {
        self.sim().run(fut)
    }

    /// Never: nothing moves in a simulation but what it drives itself.
    fn may_block(&self) -> Result<(), BlockOnError> {
        Err(BlockOnError::InsideAsync)
    }
}

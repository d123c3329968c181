//! A world, as a test holds it: setting it up and looking at it. `run` runs it, `control` changes it.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use longshore_rt::Runtime;

use crate::agenda::Event;
use crate::clock::nanos;
use crate::config::SimConfig;
use crate::process::{Boot, Incarnation, Pid};
use crate::runtime::SimRuntime;
use crate::state::State;
use crate::stats::Stats;
use crate::trace::Trace;
use crate::world::{Owner, World};

/// A simulated world.
///
/// It ends, and all its tasks are dropped, when the `Sim` that [`Sim::new`] returned is dropped. Clones, and the
/// ones that scripts are given, are handles that do not keep it: so tasks may hold them.
pub struct Sim {
    pub(crate) world: Arc<World>,
    /// Present in the one that `new` returned.
    owner: Option<Owner>,
}

impl Clone for Sim {
    fn clone(&self) -> Self {
        Self::handle(&self.world)
    }
}

impl fmt::Debug for Sim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sim({})", self.world.with(|state| state.whereabouts()))
    }
}

impl Sim {
    /// An empty world at time zero.
    #[must_use]
    pub fn new(config: SimConfig) -> Self {
        let world = World::new(config);
        Self { owner: Some(Owner(Arc::clone(&world))), world }
    }

    pub(crate) fn handle(world: &Arc<World>) -> Self {
        Self { world: Arc::clone(world), owner: None }
    }

    /// Whether this is the one whose drop ends the world.
    #[must_use]
    pub fn is_owner(&self) -> bool {
        self.owner.is_some()
    }

    /// The seed that all follows from.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.world.with(|state| state.config.seed)
    }

    /// Adds a process that runs only what is spawned on the runtime returned.
    ///
    /// # Panics
    /// When a process of that name exists.
    pub fn node(&self, name: &str) -> SimRuntime {
        let pid = self.world.with(|state| state.processes.add(name, state.config.seed));
        let pid = pid.unwrap_or_else(|| panic!("there is a process called `{name}` already"));
        SimRuntime::new(Arc::clone(&self.world), Incarnation { pid, epoch: 0 })
    }

    /// Adds a process that runs `boot`'s future now and after every [`restart`](Sim::restart).
    ///
    /// The process does not end with that future: its other tasks run on, and its sockets stay open.
    ///
    /// # Panics
    /// When a process of that name exists.
    #[track_caller]
    pub fn process<F, Fut>(&self, name: &str, boot: F) -> SimRuntime
    where
        F: Fn(SimRuntime) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let rt = self.node(name);
        let boot = Boot { main: Arc::new(move |rt| Box::pin(boot(rt))), location: Location::caller() };
        let pid = rt.incarnation().pid;
        self.world.with(|state| state.processes.get_mut(pid).boot = Some(boot.clone()));
        self.start(&boot, &rt);
        rt
    }

    pub(crate) fn start(&self, boot: &Boot, rt: &SimRuntime) {
        let main = (boot.main)(rt.clone());
        // Refused only when the world is at its end.
        let _ = rt.spawn_raw(boot.meta(), main);
    }

    /// Does something at a virtual time, or now if that has passed. What is due at the same time happens in the
    /// order in which it was asked for.
    pub fn at(&self, t: Duration, script: impl FnOnce(&Sim) + Send + 'static) {
        self.world.with(|state| {
            let at = state.now.max(nanos(t));
            state.agenda.add(at, Event::Script(Box::new(script)));
        });
    }

    /// Does something before the step of this number: the way to try every point of a run. A step is one poll
    /// or one event; [`Sim::stats`] counts them.
    pub fn at_step(&self, step: u64, script: impl FnOnce(&Sim) + Send + 'static) {
        self.world.with(|state| {
            state.step_scripts_added += 1;
            state.step_scripts.insert((step, state.step_scripts_added), Box::new(script));
        });
    }

    /// The virtual time since the world began.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.world.with(|state| Duration::from_nanos(state.now))
    }

    /// A number that stands for all that has happened, contents of messages included. Two runs of one seed that
    /// differ in it depend on something other than the seed.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        self.world.with(|state| state.recorder.fingerprint())
    }

    /// All that has happened, if [`SimConfig::record_trace`] is set.
    #[must_use]
    pub fn trace(&self) -> Trace {
        self.world.with(|state| state.recorder.trace(state.names()))
    }

    /// Counters.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.world.with(|state| Stats {
            tasks_live: state.tasks.len(),
            connections_live: state.net.conns.len(),
            events_pending: state.agenda.len(),
            ..state.stats
        })
    }

    /// The tasks that have not ended and the last events, as a failed run prints them.
    #[must_use]
    pub fn report(&self) -> String {
        self.world.with(|state| state.report("the run so far"))
    }

    /// The number of a process.
    ///
    /// # Panics
    /// When there is none of that name.
    pub(crate) fn pid(&self, name: &str) -> Pid {
        let pid = self.world.with(|state: &mut State| state.processes.find(name));
        pid.unwrap_or_else(|| panic!("there is no process called `{name}`"))
    }
}

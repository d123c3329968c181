//! Random faults over a period, after which everything is healed.
//!
//! A test of a workload runs it under [`Faults`] and then asks for two things: that nothing went wrong while they
//! lasted, and that everything ends once they are over. The plan follows from its seed and from the names of the
//! processes alone, so it can be printed, and cut down by hand when a seed has failed.

mod draw;
mod plan;

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::rng::Rng;
use crate::sim::Sim;

pub use plan::{Fault, FaultPlan};

/// A kind of fault that [`Faults`] can draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FaultKind {
    /// A link is cut in both directions, and healed later.
    Cut,
    /// A link is cut in one direction, and healed later.
    CutOneway,
    /// All connections between two processes are reset.
    Reset,
    /// A link is slow for a while.
    Slow,
    /// A link lets few bytes through for a while.
    Limit,
    /// A process is killed and restarted later; its kernel closes its sockets.
    KillProcess,
    /// A machine loses power and is restarted later.
    KillPower,
    /// A process is paused for a while.
    Pause,
    /// The wall clock of a process jumps.
    WallClock,
}

impl FaultKind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Cut,
        Self::CutOneway,
        Self::Reset,
        Self::Slow,
        Self::Limit,
        Self::KillProcess,
        Self::KillPower,
        Self::Pause,
        Self::WallClock,
    ];
}

/// How often each kind of fault happens in the whole world, per virtual minute; zero for never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultRates {
    /// [`FaultKind::Cut`].
    pub cut_per_min: u32,
    /// [`FaultKind::CutOneway`].
    pub cut_oneway_per_min: u32,
    /// [`FaultKind::Reset`].
    pub reset_per_min: u32,
    /// [`FaultKind::Slow`].
    pub slow_per_min: u32,
    /// [`FaultKind::Limit`].
    pub limit_per_min: u32,
    /// [`FaultKind::KillProcess`].
    pub kill_process_per_min: u32,
    /// [`FaultKind::KillPower`].
    pub kill_power_per_min: u32,
    /// [`FaultKind::Pause`].
    pub pause_per_min: u32,
    /// [`FaultKind::WallClock`].
    pub wall_clock_per_min: u32,
}

impl FaultRates {
    /// The same rate for every kind.
    #[must_use]
    pub fn uniform(per_min: u32) -> Self {
        let mut rates = Self::default();
        for kind in FaultKind::ALL {
            *rates.of_mut(kind) = per_min;
        }
        rates
    }

    /// The rate of one kind.
    #[must_use]
    pub fn of(mut self, kind: FaultKind) -> u32 {
        *self.of_mut(kind)
    }

    /// The rate of one kind, to be changed.
    pub fn of_mut(&mut self, kind: FaultKind) -> &mut u32 {
        match kind {
            FaultKind::Cut => &mut self.cut_per_min,
            FaultKind::CutOneway => &mut self.cut_oneway_per_min,
            FaultKind::Reset => &mut self.reset_per_min,
            FaultKind::Slow => &mut self.slow_per_min,
            FaultKind::Limit => &mut self.limit_per_min,
            FaultKind::KillProcess => &mut self.kill_process_per_min,
            FaultKind::KillPower => &mut self.kill_power_per_min,
            FaultKind::Pause => &mut self.pause_per_min,
            FaultKind::WallClock => &mut self.wall_clock_per_min,
        }
    }
}

/// What to draw faults from. Start from [`Faults::seed`] or [`Faults::swarm`] and change what matters.
///
/// ```
/// use longshore_sim::{Faults, Sim, SimConfig};
/// use std::time::Duration;
///
/// let sim = Sim::new(SimConfig::seed(4));
/// for name in ["w0", "w1", "scheduler"] {
///     sim.process(name, |_| async {});
/// }
/// let faults = Faults { victims: vec!["w*".into()], ..Faults::swarm(4) };
/// let plan = faults.unleash(&sim);
/// sim.run_until(plan.end).unwrap();
/// assert!(sim.is_alive("w0") && sim.is_alive("w1"), "everything is healed by then:\n{plan}");
/// ```
#[derive(Clone, Debug)]
pub struct Faults {
    /// The plan follows from it and from the names of the processes.
    pub seed: u64,
    /// When faults begin.
    pub start: Duration,
    /// How long they go on. At the end of it everything is healed.
    pub period: Duration,
    /// How often what happens.
    pub rates: FaultRates,
    /// How long faults last: cuts, slowness, pauses, and the time until a restart.
    pub outage: RangeInclusive<Duration>,
    /// The latencies from which that of a slow link is drawn.
    pub slow_latency: RangeInclusive<Duration>,
    /// The bytes per second from which the rate of a limited link is drawn.
    pub limit_bytes_per_s: RangeInclusive<u64>,
    /// Patterns of the names of the processes that may be killed or paused and whose wall clock may jump, as far
    /// as they can be restarted.
    pub victims: Vec<String>,
    /// Patterns of the names of the processes whose links may fail.
    pub linked: Vec<String>,
    /// How many processes may be dead at a time.
    pub dead_max: usize,
}

impl Faults {
    /// Two minutes with some of every kind.
    #[must_use]
    pub fn seed(seed: u64) -> Self {
        Self {
            seed,
            start: Duration::ZERO,
            period: Duration::from_secs(120),
            rates: FaultRates::uniform(2),
            outage: Duration::from_millis(100)..=Duration::from_secs(20),
            slow_latency: Duration::from_millis(5)..=Duration::from_secs(1),
            limit_bytes_per_s: 1_000..=1_000_000,
            victims: vec!["*".to_owned()],
            linked: vec!["*".to_owned()],
            dead_max: usize::MAX,
        }
    }

    /// Some kinds often and others never, as the seed has it. Over many seeds this finds more than all kinds at
    /// once do: some bugs show only where the faults that hide them are absent.
    #[must_use]
    pub fn swarm(seed: u64) -> Self {
        let mut faults = Self::seed(seed);
        let mut rng = Rng::named(seed, "which faults");
        for kind in FaultKind::ALL {
            *faults.rates.of_mut(kind) = if rng.one_in(2) { 0 } else { rng.between(1, 10) as u32 };
        }
        faults
    }

    /// Draws a plan for the processes that `sim` has now and schedules it. The plan ends with
    /// [`Sim::heal_all`].
    pub fn unleash(&self, sim: &Sim) -> FaultPlan {
        let fitting = |patterns: &[String]| {
            let mut names: Vec<String> = patterns.iter().flat_map(|pattern| sim.processes(pattern)).collect();
            names.sort();
            names.dedup();
            names
        };
        let mut victims = fitting(&self.victims);
        victims.retain(|name| sim.can_restart(name));
        let plan = self.plan(&victims, &fitting(&self.linked));
        plan.schedule(sim);
        plan
    }
}

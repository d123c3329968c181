//! Faults that have been drawn, and their times.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::config::Kill;
use crate::sim::Sim;

/// One thing that is done to a world.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// [`Sim::cut`].
    Cut {
        /// One end.
        a: String,
        /// The other.
        b: String,
    },
    /// [`Sim::cut_oneway`].
    CutOneway {
        /// Who is no longer heard.
        from: String,
        /// By whom.
        to: String,
    },
    /// [`Sim::heal`].
    Heal {
        /// One end.
        a: String,
        /// The other.
        b: String,
    },
    /// [`Sim::reset_between`].
    Reset {
        /// One end.
        a: String,
        /// The other.
        b: String,
    },
    /// [`Sim::slow_link`].
    Slow {
        /// One end.
        a: String,
        /// The other.
        b: String,
        /// The new latency.
        latency: RangeInclusive<Duration>,
    },
    /// [`Sim::limit_link`].
    Limit {
        /// One end.
        a: String,
        /// The other.
        b: String,
        /// The new rate.
        bytes_per_s: u64,
    },
    /// [`Sim::restore_link`].
    Restore {
        /// One end.
        a: String,
        /// The other.
        b: String,
    },
    /// [`Sim::kill`].
    Kill {
        /// Whom.
        name: String,
        /// How.
        how: Kill,
    },
    /// [`Sim::restart`], unless the process is alive.
    Restart {
        /// Whom.
        name: String,
    },
    /// [`Sim::pause`].
    Pause {
        /// Whom.
        name: String,
    },
    /// [`Sim::resume`].
    Resume {
        /// Whom.
        name: String,
    },
    /// [`Sim::jump_wall_clock`].
    WallClock {
        /// Whose.
        name: String,
        /// How far it is off from now on.
        offset_ns: i64,
    },
    /// [`Sim::heal_all`].
    HealAll,
}

impl Fault {
    /// Makes it happen now.
    pub fn apply(&self, sim: &Sim) {
        match self {
            Self::Cut { a, b } => sim.cut(a, b),
            Self::CutOneway { from, to } => sim.cut_oneway(from, to),
            Self::Heal { a, b } => sim.heal(a, b),
            Self::Reset { a, b } => sim.reset_between(a, b),
            Self::Slow { a, b, latency } => sim.slow_link(a, b, latency.clone()),
            Self::Limit { a, b, bytes_per_s } => sim.limit_link(a, b, *bytes_per_s),
            Self::Restore { a, b } => sim.restore_link(a, b),
            Self::Kill { name, how } => sim.kill(name, *how),
            Self::Restart { name } => {
                if !sim.is_alive(name) {
                    sim.restart(name);
                }
            }
            Self::Pause { name } => sim.pause(name),
            Self::Resume { name } => sim.resume(name),
            Self::WallClock { name, offset_ns } => sim.jump_wall_clock(name, *offset_ns),
            Self::HealAll => sim.heal_all(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut { a, b } => write!(f, "cut {a} <-> {b}"),
            Self::CutOneway { from, to } => write!(f, "cut {from} -> {to}"),
            Self::Heal { a, b } => write!(f, "heal {a} <-> {b}"),
            Self::Reset { a, b } => write!(f, "reset {a} <-> {b}"),
            Self::Slow { a, b, latency } => write!(f, "slow {a} <-> {b} {latency:?}"),
            Self::Limit { a, b, bytes_per_s } => write!(f, "limit {a} <-> {b} to {bytes_per_s} bytes/s"),
            Self::Restore { a, b } => write!(f, "restore {a} <-> {b}"),
            Self::Kill { name, how } => write!(f, "kill {name} ({how:?})"),
            Self::Restart { name } => write!(f, "restart {name}"),
            Self::Pause { name } => write!(f, "pause {name}"),
            Self::Resume { name } => write!(f, "resume {name}"),
            Self::WallClock { name, offset_ns } => write!(f, "wall clock of {name} off by {offset_ns} ns"),
            Self::HealAll => f.write_str("heal all"),
        }
    }
}

/// What happens when. It prints one line per fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultPlan {
    /// Faults in the order of their times.
    pub faults: Vec<(Duration, Fault)>,
    /// When everything is healed.
    pub end: Duration,
}

impl FaultPlan {
    /// Lets it happen in `sim`: for a plan that was changed by hand. [`Faults::unleash`](crate::Faults::unleash)
    /// has done so already.
    pub fn schedule(&self, sim: &Sim) {
        for (at, fault) in &self.faults {
            let fault = fault.clone();
            sim.at(*at, move |sim| fault.apply(sim));
        }
    }
}

impl fmt::Display for FaultPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.faults.iter().try_for_each(|(at, fault)| writeln!(f, "{:>10.3} {fault}", at.as_secs_f64()))
    }
}

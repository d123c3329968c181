//! What each metric is to reach. A goal that is missed is printed as missed, and fails nothing: machines are noisy.

use super::Mode;

/// A bound on a value or on its ratio to the first floor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Goal {
    RatioAtLeast(f64),
    RatioAtMost(f64),
    AtLeast(f64),
    AtMost(f64),
    /// At most so much more than the floor.
    FloorAndAtMost(f64),
}

impl Goal {
    /// The goal of a column, if it has one.
    pub(crate) fn of(column: &str, mode: Mode, runtime: &str, n: usize) -> Option<Self> {
        let is_others = matches!(runtime, "smol" | "async-std");
        Some(match (mode, column) {
            (Mode::Tcp, "noop") if n >= 1_000_000 => Self::RatioAtLeast(0.5),
            (Mode::Tcp, "noop") => Self::RatioAtLeast(0.35),
            (Mode::Inproc, "noop") => Self::AtLeast(1_500_000.0),
            (Mode::Tcp, "latency_p50") => Self::RatioAtMost(if is_others { 1.5 } else { 1.3 }),
            (Mode::Inproc, "latency_p50") => Self::FloorAndAtMost(5.0),
            (Mode::Tcp, "chain" | "tree" | "fan_in") => Self::RatioAtMost(3.0),
            (Mode::Tcp, "scatter" | "gather" | "worker_to_worker") => Self::RatioAtLeast(0.8),
            (_, "scheduler_memory") => Self::AtMost(300.0),
            (_, "client_memory") => Self::AtMost(120.0),
            (Mode::Tcp, "startup") => Self::AtMost(60.0),
            (Mode::Inproc, "startup") => Self::AtMost(5.0),
            (_, "many_workers_cpu") => Self::RatioAtMost(1.2),
            // a heartbeat each five seconds, and now and then a look whether one is missing
            (_, "idle_wake_ups") => Self::AtMost(0.5),
            (_, "idle_memory") => Self::AtMost(5.0),
            _ => return None,
        })
    }

    /// Whether it is reached.
    pub(crate) fn is_met(self, value: f64, floor: Option<f64>, ratio: Option<f64>) -> bool {
        match self {
            Self::RatioAtLeast(bound) => ratio.is_some_and(|ratio| ratio >= bound),
            Self::RatioAtMost(bound) => ratio.is_some_and(|ratio| ratio <= bound),
            Self::AtLeast(bound) => value >= bound,
            Self::AtMost(bound) => value <= bound,
            Self::FloorAndAtMost(more) => floor.is_some_and(|floor| value <= floor + more),
        }
    }

    /// In the table's words.
    pub(crate) fn words(self, unit: &str) -> String {
        match self {
            Self::RatioAtLeast(bound) => format!(">= {bound} x"),
            Self::RatioAtMost(bound) => format!("<= {bound} x"),
            Self::AtLeast(bound) => format!(">= {bound} {unit}"),
            Self::AtMost(bound) => format!("<= {bound} {unit}"),
            Self::FloorAndAtMost(more) => format!("<= floor + {more} {unit}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_on_the_right_side() {
        let met = |goal: Goal, value| goal.is_met(value, Some(10.0), Some(value / 10.0));
        assert!(met(Goal::RatioAtLeast(0.5), 5.0) && !met(Goal::RatioAtLeast(0.5), 4.9));
        assert!(met(Goal::RatioAtMost(1.3), 13.0) && !met(Goal::RatioAtMost(1.3), 14.0));
        assert!(met(Goal::AtLeast(3.0), 3.0) && !met(Goal::AtLeast(3.0), 2.0));
        assert!(met(Goal::AtMost(3.0), 3.0) && !met(Goal::AtMost(3.0), 4.0));
        assert!(met(Goal::FloorAndAtMost(5.0), 15.0) && !met(Goal::FloorAndAtMost(5.0), 15.1));
        assert!(!Goal::RatioAtMost(2.0).is_met(1.0, None, None), "without a floor nothing is known");
    }

    #[test]
    fn runtimes_that_poll_elsewhere_have_a_little_more_time() {
        let goal = |runtime| Goal::of("latency_p50", Mode::Tcp, runtime, 1);
        assert_eq!(goal("tokio"), Some(Goal::RatioAtMost(1.3)));
        assert_eq!(goal("smol"), Some(Goal::RatioAtMost(1.5)));
    }
}

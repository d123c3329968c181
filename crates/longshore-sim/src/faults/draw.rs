//! Drawing a plan from a seed.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::Kill;
use crate::rng::Rng;

use super::plan::{Fault, FaultPlan};
use super::{FaultKind, Faults};

const MINUTE: Duration = Duration::from_secs(60);

/// How far a wall clock jumps at most: a year, as when a battery is empty.
const WALL_CLOCK_MAX_NS: u64 = 365 * 24 * 3600 * 1_000_000_000;

impl Faults {
    /// Draws a plan for processes with these names, without any world.
    #[must_use]
    pub fn plan(&self, victims: &[String], linked: &[String]) -> FaultPlan {
        let end = self.start + self.period;
        let mut drawing =
            Drawing { faults: self, victims, linked, end, dead: BTreeMap::new(), plan: Vec::new() };
        for (at, kind, mut rng) in self.times(end) {
            drawing.draw(at, kind, &mut rng);
        }
        let mut plan = drawing.plan;
        plan.push((end, Fault::HealAll));
        plan.sort_by_key(|(at, _)| *at);
        FaultPlan { faults: plan, end }
    }

    /// When faults of each kind begin. Every kind, and every fault, has random numbers of its own: a change of
    /// one rate leaves the other kinds as they were.
    fn times(&self, end: Duration) -> Vec<(Duration, FaultKind, Rng)> {
        let mut times = Vec::new();
        for kind in FaultKind::ALL {
            let Some(mean) = MINUTE.checked_div(self.rates.of(kind)) else { continue };
            let mut rng = Rng::named(self.seed, &format!("{kind:?}"));
            let mut at = self.start;
            loop {
                at += rng.duration(&(Duration::from_nanos(1)..=mean * 2));
                if at >= end {
                    break;
                }
                times.push((at, kind, Rng::new(rng.next_u64())));
            }
        }
        times.sort_by_key(|(at, kind, _)| (*at, *kind));
        times
    }
}

struct Drawing<'a> {
    faults: &'a Faults,
    victims: &'a [String],
    linked: &'a [String],
    end: Duration,
    /// Until when the killed are dead.
    dead: BTreeMap<&'a str, Duration>,
    plan: Vec<(Duration, Fault)>,
}

impl<'a> Drawing<'a> {
    fn draw(&mut self, at: Duration, kind: FaultKind, rng: &mut Rng) {
        let over = (at + rng.duration(&self.faults.outage)).min(self.end);
        match kind {
            FaultKind::KillProcess => self.kill(at, over, Kill::Process, rng),
            FaultKind::KillPower => self.kill(at, over, Kill::Power, rng),
            FaultKind::Pause | FaultKind::WallClock => {
                if let Some(name) = rng.pick(self.victims).cloned() {
                    self.disturb(at, over, kind, name, rng);
                }
            }
            FaultKind::Cut | FaultKind::CutOneway | FaultKind::Reset | FaultKind::Slow | FaultKind::Limit => {
                if let Some((a, b)) = self.pair(rng) {
                    self.impair(at, over, kind, a, b, rng);
                }
            }
        }
    }

    /// Does something to a link, and undoes it.
    fn impair(&mut self, at: Duration, over: Duration, kind: FaultKind, a: String, b: String, rng: &mut Rng) {
        let heal = Fault::Heal { a: a.clone(), b: b.clone() };
        let restore = Fault::Restore { a: a.clone(), b: b.clone() };
        let (fault, end) = match kind {
            FaultKind::CutOneway => (Fault::CutOneway { from: a, to: b }, Some(heal)),
            FaultKind::Reset => (Fault::Reset { a, b }, None),
            FaultKind::Slow => {
                let least = rng.duration(&self.faults.slow_latency);
                let latency = least..=rng.duration(&(least..=*self.faults.slow_latency.end()));
                (Fault::Slow { a, b, latency }, Some(restore))
            }
            FaultKind::Limit => {
                let range = &self.faults.limit_bytes_per_s;
                let bytes_per_s = rng.between(*range.start(), *range.end());
                (Fault::Limit { a, b, bytes_per_s }, Some(restore))
            }
            _ => (Fault::Cut { a, b }, Some(heal)),
        };
        self.plan.push((at, fault));
        self.plan.extend(end.map(|end| (over, end)));
    }

    /// Does something to a process that does not end it.
    fn disturb(&mut self, at: Duration, over: Duration, kind: FaultKind, name: String, rng: &mut Rng) {
        if kind == FaultKind::Pause {
            self.plan.push((over, Fault::Resume { name: name.clone() }));
            self.plan.push((at, Fault::Pause { name }));
            return;
        }
        let reach = rng.between(0, WALL_CLOCK_MAX_NS) as i64;
        let offset_ns = if rng.one_in(2) { reach } else { -reach };
        self.plan.push((at, Fault::WallClock { name, offset_ns }));
    }

    fn kill(&mut self, at: Duration, over: Duration, how: Kill, rng: &mut Rng) {
        self.dead.retain(|_, until| *until > at);
        let Some(name) = rng.pick(self.victims) else { return };
        if self.dead.contains_key(name.as_str()) || self.dead.len() >= self.faults.dead_max {
            return;
        }
        self.dead.insert(name, over);
        self.plan.push((at, Fault::Kill { name: name.clone(), how }));
        self.plan.push((over, Fault::Restart { name: name.clone() }));
    }

    /// Two different processes.
    fn pair(&self, rng: &mut Rng) -> Option<(String, String)> {
        let others = self.linked.len().checked_sub(1).filter(|others| *others > 0)?;
        let first = rng.index(self.linked.len());
        let second = (first + 1 + rng.index(others)) % self.linked.len();
        Some((self.linked[first].clone(), self.linked[second].clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::FaultRates;

    fn names(n: usize) -> Vec<String> {
        (0..n).map(|i| format!("w{i}")).collect()
    }

    #[test]
    fn the_same_seed_draws_the_same_plan() {
        let names = names(5);
        assert_eq!(Faults::swarm(3).plan(&names, &names), Faults::swarm(3).plan(&names, &names));
        assert_ne!(Faults::swarm(3).plan(&names, &names), Faults::swarm(4).plan(&names, &names));
    }

    #[test]
    fn rates_are_kept_about() {
        let names = names(30);
        let rates = FaultRates { reset_per_min: 10, ..FaultRates::default() };
        let faults = Faults { rates, period: Duration::from_secs(600), ..Faults::seed(1) };
        let plan = faults.plan(&names, &names);
        assert!((75..125).contains(&plan.faults.len()), "{}", plan.faults.len());
        assert_eq!(plan.faults.last(), Some(&(plan.end, Fault::HealAll)));
    }

    #[test]
    fn nobody_is_killed_twice_and_few_are_dead_at_a_time() {
        let names = names(6);
        for seed in 0..50 {
            let faults = Faults { rates: FaultRates::uniform(20), dead_max: 2, ..Faults::seed(seed) };
            let mut dead = std::collections::BTreeSet::new();
            for (_, fault) in faults.plan(&names, &names).faults {
                match fault {
                    Fault::Kill { name, .. } => assert!(dead.insert(name)),
                    Fault::Restart { name } => assert!(dead.remove(&name)),
                    _ => {}
                }
                assert!(dead.len() <= 2);
            }
            assert!(dead.is_empty());
        }
    }

    #[test]
    fn links_have_two_ends() {
        for seed in 0..20 {
            for (_, fault) in Faults::seed(seed).plan(&[], &names(2)).faults {
                if let Fault::Cut { a, b } = fault {
                    assert_ne!(a, b);
                }
            }
            let alone = Faults::seed(seed).plan(&[], &names(1));
            assert_eq!(alone.faults.len(), 1, "one process has no links and nobody is to be killed");
        }
    }
}

//! Links: one direction between two processes. They carry latency, bandwidth and cuts.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::clock::nanos;
use crate::config::Kill;
use crate::process::{Life, Pid};
use crate::slab::Key;
use crate::state::State;
use crate::trace::Happening;

use super::{Held, Net};

/// The delay within one process.
const LOOPBACK_NS: u64 = 10_000;

/// How one direction differs from the default.
#[derive(Clone, Debug, Default)]
pub(crate) struct Link {
    pub(crate) cut: bool,
    pub(crate) latency: Option<RangeInclusive<Duration>>,
    pub(crate) bandwidth_bytes_per_s: Option<u64>,
    /// When the last byte of what was sent so far leaves.
    free_at: u64,
}

impl Link {
    /// What has been sent at the old rate still takes its time.
    pub(crate) fn restore_speed(&mut self) {
        self.latency = None;
        self.bandwidth_bytes_per_s = None;
    }
}

impl Net {
    pub(crate) fn link(&mut self, from: Pid, to: Pid) -> &mut Link {
        self.links.entry((from, to)).or_default()
    }

    pub(crate) fn is_cut(&self, from: Pid, to: Pid) -> bool {
        self.links.get(&(from, to)).is_some_and(|link| link.cut)
    }

    /// The directions that are cut now.
    pub(crate) fn cuts(&self) -> Vec<(Pid, Pid)> {
        self.links.iter().filter(|(_, link)| link.cut).map(|(ends, _)| *ends).collect()
    }

    /// Gives every link the default latency and bandwidth again.
    pub(crate) fn restore_speeds(&mut self) {
        self.links.values_mut().for_each(Link::restore_speed);
    }
}

impl State {
    /// When a segment of `len` bytes that is sent now arrives.
    pub(crate) fn arrival(&mut self, from: Pid, to: Pid, len: usize) -> u64 {
        let now = self.now + self.used_ns(from);
        if from == to {
            return now + LOOPBACK_NS;
        }
        let link = self.net.links.get_mut(&(from, to));
        let range = link.as_ref().and_then(|link| link.latency.as_ref()).unwrap_or(&self.config.latency);
        let latency = nanos(self.rng.network.duration(range));
        let own_rate = link.and_then(|link| link.bandwidth_bytes_per_s);
        match own_rate.or(self.config.bandwidth_bytes_per_s) {
            None => now + latency,
            Some(rate) => {
                let time = (len as u128 * 1_000_000_000 / u128::from(rate.max(1))) as u64;
                let link = self.net.link(from, to);
                link.free_at = link.free_at.max(now) + time;
                link.free_at + latency
            }
        }
    }

    /// Whether nothing gets from one process to the other now.
    pub(crate) fn is_lost(&self, from: Pid, to: Pid) -> bool {
        let vanished = |pid| self.processes.get(pid).life == Life::Dead(Kill::Power);
        self.net.is_cut(from, to) || vanished(to)
    }

    pub(crate) fn cut(&mut self, from: Pid, to: Pid) {
        self.note(Happening::Cut { from, to });
        self.net.link(from, to).cut = true;
    }

    /// Undoes a cut: what could not be delivered is sent again.
    pub(crate) fn heal(&mut self, from: Pid, to: Pid) {
        self.note(Happening::Healed { from, to });
        if let Some(link) = self.net.links.get_mut(&(from, to)) {
            link.cut = false;
        }
        self.release_held((to, from, Key::MIN, 0)..=(to, from, Key::MAX, 1));
    }

    /// Sends again whatever waits for the machine of `to`.
    pub(crate) fn release_held_for(&mut self, to: Pid) {
        self.release_held((to, Pid(0), Key::MIN, 0)..=(to, Pid(u32::MAX), Key::MAX, 1));
    }

    fn release_held(&mut self, range: RangeInclusive<Held>) {
        let held: Vec<Held> = self.net.held.range(range).copied().collect();
        for direction in held {
            self.net.held.remove(&direction);
            let (_, _, conn, side) = direction;
            self.retransmit(conn, side);
        }
    }
}

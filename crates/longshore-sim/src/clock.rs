//! What a process's clocks show, given the world's time.

use std::time::Duration;

/// Where every simulated wall clock begins: 14 November 2023, 22:13:20 UTC.
const UNIX_START: Duration = Duration::from_secs(1_700_000_000);

/// Nanoseconds of `d`, at most `u64::MAX` (584 years).
pub(crate) fn nanos(d: Duration) -> u64 {
    u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)
}

/// The offsets of one process.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clock {
    /// Added to the monotonic clock, so that instants of two processes do not compare.
    pub(crate) monotonic_ns: i64,
    /// Added to the wall clock only.
    pub(crate) wall_ns: i64,
}

impl Clock {
    /// The process's instant when the world's time is `world`.
    pub(crate) fn local(self, world: u64) -> u64 {
        world.saturating_add_signed(self.monotonic_ns)
    }

    /// The world's time when the process's clock shows `local`.
    pub(crate) fn world(self, local: u64) -> u64 {
        // The one number that cannot be negated is an offset of 292 years.
        local.saturating_add_signed(self.monotonic_ns.saturating_neg())
    }

    pub(crate) fn unix(self, world: u64) -> Duration {
        Duration::from_nanos(nanos(UNIX_START).saturating_add(world).saturating_add_signed(self.wall_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_and_world_are_inverse() {
        for monotonic_ns in [0, 5, 1 << 40] {
            let clock = Clock { monotonic_ns, wall_ns: 0 };
            assert_eq!(clock.world(clock.local(77)), 77);
        }
        let behind = Clock { monotonic_ns: -50, wall_ns: 0 };
        assert_eq!((behind.local(77), behind.world(27)), (27, 77));
        assert_eq!(behind.local(7), 0, "a clock never shows less than zero");
    }

    #[test]
    fn the_wall_clock_jumps_alone() {
        let clock = Clock { monotonic_ns: 0, wall_ns: -60_000_000_000 };
        assert_eq!(clock.unix(0), UNIX_START - Duration::from_secs(60));
        assert_eq!(clock.local(3), 3);
    }
}

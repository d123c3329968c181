//! Points in time and the timer trait.
//!
//! [`Instant`] is a number, not std's `Instant`: that one cannot be built from a number, so a
//! simulator on top of it could neither print nor replay absolute times. Deliberately absent: any
//! way to ask for the current time without a runtime.
use std::fmt;
use std::future::Future;
use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

/// Nanoseconds since the runtime's own epoch. Arithmetic saturates.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Instant(pub u64);

impl Instant {
    /// The time from `earlier` to `self`, zero if `earlier` is later.
    #[must_use]
    pub fn duration_since(self, earlier: Instant) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

fn nanos(d: Duration) -> u64 {
    u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)
}

impl Add<Duration> for Instant {
    type Output = Instant;
    fn add(self, d: Duration) -> Instant {
        Instant(self.0.saturating_add(nanos(d)))
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, d: Duration) {
        *self = *self + d;
    }
}

impl Sub<Duration> for Instant {
    type Output = Instant;
    fn sub(self, d: Duration) -> Instant {
        Instant(self.0.saturating_sub(nanos(d)))
    }
}

impl Sub<Instant> for Instant {
    type Output = Duration;
    fn sub(self, earlier: Instant) -> Duration {
        self.duration_since(earlier)
    }
}

/// Seconds since the epoch, to the microsecond.
impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}s", self.0 / 1_000_000_000, self.0 % 1_000_000_000 / 1_000)
    }
}

/// A timer: a future that completes once its instant has come.
///
/// It may fire late by the runtime's granularity (1 ms on tokio), never early.
pub trait Sleep: Future<Output = ()> + Unpin + Send + 'static {
    /// Re-arms in place, whether or not it was polled or has fired, so that a heartbeat allocates no timer
    /// per message. The task that polled last need not poll again to be woken at the new time,
    /// unless the sleep had fired.
    fn reset(&mut self, at: Instant);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates() {
        let end = Instant(u64::MAX);
        assert_eq!(end + Duration::MAX, end);
        assert_eq!(Instant(5) - Duration::from_secs(1), Instant(0));
        assert_eq!(Instant(5) - Instant(9), Duration::ZERO);
        assert_eq!(Instant(9) - Instant(5), Duration::from_nanos(4));
    }

    #[test]
    fn display_is_fixed_point() {
        assert_eq!(Instant(12_000_345_678).to_string(), "12.000345s");
    }
}

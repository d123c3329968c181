//! The clocks and the entropy of the real world, shared by every adapter but the simulator's.
use crate::Instant;
use std::sync::OnceLock;
use std::time::Duration;

/// One epoch for the whole process, so that instants of two adapters compare.
fn epoch() -> std::time::Instant {
    static EPOCH: OnceLock<std::time::Instant> = OnceLock::new();
    *EPOCH.get_or_init(std::time::Instant::now)
}

pub(crate) fn now() -> Instant {
    Instant::default() + epoch().elapsed()
}

/// The platform's instant for one of ours. Beyond what the platform can count, a century from the
/// epoch stands for never.
pub(crate) fn to_std(at: Instant) -> std::time::Instant {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
    let epoch = epoch();
    epoch.checked_add(Duration::from_nanos(at.0)).unwrap_or_else(|| epoch + CENTURY)
}

pub(crate) fn unix_now() -> Duration {
    std::time::UNIX_EPOCH.elapsed().unwrap_or_default()
}

pub(crate) fn entropy() -> u64 {
    // The call cannot fail on a supported system that has booted. std's own source, which every
    // hash map relies on, is as good an answer as a panic would be a bad one.
    getrandom::u64().unwrap_or_else(|_| std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), ()))
}

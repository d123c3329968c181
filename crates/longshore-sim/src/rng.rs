//! Random numbers that depend on a seed and on nothing else.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::clock::nanos;

/// A small seeded generator (splitmix64).
///
/// It is not for secrets. It is the same on every platform and in every version of this crate's 0.1 series, so
/// that a seed written down in a test keeps meaning the same run.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// A generator whose numbers follow from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A stream of its own for `name`: what other names exist, or in which order they came, does not matter.
    pub(crate) fn named(seed: u64, name: &str) -> Self {
        let mut hash = 0xcbf2_9ce4_8422_2325 ^ seed;
        for byte in name.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Self(Self(hash).next_u64())
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`; 0 when `n` is 0.
    pub fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(n)) >> 64) as u64
    }

    /// An index into a slice of length `len`; 0 when it is empty.
    pub fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// A number between `low` and `high`, both included; `low` when the range is empty.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        match high.checked_sub(low) {
            None => low,
            Some(u64::MAX) => self.next_u64(),
            Some(width) => low + self.below(width + 1),
        }
    }

    /// A duration within `range`, to the nanosecond.
    pub fn duration(&mut self, range: &RangeInclusive<Duration>) -> Duration {
        Duration::from_nanos(self.between(nanos(*range.start()), nanos(*range.end())))
    }

    /// True once in `n` times on average; never when `n` is 0.
    pub fn one_in(&mut self, n: u64) -> bool {
        n != 0 && self.below(n) == 0
    }

    /// An element of `items`, or nothing when there is none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.index(items.len()))
    }
}

/// One stream per concern, so that one more draw in one of them does not reshuffle the others.
#[derive(Debug)]
pub(crate) struct Streams {
    pub(crate) scheduler: Rng,
    pub(crate) network: Rng,
    pub(crate) job: Rng,
}

impl Streams {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            scheduler: Rng::named(seed, "the order of tasks"),
            network: Rng::named(seed, "the network"),
            job: Rng::named(seed, "the cost of jobs"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_hold() {
        let mut rng = Rng::new(1);
        for n in 1..200 {
            assert!(rng.below(n) < n);
            assert!((5..=5 + n).contains(&rng.between(5, 5 + n)));
        }
        assert_eq!(rng.between(9, 3), 9);
        assert_eq!(rng.pick::<u8>(&[]), None);
    }

    #[test]
    fn streams_are_their_own() {
        let (mut a, mut b) = (Rng::named(1, "a"), Rng::named(1, "b"));
        assert_ne!(a.next_u64(), b.next_u64());
        assert_eq!(Rng::named(1, "a").next_u64(), Rng::named(1, "a").next_u64());
        assert_ne!(Rng::named(1, "a").next_u64(), Rng::named(2, "a").next_u64());
    }
}

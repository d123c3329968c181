//! A hash table by task, the same in every run.
use hashbrown::HashMap;
use longshore_proto::TaskHandle;
use std::hash::{BuildHasherDefault, Hasher};

/// The table.
pub(super) type Table<T> = HashMap<TaskHandle, T, BuildHasherDefault<HandleHasher>>;

/// Hashes the two numbers of a handle. They are the scheduler's own, counted from zero, so there is nothing to defend
/// against; every message looks several handles up, so there is something to gain.
#[derive(Copy, Clone, Debug, Default)]
pub(super) struct HandleHasher(u64);

impl Hasher for HandleHasher {
    #[inline]
    fn write_u32(&mut self, number: u32) {
        self.0 = self.0.rotate_left(32) ^ u64::from(number);
    }

    #[inline]
    fn finish(&self) -> u64 {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        // The table uses the lowest and the highest bits: multiplying fills the highest, folding the lowest.
        let mixed = (self.0 ^ (self.0 >> 32)).wrapping_mul(ODD);
        mixed ^ (mixed >> 32)
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u32(u32::from(*byte)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::hash::BuildHasher;

    #[test]
    fn neighbours_and_generations_land_apart() {
        let build = BuildHasherDefault::<HandleHasher>::default();
        let hash = |slot, generation| build.hash_one(TaskHandle { slot, generation });
        let by_slot: BTreeSet<_> = (0..4_096).map(|slot| hash(slot, 3) % 4_096).collect();
        let by_generation: BTreeSet<_> = (0..4_096).map(|generation| hash(3, generation) % 4_096).collect();
        let tags: BTreeSet<_> = (0..4_096).map(|slot| hash(slot, 3) >> 57).collect();
        // A random function would fill 63 % of the places.
        assert!(by_slot.len() > 2_000, "{}", by_slot.len());
        assert!(by_generation.len() > 2_000, "{}", by_generation.len());
        assert_eq!(tags.len(), 128);
    }
}

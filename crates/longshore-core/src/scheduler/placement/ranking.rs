//! Workers by load, lightest first, kept sorted so that picking one among many costs the logarithm of their number.
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use longshore_proto::PeerId;
use std::collections::BTreeSet;

/// All workers that are ready for work, by load.
#[derive(Debug, Default)]
pub(crate) struct Ranking {
    by_load: BTreeSet<(u64, PeerId)>,
    load: HashMap<PeerId, u64, FixedState>,
    /// Workers whose load changed since they were last sorted in.
    changed: Vec<PeerId>,
}

impl Ranking {
    /// Notes that a worker came, went or has another load. It is sorted in by [`refresh`](Self::refresh).
    pub(crate) fn touch(&mut self, worker: PeerId) {
        if self.changed.last() != Some(&worker) {
            self.changed.push(worker);
        }
    }

    /// Sorts in what changed; `load` says a worker's load, `None` if it takes no work.
    pub(crate) fn refresh(&mut self, mut load: impl FnMut(PeerId) -> Option<u64>) {
        self.changed.sort_unstable();
        self.changed.dedup();
        for worker in std::mem::take(&mut self.changed) {
            self.set(worker, load(worker));
        }
    }

    /// Sorts in one worker.
    pub(crate) fn set(&mut self, worker: PeerId, load: Option<u64>) {
        let old = match load {
            Some(load) => self.load.insert(worker, load),
            None => self.load.remove(&worker),
        };
        if old == load {
            return;
        }
        if let Some(old) = old {
            self.by_load.remove(&(old, worker));
        }
        if let Some(load) = load {
            self.by_load.insert((load, worker));
        }
    }

    /// Workers, lightest first.
    pub(crate) fn lightest(&self) -> impl Iterator<Item = (u64, PeerId)> {
        self.by_load.iter().copied()
    }

    /// Workers, heaviest first.
    pub(crate) fn heaviest(&self) -> impl Iterator<Item = (u64, PeerId)> {
        self.by_load.iter().rev().copied()
    }
}

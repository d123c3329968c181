//! Workers by load, kept sorted so that picking one among many costs the logarithm of their number.
//!
//! Those with room and those with a surplus stand in lists of their own: with thousands of workers most are full most of
//! the time, and looking past them one by one would cost more than everything else that is done for a task.
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use longshore_proto::PeerId;
use std::collections::BTreeSet;

/// What placing needs to know of a worker.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Standing {
    /// Expected time until a thread is free.
    pub load_ns: u64,
    /// It may be sent another task.
    pub has_room: bool,
    /// It has tasks that could run elsewhere.
    pub has_surplus: bool,
}

/// All workers that are ready for work, by load.
#[derive(Debug, Default)]
pub(crate) struct Ranking {
    with_room: BTreeSet<(u64, PeerId)>,
    with_surplus: BTreeSet<(u64, PeerId)>,
    standings: HashMap<PeerId, Standing, FixedState>,
    /// Workers whose standing changed since they were last sorted in.
    changed: Vec<PeerId>,
}

impl Ranking {
    /// Notes that a worker came, went or stands otherwise. It is sorted in by [`refresh`](Self::refresh).
    pub(crate) fn touch(&mut self, worker: PeerId) {
        if self.changed.last() != Some(&worker) {
            self.changed.push(worker);
        }
    }

    /// Sorts in what changed; `standing` says how a worker stands, `None` if it takes no work.
    pub(crate) fn refresh(&mut self, mut standing: impl FnMut(PeerId) -> Option<Standing>) {
        self.changed.sort_unstable();
        self.changed.dedup();
        let mut changed = std::mem::take(&mut self.changed);
        for worker in changed.drain(..) {
            self.set(worker, standing(worker));
        }
        self.changed = changed;
    }

    /// Sorts in one worker.
    pub(crate) fn set(&mut self, worker: PeerId, standing: Option<Standing>) {
        let old = match standing {
            Some(standing) => self.standings.insert(worker, standing),
            None => self.standings.remove(&worker),
        };
        if old == standing {
            return;
        }
        let room = |s: Option<Standing>| s.filter(|s| s.has_room).map(|s| (s.load_ns, worker));
        let surplus = |s: Option<Standing>| s.filter(|s| s.has_surplus).map(|s| (s.load_ns, worker));
        replace(&mut self.with_room, room(old), room(standing));
        replace(&mut self.with_surplus, surplus(old), surplus(standing));
    }

    /// Whether this is how a worker stands here, or will once it is sorted in.
    pub(crate) fn agrees(&self, worker: PeerId, standing: Option<Standing>) -> bool {
        self.standings.get(&worker) == standing.as_ref() || self.changed.contains(&worker)
    }

    /// Workers with room, lightest first.
    pub(crate) fn lightest(&self) -> impl Iterator<Item = (u64, PeerId)> {
        self.with_room.iter().copied()
    }

    /// Workers with a surplus, heaviest first.
    pub(crate) fn heaviest(&self) -> impl Iterator<Item = (u64, PeerId)> {
        self.with_surplus.iter().rev().copied()
    }
}

fn replace<T: Ord>(set: &mut BTreeSet<T>, old: Option<T>, new: Option<T>) {
    if old == new {
        return;
    }
    if let Some(old) = old {
        set.remove(&old);
    }
    set.extend(new);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(load_ns: u64, has_room: bool, has_surplus: bool) -> Option<Standing> {
        Some(Standing { load_ns, has_room, has_surplus })
    }

    #[test]
    fn the_full_are_not_looked_at_and_the_heaviest_give() {
        let mut ranking = Ranking::default();
        ranking.set(PeerId(1), standing(30, true, false));
        ranking.set(PeerId(2), standing(90, false, true));
        ranking.set(PeerId(3), standing(10, false, false));
        ranking.set(PeerId(4), standing(20, true, true));
        assert_eq!(ranking.lightest().collect::<Vec<_>>(), [(20, PeerId(4)), (30, PeerId(1))]);
        assert_eq!(ranking.heaviest().collect::<Vec<_>>(), [(90, PeerId(2)), (20, PeerId(4))]);
        ranking.touch(PeerId(4));
        ranking.touch(PeerId(3));
        ranking.refresh(|worker| standing(5, true, false).filter(|_| worker != PeerId(4)));
        assert_eq!(ranking.lightest().collect::<Vec<_>>(), [(5, PeerId(3)), (30, PeerId(1))]);
        assert_eq!(ranking.heaviest().collect::<Vec<_>>(), [(90, PeerId(2))]);
    }
}

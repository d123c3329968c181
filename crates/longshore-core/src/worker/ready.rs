//! The tasks that could run at once, in the order in which they should.
//!
//! Work mostly arrives in order, so that most entries are appended to a plain queue; only what comes out of order goes
//! through a heap. An entry is not searched for when its task goes away: the queue is told that one entry is dead, skips it
//! when it surfaces, and is swept when the dead outnumber the living.
use super::task::Order;
use longshore_proto::{Attempt, FunctionIndex, TaskHandle};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// A place in the queue.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Entry {
    pub(super) order: Order,
    pub(super) task: TaskHandle,
    pub(super) attempt: Attempt,
    pub(super) function: FunctionIndex,
}

/// The queue.
#[derive(Debug, Default)]
pub(super) struct Ready {
    in_order: VecDeque<Entry>,
    rest: BinaryHeap<Reverse<Entry>>,
    live: usize,
}

impl Ready {
    pub(super) fn push(&mut self, entry: Entry) {
        self.live += 1;
        if self.in_order.back().is_none_or(|last| *last <= entry) {
            self.in_order.push_back(entry);
        } else {
            self.rest.push(Reverse(entry));
        }
    }

    /// The first entry, dead or alive.
    pub(super) fn peek(&self) -> Option<Entry> {
        match (self.in_order.front(), self.rest.peek()) {
            (Some(a), Some(Reverse(b))) => Some(*a.min(b)),
            (Some(a), None) => Some(*a),
            (None, Some(Reverse(b))) => Some(*b),
            (None, None) => None,
        }
    }

    fn drop_first(&mut self) {
        let from_rest = match (self.in_order.front(), self.rest.peek()) {
            (Some(a), Some(Reverse(b))) => b < a,
            (a, _) => a.is_none(),
        };
        if from_rest {
            self.rest.pop();
        } else {
            self.in_order.pop_front();
        }
    }

    /// Takes the first entry, which is alive, out.
    pub(super) fn pop_live(&mut self) {
        self.drop_first();
        self.live -= 1;
    }

    /// Takes the first entry, which is dead, out.
    pub(super) fn pop_dead(&mut self) {
        self.drop_first();
    }

    /// The task of one entry went away.
    pub(super) fn forget_one(&mut self, is_live: impl Fn(&Entry) -> bool) {
        const DEAD_MAX: usize = 64;
        self.live -= 1;
        if self.entries() > 2 * self.live + DEAD_MAX {
            self.in_order.retain(&is_live);
            self.rest.retain(|Reverse(entry)| is_live(entry));
        }
    }

    /// Number of entries whose task still waits to be run.
    pub(super) fn live(&self) -> usize {
        self.live
    }

    fn entries(&self) -> usize {
        self.in_order.len() + self.rest.len()
    }

    /// All entries in no particular order, for [`validate`](super::Machine::validate).
    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.in_order.iter().chain(self.rest.iter().map(|Reverse(entry)| entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry(priority: i32, sequence: u64) -> Entry {
        Entry {
            order: Order::new((priority, sequence)),
            task: TaskHandle { slot: 0, generation: 0 },
            attempt: Attempt(0),
            function: FunctionIndex(0),
        }
    }

    fn drain(ready: &mut Ready) -> Vec<Entry> {
        let mut out = vec![];
        while let Some(entry) = ready.peek() {
            ready.pop_live();
            out.push(entry);
        }
        out
    }

    proptest! {
        #[test]
        fn comes_out_sorted(orders in prop::collection::vec((-2i32..3, 0u64..50), 0..200)) {
            let mut ready = Ready::default();
            let mut expected: Vec<_> = orders.iter().map(|(p, s)| entry(*p, *s)).collect();
            expected.iter().for_each(|e| ready.push(*e));
            expected.sort();
            prop_assert_eq!(ready.live(), expected.len());
            prop_assert_eq!(drain(&mut ready), expected);
        }
    }

    #[test]
    fn greater_priority_first_then_earlier_submission() {
        let mut ready = Ready::default();
        for e in [entry(0, 1), entry(0, 2), entry(5, 9), entry(-1, 0), entry(5, 3)] {
            ready.push(e);
        }
        assert_eq!(drain(&mut ready), [entry(5, 3), entry(5, 9), entry(0, 1), entry(0, 2), entry(-1, 0)]);
    }

    #[test]
    fn the_dead_are_swept_once_they_are_many() {
        let mut ready = Ready::default();
        for i in 0..1_000 {
            ready.push(entry(0, i));
        }
        for i in 0..999 {
            ready.forget_one(|e| e.order > entry(0, i).order);
        }
        assert_eq!(ready.live(), 1);
        assert!(ready.entries() <= 2 + 64, "{} entries are left", ready.entries());
    }
}

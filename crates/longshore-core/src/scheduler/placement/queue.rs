//! Runnable tasks in the order in which they are to run.
//!
//! Tasks mostly become runnable in the order in which they were submitted. Those stand in a plain queue that costs nothing to
//! keep sorted; the others (dependents, retries, other priorities) stand in a heap. Entries are never searched for: a
//! task that left the queue leaves its entry behind, which is skipped when it comes up.
use crate::scheduler::task::Order;
use longshore_proto::TaskHandle;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

type Entry = (Order, TaskHandle);

/// A priority queue of tasks.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    in_order: VecDeque<Entry>,
    others: BinaryHeap<Reverse<Entry>>,
}

impl Queue {
    pub(crate) fn push(&mut self, order: Order, task: TaskHandle) {
        if self.in_order.back().is_none_or(|(last, _)| *last <= order) {
            self.in_order.push_back((order, task));
        } else {
            self.others.push(Reverse((order, task)));
        }
    }

    /// The entry that is to run first.
    pub(crate) fn peek(&self) -> Option<Entry> {
        match (self.in_order.front(), self.others.peek()) {
            (Some(a), Some(Reverse(b))) => Some(*a.min(b)),
            (Some(a), None) => Some(*a),
            (None, other) => other.map(|Reverse(b)| *b),
        }
    }

    /// Takes the entry that [`peek`](Self::peek) showed.
    pub(crate) fn pop(&mut self) -> Option<Entry> {
        match (self.in_order.front(), self.others.peek()) {
            (Some(a), Some(Reverse(b))) if b < a => self.others.pop().map(|Reverse(entry)| entry),
            (Some(_), _) => self.in_order.pop_front(),
            (None, _) => self.others.pop().map(|Reverse(entry)| entry),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.in_order.is_empty() && self.others.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn entries_come_out_in_order(orders in prop::collection::vec((-2i32..3, 0u64..50), 0..200)) {
            let mut q = Queue::default();
            for (slot, (rank, seq)) in (0u32..).zip(&orders) {
                q.push(Order { rank: *rank, seq: *seq }, TaskHandle { slot, generation: 0 });
            }
            let out: Vec<_> = std::iter::from_fn(|| q.pop()).map(|(o, _)| (o.rank, o.seq)).collect();
            let mut sorted = orders;
            sorted.sort_unstable();
            prop_assert_eq!(out, sorted);
        }
    }
}

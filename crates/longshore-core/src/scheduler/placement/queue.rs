//! Runnable tasks in the order in which they are to run.
//!
//! Tasks mostly become runnable in the order in which they were submitted, or in that order within each of a few priorities.
//! So they stand in a few lanes, each of which is in order by itself: a task joins the lane whose last one precedes it most
//! closely, and the first one of all is the first one of some lane. Only what fits no lane goes to a heap, which costs more
//! the more tasks wait. Entries are never searched for: a task that left the queue leaves its entry behind, which is
//! skipped when it comes up.
use crate::scheduler::task::Order;
use longshore_proto::TaskHandle;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

type Entry = (Order, TaskHandle);

/// So many lanes beside the first one are looked at for each task.
const SIDES_LEN_MAX: usize = 7;

/// A priority queue of tasks.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    /// The first lane, which is most often all there is.
    main: VecDeque<Entry>,
    /// Further lanes, none of them empty.
    sides: Vec<VecDeque<Entry>>,
    others: BinaryHeap<Reverse<Entry>>,
}

/// Where an entry is.
#[derive(Copy, Clone)]
enum Place {
    Main,
    Side(usize),
    Other,
}

impl Queue {
    pub(crate) fn push(&mut self, order: Order, task: TaskHandle) {
        if self.sides.is_empty() && fits(&self.main, order) {
            return self.main.push_back((order, task));
        }
        self.push_beside((order, task));
    }

    /// The entry that is to run first.
    pub(crate) fn peek(&self) -> Option<Entry> {
        if self.has_one_lane() { self.main.front().copied() } else { self.first().map(|(entry, _)| entry) }
    }

    /// Takes the entry that [`peek`](Self::peek) showed.
    pub(crate) fn pop(&mut self) -> Option<Entry> {
        if self.has_one_lane() { self.main.pop_front() } else { self.pop_first() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.main.is_empty() && self.has_one_lane()
    }

    fn has_one_lane(&self) -> bool {
        self.sides.is_empty() && self.others.is_empty()
    }

    /// An empty lane comes after all that have a last entry which fits.
    fn push_beside(&mut self, entry: Entry) {
        let may_open = self.sides.len() < SIDES_LEN_MAX;
        let lanes = std::iter::once(&mut self.main).chain(&mut self.sides);
        let lanes = lanes.filter(|lane| fits(lane, entry.0));
        match lanes.max_by_key(|lane| lane.back().map(|(last, _)| *last)) {
            Some(lane) => lane.push_back(entry),
            None if may_open => self.sides.push(VecDeque::from([entry])),
            None => self.others.push(Reverse(entry)),
        }
    }

    /// The first entry of several lanes, and where it is.
    fn first(&self) -> Option<(Entry, Place)> {
        let main = self.main.front().map(|entry| (*entry, Place::Main));
        let sides = self.sides.iter().enumerate();
        let sides = sides.filter_map(|(number, lane)| Some((*lane.front()?, Place::Side(number))));
        let other = self.others.peek().map(|Reverse(entry)| (*entry, Place::Other));
        sides.chain(main).chain(other).min_by_key(|(entry, _)| *entry)
    }

    fn pop_first(&mut self) -> Option<Entry> {
        let (first, place) = self.first()?;
        match place {
            Place::Main => drop(self.main.pop_front()),
            Place::Other => drop(self.others.pop()),
            Place::Side(number) => {
                self.sides[number].pop_front();
                if self.sides[number].is_empty() {
                    self.sides.swap_remove(number);
                }
            }
        }
        Some(first)
    }
}

/// Whether a lane stays in order with this at its end.
fn fits(lane: &VecDeque<Entry>, order: Order) -> bool {
    lane.back().is_none_or(|(last, _)| *last <= order)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn entries_come_out_in_order(orders in prop::collection::vec((-20i32..20, 0u64..50), 0..200)) {
            let mut q = Queue::default();
            for (slot, (rank, seq)) in (0u32..).zip(&orders) {
                q.push(Order { rank: *rank, seq: *seq }, TaskHandle { slot, generation: 0 });
            }
            prop_assert!(q.sides.len() <= SIDES_LEN_MAX);
            prop_assert_eq!(q.is_empty(), orders.is_empty());
            let out: Vec<_> = std::iter::from_fn(|| q.pop()).map(|(o, _)| (o.rank, o.seq)).collect();
            let mut sorted = orders;
            sorted.sort_unstable();
            prop_assert_eq!(out, sorted);
        }
    }

    #[test]
    fn tasks_of_a_few_priorities_need_no_heap_and_leave_no_lane() {
        let mut q = Queue::default();
        for seq in 0..1000 {
            let rank = i32::try_from(seq % 5).unwrap() - 2;
            q.push(Order { rank: -rank, seq }, TaskHandle { slot: 0, generation: 0 });
        }
        assert_eq!((q.sides.len(), q.others.len()), (4, 0));
        while q.pop().is_some() {}
        assert!(q.is_empty() && q.sides.is_empty());
    }
}

//! What will happen, in the order of (time, sequence).

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use longshore_rt::BoxJob;

use crate::net::{Segment, Side, Syn};
use crate::process::{Incarnation, Pid};
use crate::slab::Key;
use crate::state::Script;

/// One thing that will happen.
pub(crate) enum Event {
    Timer(Key),
    Deliver { conn: Key, side: Side, segment: Segment },
    Stall { conn: Key, side: Side, generation: u32 },
    Syn(Syn),
    Answer { dial: Key, answer: std::io::Result<Key> },
    Job { owner: Incarnation, name: &'static str, job: BoxJob },
    Script(Script),
    ProcessorFree(Pid),
}

struct Entry {
    at: u64,
    sequence: u64,
    event: Event,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Entry {}
impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}

/// Cancelled timers stay in the heap until their time or until they are the most of it.
const CANCELLED_MIN: usize = 1024;

/// The heap of events.
#[derive(Default)]
pub(crate) struct Agenda {
    heap: BinaryHeap<Reverse<Entry>>,
    sequence: u64,
    cancelled: usize,
}

impl Agenda {
    pub(crate) fn add(&mut self, at: u64, event: Event) {
        self.sequence += 1;
        self.heap.push(Reverse(Entry { at, sequence: self.sequence, event }));
    }

    /// Says that a timer in the heap will not fire. `is_live` tells the others.
    pub(crate) fn cancel_timer(&mut self, is_live: impl Fn(Key) -> bool) {
        self.cancelled += 1;
        if self.cancelled >= CANCELLED_MIN && self.cancelled * 2 > self.heap.len() {
            self.heap.retain(|Reverse(entry)| match entry.event {
                Event::Timer(key) => is_live(key),
                _ => true,
            });
            self.cancelled = 0;
        }
    }

    /// The time of the next event. Cancelled timers are dropped on the way: they must not move the clock.
    pub(crate) fn next_at(&mut self, is_live: impl Fn(Key) -> bool) -> Option<u64> {
        loop {
            match self.heap.peek() {
                Some(Reverse(Entry { event: Event::Timer(key), .. })) if !is_live(*key) => {
                    self.heap.pop();
                    self.cancelled = self.cancelled.saturating_sub(1);
                }
                other => return other.map(|Reverse(entry)| entry.at),
            }
        }
    }

    pub(crate) fn pop(&mut self) -> Option<(u64, Event)> {
        self.heap.pop().map(|Reverse(entry)| (entry.at, entry.event))
    }

    pub(crate) fn len(&self) -> usize {
        self.heap.len()
    }
}

//! A bounded log of what a machine did, printed with every violation and given out on request.
//!
//! One entry is a few words of memory and no text is formatted until somebody reads it, so the hot path may note freely.
use longshore_proto::{TaskHandle, Time};

/// One thing that happened.
#[derive(Copy, Clone, Debug)]
pub struct Entry {
    /// When.
    pub at: Time,
    /// The task concerned, if one was.
    pub task: Option<TaskHandle>,
    /// What happened, such as `queued -> assigned`.
    pub what: &'static str,
    /// A number that goes with it: a peer, an attempt, a count.
    pub detail: u64,
}

/// A ring of the latest entries.
#[derive(Debug)]
pub struct Story {
    ring: Vec<Entry>,
    next: usize,
    len_max: usize,
}

impl Story {
    /// A story that keeps the latest `len_max` entries.
    #[must_use]
    pub fn new(len_max: usize) -> Self {
        Story { ring: Vec::new(), next: 0, len_max: len_max.max(1) }
    }

    /// Notes something about a task.
    #[inline]
    pub fn task(&mut self, at: Time, task: TaskHandle, what: &'static str, detail: u64) {
        self.push(Entry { at, task: Some(task), what, detail });
    }

    /// Notes something that concerns no task in particular.
    #[inline]
    pub fn note(&mut self, at: Time, what: &'static str, detail: u64) {
        self.push(Entry { at, task: None, what, detail });
    }

    #[inline]
    fn push(&mut self, entry: Entry) {
        if self.ring.len() < self.len_max {
            self.ring.push(entry);
        } else {
            self.ring[self.next] = entry;
        }
        // no division: this runs several times a task
        self.next = if self.next + 1 == self.len_max { 0 } else { self.next + 1 };
    }

    /// The entries, oldest first.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        let full = self.ring.len() == self.len_max;
        let (newer, older) = self.ring.split_at(if full { self.next } else { 0 });
        older.iter().chain(newer)
    }

    /// The entries as lines of text, oldest first, of one task or of all.
    #[must_use]
    pub fn lines(&self, of: Option<TaskHandle>) -> Vec<String> {
        self.entries().filter(|e| of.is_none() || e.task == of).map(Entry::line).collect()
    }
}

impl Entry {
    fn line(&self) -> String {
        match self.task {
            Some(task) => format!("{} task {task:?} {} ({})", self.at, self.what, self.detail),
            None => format!("{} {} ({})", self.at, self.what, self.detail),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_entries_are_kept_in_order() {
        let mut s = Story::new(3);
        for i in 0..5 {
            s.note(Time(i), "n", i);
        }
        assert_eq!(s.entries().map(|e| e.detail).collect::<Vec<_>>(), [2, 3, 4]);
        assert_eq!(s.lines(None).len(), 3);
    }

    #[test]
    fn a_tasks_own_lines_are_found() {
        let (a, b) = (TaskHandle { slot: 1, generation: 0 }, TaskHandle { slot: 2, generation: 0 });
        let mut s = Story::new(8);
        s.task(Time(1), a, "queued", 0);
        s.task(Time(2), b, "queued", 0);
        assert_eq!(s.lines(Some(a)), ["0.000000001s task 1#0 queued (0)"]);
    }
}

//! What is done with the machines: each path from submission to release.

use longshore_proto::TaskId;

use crate::house::House;

/// A path, and how many tasks go along it.
pub(crate) struct Path {
    pub(crate) name: &'static str,
    pub(crate) tasks: usize,
    pub(crate) workers: u32,
    go: fn(&mut House, usize),
}

const fn path(name: &'static str, go: fn(&mut House, usize)) -> Path {
    Path { name, tasks: 10_000, workers: 2, go }
}

/// All of them.
pub(crate) const PATHS: &[Path] = &[
    path("noop", noops),
    Path { workers: 1_000, ..path("noop_1000_workers", noops) },
    Path { tasks: 1_000, ..path("one_by_one", one_by_one) },
    path("chain", chain),
    path("tree", tree),
    path("fan_in", fan_in),
    path("fan_out", fan_out),
    path("priorities", priorities),
    path("failing", failing),
    path("failing_tree", failing_tree),
];

impl Path {
    /// Goes along the whole path.
    ///
    /// # Panics
    /// When something is left at its end.
    pub(crate) fn walk(&self) {
        let house = self.through(House::new(self.workers), self.tasks);
        assert_eq!((house.tasks_len(), house.unsettled_len()), (0, 0), "{}: something is left", self.name);
    }

    /// Takes `tasks` tasks along it, in a house that is warm.
    pub(crate) fn through(&self, mut house: House, tasks: usize) -> House {
        noops(&mut house, 100);
        (self.go)(&mut house, tasks);
        house
    }
}

/// Submitted at once, all wanted.
fn noops(house: &mut House, n: usize) {
    let ids: Vec<TaskId> = (0..n).map(|_| house.submit(&[])).collect();
    house.settle();
    ids.into_iter().for_each(|id| house.release(id));
    house.settle();
}

/// Each awaited before the next is submitted.
fn one_by_one(house: &mut House, n: usize) {
    for _ in 0..n {
        noops(house, 1);
    }
}

/// Each needs the one before, whose future is gone by then.
fn chain(house: &mut House, n: usize) {
    let mut last = house.submit(&[]);
    for _ in 1..n {
        let next = house.submit(&[last]);
        house.release(last);
        last = next;
    }
    house.settle();
    house.release(last);
    house.settle();
}

/// Pairs, pairs of pairs, and so on.
fn tree(house: &mut House, n: usize) {
    let mut level: Vec<TaskId> = (0..n.div_ceil(2)).map(|_| house.submit(&[])).collect();
    while level.len() > 1 {
        let parents: Vec<TaskId> = level.chunks(2).map(|pair| house.submit(pair)).collect();
        level.into_iter().for_each(|id| house.release(id));
        level = parents;
    }
    house.settle();
    house.release(level[0]);
    house.settle();
}

/// One that needs all the others.
fn fan_in(house: &mut House, n: usize) {
    let inputs: Vec<TaskId> = (1..n).map(|_| house.submit(&[])).collect();
    let sum = house.submit(&inputs);
    inputs.into_iter().for_each(|id| house.release(id));
    house.settle();
    house.release(sum);
    house.settle();
}

/// One that all others need.
fn fan_out(house: &mut House, n: usize) {
    let root = house.submit(&[]);
    let mut all: Vec<TaskId> = (1..n).map(|_| house.submit(&[root])).collect();
    all.push(root);
    house.settle();
    all.into_iter().for_each(|id| house.release(id));
    house.settle();
}

/// No-ops with priorities, so that hardly one has that of the one before.
fn priorities(house: &mut House, n: usize) {
    let ids: Vec<TaskId> = [-2, -1, 0, 1, 2]
        .into_iter()
        .cycle()
        .take(n)
        .map(|priority| house.submit_with(&[], priority))
        .collect();
    house.settle();
    ids.into_iter().for_each(|id| house.release(id));
    house.settle();
}

/// No-ops that fail.
fn failing(house: &mut House, n: usize) {
    house.runs_fail = true;
    noops(house, n);
}

/// A tree whose leaves fail, and whose other calls fail without being run.
fn failing_tree(house: &mut House, n: usize) {
    house.runs_fail = true;
    tree(house, n);
}

//! A binary tree of sums, submitted call by call.

use std::time::Instant;

use super::{Column, Floor, Metric, Mode, Wanted, least};
use crate::floor::null_framework::Options;
use crate::subject::{Start, Subject, expect, in_stride};

/// A tree of one kind.
#[derive(Debug)]
pub(super) struct Tree {
    column: &'static [Column],
    run: fn(&mut dyn Subject, usize) -> anyhow::Result<u64>,
}

/// The usual one.
pub(super) const PLAIN: Tree =
    Tree { column: &[Column::new("tree", "us/task")], run: |subject, leaves| subject.tree(leaves) };

/// One whose leaves all fail, and whose other calls fail with them instead of being run.
pub(super) const FAILING: Tree = Tree {
    column: &[Column::new("failing_tree", "us/task")],
    run: |subject, leaves| subject.failing_tree(leaves),
};

const LEAVES: usize = 1 << 13;

impl Metric for Tree {
    fn applies(&self, _mode: Mode) -> bool {
        true
    }

    fn columns(&self, _mode: Mode) -> &'static [Column] {
        self.column
    }

    /// Calls, not leaves.
    fn sizes(&self, wanted: Wanted) -> Vec<usize> {
        vec![2 * LEAVES.min(wanted.n.next_power_of_two()) - 1]
    }

    fn measure(&self, start: &dyn Start, _mode: Mode, n: usize) -> anyhow::Result<Vec<f64>> {
        let mut subject = in_stride(start)?;
        let begin = Instant::now();
        let result = (self.run)(subject.as_mut(), n.div_ceil(2))?;
        let took = begin.elapsed();
        // every call adds one to the sum of its inputs, and the leaves start at nothing
        expect("the tree", result, n as u64)?;
        Ok(vec![took.as_secs_f64() * 1e6 / n as f64])
    }

    /// With dependents sent ahead of their inputs.
    fn floors(&self, mode: Mode, base: Options) -> Vec<Floor> {
        vec![least(mode, Options { eager: true, ..base })]
    }
}

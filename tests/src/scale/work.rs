//! The work of the large clusters, and what it must give.
//!
//! Values are numbers that notice every change of what they were made from. How long a run takes is the world's business.
use longshore::task;

/// A number that follows from a number.
#[task]
pub fn leaf(x: u64) -> u64 {
    value(x)
}

/// A number that follows from three, of which two are the results of others.
#[task]
pub fn join(salt: u64, a: u64, b: u64) -> u64 {
    joined(salt, a, b)
}

/// What [`leaf`] computes: the finalizer of SplitMix64.
#[must_use]
pub fn value(x: u64) -> u64 {
    let z = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// What [`join`] computes.
#[must_use]
pub fn joined(salt: u64, a: u64, b: u64) -> u64 {
    value(value(value(salt) ^ a) ^ b)
}

/// Columns of a home: neighbours that need each other's results.
pub const HOME_LEN: usize = 16;

/// A graph in layers. A task needs the one before it in its own column and one more of the layer before: of another column
/// of its home, or, astray, of any column.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Weave {
    /// Columns, a multiple of [`HOME_LEN`].
    pub width: usize,
    /// Layers, the first of which needs nothing.
    pub layers: usize,
    /// Of a thousand tasks, how many are astray.
    pub stray_permille: u64,
    /// Which ones, and where.
    pub seed: u64,
}

impl Weave {
    /// Tasks, numbered layer by layer.
    #[must_use]
    pub fn len(&self) -> usize {
        self.width * self.layers
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What a task is told beside its inputs.
    #[must_use]
    pub fn salt(&self, task: usize) -> u64 {
        value(self.seed ^ (task as u64) << 20)
    }

    /// The two tasks whose results a task needs, unless it is of the first layer.
    #[must_use]
    pub fn inputs(&self, task: usize) -> Option<[usize; 2]> {
        let before = (task / self.width).checked_sub(1)? * self.width;
        let column = task % self.width;
        let chance = value(self.salt(task));
        let other = if chance % 1000 < self.stray_permille {
            pick(chance >> 10, self.width)
        } else {
            column / HOME_LEN * HOME_LEN + pick(chance >> 10, HOME_LEN)
        };
        Some([before + column, before + other])
    }

    /// What all tasks give, computed one after the other.
    #[must_use]
    pub fn values(&self) -> Vec<u64> {
        let mut values = Vec::with_capacity(self.len());
        for task in 0..self.len() {
            values.push(match self.inputs(task) {
                None => value(self.salt(task)),
                Some([a, b]) => joined(self.salt(task), values[a], values[b]),
            });
        }
        values
    }
}

/// One of so many.
fn pick(chance: u64, len: usize) -> usize {
    usize::try_from(chance % (len.max(1) as u64)).unwrap_or_default()
}

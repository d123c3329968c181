//! The workloads, for anything that takes keyed calls and gives results back.

use std::time::Duration;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::subject::{Subject, expect};

/// The least a framework offers. Every call computes the sum of its argument and its inputs, plus one.
pub(crate) trait Keyed {
    /// Describes one call; it may stay with the client until `wait`.
    fn submit(&mut self, arg: u64, deps: Vec<u64>, want: bool) -> anyhow::Result<u64>;
    /// Sends what is still here, waits for `count` results and gives each to `take`.
    fn wait(&mut self, count: usize, take: &mut dyn FnMut(u64, u64)) -> anyhow::Result<()>;
    /// The process in which the table of tasks lives.
    fn pid(&self) -> u32;
}

/// A framework with workloads for it.
#[derive(Debug)]
pub(crate) struct Workload<K> {
    framework: K,
    /// Results kept until the subject goes.
    held: HashMap<u64, u64, FixedState>,
}

impl<K: Keyed> Workload<K> {
    /// The workloads on `framework`.
    pub(crate) fn new(framework: K) -> Self {
        Self { framework, held: HashMap::default() }
    }

    fn wait_one(&mut self) -> anyhow::Result<u64> {
        let mut found = 0;
        self.framework.wait(1, &mut |_, result| found = result)?;
        Ok(found)
    }
}

impl<K: Keyed> Subject for Workload<K> {
    fn noops(&mut self, n: usize) -> anyhow::Result<()> {
        for i in 0..n {
            self.framework.submit(i as u64, Vec::new(), true)?;
        }
        let mut sum = 0;
        self.framework.wait(n, &mut |_, result| sum += result)?;
        expect("the sum over no-ops", sum, (n * (n + 1) / 2) as u64)
    }

    fn one(&mut self, x: u64) -> anyhow::Result<u64> {
        self.framework.submit(x, Vec::new(), true)?;
        self.wait_one()
    }

    fn chain(&mut self, n: usize) -> anyhow::Result<u64> {
        let mut last = self.framework.submit(0, Vec::new(), n == 1)?;
        for i in 1..n {
            last = self.framework.submit(0, vec![last], i == n - 1)?;
        }
        self.wait_one()
    }

    fn tree(&mut self, leaves: usize) -> anyhow::Result<u64> {
        let mut level = Vec::with_capacity(leaves);
        for _ in 0..leaves {
            level.push(self.framework.submit(0, Vec::new(), leaves == 1)?);
        }
        while level.len() > 1 {
            let is_root = level.len() == 2;
            let pairs = level.chunks(2).map(<[u64]>::to_vec);
            level = pairs.map(|pair| self.framework.submit(0, pair, is_root)).collect::<Result<_, _>>()?;
        }
        self.wait_one()
    }

    fn fan_in(&mut self, n: usize) -> anyhow::Result<u64> {
        let inputs = (0..n).map(|_| self.framework.submit(0, Vec::new(), false)).collect::<Result<_, _>>()?;
        self.framework.submit(0, inputs, true)?;
        self.wait_one()
    }

    fn hold(&mut self, n: usize) -> anyhow::Result<()> {
        for i in 0..n {
            self.framework.submit(i as u64, Vec::new(), true)?;
        }
        let held = &mut self.held;
        self.framework.wait(n, &mut |id, result| {
            held.insert(id, result);
        })
    }

    fn scatter(&mut self, _bytes: usize) -> anyhow::Result<Duration> {
        anyhow::bail!("this floor moves no data; the floor for that is the raw link")
    }

    fn gather(&mut self, _bytes: usize) -> anyhow::Result<Duration> {
        anyhow::bail!("this floor moves no data; the floor for that is the raw link")
    }

    fn exchange(&mut self, _objects: usize, _bytes: usize) -> anyhow::Result<Duration> {
        anyhow::bail!("this floor moves no data; the floor for that is the raw link")
    }

    fn scheduler_pid(&self) -> u32 {
        self.framework.pid()
    }
}

//! The floor inside one process: a queue to one compute thread, a table of results there, a queue back.
//!
//! Two thread hops for one call. Batches go over when the client has submitted many or waits.

use std::hint::black_box;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use anyhow::Context;
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::workload::Keyed;

/// Jobs gathered before they go over.
const BATCH_LEN: usize = 1024;

#[derive(Debug)]
struct Job {
    id: u64,
    arg: u64,
    deps: Vec<u64>,
    want: bool,
}

/// The client's end.
#[derive(Debug)]
pub(crate) struct InProcess {
    jobs: Sender<Vec<Job>>,
    results: Receiver<Vec<(u64, u64)>>,
    batch: Vec<Job>,
    next: u64,
}

impl InProcess {
    /// Starts the compute thread, which ends when this is dropped.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let (jobs, queue) = channel();
        let (made, results) = channel();
        thread::Builder::new().name("compute".into()).spawn(move || compute(&queue, &made))?;
        Ok(Self { jobs, results, batch: Vec::new(), next: 0 })
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        let batch = std::mem::take(&mut self.batch);
        self.jobs.send(batch).ok().context("the compute thread is gone")
    }
}

impl Keyed for InProcess {
    fn submit(&mut self, arg: u64, deps: Vec<u64>, want: bool) -> anyhow::Result<u64> {
        let id = self.next;
        self.next += 1;
        self.batch.push(Job { id, arg, deps, want });
        if self.batch.len() >= BATCH_LEN {
            self.flush()?;
        }
        Ok(id)
    }

    fn wait(&mut self, count: usize, take: &mut dyn FnMut(u64, u64)) -> anyhow::Result<()> {
        self.flush()?;
        let mut missing = count;
        while missing > 0 {
            for (id, result) in self.results.recv()? {
                take(id, result);
                missing -= 1;
            }
        }
        Ok(())
    }

    fn pid(&self) -> u32 {
        std::process::id()
    }
}

/// Inputs come before what needs them, so running in order is enough.
fn compute(queue: &Receiver<Vec<Job>>, made: &Sender<Vec<(u64, u64)>>) {
    let mut store: HashMap<u64, u64, FixedState> = HashMap::default();
    for batch in queue {
        let mut wanted = Vec::new();
        for job in batch {
            let inputs: u64 = job.deps.iter().map(|dep| store[dep]).sum();
            let result = black_box(job.arg + inputs + 1);
            store.insert(job.id, result);
            if job.want {
                wanted.push((job.id, result));
            }
        }
        if !wanted.is_empty() && made.send(wanted).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::floor::workload::Workload;
    use crate::subject::Subject;

    #[test]
    fn the_work_gives_what_it_must() {
        let mut floor = Workload::new(InProcess::start().unwrap());
        floor.noops(5000).unwrap();
        assert_eq!(floor.one(41).unwrap(), 42);
        assert_eq!(floor.chain(100).unwrap(), 100);
        assert_eq!(floor.tree(8).unwrap(), 15);
        assert_eq!(floor.fan_in(10).unwrap(), 11);
        floor.hold(10).unwrap();
    }
}

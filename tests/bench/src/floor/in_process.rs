//! The floor inside one process: a queue to one compute thread, a table of results there, a queue back.
//!
//! Two thread hops for one call: the compute thread is parked until the client wakes it, and the client until the compute
//! thread does. Nothing spins, as a channel of the standard library would before it sleeps: the floor waits the way a
//! runtime waits. Batches go over when the client has submitted many or waits.

use std::hint::black_box;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Thread};

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::workload::Keyed;
use crate::subject::Processes;

/// Jobs gathered before they go over.
const BATCH_LEN: usize = 1024;

#[derive(Debug)]
struct Job {
    id: u64,
    arg: u64,
    deps: Vec<u64>,
    want: bool,
    echo: Option<Vec<u8>>,
}

/// A queue with one reader, who parks while it is empty.
#[derive(Debug)]
struct Lane<T> {
    waiting: Mutex<(Vec<T>, bool)>,
}

impl<T> Lane<T> {
    fn new() -> Arc<Self> {
        Arc::new(Self { waiting: Mutex::new((Vec::new(), false)) })
    }

    fn push(&self, item: T, reader: &Thread) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).0.push(item);
        reader.unpark();
    }

    fn close(&self, reader: &Thread) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).1 = true;
        reader.unpark();
    }

    /// All that is there, waiting for something; `None` once it is closed and empty.
    fn take(&self) -> Option<Vec<T>> {
        loop {
            {
                let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                if !waiting.0.is_empty() {
                    return Some(std::mem::take(&mut waiting.0));
                }
                if waiting.1 {
                    return None;
                }
            }
            thread::park();
        }
    }
}

/// The client's end.
#[derive(Debug)]
pub(crate) struct InProcess {
    jobs: Arc<Lane<Vec<Job>>>,
    results: Arc<Lane<Vec<(u64, u64)>>>,
    compute: Thread,
    batch: Vec<Job>,
    next: u64,
}

impl InProcess {
    /// Starts the compute thread, which ends when this is dropped. Results come to the calling thread.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let (jobs, results) = (Lane::new(), Lane::new());
        let (queue, made, client) = (Arc::clone(&jobs), Arc::clone(&results), thread::current());
        let work = move || {
            compute(&queue, &made, &client);
            made.close(&client);
        };
        let compute = thread::Builder::new().name("compute".into()).spawn(work)?.thread().clone();
        Ok(Self { jobs, results, compute, batch: Vec::new(), next: 0 })
    }

    fn push(&mut self, arg: u64, deps: Vec<u64>, want: bool, echo: Option<Vec<u8>>) -> u64 {
        let id = self.next;
        self.next += 1;
        self.batch.push(Job { id, arg, deps, want, echo });
        if self.batch.len() >= BATCH_LEN {
            self.flush();
        }
        id
    }

    fn flush(&mut self) {
        self.jobs.push(std::mem::take(&mut self.batch), &self.compute);
    }
}

impl Drop for InProcess {
    fn drop(&mut self) {
        self.jobs.close(&self.compute);
    }
}

impl Keyed for InProcess {
    fn submit(&mut self, arg: u64, deps: Vec<u64>, want: bool) -> anyhow::Result<u64> {
        Ok(self.push(arg, deps, want, None))
    }

    fn submit_echo(&mut self, bytes: Vec<u8>) -> anyhow::Result<u64> {
        Ok(self.push(0, Vec::new(), true, Some(bytes)))
    }

    fn wait(&mut self, count: usize, take: &mut dyn FnMut(u64, u64)) -> anyhow::Result<()> {
        self.flush();
        let mut missing = count;
        while missing > 0 {
            let Some(batches) = self.results.take() else { anyhow::bail!("the compute thread is gone") };
            for (id, result) in batches.into_iter().flatten() {
                take(id, result);
                missing -= 1;
            }
        }
        Ok(())
    }

    fn processes(&self) -> Processes {
        Processes { scheduler: std::process::id(), workers: Vec::new() }
    }
}

/// Inputs come before what needs them, so running in order is enough.
fn compute(queue: &Lane<Vec<Job>>, made: &Lane<Vec<(u64, u64)>>, client: &Thread) {
    let mut store: HashMap<u64, u64, FixedState> = HashMap::default();
    while let Some(batches) = queue.take() {
        for batch in batches {
            let mut wanted = Vec::new();
            for job in batch {
                let inputs: u64 = job.deps.iter().map(|dep| store[dep]).sum();
                let result = match job.echo {
                    Some(bytes) => black_box(bytes).len() as u64,
                    None => black_box(job.arg + inputs + 1),
                };
                store.insert(job.id, result);
                if job.want {
                    wanted.push((job.id, result));
                }
            }
            if !wanted.is_empty() {
                made.push(wanted, client);
            }
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
        let mut floor = Workload::new(vec![InProcess::start().unwrap()]);
        floor.noops(5000).unwrap();
        assert_eq!(floor.one(41).unwrap(), 42);
        assert_eq!(floor.chain(100).unwrap(), 100);
        assert_eq!(floor.tree(8).unwrap(), 15);
        assert_eq!(floor.fan_in(10).unwrap(), 11);
        assert_eq!(floor.fan_out(10).unwrap(), 20);
        assert_eq!(floor.echo(10, 100).unwrap(), 1000);
        floor.hold(10).unwrap();
    }
}

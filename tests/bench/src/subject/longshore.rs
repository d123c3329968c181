//! Longshore as a subject: the same work as the floors, through the public API and nothing else.

mod failure;
mod start;
mod tasks;

use std::str::FromStr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{anyhow, bail};
use longshore::blocking::Client;
use longshore::rt::BlockOn;
use longshore::{Blob, TaskFuture};

use super::{Cpu, Form, Processes, Subject, cpu_of, expect};
use crate::kernel::cpu_seconds_of;
use start::Place;
pub(crate) use start::{serve_client, serve_scheduler, serve_worker, start};
use tasks::{Object, add, echo, inc, instant, total};

/// The role of the scheduler process.
pub(crate) const SCHEDULER: &str = "longshore-scheduler";
/// The role of a worker process.
pub(crate) const WORKER: &str = "longshore-worker";
/// The role of a client process whose memory is measured.
pub(crate) const CLIENT: &str = "longshore-client";
const WORKERS: [&str; 2] = ["w1", "w2"];
/// What no-ops with priorities have in turns, so that each has another than the one before.
const PRIORITIES: [i32; 5] = [-2, -1, 0, 1, 2];

/// A runtime that all parts of a cluster are on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RuntimeName {
    Owned,
    /// With a thread for each processor, as its users have it.
    Tokio,
    TokioCurrentThread,
    Smol,
    AsyncStd,
}

impl RuntimeName {
    /// What records and roles call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Owned => "owned",
            Self::Tokio => "tokio",
            Self::TokioCurrentThread => "tokio-current-thread",
            Self::Smol => "smol",
            Self::AsyncStd => "async-std",
        }
    }
}

impl FromStr for RuntimeName {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let all = [Self::Owned, Self::Tokio, Self::TokioCurrentThread, Self::Smol, Self::AsyncStd];
        let Some(found) = all.into_iter().find(|runtime| runtime.name() == text) else {
            let names = all.map(Self::name).join(", ");
            bail!("a runtime is one of {names}, not `{text}`");
        };
        Ok(found)
    }
}

/// How processes of one machine talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// As they do by themselves.
    Shortcut,
    /// Over TCP.
    Tcp,
}

impl Way {
    /// What roles call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Shortcut => "shortcut",
            Self::Tcp => "tcp",
        }
    }

    /// See [`name`](Self::name).
    pub(crate) fn named(name: &str) -> Self {
        if name == Self::Tcp.name() { Self::Tcp } else { Self::Shortcut }
    }
}

struct Longshore<R> {
    runtime: RuntimeName,
    clients: Vec<Client<R>>,
    address: String,
    processes: Processes,
    held: Vec<TaskFuture<u64>>,
    place: Place<R>,
}

impl<R: BlockOn> Longshore<R> {
    fn client(&self) -> &Client<R> {
        &self.clients[0]
    }

    /// One client's share of the no-ops.
    fn share(&self, client: &Client<R>, n: usize) -> anyhow::Result<()> {
        let has_instant_workers = matches!(self.place, Place::Threads { .. });
        let futures =
            if has_instant_workers { client.map(instant, 0..n as u64) } else { client.map(inc, 0..n as u64) };
        let sum = client.gather(futures)?.into_iter().sum();
        expect("the sum over no-ops", sum, (n * (n + 1) / 2) as u64)
    }

    /// An object that the first worker made and has.
    fn made<T: Object>(&self, bytes: usize) -> anyhow::Result<TaskFuture<T>> {
        let object = self.client().submit(T::make(bytes).workers([WORKERS[0]]).allow_other_workers());
        self.client().wait([&object]).block()?;
        Ok(object)
    }

    fn scatter_one<T: Object>(&self, bytes: usize) -> anyhow::Result<Duration> {
        let object = T::from(vec![7; bytes]);
        let begin = Instant::now();
        let future = self.client().scatter(object).wait()?;
        // a value may follow its announcement; it is there when it has been used
        let found = self.client().submit(T::measure(&future)).result()?;
        let took = begin.elapsed();
        expect("the scattered object", found as u64, bytes as u64)?;
        Ok(took)
    }

    fn gather_one<T: Object>(&self, bytes: usize) -> anyhow::Result<Duration> {
        let object = self.made::<T>(bytes)?;
        let begin = Instant::now();
        let found = self.client().gather(object)?;
        check(&found, bytes, begin)
    }

    fn exchange_all<T: Object>(&self, objects: usize, bytes: usize) -> anyhow::Result<Duration> {
        let client = self.client();
        let made = (0..objects).map(|_| self.made::<T>(bytes)).collect::<Result<Vec<_>, _>>()?;
        let begin = Instant::now();
        let used: Vec<_> =
            made.iter().map(|object| client.submit(T::measure(object).workers([WORKERS[1]]))).collect();
        let lengths = client.gather(used)?;
        let took = begin.elapsed();
        expect("what was exchanged", lengths.into_iter().sum::<usize>() as u64, (objects * bytes) as u64)?;
        Ok(took)
    }
}

/// How long an object was on its way.
fn check(found: &[u8], bytes: usize, begin: Instant) -> anyhow::Result<Duration> {
    let took = begin.elapsed();
    expect("the gathered object", found.len() as u64, bytes as u64)?;
    expect("its last byte", found.last().map_or(0, |byte| u64::from(*byte)), 7)?;
    Ok(took)
}

impl<R: BlockOn> Subject for Longshore<R> {
    fn noops(&mut self, n: usize) -> anyhow::Result<()> {
        if let [client] = &self.clients[..] {
            return self.share(client, n);
        }
        let (this, each) = (&*self, n / self.clients.len());
        thread::scope(|scope| {
            let running: Vec<_> =
                this.clients.iter().map(|client| scope.spawn(move || this.share(client, each))).collect();
            running
                .into_iter()
                .try_for_each(|client| client.join().map_err(|_| anyhow!("a client panicked"))?)
        })
    }

    fn prioritized(&mut self, n: usize) -> anyhow::Result<()> {
        let priorities = PRIORITIES.iter().cycle();
        let calls = (0..n as u64).zip(priorities).map(|(x, priority)| inc(x).priority(*priority));
        let futures: Vec<_> = calls.map(|call| self.client().submit(call)).collect();
        let sum = self.client().gather(futures)?.into_iter().sum();
        expect("the sum over no-ops with priorities", sum, (n * (n + 1) / 2) as u64)
    }

    fn failing(&mut self, n: usize, every: usize) -> anyhow::Result<()> {
        failure::many(self.client(), n as u64, every as u64)
    }

    fn one(&mut self, x: u64) -> anyhow::Result<u64> {
        Ok(self.client().submit(inc(x)).result()?)
    }

    fn one_failing(&mut self, x: u64) -> anyhow::Result<u64> {
        failure::one(self.client(), x)
    }

    fn chain(&mut self, n: usize) -> anyhow::Result<u64> {
        let mut last = self.client().submit(inc(0));
        for _ in 1..n {
            last = self.client().submit(inc(last));
        }
        Ok(last.result()?)
    }

    fn tree(&mut self, leaves: usize) -> anyhow::Result<u64> {
        let client = self.client();
        let mut level: Vec<_> = (0..leaves).map(|_| client.submit(inc(0))).collect();
        while level.len() > 1 {
            level = level.chunks(2).map(|pair| client.submit(add(&pair[0], &pair[1]))).collect();
        }
        Ok(level[0].result()?)
    }

    fn failing_tree(&mut self, leaves: usize) -> anyhow::Result<u64> {
        failure::tree(self.client(), leaves)
    }

    fn fan_in(&mut self, n: usize) -> anyhow::Result<u64> {
        let inputs: Vec<_> = (0..n).map(|_| self.client().submit(inc(0))).collect();
        Ok(self.client().submit(total(inputs)).result()?)
    }

    fn fan_out(&mut self, n: usize) -> anyhow::Result<u64> {
        let client = self.client();
        let root = client.submit(inc(0));
        let dependents: Vec<_> = (0..n).map(|_| client.submit(inc(&root))).collect();
        Ok(client.gather(dependents)?.into_iter().sum())
    }

    fn echo(&mut self, n: usize, bytes: usize) -> anyhow::Result<u64> {
        let client = self.client();
        let calls: Vec<_> = (0..n).map(|_| client.submit(echo(vec![7; bytes]))).collect();
        Ok(client.gather(calls)?.iter().map(|bytes| bytes.len() as u64).sum())
    }

    fn hold(&mut self, n: usize) -> anyhow::Result<()> {
        self.held = self.client().map(inc, 0..n as u64);
        self.client().wait(&self.held).block()?;
        Ok(())
    }

    fn client_growth(&mut self, n: usize) -> anyhow::Result<u64> {
        start::client_growth(self.runtime, &self.address, n)
    }

    fn scatter(&mut self, bytes: usize, form: Form) -> anyhow::Result<Duration> {
        match form {
            Form::Vec => self.scatter_one::<Vec<u8>>(bytes),
            Form::Blob => self.scatter_one::<Blob>(bytes),
        }
    }

    fn gather(&mut self, bytes: usize, form: Form) -> anyhow::Result<Duration> {
        match form {
            Form::Vec => self.gather_one::<Vec<u8>>(bytes),
            Form::Blob => self.gather_one::<Blob>(bytes),
        }
    }

    fn gather_copy(&mut self, bytes: usize) -> anyhow::Result<Duration> {
        let object = self.made::<Vec<u8>>(bytes)?;
        let begin = Instant::now();
        let found = self.client().gather(&object)?;
        check(&found, bytes, begin)
    }

    fn exchange(&mut self, objects: usize, bytes: usize, form: Form) -> anyhow::Result<Duration> {
        match form {
            Form::Vec => self.exchange_all::<Vec<u8>>(objects, bytes),
            Form::Blob => self.exchange_all::<Blob>(objects, bytes),
        }
    }

    fn processes(&self) -> Processes {
        self.processes.clone()
    }

    fn cpu(&self) -> anyhow::Result<Cpu> {
        let cpu = cpu_of(&self.processes)?;
        let Place::Threads { scheduler_threads, .. } = &self.place else { return Ok(cpu) };
        let scheduler = cpu_seconds_of(scheduler_threads)?;
        Ok(Cpu { scheduler, client: cpu.client - scheduler, ..cpu })
    }
}

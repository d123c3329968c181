//! The workloads, for anything that takes keyed calls and gives results back.

use std::thread;
use std::time::Duration;

use anyhow::{anyhow, bail};
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::subject::{Form, Processes, Subject, expect};

/// The least a framework offers. Every call computes the sum of its argument and its inputs, plus one.
pub(crate) trait Keyed {
    /// Describes one call; it may stay with the client until `wait`.
    fn submit(&mut self, arg: u64, deps: Vec<u64>, want: bool) -> anyhow::Result<u64>;
    /// Describes a call that gives back the bytes it is given, which count as their length.
    fn submit_echo(&mut self, bytes: Vec<u8>) -> anyhow::Result<u64>;
    /// Sends what is still here, waits for `count` results and gives each to `take`.
    fn wait(&mut self, count: usize, take: &mut dyn FnMut(u64, u64)) -> anyhow::Result<()>;
    /// Where its parts live.
    fn processes(&self) -> Processes;
}

/// The clients of a framework, with workloads for them. Only no-ops are for more than one.
#[derive(Debug)]
pub(crate) struct Workload<K> {
    clients: Vec<K>,
    /// Results kept until the subject goes.
    held: HashMap<u64, u64, FixedState>,
}

impl<K: Keyed> Workload<K> {
    /// The workloads on a framework with these clients, of which there must be one.
    pub(crate) fn new(clients: Vec<K>) -> Self {
        assert!(!clients.is_empty(), "a framework has a client");
        Self { clients, held: HashMap::default() }
    }

    fn first(&mut self) -> &mut K {
        &mut self.clients[0]
    }

    fn wait_one(&mut self) -> anyhow::Result<u64> {
        let mut found = 0;
        self.first().wait(1, &mut |_, result| found = result)?;
        Ok(found)
    }

    fn wait_sum(&mut self, n: usize) -> anyhow::Result<u64> {
        let mut sum = 0;
        self.first().wait(n, &mut |_, result| sum += result)?;
        Ok(sum)
    }
}

fn noops(client: &mut impl Keyed, n: usize) -> anyhow::Result<()> {
    for i in 0..n {
        client.submit(i as u64, Vec::new(), true)?;
    }
    let mut sum = 0;
    client.wait(n, &mut |_, result| sum += result)?;
    expect("the sum over no-ops", sum, (n * (n + 1) / 2) as u64)
}

impl<K: Keyed + Send> Subject for Workload<K> {
    fn noops(&mut self, n: usize) -> anyhow::Result<()> {
        if let [client] = &mut self.clients[..] {
            return noops(client, n);
        }
        let each = n / self.clients.len();
        thread::scope(|scope| {
            let running: Vec<_> =
                self.clients.iter_mut().map(|client| scope.spawn(move || noops(client, each))).collect();
            running
                .into_iter()
                .try_for_each(|client| client.join().map_err(|_| anyhow!("a client panicked"))?)
        })
    }

    fn one(&mut self, x: u64) -> anyhow::Result<u64> {
        self.first().submit(x, Vec::new(), true)?;
        self.wait_one()
    }

    fn chain(&mut self, n: usize) -> anyhow::Result<u64> {
        let client = self.first();
        let mut last = client.submit(0, Vec::new(), n == 1)?;
        for i in 1..n {
            last = client.submit(0, vec![last], i == n - 1)?;
        }
        self.wait_one()
    }

    fn tree(&mut self, leaves: usize) -> anyhow::Result<u64> {
        let client = self.first();
        let mut level = Vec::with_capacity(leaves);
        for _ in 0..leaves {
            level.push(client.submit(0, Vec::new(), leaves == 1)?);
        }
        while level.len() > 1 {
            let is_root = level.len() == 2;
            let pairs = level.chunks(2).map(<[u64]>::to_vec);
            level = pairs.map(|pair| client.submit(0, pair, is_root)).collect::<Result<_, _>>()?;
        }
        self.wait_one()
    }

    fn fan_in(&mut self, n: usize) -> anyhow::Result<u64> {
        let client = self.first();
        let inputs = (0..n).map(|_| client.submit(0, Vec::new(), false)).collect::<Result<_, _>>()?;
        client.submit(0, inputs, true)?;
        self.wait_one()
    }

    fn fan_out(&mut self, n: usize) -> anyhow::Result<u64> {
        let client = self.first();
        let root = client.submit(0, Vec::new(), false)?;
        for _ in 0..n {
            client.submit(0, vec![root], true)?;
        }
        self.wait_sum(n)
    }

    fn echo(&mut self, n: usize, bytes: usize) -> anyhow::Result<u64> {
        let client = self.first();
        for _ in 0..n {
            client.submit_echo(vec![7; bytes])?;
        }
        self.wait_sum(n)
    }

    fn hold(&mut self, n: usize) -> anyhow::Result<()> {
        for i in 0..n {
            self.first().submit(i as u64, Vec::new(), true)?;
        }
        let held = &mut self.held;
        self.clients[0].wait(n, &mut |id, result| {
            held.insert(id, result);
        })
    }

    fn client_growth(&mut self, _n: usize) -> anyhow::Result<u64> {
        bail!("a client of this floor keeps nothing")
    }

    fn scatter(&mut self, _bytes: usize, _form: Form) -> anyhow::Result<Duration> {
        bail!("this floor moves no data; the floor for that is the raw link")
    }

    fn gather(&mut self, _bytes: usize, _form: Form) -> anyhow::Result<Duration> {
        bail!("this floor moves no data; the floor for that is the raw link")
    }

    fn exchange(&mut self, _objects: usize, _bytes: usize, _form: Form) -> anyhow::Result<Duration> {
        bail!("this floor moves no data; the floor for that is the raw link")
    }

    fn processes(&self) -> Processes {
        self.clients[0].processes()
    }
}

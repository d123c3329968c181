//! The client side: starts the processes, submits, waits.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;

use anyhow::bail;
use rustix::event::{PollFd, PollFlags};

use super::wire::{Down, Inbox, Up, put, value, wait_ready};
use super::{Options, SCHEDULER, WORKER, WORKERS};
use crate::floor::workload::Keyed;
use crate::process::Role;
use crate::subject::Processes;

/// As much as is gathered before a write.
const WRITE_BYTES: usize = 60_000;

/// The processes, which end when they are dropped.
#[derive(Debug)]
struct Roles {
    scheduler: Role,
    workers: Vec<Role>,
}

/// A running null framework and the connection of one of its clients.
#[derive(Debug)]
pub(crate) struct Cluster {
    roles: Arc<Roles>,
    stream: TcpStream,
    inbox: Inbox,
    out: Vec<u8>,
    next: u64,
    spin_us: u64,
}

impl Cluster {
    /// Starts a scheduler, two workers at once, and connects as many clients.
    ///
    /// # Errors
    /// When one of them does not come up.
    pub(crate) fn start(options: Options, clients: usize) -> anyhow::Result<Vec<Self>> {
        let spin = options.spin_us.to_string();
        let eager = if options.eager { "eager" } else { "plain" };
        let scheduler = Role::start(SCHEDULER, &[eager, &spin, &clients.to_string()])?;
        let run = if options.compute_thread { "compute-thread" } else { "in-place" };
        let workers = vec![vec![scheduler.address.as_str(), run, &spin]; WORKERS];
        let workers = Role::start_together(WORKER, &workers)?;
        let roles = Arc::new(Roles { scheduler, workers });
        (0..clients).map(|_| Self::connect(Arc::clone(&roles), options.spin_us)).collect()
    }

    fn connect(roles: Arc<Roles>, spin_us: u64) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(&roles.scheduler.address)?;
        stream.set_nodelay(true)?;
        let mut out = Vec::new();
        put(&mut out, &Up::HelloClient)?;
        let mut cluster = Self { roles, stream, inbox: Inbox::new(), out, next: 0, spin_us };
        cluster.flush()?;
        Ok(cluster)
    }

    fn put(&mut self, deps: Vec<u64>, args: &[u8], want: bool) -> anyhow::Result<u64> {
        let id = self.next;
        self.next += 1;
        put(&mut self.out, &Up::Submit { id, deps, args, want })?;
        if self.out.len() > WRITE_BYTES {
            self.flush()?;
        }
        Ok(id)
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        self.stream.write_all(&self.out)?;
        self.out.clear();
        Ok(())
    }
}

impl Keyed for Cluster {
    fn submit(&mut self, arg: u64, deps: Vec<u64>, want: bool) -> anyhow::Result<u64> {
        self.put(deps, &arg.to_le_bytes(), want)
    }

    fn submit_echo(&mut self, bytes: Vec<u8>) -> anyhow::Result<u64> {
        self.put(Vec::new(), &bytes, true)
    }

    fn wait(&mut self, count: usize, take: &mut dyn FnMut(u64, u64)) -> anyhow::Result<()> {
        self.flush()?;
        let mut missing = count;
        loop {
            while let Some(frame) = self.inbox.next() {
                let Down::Finished { id, result } = postcard::from_bytes(frame)? else {
                    bail!("a client got what is for a worker");
                };
                take(id, value(result)?);
                missing -= 1;
            }
            if missing == 0 {
                return Ok(());
            }
            if self.spin_us > 0 {
                wait_ready(&mut [PollFd::new(&self.stream, PollFlags::IN)], self.spin_us)?;
            }
            if self.inbox.fill(&self.stream)? == 0 {
                bail!("the null scheduler closed");
            }
        }
    }

    fn processes(&self) -> Processes {
        let workers = self.roles.workers.iter().map(Role::pid).collect();
        Processes { scheduler: self.roles.scheduler.pid(), workers }
    }
}

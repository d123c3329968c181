//! The client side: starts the processes, submits, waits.

use std::io::Write;
use std::net::TcpStream;

use anyhow::bail;
use rustix::event::{PollFd, PollFlags};

use super::wire::{Down, Inbox, Up, put, value, wait_ready};
use super::{Options, SCHEDULER, WORKER, WORKERS};
use crate::floor::workload::Keyed;
use crate::process::Role;

/// As much as is gathered before a write.
const WRITE_BYTES: usize = 60_000;

/// A running null framework and the connection of its client.
#[derive(Debug)]
pub(crate) struct Cluster {
    scheduler: Role,
    /// Only kept: they end when they are dropped.
    _workers: Vec<Role>,
    stream: TcpStream,
    inbox: Inbox,
    out: Vec<u8>,
    next: u64,
    spin_us: u64,
}

impl Cluster {
    /// Starts a scheduler, two workers at once, and connects.
    ///
    /// # Errors
    /// When one of them does not come up.
    pub(crate) fn start(options: Options) -> anyhow::Result<Self> {
        let spin = options.spin_us.to_string();
        let eager = if options.eager { "eager" } else { "plain" };
        let scheduler = Role::start(SCHEDULER, &[eager, &spin])?;
        let run = if options.compute_thread { "compute-thread" } else { "in-place" };
        let workers = vec![vec![scheduler.address.as_str(), run, &spin]; WORKERS];
        let workers = Role::start_together(WORKER, &workers)?;
        let stream = TcpStream::connect(&scheduler.address)?;
        stream.set_nodelay(true)?;
        let mut out = Vec::new();
        put(&mut out, &Up::HelloClient)?;
        let mut cluster = Self {
            _workers: workers,
            scheduler,
            stream,
            inbox: Inbox::new(),
            out,
            next: 0,
            spin_us: options.spin_us,
        };
        cluster.flush()?;
        Ok(cluster)
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        self.stream.write_all(&self.out)?;
        self.out.clear();
        Ok(())
    }
}

impl Keyed for Cluster {
    fn submit(&mut self, arg: u64, deps: Vec<u64>, want: bool) -> anyhow::Result<u64> {
        let id = self.next;
        self.next += 1;
        put(&mut self.out, &Up::Submit { id, deps, args: &arg.to_le_bytes(), want })?;
        if self.out.len() > WRITE_BYTES {
            self.flush()?;
        }
        Ok(id)
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

    fn pid(&self) -> u32 {
        self.scheduler.pid()
    }
}

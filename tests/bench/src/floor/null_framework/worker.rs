//! A worker process: runs what it gets in the order it gets it, in place or on a thread of its own.

use std::hint::black_box;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use anyhow::{Context, bail};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use rustix::event::{PollFd, PollFlags};

use super::Options;
use super::wire::{Down, Inbox, NUMBER_BYTES, Up, put, value, wait_ready};
use crate::process::announce;

/// Results this worker made.
type Store = HashMap<u64, u64, FixedState>;

/// Runs a worker of the scheduler at `address` until that closes.
///
/// # Errors
/// When the scheduler says what it must not.
pub(crate) fn serve(address: &str, options: Options) -> anyhow::Result<()> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let mut out = Vec::new();
    put(&mut out, &Up::HelloWorker)?;
    (&stream).write_all(&out)?;
    announce("ready")?;
    if options.compute_thread { with_compute_thread(&stream, options) } else { in_place(&stream, options) }
}

fn in_place(mut stream: &TcpStream, options: Options) -> anyhow::Result<()> {
    let (mut inbox, mut store, mut out) = (Inbox::new(), Store::default(), Vec::new());
    loop {
        if options.spin_us > 0 {
            wait_ready(&mut [PollFd::new(stream, PollFlags::IN)], options.spin_us)?;
        }
        if !matches!(inbox.fill(stream), Ok(1..)) {
            return Ok(());
        }
        while let Some(frame) = inbox.next() {
            let mut job = Job::decode(frame)?;
            finish(&mut out, &mut job, &mut store)?;
        }
        if stream.write_all(&out).is_err() {
            return Ok(());
        }
        out.clear();
    }
}

/// The thread of the connection: decodes, feeds the queue, writes what the compute thread made.
fn with_compute_thread(mut stream: &TcpStream, options: Options) -> anyhow::Result<()> {
    let (jobs, queue) = channel();
    let (made, results) = channel();
    let (bell, rung) = UnixStream::pair()?;
    rung.set_nonblocking(true)?;
    let compute =
        thread::Builder::new().name("compute".into()).spawn(move || compute(&queue, &made, &bell))?;
    let mut inbox = Inbox::new();
    loop {
        let mut fds = [PollFd::new(stream, PollFlags::IN), PollFd::new(&rung, PollFlags::IN)];
        wait_ready(&mut fds, options.spin_us)?;
        let (has_frames, has_results) = (!fds[0].revents().is_empty(), !fds[1].revents().is_empty());
        if has_results {
            drain(&rung)?;
            let out: Vec<u8> = results.try_iter().flatten().collect();
            if stream.write_all(&out).is_err() {
                break;
            }
        }
        if has_frames {
            if !matches!(inbox.fill(stream), Ok(1..)) {
                break;
            }
            let mut batch = Vec::new();
            while let Some(frame) = inbox.next() {
                batch.push(Job::decode(frame)?);
            }
            jobs.send(batch).ok().context("the compute thread is gone")?;
        }
    }
    drop(jobs);
    match compute.join() {
        Ok(result) => result,
        Err(_) => bail!("the compute thread panicked"),
    }
}

/// The compute thread: takes batches, runs them, hands the encoded results over and rings once for each batch.
fn compute(queue: &Receiver<Vec<Job>>, made: &Sender<Vec<u8>>, mut bell: &UnixStream) -> anyhow::Result<()> {
    let mut store = Store::default();
    for batch in queue {
        let mut out = Vec::new();
        for mut job in batch {
            finish(&mut out, &mut job, &mut store)?;
        }
        if made.send(out).is_err() || bell.write_all(&[1]).is_err() {
            break;
        }
    }
    Ok(())
}

fn drain(mut rung: &UnixStream) -> io::Result<()> {
    let mut rings = [0; 64];
    match rung.read(&mut rings) {
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
        _ => Ok(()),
    }
}

/// Runs the job and says so.
fn finish(out: &mut Vec<u8>, job: &mut Job, store: &mut Store) -> anyhow::Result<()> {
    if let Some(bytes) = job.echo.take() {
        return put(out, &Up::Done { id: job.id, result: &black_box(bytes) });
    }
    let result = job.run(store)?;
    put(out, &Up::Done { id: job.id, result: &result.to_le_bytes() })
}

/// One task, decoded: inputs that came along are added up already.
#[derive(Debug)]
struct Job {
    id: u64,
    sum: u64,
    /// Inputs that this worker made itself.
    local: Vec<u64>,
    /// What to give back, when the argument is more than a number.
    echo: Option<Vec<u8>>,
}

impl Job {
    fn decode(frame: &[u8]) -> anyhow::Result<Self> {
        let Down::Run { id, deps, inline, args } = postcard::from_bytes(frame)? else {
            bail!("a worker got what is for a client");
        };
        let echo = (args.len() > NUMBER_BYTES).then(|| args.to_vec());
        let mut job = Self { id, sum: value(args)?, local: Vec::new(), echo };
        for (dep, bytes) in deps.into_iter().zip(inline) {
            if bytes.is_empty() {
                job.local.push(dep);
            } else {
                job.sum = job.sum.wrapping_add(value(bytes)?);
            }
        }
        Ok(job)
    }

    /// The other function there is: the sum of argument and inputs, plus one.
    fn run(&self, store: &mut Store) -> anyhow::Result<u64> {
        let mut sum = self.sum;
        for dep in &self.local {
            sum = sum.wrapping_add(*store.get(dep).context("an input is not there")?);
        }
        let result = black_box(sum.wrapping_add(1));
        store.insert(self.id, result);
        Ok(result)
    }
}

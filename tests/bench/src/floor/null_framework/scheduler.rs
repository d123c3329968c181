//! The scheduler process: one thread, a connection to each peer, one table.

use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};

use anyhow::{Context, bail};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use rustix::event::{PollFd, PollFlags};

use super::wire::{Down, Inbox, Up, put, wait_ready};
use super::{Options, WORKERS};
use crate::process::announce;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Waiting,
    Sent,
    Done,
}

#[derive(Debug, Default)]
struct Record {
    id: u64,
    waiting: u32,
    /// The connection of the client that submitted it.
    client: u8,
    worker: u8,
    state: State,
    want: bool,
    args: Box<[u8]>,
    result: Box<[u8]>,
    deps: Box<[u32]>,
    dependents: Vec<u32>,
}

/// The task table and what is to be sent, by connection.
#[derive(Debug, Default)]
struct Table {
    tasks: Vec<Record>,
    index: HashMap<u64, u32, FixedState>,
    out: Vec<Vec<u8>>,
    /// The connection of each worker.
    workers: Vec<usize>,
    turn: usize,
    load: [u32; WORKERS],
    eager: bool,
}

impl Table {
    fn send(&mut self, task: u32, worker: usize) -> anyhow::Result<()> {
        let record = &self.tasks[task as usize];
        let inputs = || record.deps.iter().map(|d| &self.tasks[*d as usize]);
        let deps = inputs().map(|input| input.id).collect();
        let there = |input: &Record| usize::from(input.worker) == worker;
        let inline = inputs().map(|input| if there(input) { &[][..] } else { &input.result[..] }).collect();
        let message = Down::Run { id: record.id, deps, inline, args: &record.args };
        put(&mut self.out[self.workers[worker]], &message)?;
        self.load[worker] += 1;
        let record = &mut self.tasks[task as usize];
        record.worker = worker as u8;
        record.state = State::Sent;
        Ok(())
    }

    /// Where the first input is; without inputs the worker with less to do.
    fn place(&mut self, task: u32) -> usize {
        if let Some(input) = self.tasks[task as usize].deps.first() {
            return usize::from(self.tasks[*input as usize].worker);
        }
        self.turn = (self.turn + 1) % WORKERS;
        let other = (self.turn + 1) % WORKERS;
        if self.load[other] < self.load[self.turn] { other } else { self.turn }
    }

    fn submit(&mut self, client: u8, id: u64, deps: &[u64], args: &[u8], want: bool) -> anyhow::Result<()> {
        let task = u32::try_from(self.tasks.len())?;
        let id = key(client, id);
        let deps: Box<[u32]> = deps.iter().map(|id| self.index[&key(client, *id)]).collect();
        let mut waiting = 0;
        for dep in &deps {
            let input = &mut self.tasks[*dep as usize];
            if input.state != State::Done {
                waiting += 1;
                input.dependents.push(task);
            }
        }
        let together = self.one_place(&deps);
        self.index.insert(id, task);
        self.tasks.push(Record { id, waiting, client, want, args: args.into(), deps, ..Record::default() });
        match together {
            _ if waiting == 0 => {
                let worker = self.place(task);
                self.send(task, worker)
            }
            // the worker runs what it gets in order, so the inputs will be there
            Some(worker) if self.eager => self.send(task, worker),
            _ => Ok(()),
        }
    }

    /// The worker that has, or will have, all of `deps`.
    fn one_place(&self, deps: &[u32]) -> Option<usize> {
        let mut places = deps.iter().map(|dep| &self.tasks[*dep as usize]);
        let first = places.next().filter(|input| input.state != State::Waiting)?.worker;
        let same = places.all(|input| input.state != State::Waiting && input.worker == first);
        same.then_some(usize::from(first))
    }

    fn done(&mut self, id: u64, result: &[u8]) -> anyhow::Result<()> {
        let task = &mut self.tasks[self.index[&id] as usize];
        task.state = State::Done;
        task.result = result.into();
        task.args = Box::default();
        self.load[usize::from(task.worker)] -= 1;
        if task.want {
            let of_client = id & ((1 << CLIENT_SHIFT) - 1);
            put(&mut self.out[usize::from(task.client)], &Down::Finished { id: of_client, result })?;
        }
        for dependent in std::mem::take(&mut task.dependents) {
            let record = &mut self.tasks[dependent as usize];
            record.waiting -= 1;
            if record.waiting == 0 && record.state == State::Waiting {
                let worker = self.place(dependent);
                self.send(dependent, worker)?;
            }
        }
        Ok(())
    }

    fn on_frame(&mut self, from: u8, frame: &[u8]) -> anyhow::Result<()> {
        match postcard::from_bytes(frame)? {
            Up::HelloClient | Up::HelloWorker => Ok(()),
            Up::Submit { id, deps, args, want } => self.submit(from, id, &deps, args, want),
            Up::Done { id, result } => self.done(id, result),
        }
    }
}

/// Clients count their calls for themselves; the number of the connection makes ids of all clients distinct. Workers
/// connect first, so those of the first client stay as they are.
fn key(client: u8, id: u64) -> u64 {
    u64::from(client).saturating_sub(WORKERS as u64) << CLIENT_SHIFT | id
}

/// The bits of an id below those of its client.
const CLIENT_SHIFT: u32 = 56;

#[derive(Debug)]
struct Link {
    number: u8,
    stream: TcpStream,
    inbox: Inbox,
    /// How much of the table's outgoing bytes the kernel has.
    written: usize,
}

/// Runs the scheduler of two workers and as many clients until a peer closes.
///
/// # Errors
/// When a peer says what it must not.
pub(crate) fn serve(options: Options, clients: usize) -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    announce(listener.local_addr()?)?;
    let mut table = Table { eager: options.eager, ..Table::default() };
    let mut links = Vec::new();
    for _ in 0..WORKERS + clients {
        links.push(welcome(&listener, &mut table)?);
    }
    for link in &mut links {
        take_frames(link, &mut table)?;
    }
    loop {
        flush(&mut links, &mut table)?;
        for index in ready(&links, &table, options.spin_us)? {
            let link = &mut links[index];
            match link.inbox.fill(&link.stream) {
                Ok(0) => return Ok(()),
                Ok(_) => take_frames(link, &mut table)?,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return Ok(()),
            }
        }
    }
}

/// Accepts one peer, which says first what it is.
fn welcome(listener: &TcpListener, table: &mut Table) -> anyhow::Result<Link> {
    let (stream, _) = listener.accept()?;
    stream.set_nodelay(true)?;
    let mut inbox = Inbox::new();
    let number = u8::try_from(table.out.len())?;
    while !inbox.has_frame() {
        if inbox.fill(&stream)? == 0 {
            bail!("a peer left before it said what it is");
        }
    }
    match inbox.next().map(postcard::from_bytes).transpose()? {
        Some(Up::HelloClient) => {}
        Some(Up::HelloWorker) => table.workers.push(usize::from(number)),
        _ => bail!("a peer did not say what it is"),
    }
    stream.set_nonblocking(true)?;
    table.out.push(Vec::new());
    Ok(Link { number, stream, inbox, written: 0 })
}

fn take_frames(link: &mut Link, table: &mut Table) -> anyhow::Result<()> {
    while let Some(frame) = link.inbox.next() {
        table.on_frame(link.number, frame)?;
    }
    Ok(())
}

/// Which links have something to read; waits for one that has, or that can be written to where there is need.
fn ready(links: &[Link], table: &Table, spin_us: u64) -> anyhow::Result<Vec<usize>> {
    let interest = |out: &Vec<u8>| {
        if out.is_empty() { PollFlags::IN } else { PollFlags::IN | PollFlags::OUT }
    };
    let mut fds: Vec<_> =
        links.iter().zip(&table.out).map(|(l, out)| PollFd::new(&l.stream, interest(out))).collect();
    wait_ready(&mut fds, spin_us).context("poll")?;
    let readable = |fd: &PollFd<'_>| fd.revents().intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR);
    Ok(fds.iter().enumerate().filter(|(_, fd)| readable(fd)).map(|(index, _)| index).collect())
}

fn flush(links: &mut [Link], table: &mut Table) -> anyhow::Result<()> {
    for (link, out) in links.iter_mut().zip(&mut table.out) {
        while link.written < out.len() {
            match (&link.stream).write(&out[link.written..]) {
                Ok(count) => link.written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        if link.written == out.len() {
            out.clear();
            link.written = 0;
        }
    }
    Ok(())
}

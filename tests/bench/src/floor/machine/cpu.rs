//! Copies, thread hops, threads and processes.

use std::hint::black_box;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Instant;

use anyhow::{anyhow, bail};

const MIB: usize = 1 << 20;
const COPY_MIB: usize = 256;
const HOPS: usize = 20_000;

/// A copy into memory in use.
pub(super) fn copy_warm() -> anyhow::Result<f64> {
    let from = vec![1_u8; COPY_MIB * MIB];
    let mut to = vec![2_u8; COPY_MIB * MIB];
    let start = Instant::now();
    to.copy_from_slice(black_box(&from));
    black_box(&to);
    Ok(COPY_MIB as f64 / start.elapsed().as_secs_f64())
}

/// A copy into memory that the kernel must find first.
pub(super) fn copy_into_fresh_pages() -> anyhow::Result<f64> {
    let from = vec![1_u8; COPY_MIB * MIB];
    let start = Instant::now();
    black_box(black_box(&from).clone());
    Ok(COPY_MIB as f64 / start.elapsed().as_secs_f64())
}

/// Waking a parked thread, until it runs.
pub(super) fn hop_park() -> anyhow::Result<f64> {
    let turn = Arc::new(AtomicUsize::new(0));
    let theirs = Arc::clone(&turn);
    let me = thread::current();
    let other = thread::spawn(move || {
        for round in 0..HOPS {
            while theirs.load(Ordering::Acquire) != 2 * round + 1 {
                thread::park();
            }
            theirs.store(2 * round + 2, Ordering::Release);
            me.unpark();
        }
    });
    let start = Instant::now();
    for round in 0..HOPS {
        turn.store(2 * round + 1, Ordering::Release);
        other.thread().unpark();
        while turn.load(Ordering::Acquire) != 2 * round + 2 {
            thread::park();
        }
    }
    let took = start.elapsed().as_secs_f64() * 1e6 / (2 * HOPS) as f64;
    other.join().map_err(|_| anyhow!("the other thread panicked"))?;
    Ok(took)
}

/// A message to a thread that waits for it.
pub(super) fn hop_channel() -> anyhow::Result<f64> {
    let (there, inbox) = channel::<usize>();
    let (back, answers) = channel::<usize>();
    let other = thread::spawn(move || inbox.iter().all(|message| back.send(message).is_ok()));
    let start = Instant::now();
    for round in 0..HOPS {
        there.send(round)?;
        answers.recv()?;
    }
    let took = start.elapsed().as_secs_f64() * 1e6 / (2 * HOPS) as f64;
    drop(there);
    other.join().map_err(|_| anyhow!("the other thread panicked"))?;
    Ok(took)
}

/// A message in a stream that never runs dry.
pub(super) fn channel_stream() -> anyhow::Result<f64> {
    const COUNT: usize = 1_000_000;
    let (there, inbox) = channel::<usize>();
    let start = Instant::now();
    let other = thread::spawn(move || inbox.iter().sum::<usize>());
    for message in 0..COUNT {
        there.send(message)?;
    }
    drop(there);
    let sum = other.join().map_err(|_| anyhow!("the other thread panicked"))?;
    let took = start.elapsed().as_secs_f64() * 1e9 / COUNT as f64;
    if sum != COUNT * (COUNT - 1) / 2 {
        bail!("the stream lost messages");
    }
    Ok(took)
}

/// A thread, started and joined.
pub(super) fn thread_spawn() -> anyhow::Result<f64> {
    const COUNT: usize = 1_000;
    let start = Instant::now();
    for number in 0..COUNT {
        thread::spawn(move || black_box(number)).join().map_err(|_| anyhow!("a thread panicked"))?;
    }
    Ok(start.elapsed().as_secs_f64() * 1e6 / COUNT as f64)
}

/// A process, started and waited for.
pub(super) fn process_spawn() -> anyhow::Result<f64> {
    const COUNT: usize = 100;
    let start = Instant::now();
    for _ in 0..COUNT {
        Command::new("true").stdin(Stdio::null()).status()?;
    }
    Ok(start.elapsed().as_secs_f64() * 1e6 / COUNT as f64)
}

//! Loopback: round trips, streams of small frames, connections.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Instant;

use anyhow::anyhow;

use crate::process::{Role, announce};
use crate::report::percentile;

/// The role that sends back what it gets.
pub(crate) const ECHO: &str = "echo";
/// The role that takes frames.
pub(crate) const SINK: &str = "sink";

const MESSAGE_BYTES: usize = 64;
const FRAME_BYTES: usize = 100;
const ROUND_TRIPS: usize = 10_000;

/// Sends each message back.
///
/// # Errors
/// When there is no connection to be had.
pub(crate) fn serve_echo() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    announce(listener.local_addr()?)?;
    let (mut stream, _) = listener.accept()?;
    stream.set_nodelay(true)?;
    let mut message = [0; MESSAGE_BYTES];
    while stream.read_exact(&mut message).is_ok() {
        stream.write_all(&message)?;
    }
    Ok(())
}

fn round_trips() -> anyhow::Result<Vec<f64>> {
    let echo = Role::start(ECHO, &[])?;
    let mut stream = TcpStream::connect(&echo.address)?;
    stream.set_nodelay(true)?;
    let mut message = [7; MESSAGE_BYTES];
    let mut samples = Vec::with_capacity(ROUND_TRIPS);
    for round in 0..ROUND_TRIPS + ROUND_TRIPS / 10 {
        let start = Instant::now();
        stream.write_all(&message)?;
        stream.read_exact(&mut message)?;
        if round >= ROUND_TRIPS / 10 {
            samples.push(start.elapsed().as_secs_f64() * 1e6);
        }
    }
    Ok(samples)
}

/// Half of the round trips of 64 bytes between two processes are quicker.
pub(super) fn round_trip_p50() -> anyhow::Result<f64> {
    Ok(percentile(&mut round_trips()?, 0.5))
}

/// One in a hundred is slower.
pub(super) fn round_trip_p99() -> anyhow::Result<f64> {
    Ok(percentile(&mut round_trips()?, 0.99))
}

/// Takes bytes until the peer has no more, then answers with one byte.
///
/// # Errors
/// When the connection fails midway.
pub(crate) fn serve_sink() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    announce(listener.local_addr()?)?;
    let (mut stream, _) = listener.accept()?;
    let mut bytes = vec![0; 1 << 18];
    while stream.read(&mut bytes)? > 0 {}
    Ok(stream.write_all(&[1])?)
}

fn frames(batch: usize, count: usize) -> anyhow::Result<f64> {
    let sink = Role::start(SINK, &[])?;
    let mut stream = TcpStream::connect(&sink.address)?;
    stream.set_nodelay(true)?;
    let bytes = vec![7; batch * FRAME_BYTES];
    let start = Instant::now();
    for _ in 0..count / batch {
        stream.write_all(&bytes)?;
    }
    stream.shutdown(std::net::Shutdown::Write)?;
    stream.read_exact(&mut [0])?;
    Ok((count / batch * batch) as f64 / start.elapsed().as_secs_f64())
}

/// Frames of 100 bytes, each in a write of its own.
pub(super) fn frames_one_by_one() -> anyhow::Result<f64> {
    frames(1, 200_000)
}

/// The same, sixteen in a write.
pub(super) fn frames_by_16() -> anyhow::Result<f64> {
    frames(16, 1_000_000)
}

/// The same, 64 KiB in a write.
pub(super) fn frames_by_64_kib() -> anyhow::Result<f64> {
    frames(655, 5_000_000)
}

/// A connection, from the side that asks.
pub(super) fn connect() -> anyhow::Result<f64> {
    const COUNT: usize = 500;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let accepting = thread::spawn(move || (0..COUNT).all(|_| listener.accept().is_ok()));
    let start = Instant::now();
    for _ in 0..COUNT {
        TcpStream::connect(address)?;
    }
    let took = start.elapsed().as_secs_f64() * 1e6 / COUNT as f64;
    accepting.join().map_err(|_| anyhow!("accepting panicked"))?;
    Ok(took)
}

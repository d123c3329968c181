//! Messages, frames and waiting.

use std::io::{self, Read};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::event::{PollFd, Timespec, poll};
use serde::{Deserialize, Serialize, Serializer};

/// To the scheduler.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Up<'a> {
    HelloClient,
    HelloWorker,
    Submit {
        id: u64,
        deps: Vec<u64>,
        #[serde(borrow, serialize_with = "at_once")]
        args: &'a [u8],
        want: bool,
    },
    Done {
        id: u64,
        #[serde(borrow, serialize_with = "at_once")]
        result: &'a [u8],
    },
}

/// From the scheduler.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Down<'a> {
    /// To a worker. `inline` holds the results of dependencies that the worker does not have, empty for the others.
    Run {
        id: u64,
        deps: Vec<u64>,
        #[serde(borrow)]
        inline: Vec<&'a [u8]>,
        #[serde(borrow, serialize_with = "at_once")]
        args: &'a [u8],
    },
    /// To the client.
    Finished {
        id: u64,
        #[serde(borrow, serialize_with = "at_once")]
        result: &'a [u8],
    },
}

/// Bytes as one piece rather than one by one; what is written is the same.
fn at_once<S: Serializer>(bytes: &&[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}

/// Appends one frame: its length in four bytes, then the message.
pub(super) fn put<T: Serialize>(out: &mut Vec<u8>, message: &T) -> anyhow::Result<()> {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    *out = postcard::to_extend(message, std::mem::take(out))?;
    let length = u32::try_from(out.len() - start - 4)?;
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
    Ok(())
}

/// A number as the null framework carries it; nothing is zero, and more than a number counts as its length.
pub(super) fn value(bytes: &[u8]) -> anyhow::Result<u64> {
    match bytes.len() {
        0 => Ok(0),
        length if length > NUMBER_BYTES => Ok(length as u64),
        _ => Ok(u64::from_le_bytes(bytes.try_into().context("a number has eight bytes")?)),
    }
}

/// What a number takes; longer values are opaque.
pub(super) const NUMBER_BYTES: usize = 8;

/// Bytes received and not yet taken.
#[derive(Debug)]
pub(super) struct Inbox {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Inbox {
    pub(super) fn new() -> Self {
        Self { bytes: vec![0; 1 << 18], start: 0, end: 0 }
    }

    /// Whether a whole frame is there.
    pub(super) fn has_frame(&self) -> bool {
        let have = &self.bytes[self.start..self.end];
        have.split_first_chunk()
            .is_some_and(|(length, rest)| rest.len() >= u32::from_le_bytes(*length) as usize)
    }

    /// The next whole frame.
    pub(super) fn next(&mut self) -> Option<&[u8]> {
        let have = &self.bytes[self.start..self.end];
        let (length, rest) = have.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        if rest.len() < length {
            return None;
        }
        let start = self.start + 4;
        self.start = start + length;
        Some(&self.bytes[start..self.start])
    }

    /// Reads what is there; 0 when the peer closed.
    pub(super) fn fill(&mut self, mut from: &TcpStream) -> io::Result<usize> {
        self.bytes.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.end == self.bytes.len() {
            self.bytes.resize(self.bytes.len() * 2, 0);
        }
        let count = from.read(&mut self.bytes[self.end..])?;
        self.end += count;
        Ok(count)
    }
}

/// Waits until one of `fds` is ready: polls for `spin_us`, giving way to others, then sleeps in the kernel.
pub(super) fn wait_ready(fds: &mut [PollFd<'_>], spin_us: u64) -> io::Result<()> {
    if spin_us > 0 {
        let start = Instant::now();
        while start.elapsed() < Duration::from_micros(spin_us) {
            if poll(fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))? > 0 {
                return Ok(());
            }
            std::thread::yield_now();
        }
    }
    poll(fds, None)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back_in_order() {
        let mut inbox = Inbox::new();
        let mut out = Vec::new();
        put(&mut out, &Up::HelloClient).unwrap();
        put(&mut out, &Up::Submit { id: 7, deps: vec![1, 2], args: &[3], want: true }).unwrap();
        inbox.bytes[..out.len()].copy_from_slice(&out);
        inbox.end = out.len() - 1;
        assert!(matches!(postcard::from_bytes(inbox.next().unwrap()), Ok(Up::HelloClient)));
        assert!(inbox.next().is_none(), "the second frame lacks its last byte");
        inbox.end += 1;
        assert!(matches!(
            postcard::from_bytes(inbox.next().unwrap()),
            Ok(Up::Submit { id: 7, args: [3], .. })
        ));
    }

    #[test]
    fn values_have_eight_bytes_or_none_or_are_opaque() {
        assert_eq!(value(&[]).unwrap(), 0);
        assert_eq!(value(&[1; 20]).unwrap(), 20);
        assert_eq!(value(&5_u64.to_le_bytes()).unwrap(), 5);
        assert!(value(&[1]).is_err());
    }
}

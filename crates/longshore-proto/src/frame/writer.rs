//! Bytes on their way out.
use super::{EncodeError, HEADER_BYTES, Header};
use crate::Rope;
use crate::limit::{BATCH_BYTES, FRAME_BYTES_MAX};
use bytes::{Buf, Bytes};
use serde::Serialize;
use std::collections::VecDeque;
use std::io::IoSlice;

/// Slices that [`FrameWriter::slices`] gives at most.
pub const SLICES_MAX: usize = 8;
/// Memory that an idle writer keeps.
const KEEP_CAPACITY_BYTES: usize = 4 * BATCH_BYTES;

/// Bytes on their way out: closed frames, one that still grows, and tails, which stay where they lie.
#[derive(Debug, Default)]
pub struct FrameWriter {
    bytes: Vec<u8>,
    /// Where the growing frame's header stands, if a frame is open.
    open: Option<usize>,
    /// Bytes before this were written to the socket.
    sent: usize,
    tails: VecDeque<Tail>,
    /// The sum of what is left of the tails.
    tails_bytes: usize,
}

#[derive(Debug)]
struct Tail {
    /// It is written when `bytes` were written up to here.
    at: usize,
    /// What is left of it.
    left: Bytes,
}

impl FrameWriter {
    /// Appends one message.
    ///
    /// # Errors
    /// A message that cannot be encoded or is too long; what was there before stays intact.
    pub fn push<T: Serialize>(&mut self, message: &T) -> Result<(), EncodeError> {
        let header = self.append(message)?;
        if self.bytes.len() - header >= BATCH_BYTES {
            self.close_frame(false);
        }
        Ok(())
    }

    /// Appends one message and the bytes that belong to it, which are not copied.
    ///
    /// # Errors
    /// As [`push`](Self::push); or the tail is longer than a frame may be.
    pub fn push_with_tail<T: Serialize>(&mut self, message: &T, tail: &Rope) -> Result<(), EncodeError> {
        if tail.nbytes() > FRAME_BYTES_MAX {
            return Err(EncodeError::TooLong { bytes: tail.nbytes() });
        }
        self.append(message)?;
        self.close_frame(true);
        let checksum = tail.parts().iter().fold(0, |sum, part| crc32c::crc32c_append(sum, part));
        let header = Header { bytes: tail.nbytes(), checksum, tail_follows: false };
        self.bytes.extend_from_slice(&header.to_bytes());
        let at = self.bytes.len();
        self.tails.extend(tail.parts().iter().map(|part| Tail { at, left: part.clone() }));
        self.tails_bytes += tail.nbytes();
        Ok(())
    }

    /// Appends a message to the growing frame and says where that begins.
    fn append<T: Serialize>(&mut self, message: &T) -> Result<usize, EncodeError> {
        let header = self.open_frame();
        let before = self.bytes.len();
        self.encode(message).inspect_err(|_| self.undo(before, header))?;
        let after = self.bytes.len();
        if after - header - HEADER_BYTES <= FRAME_BYTES_MAX {
            return Ok(header);
        }
        self.undo(before, header);
        if before == header + HEADER_BYTES {
            return Err(EncodeError::TooLong { bytes: after - before });
        }
        // The frame was all but full: the message gets one of its own.
        self.close_frame(false);
        self.append(message)
    }

    fn open_frame(&mut self) -> usize {
        *self.open.get_or_insert_with(|| {
            let at = self.bytes.len();
            self.bytes.extend_from_slice(&[0; HEADER_BYTES]);
            at
        })
    }

    fn encode<T: Serialize>(&mut self, message: &T) -> Result<(), EncodeError> {
        let bytes = std::mem::take(&mut self.bytes);
        let flavor = Appender { bytes, lent: &mut self.bytes };
        postcard::serialize_with_flavor(message, flavor).map_err(EncodeError::Unencodable)
    }

    fn undo(&mut self, before: usize, header: usize) {
        self.bytes.truncate(before);
        if before == header + HEADER_BYTES {
            self.bytes.truncate(header);
            self.open = None;
        }
    }

    fn close_frame(&mut self, tail_follows: bool) {
        let Some(at) = self.open.take() else { return };
        let header = Header::of(&self.bytes[at + HEADER_BYTES..], tail_follows);
        self.bytes[at..at + HEADER_BYTES].copy_from_slice(&header.to_bytes());
    }

    /// What can be written to the socket now, as far as it lies together. Closes the growing frame.
    pub fn pending(&mut self) -> &[u8] {
        self.close_frame(false);
        match self.tails.front() {
            Some(tail) if tail.at == self.sent => &tail.left,
            Some(tail) => &self.bytes[self.sent..tail.at],
            None => &self.bytes[self.sent..],
        }
    }

    /// Whether [`pending`](Self::pending) is all that there is.
    #[must_use]
    pub fn is_contiguous(&self) -> bool {
        self.tails.is_empty()
    }

    /// What can be written to the socket now, in order, as far as so many slices reach; and how many there are. Closes
    /// the growing frame.
    pub fn slices(&mut self) -> ([IoSlice<'_>; SLICES_MAX], usize) {
        self.close_frame(false);
        let (mut slices, mut len, mut from) = ([IoSlice::new(&[]); SLICES_MAX], 0, self.sent);
        for tail in &self.tails {
            if len + 2 > SLICES_MAX {
                return (slices, len);
            }
            if tail.at > from {
                slices[len] = IoSlice::new(&self.bytes[from..tail.at]);
                len += 1;
            }
            slices[len] = IoSlice::new(&tail.left);
            (len, from) = (len + 1, tail.at);
        }
        if from < self.bytes.len() && len < SLICES_MAX {
            slices[len] = IoSlice::new(&self.bytes[from..]);
            len += 1;
        }
        (slices, len)
    }

    /// So many bytes of [`pending`](Self::pending), or of the [`slices`](Self::slices) together, were written.
    pub fn advance(&mut self, mut bytes: usize) {
        while let Some(tail) = self.tails.front_mut() {
            let before = bytes.min(tail.at - self.sent);
            self.sent += before;
            bytes -= before;
            let of_tail = bytes.min(tail.left.len());
            if self.sent < tail.at || of_tail == 0 {
                break;
            }
            tail.left.advance(of_tail);
            self.tails_bytes -= of_tail;
            bytes -= of_tail;
            if !tail.left.is_empty() {
                break;
            }
            self.tails.pop_front();
        }
        self.sent += bytes;
        debug_assert!(self.sent <= self.bytes.len(), "more was written than was pending");
        self.let_go();
    }

    /// Makes room where bytes were written.
    fn let_go(&mut self) {
        if self.sent == self.bytes.len() && self.tails.is_empty() {
            self.bytes.clear();
            self.bytes.shrink_to(KEEP_CAPACITY_BYTES);
            self.sent = 0;
        } else if self.sent > KEEP_CAPACITY_BYTES.max(self.bytes.len() / 2) && self.open.is_none() {
            // Only once most was sent, so that a long backlog is not moved again and again.
            self.bytes.drain(..self.sent);
            self.tails.iter_mut().for_each(|tail| tail.at -= self.sent);
            self.sent = 0;
        }
    }

    /// Whether nothing waits to be written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that wait to be written.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len() - self.sent + self.tails_bytes
    }
}

/// Postcard output that appends to a vector and gives it back whether or not encoding succeeds.
struct Appender<'a> {
    bytes: Vec<u8>,
    lent: &'a mut Vec<u8>,
}

impl postcard::ser_flavors::Flavor for Appender<'_> {
    type Output = ();
    #[inline]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.bytes.push(byte);
        Ok(())
    }
    #[inline]
    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        // Nearly all are numbers of a few bytes, for which a call of memcpy costs more than the copy.
        if bytes.len() <= 10 {
            self.bytes.extend(bytes.iter().copied());
        } else {
            self.bytes.extend_from_slice(bytes);
        }
        Ok(())
    }
    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

impl Drop for Appender<'_> {
    fn drop(&mut self) {
        *self.lent = std::mem::take(&mut self.bytes);
    }
}

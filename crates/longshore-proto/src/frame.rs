//! Frames: a length, a checksum and a batch of messages.
//!
//! ```text
//! | length u32 LE | crc32c u32 LE of content | content: messages in postcard, one after another |
//! ```
//!
//! A sender appends messages to a [`FrameWriter`] until the socket is free; whatever has gathered by then is one frame, so
//! batches form by themselves under load. A receiver gives bytes to [`FrameReader`] as they come and takes whole messages.
use crate::limit::{BATCH_BYTES, FRAME_BYTES_MAX};
use serde::{Deserialize, Serialize};
use std::io;

/// Bytes before a frame's content.
pub const HEADER_BYTES: usize = 8;

/// Why bytes are not a frame of messages. The connection they came from is of no use any more.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// More was announced than is allowed.
    #[error("a frame of {bytes} bytes was announced; at most {FRAME_BYTES_MAX} are allowed")]
    TooLong {
        /// What was announced.
        bytes: usize,
    },
    /// The content was changed on its way.
    #[error("a frame's checksum does not match its content")]
    Checksum,
    /// The content is not a sequence of messages.
    #[error("a frame holds something that is not a message: {0}")]
    Undecodable(postcard::Error),
}

/// A message could not be encoded.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// One message is larger than a frame may be.
    #[error(
        "a message of {bytes} bytes does not fit a frame of {FRAME_BYTES_MAX}; send large values as data objects"
    )]
    TooLong {
        /// Its size.
        bytes: usize,
    },
    /// A value in it cannot be encoded.
    #[error("a message cannot be encoded: {0}")]
    Unencodable(postcard::Error),
}

/// Bytes on their way out: closed frames and one that still grows.
#[derive(Debug, Default)]
pub struct FrameWriter {
    bytes: Vec<u8>,
    /// Where the growing frame's header stands, if a frame is open.
    open: Option<usize>,
    /// Bytes before this were written to the socket.
    sent: usize,
}

impl FrameWriter {
    /// Appends one message.
    ///
    /// # Errors
    /// A message that cannot be encoded or is too long; what was there before stays intact.
    pub fn push<T: Serialize>(&mut self, message: &T) -> Result<(), EncodeError> {
        let header = self.open_frame();
        let before = self.bytes.len();
        self.append(message).inspect_err(|_| self.undo(before, header))?;
        let after = self.bytes.len();
        if after - header - HEADER_BYTES <= FRAME_BYTES_MAX {
            if after - header >= BATCH_BYTES {
                self.close_frame();
            }
            return Ok(());
        }
        if before == header + HEADER_BYTES {
            self.undo(before, header);
            return Err(EncodeError::TooLong { bytes: after - before });
        }
        // The frame was all but full: the message gets one of its own.
        self.undo(before, header);
        self.close_frame();
        self.push(message)
    }

    fn open_frame(&mut self) -> usize {
        *self.open.get_or_insert_with(|| {
            let at = self.bytes.len();
            self.bytes.extend_from_slice(&[0; HEADER_BYTES]);
            at
        })
    }

    fn append<T: Serialize>(&mut self, message: &T) -> Result<(), EncodeError> {
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

    fn close_frame(&mut self) {
        let Some(header) = self.open.take() else { return };
        let content = &self.bytes[header + HEADER_BYTES..];
        let (len, crc) = (u32::try_from(content.len()).unwrap_or(u32::MAX), crc32c::crc32c(content));
        self.bytes[header..header + 4].copy_from_slice(&len.to_le_bytes());
        self.bytes[header + 4..header + HEADER_BYTES].copy_from_slice(&crc.to_le_bytes());
    }

    /// What can be written to the socket now. Closes the growing frame.
    pub fn pending(&mut self) -> &[u8] {
        self.close_frame();
        &self.bytes[self.sent..]
    }

    /// So many bytes of [`pending`](Self::pending) were written.
    pub fn advance(&mut self, bytes: usize) {
        const KEEP_CAPACITY_BYTES: usize = 4 * BATCH_BYTES;
        self.sent += bytes;
        debug_assert!(self.sent <= self.bytes.len(), "more was written than was pending");
        if self.sent == self.bytes.len() {
            self.bytes.clear();
            self.bytes.shrink_to(KEEP_CAPACITY_BYTES);
            self.sent = 0;
        } else if self.sent > KEEP_CAPACITY_BYTES.max(self.bytes.len() / 2) && self.open.is_none() {
            // Only once most was sent, so that a long backlog is not moved again and again.
            self.bytes.drain(..self.sent);
            self.sent = 0;
        }
    }

    /// Whether nothing waits to be written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sent == self.bytes.len()
    }

    /// Bytes that wait to be written.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len() - self.sent
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

/// Bytes on their way in.
#[derive(Debug, Default)]
pub struct FrameReader {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl FrameReader {
    /// Room to read into. Call [`filled`](Self::filled) with what was read.
    pub fn space(&mut self) -> &mut [u8] {
        const SPACE_BYTES_MIN: usize = 64 * 1024;
        const KEEP_BYTES_MAX: usize = 1024 * 1024;
        if self.is_empty() {
            (self.start, self.end) = (0, 0);
            if self.bytes.len() > KEEP_BYTES_MAX {
                self.bytes = Vec::new();
            }
        }
        let want = self.frame_bytes().unwrap_or(0).max(SPACE_BYTES_MIN);
        if self.start + want > self.bytes.len() {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
            if self.bytes.len() < want.max(self.end + SPACE_BYTES_MIN / 2) {
                self.bytes.resize(want.max(2 * self.end).max(SPACE_BYTES_MIN), 0);
            }
        }
        &mut self.bytes[self.end..]
    }

    /// So many bytes were read into [`space`](Self::space).
    pub fn filled(&mut self, bytes: usize) {
        self.end += bytes;
        debug_assert!(self.end <= self.bytes.len(), "more was filled than there was space");
    }

    /// Whether all that came in was taken: an end of the stream here is a clean one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Size of the frame that is coming in, header included, once its header is there and believable.
    fn frame_bytes(&self) -> Option<usize> {
        let len = self.bytes[self.start..self.end].first_chunk::<4>()?;
        let len = u32::from_le_bytes(*len) as usize;
        (len <= FRAME_BYTES_MAX).then_some(len + HEADER_BYTES)
    }

    /// Takes the next whole frame and gives each of its messages to `each`. `false` when no whole frame is there.
    ///
    /// # Errors
    /// The bytes are not a frame of such messages. Messages before the fault were given out.
    pub fn next_frame<'a, T: Deserialize<'a>>(
        &'a mut self,
        mut each: impl FnMut(T),
    ) -> Result<bool, FrameError> {
        let here = &self.bytes[self.start..self.end];
        let Some((header, rest)) = here.split_first_chunk::<HEADER_BYTES>() else { return Ok(false) };
        let [l0, l1, l2, l3, c0, c1, c2, c3] = *header;
        let len = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        if len > FRAME_BYTES_MAX {
            return Err(FrameError::TooLong { bytes: len });
        }
        let Some(mut content) = rest.get(..len) else { return Ok(false) };
        if crc32c::crc32c(content) != u32::from_le_bytes([c0, c1, c2, c3]) {
            return Err(FrameError::Checksum);
        }
        self.start += HEADER_BYTES + len;
        while !content.is_empty() {
            let before = content.len();
            let (message, after) = postcard::take_from_bytes(content).map_err(FrameError::Undecodable)?;
            if after.len() == before {
                // A message always takes at least its tag; a type without content would never end.
                return Err(FrameError::Undecodable(postcard::Error::DeserializeUnexpectedEnd));
            }
            content = after;
            each(message);
        }
        Ok(true)
    }
}

/// Reads one batch from a reader until it would block, for callers with a plain `Read`.
///
/// # Errors
/// Whatever the reader says; `UnexpectedEof` at its end.
pub fn fill_from(reader: &mut FrameReader, source: &mut impl io::Read) -> io::Result<usize> {
    let n = source.read(reader.space())?;
    if n == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    reader.filled(n);
    Ok(n)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read_all(
        reader: &mut FrameReader,
        mut bytes: &[u8],
        step: usize,
    ) -> Result<Vec<(u32, Vec<u8>)>, FrameError> {
        let mut out = vec![];
        while !bytes.is_empty() {
            let space = reader.space();
            let n = step.min(bytes.len()).min(space.len());
            space[..n].copy_from_slice(&bytes[..n]);
            reader.filled(n);
            bytes = &bytes[n..];
            while reader.next_frame(|m| out.push(m))? {}
        }
        Ok(out)
    }

    proptest! {
        #[test]
        fn messages_come_out_as_they_went_in(
            messages in prop::collection::vec((any::<u32>(), prop::collection::vec(any::<u8>(), 0..300)), 0..200),
            step in 1usize..5000,
            flush_every in 1usize..50,
        ) {
            let (mut w, mut wire) = (FrameWriter::default(), vec![]);
            for (i, m) in messages.iter().enumerate() {
                w.push(m).unwrap();
                if i % flush_every == 0 {
                    let n = w.pending().len();
                    wire.extend_from_slice(w.pending());
                    w.advance(n);
                }
            }
            wire.extend_from_slice(w.pending());
            prop_assert_eq!(read_all(&mut FrameReader::default(), &wire, step).unwrap(), messages);
        }

        #[test]
        fn any_flipped_bit_is_noticed(bit in 0usize..8 * 100) {
            let mut w = FrameWriter::default();
            w.push(&(7u32, vec![1u8; 86])).unwrap();
            let mut wire = w.pending().to_vec();
            prop_assume!(bit / 8 < wire.len());
            wire[bit / 8] ^= 1 << (bit % 8);
            // Either an error, or a frame that waits for bytes that never come.
            let seen = read_all(&mut FrameReader::default(), &wire, 4096);
            prop_assert!(seen.is_err() || seen == Ok(vec![]), "{seen:?}");
        }

        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
            let _ = read_all(&mut FrameReader::default(), &bytes, 100);
        }
    }

    #[test]
    fn large_batches_become_several_frames_and_none_is_too_long() {
        let mut w = FrameWriter::default();
        let big = vec![5u8; FRAME_BYTES_MAX / 2];
        for i in 0..5u32 {
            w.push(&(i, &big)).unwrap();
        }
        let wire = w.pending().to_vec();
        let out = read_all(&mut FrameReader::default(), &wire, 1 << 20).unwrap();
        assert_eq!(out.iter().map(|m| m.0).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn a_message_beyond_the_bound_is_refused_and_harms_nothing() {
        let mut w = FrameWriter::default();
        w.push(&(1u32, vec![1u8])).unwrap();
        let e = w.push(&(2u32, vec![0u8; FRAME_BYTES_MAX + 1])).unwrap_err();
        assert!(matches!(e, EncodeError::TooLong { .. }));
        w.push(&(3u32, vec![3u8])).unwrap();
        let wire = w.pending().to_vec();
        let out = read_all(&mut FrameReader::default(), &wire, 1 << 20).unwrap();
        assert_eq!(out, [(1, vec![1]), (3, vec![3])]);
    }

    #[test]
    fn an_announced_giant_allocates_nothing() {
        let mut r = FrameReader::default();
        let mut wire = u32::MAX.to_le_bytes().to_vec();
        wire.extend([0; 4]);
        let e = read_all(&mut r, &wire, 8).unwrap_err();
        assert!(matches!(e, FrameError::TooLong { .. }));
        assert!(r.bytes.len() <= 64 * 1024);
    }
}

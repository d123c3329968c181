//! Frames: a length, a checksum and a batch of messages; and tails, which are bytes that nobody decodes.
//!
//! ```text
//! frame  | length u32 LE, the top bit says that a tail follows | crc32c u32 LE of content | content |
//! tail   | length u32 LE                                       | crc32c u32 LE of bytes   | bytes   |
//! ```
//!
//! The content is messages in postcard, one after another. A sender appends messages to a [`FrameWriter`] until the socket
//! is free; whatever has gathered by then is one frame, so batches form by themselves under load. A receiver gives bytes to
//! [`FrameReader`] as they come and takes whole messages.
//!
//! A tail belongs to the last message of its frame: a piece of a large value. It is written from where the value lies and
//! read into the memory where the value is to lie, so that on either side it is touched by the checksum and the kernel only.
mod error;
mod landing;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

pub use error::{EncodeError, FrameError};
pub use landing::Place;
pub use reader::FrameReader;
pub use writer::{FrameWriter, SLICES_MAX};

/// Bytes before a frame's content, and before a tail.
pub const HEADER_BYTES: usize = 8;

/// The bit of a frame's length that says that a tail follows.
const TAIL_FOLLOWS: u32 = 1 << 31;

/// Of a frame's content, and of whether a tail follows: that flag must not be changed on the way either.
fn checksum(content: &[u8], tail_follows: bool) -> u32 {
    crc32c::crc32c_append(u32::from(tail_follows), content)
}

/// What stands before a frame's content, or before a tail.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
struct Header {
    bytes: usize,
    checksum: u32,
    tail_follows: bool,
}

impl Header {
    fn of(content: &[u8], tail_follows: bool) -> Self {
        Header { bytes: content.len(), checksum: checksum(content, tail_follows), tail_follows }
    }

    fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let flag = if self.tail_follows { TAIL_FOLLOWS } else { 0 };
        let len = u32::try_from(self.bytes).unwrap_or(TAIL_FOLLOWS - 1) | flag;
        let ([l0, l1, l2, l3], [c0, c1, c2, c3]) = (len.to_le_bytes(), self.checksum.to_le_bytes());
        [l0, l1, l2, l3, c0, c1, c2, c3]
    }

    fn from_bytes([l0, l1, l2, l3, c0, c1, c2, c3]: [u8; HEADER_BYTES]) -> Self {
        let len = u32::from_le_bytes([l0, l1, l2, l3]);
        let bytes = (len & !TAIL_FOLLOWS) as usize;
        Header {
            bytes,
            checksum: u32::from_le_bytes([c0, c1, c2, c3]),
            tail_follows: len & TAIL_FOLLOWS != 0,
        }
    }
}

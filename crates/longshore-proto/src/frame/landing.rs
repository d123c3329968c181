//! Where tails come to lie.
//!
//! The pieces of one value that come one after the other are read side by side into memory that was set aside for all of
//! it, so that whoever puts them together finds that they are together already ([`Piece::join`](crate::Piece::join)). This
//! is about speed only: a piece that comes out of turn gets memory of its own.
use super::{FrameError, Header};
use crate::piece::TAIL_BYTES_MIN;
use bytes::{Bytes, BytesMut};

/// So much is made ready to be read into at once. What was just zeroed is still in the cache when bytes come.
const STEP_BYTES: usize = 256 * 1024;

/// Which part of a value a tail is.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// Size of the value.
    pub total: u64,
    /// Where in the value the tail begins.
    pub offset: u64,
}

/// Room for the value that is coming in.
#[derive(Debug, Default)]
pub(super) struct Landing {
    /// Begins with what came of the tail that is coming in. What is free behind that belongs to the rest of the value.
    room: BytesMut,
    /// The value's tail after the one that is coming in, if room was set aside for it.
    next: Option<Place>,
    /// How many bytes of the tail have come.
    have: usize,
    checksum: u32,
}

impl Landing {
    /// A tail begins to come in.
    pub(super) fn begin(&mut self, bytes: usize, place: Option<Place>) {
        let goes_on = place.is_some() && place == self.next && self.room.capacity() >= bytes;
        if !goes_on {
            // Of a value that begins with a few bytes in a message, the rest is set aside.
            let begins = place.filter(|p| p.offset < TAIL_BYTES_MIN as u64);
            let rest = begins.and_then(|p| usize::try_from(p.total.saturating_sub(p.offset)).ok());
            self.room = set_aside(rest.unwrap_or(bytes).max(bytes), bytes);
        }
        (self.have, self.checksum) = (0, 0);
        self.next = place.map(|p| Place { offset: p.offset.saturating_add(bytes as u64), ..p });
    }

    /// Room for more of a tail of `bytes`.
    pub(super) fn space(&mut self, bytes: usize) -> &mut [u8] {
        let end = bytes.min(self.have + STEP_BYTES);
        if self.room.len() < end {
            self.room.resize(end, 0);
        }
        &mut self.room[self.have..end]
    }

    /// So much of the tail was read into [`space`](Self::space).
    pub(super) fn filled(&mut self, bytes: usize) {
        let end = self.have + bytes;
        // Now, while it is in the cache.
        self.checksum = crc32c::crc32c_append(self.checksum, &self.room[self.have..end]);
        self.have = end;
    }

    /// Adds what was read elsewhere.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.room.truncate(self.have);
        self.room.extend_from_slice(bytes);
        self.filled(bytes.len());
    }

    pub(super) fn have(&self) -> usize {
        self.have
    }

    /// The tail, which is whole.
    pub(super) fn finish(&mut self, header: &Header) -> Result<BytesMut, FrameError> {
        if self.checksum != header.checksum {
            return Err(FrameError::Checksum);
        }
        self.have = 0;
        let is_last = self.next.is_none_or(|next| next.offset >= next.total);
        if is_last || self.room.capacity() == header.bytes {
            // Nothing of the value's memory is held here once its last piece was given out.
            self.next = None;
            return Ok(std::mem::take(&mut self.room));
        }
        Ok(self.room.split_to(header.bytes))
    }
}

/// Memory for `wanted` bytes or, if so much cannot be had, for `needed`. It is not touched before bytes come, so a length
/// that is a lie costs address space only.
fn set_aside(wanted: usize, needed: usize) -> BytesMut {
    let mut room = Vec::new();
    if room.try_reserve_exact(wanted).is_err() {
        room = Vec::with_capacity(needed);
    }
    BytesMut::from(Bytes::from(room))
}

//! A part of a value that is on its way.
use crate::limit::CHUNK_BYTES;
use crate::{Payload, Rope};
use bytes::BytesMut;
use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

/// Pieces from this size on follow their message as a tail instead of being copied into it.
pub const TAIL_BYTES_MIN: usize = 8 * 1024;

/// A value of one large buffer, from this size on, comes to lie apart from the few bytes before it.
pub const APART_BYTES_MIN: usize = 256 * 1024;

/// Where the piece ends that begins at `from` of a value of `total` bytes. The first `head` of them
/// ([`Rope::head_nbytes`]) are a piece of their own. A last piece that would be too short to follow its message is part of
/// the one before it, so that all of a large value comes to lie in one place.
#[must_use]
pub fn end_of_piece(from: usize, head: usize, total: usize) -> usize {
    if from < head {
        return head;
    }
    let end = total.min(from + CHUNK_BYTES);
    if total - end < TAIL_BYTES_MIN { total } else { end }
}

/// A piece of which not all may be sent yet is cut short, if so much of it may.
pub const CUT_BYTES_MIN: usize = 64 * 1024;

/// As [`end_of_piece`], where only the bytes before `until` may be sent yet. `None`: wait for more, since pieces that are
/// too short would not come to lie where the value is put together.
#[must_use]
pub fn end_of_granted_piece(from: usize, head: usize, total: usize, until: usize) -> Option<usize> {
    let end = end_of_piece(from, head, total);
    if end <= until {
        return Some(end);
    }
    if until < from.saturating_add(CUT_BYTES_MIN) {
        return None;
    }
    // What is left of the value must be long enough to follow its message too.
    Some(if total - until < TAIL_BYTES_MIN { total } else { until })
}

/// Bytes of a value, or a whole value that never left its process.
#[derive(Clone, Debug)]
pub enum Piece {
    /// As the sender has it.
    Payload(Payload),
    /// As it came over a link. The next piece of the same value may lie right behind it.
    Landed(BytesMut),
}

impl Piece {
    /// No bytes.
    #[must_use]
    pub const fn empty() -> Self {
        Piece::Payload(Payload::empty())
    }

    /// Whether it is a whole value of this process.
    #[must_use]
    pub fn is_local(&self) -> bool {
        matches!(self, Piece::Payload(Payload::Local(_)))
    }

    /// Size in bytes: exact when encoded, approximate when local.
    #[must_use]
    pub fn nbytes(&self) -> usize {
        match self {
            Piece::Payload(payload) => payload.nbytes(),
            Piece::Landed(bytes) => bytes.len(),
        }
    }

    /// As [`Rope::head_nbytes`].
    #[must_use]
    pub fn head_nbytes(&self) -> usize {
        match self {
            Piece::Payload(payload) => payload.head_nbytes(),
            Piece::Landed(_) => 0,
        }
    }

    /// The piece as a value of its own.
    #[must_use]
    pub fn into_payload(self) -> Payload {
        match self {
            Piece::Payload(payload) => payload,
            Piece::Landed(bytes) => bytes.freeze().into(),
        }
    }

    /// Takes the bytes out, if they are so many that they are better not copied into a message.
    pub fn take_tail(&mut self) -> Option<Rope> {
        if self.nbytes() < TAIL_BYTES_MIN || self.is_local() {
            return None;
        }
        match std::mem::replace(self, Piece::empty()) {
            Piece::Landed(bytes) => Some(bytes.freeze().into()),
            Piece::Payload(payload) => payload.to_rope().ok(),
        }
    }

    /// Puts the bytes of this piece behind those of the pieces before it. Nothing is copied if they came to lie there.
    /// A local piece has none.
    pub fn join(self, before: &mut BytesMut) {
        match self {
            Piece::Landed(bytes) => before.unsplit(bytes),
            Piece::Payload(Payload::Local(_)) => {}
            Piece::Payload(Payload::Rope(rope)) => {
                rope.parts().iter().for_each(|p| before.extend_from_slice(p));
            }
            Piece::Payload(payload) => before.extend_from_slice(payload.as_bytes().unwrap_or_default()),
        }
    }
}

impl From<Payload> for Piece {
    fn from(payload: Payload) -> Self {
        Piece::Payload(payload)
    }
}

/// Two pieces are equal when their bytes are, or when they are the same local value.
impl PartialEq for Piece {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Piece::Payload(a), Piece::Payload(b)) => a == b,
            (Piece::Landed(a), Piece::Landed(b)) => a == b,
            (Piece::Landed(bytes), Piece::Payload(payload))
            | (Piece::Payload(payload), Piece::Landed(bytes)) => {
                !matches!(payload, Payload::Local(_)) && payload.to_bytes().is_ok_and(|b| b == *bytes)
            }
        }
    }
}

impl Serialize for Piece {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Piece::Payload(payload) => payload.serialize(s),
            Piece::Landed(bytes) => s.serialize_bytes(bytes),
        }
    }
}

impl<'de> Deserialize<'de> for Piece {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Payload::deserialize(d).map(Piece::Payload)
    }
}

//! Opaque values: bytes that somebody encoded, or a value that never left its process.
use crate::Rope;
use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{self, Serialize, Serializer};
use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// Bytes up to this length live inside the [`Payload`] itself.
pub const SMALL_BYTES_MAX: usize = 22;

/// Bytes up to this length are copied into memory of their own rather than shared with what surrounds them.
pub const COPIED_BYTES_MAX: usize = 512;

// Most of a message is this, and a message is moved some ten times.
const _: () = assert!(size_of::<Payload>() == 24);

/// A value that stays in this process and is encoded only if it has to leave it.
pub trait LocalValue: Any + Send + Sync {
    /// The encoded form.
    ///
    /// # Errors
    /// Says why the value cannot be encoded (a closure, say, never can).
    fn encode(&self) -> Result<Rope, String>;
    /// Approximate size in memory.
    fn nbytes(&self) -> usize;
    /// For downcasting to what the process put in.
    fn as_any(&self) -> &(dyn Any + Send + Sync);
}

/// Arguments or a result, opaque to everybody but the task function.
///
/// Every message and every task has one or two of these, so that it is kept to three words: what is larger lies behind a
/// pointer.
#[derive(Clone)]
pub enum Payload {
    /// At most [`SMALL_BYTES_MAX`] encoded bytes, kept here.
    Small(u8, [u8; SMALL_BYTES_MAX]),
    /// A copy of at most [`COPIED_BYTES_MAX`] encoded bytes.
    Copied(Arc<[u8]>),
    /// Encoded bytes.
    Bytes(Box<Bytes>),
    /// Encoded bytes in several parts.
    Rope(Box<Rope>),
    /// A value of this process; encoding happens when it travels.
    Local(Arc<dyn LocalValue>),
}

impl Payload {
    /// No bytes at all.
    #[must_use]
    pub const fn empty() -> Self {
        Payload::Small(0, [0; SMALL_BYTES_MAX])
    }

    /// A copy of `bytes`.
    #[must_use]
    pub fn copy_from(bytes: &[u8]) -> Self {
        if bytes.len() > COPIED_BYTES_MAX {
            return Payload::Bytes(Box::new(Bytes::copy_from_slice(bytes)));
        }
        if bytes.len() > SMALL_BYTES_MAX {
            return Payload::Copied(bytes.into());
        }
        let mut small = [0; SMALL_BYTES_MAX];
        small[..bytes.len()].copy_from_slice(bytes);
        #[allow(clippy::cast_possible_truncation)] // at most SMALL_BYTES_MAX
        Payload::Small(bytes.len() as u8, small)
    }

    /// The encoded bytes, if this payload is encoded and they lie in one place.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Payload::Small(n, b) => Some(&b[..usize::from(*n)]),
            Payload::Copied(b) => Some(b),
            Payload::Bytes(b) => Some(b),
            Payload::Rope(_) | Payload::Local(_) => None,
        }
    }

    /// The encoded form as shared bytes.
    ///
    /// # Errors
    /// A local value that cannot be encoded says why.
    pub fn to_bytes(&self) -> Result<Bytes, String> {
        match self {
            Payload::Small(n, b) => Ok(Bytes::copy_from_slice(&b[..usize::from(*n)])),
            Payload::Copied(b) => Ok(Bytes::copy_from_slice(b)),
            Payload::Bytes(b) => Ok(Bytes::clone(b)),
            Payload::Rope(rope) => Ok(rope.to_bytes()),
            Payload::Local(v) => v.encode().map(|rope| rope.to_bytes()),
        }
    }

    /// The encoded form, whose large parts stay where they are.
    ///
    /// # Errors
    /// A local value that cannot be encoded says why.
    pub fn to_rope(&self) -> Result<Rope, String> {
        match self {
            Payload::Rope(rope) => Ok(Rope::clone(rope)),
            Payload::Local(v) => v.encode(),
            encoded => Ok(encoded.to_bytes()?.into()),
        }
    }

    /// As [`Rope::head_nbytes`].
    #[must_use]
    pub fn head_nbytes(&self) -> usize {
        match self {
            Payload::Rope(rope) => rope.head_nbytes(),
            Payload::Small(..) | Payload::Copied(_) | Payload::Bytes(_) | Payload::Local(_) => 0,
        }
    }

    /// A range of the bytes, which must lie within; the whole of a local value, whatever the range.
    #[must_use]
    pub fn slice(&self, from: usize, to: usize) -> Payload {
        match self {
            Payload::Small(_, b) => Payload::copy_from(&b[from..to]),
            Payload::Copied(b) => Payload::copy_from(&b[from..to]),
            Payload::Bytes(b) => Payload::from(b.slice(from..to)),
            Payload::Rope(rope) => Payload::from(rope.slice(from, to)),
            Payload::Local(_) => self.clone(),
        }
    }

    /// Size in bytes: exact when encoded, approximate when local.
    #[must_use]
    pub fn nbytes(&self) -> usize {
        match self {
            Payload::Small(n, _) => usize::from(*n),
            Payload::Copied(b) => b.len(),
            Payload::Bytes(b) => b.len(),
            Payload::Rope(rope) => rope.nbytes(),
            Payload::Local(v) => v.nbytes(),
        }
    }
}

impl From<Bytes> for Payload {
    fn from(b: Bytes) -> Self {
        if b.len() <= SMALL_BYTES_MAX { Payload::copy_from(&b) } else { Payload::Bytes(Box::new(b)) }
    }
}

impl From<Rope> for Payload {
    fn from(rope: Rope) -> Self {
        if rope.nbytes() <= SMALL_BYTES_MAX || rope.parts().len() == 1 {
            Payload::from(rope.to_bytes())
        } else {
            Payload::Rope(Box::new(rope))
        }
    }
}

impl From<Vec<u8>> for Payload {
    fn from(b: Vec<u8>) -> Self {
        if b.len() <= COPIED_BYTES_MAX { Payload::copy_from(&b) } else { Payload::Bytes(Box::new(b.into())) }
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Payload::Local(v) => write!(f, "Payload(local, ~{} B)", v.nbytes()),
            other => write!(f, "Payload({} B)", other.nbytes()),
        }
    }
}

/// Two payloads are equal when their bytes are, or when they are the same local value.
impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Payload::Local(a), Payload::Local(b)) => Arc::ptr_eq(a, b),
            (Payload::Local(_), _) | (_, Payload::Local(_)) => false,
            (Payload::Rope(rope), other) | (other, Payload::Rope(rope)) => {
                other.to_rope().as_ref() == Ok(&**rope)
            }
            (a, b) => a.as_bytes() == b.as_bytes(),
        }
    }
}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Payload::Small(n, b) => s.serialize_bytes(&b[..usize::from(*n)]),
            Payload::Copied(b) => s.serialize_bytes(b),
            Payload::Bytes(b) => s.serialize_bytes(b),
            in_parts => s.serialize_bytes(&in_parts.to_bytes().map_err(ser::Error::custom)?),
        }
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Payload;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E: Error>(self, v: &[u8]) -> Result<Payload, E> {
                Ok(Payload::copy_from(v))
            }
        }
        d.deserialize_bytes(Bytes)
    }
}

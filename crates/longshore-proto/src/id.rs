//! Names of things. Every id is a plain number: cheap to hash, compare and send.
use serde::de::{Deserializer, Error, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One client's connection to one cluster, chosen at random by the client.
#[derive(Copy, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct SessionId(pub u64);

/// Names a task across the whole cluster, for as long as anybody wants it.
///
/// Chosen by the client, so a submission that is sent twice is one task. `origin` is the submitting session and `seq`
/// counts its submissions; for a task with an explicit key or of a pure function both halves are a 128-bit hash, so that
/// equal calls of several clients meet in one task.
/// It travels as sixteen bytes, since its halves are mostly large numbers.
#[derive(Copy, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId {
    /// Session that submitted the task, or the upper half of a hash.
    pub origin: u64,
    /// Position in that session, or the lower half of a hash.
    pub seq: u64,
}

impl Serialize for TaskId {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bytes = [0; TaskId::BYTES];
        bytes[..8].copy_from_slice(&self.origin.to_le_bytes());
        bytes[8..].copy_from_slice(&self.seq.to_le_bytes());
        serializer.serialize_bytes(&bytes)
    }
}

impl<'de> Deserialize<'de> for TaskId {
    #[inline]
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = TaskId;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("sixteen bytes")
            }
            #[inline]
            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<TaskId, E> {
                let Ok(bytes) = <[u8; TaskId::BYTES]>::try_from(bytes) else {
                    return Err(E::invalid_length(bytes.len(), &self));
                };
                let bits = u128::from_le_bytes(bytes);
                #[expect(clippy::cast_possible_truncation, reason = "the lower half, then the upper")]
                Ok(TaskId { origin: bits as u64, seq: (bits >> 64) as u64 })
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

impl TaskId {
    /// Bytes that it takes in a message, after their number.
    const BYTES: usize = 16;
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{:x}", self.origin, self.seq)
    }
}

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The scheduler's short name of a task: an index into its table and the generation of that place.
///
/// Workers and peers use it instead of [`TaskId`]; a place that was reused for another task has another generation.
/// It travels as one number, the generation in its upper half.
#[derive(Copy, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskHandle {
    /// Index into the scheduler's table.
    pub slot: u32,
    /// How often the slot had been used before.
    pub generation: u32,
}

impl Serialize for TaskHandle {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::from(self.generation) << 32 | u64::from(self.slot))
    }
}

impl<'de> Deserialize<'de> for TaskHandle {
    #[inline]
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bits = u64::deserialize(deserializer)?;
        #[expect(clippy::cast_possible_truncation, reason = "the lower half, then the upper")]
        Ok(TaskHandle { slot: bits as u32, generation: (bits >> 32) as u32 })
    }
}

impl fmt::Debug for TaskHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.slot, self.generation)
    }
}

/// Counts the times one task was handed to a worker. A late message of an earlier attempt is recognised by it.
#[derive(Copy, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Attempt(pub u32);

/// A connected client or worker, as the scheduler counts them. Never reused within one scheduler incarnation.
#[derive(Copy, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct PeerId(pub u32);

/// Identifies a function in every binary that contains it: a hash of its name and its signature.
#[derive(Copy, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FunctionId(pub u64);

impl fmt::Debug for FunctionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A function's number on one link, introduced once and used in every message after that.
#[derive(Copy, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct FunctionIndex(pub u32);

/// A function as it is introduced to a peer.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct FunctionSpec {
    /// Hash of `name` and `signature`.
    pub id: FunctionId,
    /// Full name, module path included.
    pub name: String,
    /// Hash of the argument and result types.
    pub signature: u64,
}

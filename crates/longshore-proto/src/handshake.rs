//! What two peers say before anything else is believed.
//!
//! The dialling side sends a [`Hello`], the listening side answers with a [`Welcome`] or a [`Reject`]. Each is preceded by a
//! fixed prefix that every version of the protocol can read: magic, lowest and highest version spoken, length. Whatever
//! does not begin with the magic, is longer than [`HANDSHAKE_BYTES_MAX`] or takes longer than
//! [`HANDSHAKE_MS_MAX`](crate::limit::HANDSHAKE_MS_MAX) is cut off; nothing of it is parsed further.
use crate::limit::HANDSHAKE_BYTES_MAX;
use crate::{PeerId, SessionId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt;

/// First bytes of every connection.
pub const MAGIC: [u8; 4] = *b"LSHR";
/// Lowest protocol version this build speaks.
pub const VERSION_MIN: u16 = 1;
/// Highest protocol version this build speaks.
pub const VERSION_MAX: u16 = 1;
/// Bytes of the prefix: magic, two versions, length.
pub const PREFIX_BYTES: usize = 12;

/// Who is calling.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Hello {
    /// Shared secret of the cluster; empty if it has none.
    pub token: String,
    /// What the caller is.
    pub role: Role,
}

/// What a caller is, and what belongs to it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Role {
    /// A client of a scheduler.
    Client(ClientHello),
    /// A worker of a scheduler.
    Worker(WorkerHello),
    /// Somebody who wants to exchange values with a worker.
    Peer(PeerHello),
}

/// A client introduces itself.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ClientHello {
    /// Its session.
    pub session: SessionId,
    /// Name for logs.
    pub name: String,
    /// Runtime it is on.
    pub runtime: String,
    /// Process id, to recognise clients in the scheduler's own process.
    pub pid: u32,
}

/// A worker introduces itself.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct WorkerHello {
    /// Its name; unique in the cluster.
    pub name: String,
    /// Random number of this life of the worker.
    pub incarnation: u64,
    /// Where it listens for peers; `None` if it cannot be reached.
    pub address: Option<String>,
    /// Tasks it runs at once.
    pub nthreads: u32,
    /// Runtime it is on.
    pub runtime: String,
    /// Process id.
    pub pid: u32,
    /// Memory it may use for values, in bytes.
    pub memory_limit_bytes: Option<u64>,
    /// Resources it supplies.
    pub resources: Vec<(String, f64)>,
    /// Hash of all function ids in its binary.
    pub registry: u64,
    /// Version of Longshore in its binary.
    pub version: String,
}

/// A peer of a worker introduces itself.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct PeerHello {
    /// Incarnation of the scheduler both belong to.
    pub incarnation: u64,
    /// Name for logs.
    pub name: String,
}

/// The listening side accepts.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Welcome {
    /// Protocol version to speak from here on.
    pub version: u16,
    /// Incarnation of the scheduler; a worker answers its own cluster's.
    pub incarnation: u64,
    /// The number by which the scheduler knows the caller.
    pub peer: PeerId,
    /// The scheduler does not know the worker's registry yet and wants it.
    pub registry_wanted: bool,
}

/// The listening side refuses, and says why.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum Reject {
    /// No common version.
    #[error("the other side speaks protocol versions {min} to {max}; upgrade the older of the two")]
    Version {
        /// Lowest version of the refusing side.
        min: u16,
        /// Highest version of the refusing side.
        max: u16,
    },
    /// The token is wrong or missing.
    #[error("the cluster's token is missing or wrong; both sides need the same one")]
    Token,
    /// The caller's role is not served here.
    #[error("a {listener} was reached, which does not serve this kind of caller; check the address")]
    Role {
        /// What was reached.
        listener: String,
    },
    /// A worker of that name is already there.
    #[error("a worker named {name:?} is already connected; give each worker its own name")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// The caller belongs to another scheduler incarnation.
    #[error("the caller belongs to scheduler incarnation {theirs:x}, this is {ours:x}; it has to join again")]
    Incarnation {
        /// The caller's.
        theirs: u64,
        /// The listener's.
        ours: u64,
    },
    /// The listening side is closing.
    #[error("the other side is shutting down")]
    Closing,
    /// The hello could not be read or breaks a bound.
    #[error("the handshake could not be read: {reason}")]
    Malformed {
        /// What is wrong with it.
        reason: String,
    },
}

/// The answer to a [`Hello`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Reply {
    /// Come in.
    Welcome(Welcome),
    /// Stay out.
    Reject(Reject),
}

/// Why a handshake message could not be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// It does not begin with [`MAGIC`].
    #[error(
        "the other side does not speak Longshore's protocol (it began with {found:02x?}); check the address"
    )]
    Magic {
        /// What it began with.
        found: [u8; 4],
    },
    /// No version in common.
    #[error(
        "no common protocol version: this side speaks {VERSION_MIN} to {VERSION_MAX}, the other {min} to {max}; \
         upgrade the older of the two"
    )]
    Version {
        /// Their lowest.
        min: u16,
        /// Their highest.
        max: u16,
    },
    /// Too long.
    #[error("a handshake of {bytes} bytes was announced; at most {HANDSHAKE_BYTES_MAX} are allowed")]
    TooLong {
        /// What was announced.
        bytes: usize,
    },
    /// The content is not a handshake.
    #[error("the handshake could not be decoded: {0}")]
    Undecodable(postcard::Error),
}

/// Reads the fixed prefix: the length of what follows and the version to speak.
///
/// # Errors
/// Wrong magic, no common version, or a length over the bound.
pub fn read_prefix(bytes: &[u8; PREFIX_BYTES]) -> Result<(usize, u16), HandshakeError> {
    let [a, b, c, d, v0, v1, w0, w1, l0, l1, l2, l3] = *bytes;
    if [a, b, c, d] != MAGIC {
        return Err(HandshakeError::Magic { found: [a, b, c, d] });
    }
    let (min, max) = (u16::from_le_bytes([v0, v1]), u16::from_le_bytes([w0, w1]));
    if min > VERSION_MAX || max < VERSION_MIN || min > max {
        return Err(HandshakeError::Version { min, max });
    }
    let len = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
    if len + PREFIX_BYTES > HANDSHAKE_BYTES_MAX {
        return Err(HandshakeError::TooLong { bytes: len });
    }
    Ok((len, max.min(VERSION_MAX)))
}

/// Encodes a handshake message with its prefix.
///
/// # Errors
/// A message over the bound, such as an absurdly long name.
pub fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, HandshakeError> {
    let body = postcard::to_stdvec(message).map_err(HandshakeError::Undecodable)?;
    if body.len() + PREFIX_BYTES > HANDSHAKE_BYTES_MAX {
        return Err(HandshakeError::TooLong { bytes: body.len() });
    }
    let mut out = Vec::with_capacity(PREFIX_BYTES + body.len());
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&VERSION_MIN.to_le_bytes());
    out.extend_from_slice(&VERSION_MAX.to_le_bytes());
    out.extend_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(&body);
    Ok(out)
}

/// Decodes the part after the prefix.
///
/// # Errors
/// Not a handshake message, or trailing bytes.
pub fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, HandshakeError> {
    match postcard::take_from_bytes(body) {
        Ok((message, [])) => Ok(message),
        Ok(_) => Err(HandshakeError::Undecodable(postcard::Error::SerdeDeCustom)),
        Err(e) => Err(HandshakeError::Undecodable(e)),
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Role::Client(c) => write!(f, "client {:?}", c.name),
            Role::Worker(w) => write!(f, "worker {:?}", w.name),
            Role::Peer(p) => write!(f, "peer {:?}", p.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello() -> Hello {
        let peer = PeerHello { incarnation: 7, name: "w0".into() };
        Hello { token: "secret".into(), role: Role::Peer(peer) }
    }

    fn prefix(bytes: &[u8]) -> [u8; PREFIX_BYTES] {
        bytes[..PREFIX_BYTES].try_into().unwrap()
    }

    #[test]
    fn a_hello_survives_the_trip() {
        let bytes = encode(&hello()).unwrap();
        let (len, version) = read_prefix(&prefix(&bytes)).unwrap();
        assert_eq!((len, version), (bytes.len() - PREFIX_BYTES, VERSION_MAX));
        assert_eq!(decode::<Hello>(&bytes[PREFIX_BYTES..]).unwrap(), hello());
    }

    #[test]
    fn another_protocol_is_named() {
        let e = read_prefix(b"GET / HTTP/1").unwrap_err();
        assert!(e.to_string().contains("does not speak Longshore"), "{e}");
    }

    #[test]
    fn a_future_version_is_refused_with_both_ranges() {
        let mut bytes = prefix(&encode(&hello()).unwrap());
        bytes[4..8].copy_from_slice(&[9, 0, 12, 0]);
        assert_eq!(read_prefix(&bytes), Err(HandshakeError::Version { min: 9, max: 12 }));
    }

    #[test]
    fn an_announced_giant_is_refused() {
        let mut bytes = prefix(&encode(&hello()).unwrap());
        bytes[8..].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(matches!(read_prefix(&bytes), Err(HandshakeError::TooLong { .. })));
    }

    #[test]
    fn a_giant_hello_is_not_sent() {
        let mut h = hello();
        h.token = "x".repeat(HANDSHAKE_BYTES_MAX);
        assert!(matches!(encode(&h), Err(HandshakeError::TooLong { .. })));
    }

    #[test]
    fn trailing_bytes_are_refused() {
        let mut bytes = encode(&hello()).unwrap();
        bytes.push(0);
        assert!(decode::<Hello>(&bytes[PREFIX_BYTES..]).is_err());
    }
}

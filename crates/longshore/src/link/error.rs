//! Why a link ended, could not be opened, or could not be offered.
//!
//! All of them can be cloned: one lost link is the reason of many failed futures.
use crate::address::Address;
use longshore_proto::Reject;
use longshore_proto::frame::FrameError;
use longshore_proto::handshake::HandshakeError;
use longshore_proto::limit::HANDSHAKE_MS_MAX;
use std::io;
use std::sync::Arc;

/// Why a link is of no use any more.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// The other side closed it.
    #[error("the other side closed the connection")]
    Closed,
    /// The transport failed.
    #[error("the connection broke: {0}")]
    Reset(#[source] Arc<io::Error>),
    /// What came in is not a frame of messages.
    #[error("the other side sent something unreadable: {0}")]
    Frame(#[from] FrameError),
    /// The other side reads too slowly.
    #[error(
        "the other side reads too slowly: {bytes} bytes wait for it, {bytes_max} are allowed; \
         check its load and its network"
    )]
    Backlog {
        /// Bytes that wait.
        bytes: usize,
        /// Bytes that may wait.
        bytes_max: usize,
    },
}

impl From<io::Error> for LinkError {
    fn from(e: io::Error) -> Self {
        LinkError::Reset(Arc::new(e))
    }
}

/// Why a connection could not be made.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// Nobody listens there.
    #[error("{address} refused the connection; is a scheduler or worker running there?")]
    Refused {
        /// What was dialled.
        address: Address,
    },
    /// The address leads nowhere.
    #[error("nothing was found at {address}; check the address")]
    NotFound {
        /// What was dialled.
        address: Address,
    },
    /// No answer in time.
    #[error(
        "{address} did not answer within {} s; check the address, the network and firewalls",
        HANDSHAKE_MS_MAX / 1000
    )]
    TimedOut {
        /// What was dialled.
        address: Address,
    },
    /// The other side hung up before it answered.
    #[error(
        "{address} closed the connection during the handshake; it may be overloaded or shutting down: try again"
    )]
    HungUp {
        /// What was dialled.
        address: Address,
    },
    /// What answered does not speak the protocol, or not this version of it.
    #[error("{address}: {reason}")]
    Protocol {
        /// What was dialled.
        address: Address,
        /// What is wrong with the answer.
        #[source]
        reason: HandshakeError,
    },
    /// The other side refuses this caller.
    #[error("{address} refused this caller: {reason}")]
    Rejected {
        /// What was dialled.
        address: Address,
        /// Why.
        #[source]
        reason: Reject,
    },
    /// The caller's own introduction is too long to be sent.
    #[error("the introduction to {address} cannot be sent: {reason}; shorten names and resources")]
    Hello {
        /// What was dialled.
        address: Address,
        /// What is wrong with it.
        #[source]
        reason: HandshakeError,
    },
    /// Anything else the operating system says.
    #[error("cannot connect to {address}: {error}")]
    Io {
        /// What was dialled.
        address: Address,
        /// What the operating system says.
        #[source]
        error: Arc<io::Error>,
    },
}

impl ConnectError {
    /// Sorts what the operating system said about a connection attempt to `address`.
    pub(super) fn from_io(address: &Address, error: io::Error) -> Self {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionRefused, ConnectionReset};
        let address = address.clone();
        match error.kind() {
            ConnectionRefused => ConnectError::Refused { address },
            io::ErrorKind::NotFound => ConnectError::NotFound { address },
            io::ErrorKind::TimedOut => ConnectError::TimedOut { address },
            io::ErrorKind::UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe => {
                ConnectError::HungUp { address }
            }
            _ => ConnectError::Io { address, error: Arc::new(error) },
        }
    }

    /// Whether trying again later could help without anybody changing anything here.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            ConnectError::Refused { .. }
            | ConnectError::NotFound { .. }
            | ConnectError::TimedOut { .. }
            | ConnectError::HungUp { .. }
            | ConnectError::Io { .. } => true,
            ConnectError::Rejected { reason, .. } => matches!(reason, Reject::Closing),
            ConnectError::Protocol { .. } | ConnectError::Hello { .. } => false,
        }
    }
}

/// Why listening is not possible.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// Somebody listens there already.
    #[error("{address} is already in use; choose another address, or port 0 for any free port")]
    InUse {
        /// Where to listen.
        address: Address,
    },
    /// Not allowed.
    #[error("listening on {address} is not permitted; choose a port above 1023, or a path you may write to")]
    Denied {
        /// Where to listen.
        address: Address,
    },
    /// Not an address of this machine, or a path in no directory.
    #[error(
        "{address} is not an address of this machine, or its directory does not exist; check the address"
    )]
    Unavailable {
        /// Where to listen.
        address: Address,
    },
    /// Anything else the operating system says.
    #[error("cannot listen on {address}: {error}")]
    Io {
        /// Where to listen.
        address: Address,
        /// What the operating system says.
        #[source]
        error: Arc<io::Error>,
    },
}

impl ListenError {
    /// Sorts what the operating system said about listening on `address`.
    pub(super) fn from_io(address: &Address, error: io::Error) -> Self {
        let address = address.clone();
        match error.kind() {
            io::ErrorKind::AddrInUse => ListenError::InUse { address },
            io::ErrorKind::PermissionDenied => ListenError::Denied { address },
            io::ErrorKind::AddrNotAvailable | io::ErrorKind::NotFound => ListenError::Unavailable { address },
            _ => ListenError::Io { address, error: Arc::new(error) },
        }
    }
}

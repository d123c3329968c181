//! What can be wrong with frames and messages.
use crate::limit::FRAME_BYTES_MAX;

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
    /// A tail follows a message that has no place for one, or not for one of this length.
    #[error("a message is followed by {bytes} bytes that do not belong to it")]
    Tail {
        /// Its length.
        bytes: usize,
    },
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

//! Every bound of the protocol, with its unit last.

/// A handshake message, magic and length included.
pub const HANDSHAKE_BYTES_MAX: usize = 16 * 1024;
/// How long a peer may take to complete the handshake.
pub const HANDSHAKE_MS_MAX: u64 = 5_000;
/// One frame's content. A peer that announces more is cut off before anything is allocated.
pub const FRAME_BYTES_MAX: usize = 8 * 1024 * 1024;
/// A frame is closed once its batch has grown to this.
pub const BATCH_BYTES: usize = 256 * 1024;
/// Piece of a large value that travels in one message; the last one may be a little longer.
pub const CHUNK_BYTES: usize = 1024 * 1024;
/// An encoded result up to this size rides along with the message that announces it.
pub const INLINE_RESULT_BYTES_MAX: usize = 4 * 1024;
/// Encoded arguments above this size travel as a data object of their own.
pub const INLINE_ARG_BYTES_MAX: usize = 64 * 1024;
/// Tasks in one release.
pub const RELEASE_LEN_MAX: u32 = 16 * 1024;
/// Small values that are told of in one message.
pub const DONE_RUN_LEN_MAX: usize = 256;
/// Names, addresses and keys.
pub const NAME_BYTES_MAX: usize = 4 * 1024;
/// Text of a task failure: message, chain and backtrace each.
pub const FAILURE_TEXT_BYTES_MAX: usize = 16 * 1024;

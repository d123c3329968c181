//! What an encoded argument begins with.
//!
//! ```text
//! arguments = argument*
//! argument  = part | SEQ count part* | TUPLE count part* | NONE | SOME part
//! part      = VALUE length bytes | INPUT index
//! ```
//! Counts, lengths and indices are varints; an index points into the inputs that come with the run.

/// An encoded value.
pub(crate) const VALUE: u8 = 0;
/// A result of another task.
pub(crate) const INPUT: u8 = 1;
/// A sequence of parts.
pub(crate) const SEQ: u8 = 2;
/// A tuple or an array of parts.
pub(crate) const TUPLE: u8 = 3;
/// An option without a part.
pub(crate) const NONE: u8 = 4;
/// An option with a part.
pub(crate) const SOME: u8 = 5;

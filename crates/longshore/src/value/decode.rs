//! Turning bytes back into values.
//!
//! Reads what postcard writes, and is our own for the sake of hostile bytes: nesting is bounded (a recursive type cannot
//! exhaust the stack), a long run of elements without bytes is refused (a `Vec<()>` cannot spin for years), and no length is
//! believed before its bytes are seen.
use super::element::Elements;
use super::{bulk, lend};
use bytes::Bytes;
use longshore_proto::Rope;
use serde::de::{self, DeserializeOwned, Visitor};
use std::fmt::Display;

/// How deep values may nest: bounded by what a thread's stack takes in an unoptimised build.
pub(crate) const DEPTH_MAX: u32 = 256;
/// How many elements without a byte of their own a sequence may have.
pub(super) const EMPTY_ELEMENTS_MAX: usize = 1 << 20;

/// Bytes that are no value of the type that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum DecodeError {
    /// The bytes end within the value.
    #[error("the bytes end too early")]
    Truncated,
    /// The value ends before the bytes do.
    #[error("{0} bytes are left over")]
    TrailingBytes(usize),
    /// A number is longer than its type.
    #[error("a number is out of range")]
    NumberTooLarge,
    /// A truth value or an option is neither of two.
    #[error("a tag has the impossible value {0}")]
    BadTag(u8),
    /// Text that is not UTF-8, or a char that is not one char.
    #[error("text is not valid UTF-8")]
    BadText,
    /// Nesting beyond [`DEPTH_MAX`].
    #[error("values nest deeper than {DEPTH_MAX} levels")]
    TooDeep,
    /// Too many elements that take no bytes.
    #[error("a sequence has more than {EMPTY_ELEMENTS_MAX} empty elements")]
    TooLong,
    /// The type asks what it is given, and the bytes do not say.
    #[error(
        "the type needs a self-describing format (such as serde's untagged enums and flattened fields do)"
    )]
    NotSelfDescribing,
    /// The value is here, and of another type.
    #[error("the value is a {found}, not a {wanted}")]
    OtherType {
        /// The type that was asked for.
        wanted: &'static str,
        /// The type that it is.
        found: &'static str,
    },
    /// The type's own `Deserialize` refused.
    #[error("{0}")]
    Refused(String),
}

impl de::Error for DecodeError {
    fn custom<T: Display>(reason: T) -> Self {
        DecodeError::Refused(reason.to_string())
    }
}

/// Reads a `T` that takes all of `bytes`; parts of it may keep a share of `shared`, the buffer that `bytes` are part of.
///
/// # Errors
/// When the bytes are no `T`, or more than a `T`.
pub(crate) fn decode<T: DeserializeOwned + 'static>(
    bytes: &[u8],
    shared: Option<&Bytes>,
) -> Result<T, DecodeError> {
    let mut decoder = Decoder { shared, ..Decoder::new(bytes) };
    let value = decode_next(&mut decoder)?;
    decoder.finish()?;
    Ok(value)
}

/// Reads a `T` that takes all of these parts, of which it may keep a share of the largest.
///
/// # Errors
/// When the bytes are no `T`, or more than a `T`.
pub(crate) fn decode_parts<T: DeserializeOwned + 'static>(rope: &Rope) -> Result<T, DecodeError> {
    let mut decoder = Decoder::of_parts(rope.parts());
    let value = decode_next(&mut decoder).and_then(|value| decoder.finish().map(|()| value));
    if value.is_ok() || rope.parts().len() < 2 {
        return value;
    }
    // Not what the parts were cut for. Perhaps they are a `T` when they lie together.
    let bytes = rope.to_bytes();
    decode(&bytes, Some(&bytes))
}

/// Reads a `T` and leaves what follows it.
///
/// # Errors
/// When the bytes do not begin with a `T`.
fn decode_next<T: DeserializeOwned + 'static>(decoder: &mut Decoder<'_>) -> Result<T, DecodeError> {
    match bulk::decode(decoder) {
        Some(value) => value,
        None => lend::reading(decoder.shared, || T::deserialize(decoder)),
    }
}

/// A place in bytes that are being read.
#[derive(Debug)]
pub(crate) struct Decoder<'de> {
    rest: &'de [u8],
    /// What comes after `rest`. Nothing that is read in one go reaches from one part into the next.
    later: &'de [Bytes],
    later_nbytes: usize,
    depth: u32,
    /// The buffer that `rest` is part of or will be, where values may keep a share of it.
    shared: Option<&'de Bytes>,
}

impl<'de> Decoder<'de> {
    pub(crate) fn new(rest: &'de [u8]) -> Self {
        Decoder { rest, later: &[], later_nbytes: 0, depth: 0, shared: None }
    }

    fn of_parts(parts: &'de [Bytes]) -> Self {
        let later_nbytes = parts.iter().map(Bytes::len).sum();
        let shared = parts.iter().max_by_key(|part| part.len());
        Decoder { later: parts, later_nbytes, shared, ..Decoder::new(&[]) }
    }

    /// Reads from a buffer of which values may keep a share.
    #[cfg(test)]
    pub(super) fn shared(buffer: &'de Bytes) -> Self {
        Decoder { shared: Some(buffer), ..Decoder::new(buffer) }
    }

    /// How many bytes are left.
    pub(super) fn left(&self) -> usize {
        self.rest.len() + self.later_nbytes
    }

    pub(crate) fn finish(&self) -> Result<(), DecodeError> {
        if self.left() == 0 { Ok(()) } else { Err(DecodeError::TrailingBytes(self.left())) }
    }

    pub(crate) fn byte(&mut self) -> Result<u8, DecodeError> {
        let Some((first, rest)) = self.rest.split_first() else {
            return self.next_part().and_then(Self::byte);
        };
        self.rest = rest;
        Ok(*first)
    }

    pub(crate) fn take(&mut self, n: usize) -> Result<&'de [u8], DecodeError> {
        let Some((taken, rest)) = self.rest.split_at_checked(n) else {
            return self.next_part().and_then(|decoder| decoder.take(n));
        };
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let Some((taken, rest)) = self.rest.split_first_chunk() else {
            return self.next_part().and_then(Self::array);
        };
        self.rest = rest;
        Ok(*taken)
    }

    /// Goes on to the next part, if this one is at its end.
    #[cold]
    fn next_part(&mut self) -> Result<&mut Self, DecodeError> {
        let (true, Some((part, later))) = (self.rest.is_empty(), self.later.split_first()) else {
            return Err(DecodeError::Truncated);
        };
        (self.rest, self.later) = (part, later);
        self.later_nbytes -= part.len();
        Ok(self)
    }

    fn varint(&mut self, bits: u32) -> Result<u128, DecodeError> {
        let (mut value, mut shift) = (0u128, 0);
        loop {
            let byte = self.byte()?;
            let part = u128::from(byte & 0x7f);
            if shift >= bits || (bits - shift < 7 && part >> (bits - shift) != 0) {
                return Err(DecodeError::NumberTooLarge);
            }
            value |= part << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
            shift += 7;
        }
    }

    /// The common case of [`Self::varint`] without wide arithmetic.
    pub(super) fn varint_64(&mut self, bits: u32) -> Result<u64, DecodeError> {
        match self.rest.first() {
            Some(byte) if byte & 0x80 == 0 => self.byte().map(u64::from),
            _ => Ok(self.varint(bits)? as u64),
        }
    }

    /// A length or an index.
    pub(crate) fn len(&mut self) -> Result<usize, DecodeError> {
        usize::try_from(self.varint_64(64)?).map_err(|_| DecodeError::NumberTooLarge)
    }

    /// The bytes of a sequence whose elements take `width` bytes each.
    pub(super) fn run(&mut self, width: usize) -> Result<&'de [u8], DecodeError> {
        let nbytes = self.len()?.checked_mul(width).ok_or(DecodeError::Truncated)?;
        self.take(nbytes)
    }

    /// An owned share of bytes taken from here.
    pub(super) fn share(&self, taken: &[u8]) -> Bytes {
        let share = self.shared.and_then(|buffer| lend::share_of(buffer, taken));
        share.unwrap_or_else(|| Bytes::copy_from_slice(taken))
    }

    fn text(&mut self) -> Result<&'de str, DecodeError> {
        std::str::from_utf8(self.run(1)?).map_err(|_| DecodeError::BadText)
    }

    fn nested<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        if self.depth == DEPTH_MAX {
            return Err(DecodeError::TooDeep);
        }
        self.depth += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }

    pub(super) fn elements<V: Visitor<'de>>(
        &mut self,
        left: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.nested(|decoder| visitor.visit_seq(Elements::new(decoder, left)))
    }
}

fn zigzag(n: u128) -> i128 {
    ((n >> 1) as i128) ^ -((n & 1) as i128)
}

fn zigzag_64(n: u64) -> i64 {
    ((n >> 1) as i64) ^ -((n & 1) as i64)
}

macro_rules! numbers {
    ($($deserialize:ident $visit:ident = |$decoder:ident| $read:expr;)*) => {$(
        fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
            let $decoder = self;
            visitor.$visit($read)
        }
    )*};
}

impl<'de> de::Deserializer<'de> for &mut Decoder<'de> {
    type Error = DecodeError;

    numbers! {
        deserialize_i8 visit_i8 = |d| d.byte()? as i8;
        deserialize_i16 visit_i16 = |d| zigzag_64(d.varint_64(16)?) as i16;
        deserialize_i32 visit_i32 = |d| zigzag_64(d.varint_64(32)?) as i32;
        deserialize_i64 visit_i64 = |d| zigzag_64(d.varint_64(64)?);
        deserialize_i128 visit_i128 = |d| zigzag(d.varint(128)?);
        deserialize_u8 visit_u8 = |d| d.byte()?;
        deserialize_u16 visit_u16 = |d| d.varint_64(16)? as u16;
        deserialize_u32 visit_u32 = |d| d.varint_64(32)? as u32;
        deserialize_u64 visit_u64 = |d| d.varint_64(64)?;
        deserialize_u128 visit_u128 = |d| d.varint(128)?;
        deserialize_f32 visit_f32 = |d| f32::from_le_bytes(d.array()?);
        deserialize_f64 visit_f64 = |d| f64::from_le_bytes(d.array()?);
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.byte()? {
            0 => visitor.visit_bool(false),
            1 => visitor.visit_bool(true),
            tag => Err(DecodeError::BadTag(tag)),
        }
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let mut chars = self.text()?.chars();
        match (chars.next(), chars.next()) {
            (Some(c), None) => visitor.visit_char(c),
            _ => Err(DecodeError::BadText),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_borrowed_str(self.text()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_borrowed_bytes(self.run(1)?)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.byte()? {
            0 => visitor.visit_none(),
            1 => self.nested(|decoder| visitor.visit_some(decoder)),
            tag => Err(DecodeError::BadTag(tag)),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.nested(|decoder| visitor.visit_newtype_struct(decoder))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let left = self.len()?;
        self.elements(left, visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, DecodeError> {
        self.elements(len, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.elements(len, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.elements(fields.len(), visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let left = self.len()?;
        self.nested(|decoder| visitor.visit_map(Elements::new(decoder, left)))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.nested(|decoder| visitor.visit_enum(decoder))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, DecodeError> {
        Err(DecodeError::NotSelfDescribing)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, _: V) -> Result<V::Value, DecodeError> {
        Err(DecodeError::NotSelfDescribing)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, DecodeError> {
        Err(DecodeError::NotSelfDescribing)
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

//! Putting a container together from parts that came apart: `sum(vec![a, b])` with futures `a` and `b`.
//!
//! Where `#[task]` can see that a parameter is a `Vec`, an `Option`, an array or a tuple the parts stay typed. A type that
//! merely looks like one to serde is assembled from encoded parts, whose concatenation is its encoding.
use crate::value::{DecodeError, StoredValue, Value, decode, put_varint};
use std::fmt;
use std::marker::PhantomData;

/// What parts are to become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A sequence.
    Seq,
    /// A tuple or an array.
    Tuple,
    /// An option: one part or none.
    Option,
}

/// A way to make a `T` of its parts.
#[doc(hidden)]
pub struct Assemble<T>(Option<FromTyped<T>>);

type FromTyped<T> = fn(Shape, &[StoredValue]) -> Result<T, DecodeError>;

impl<T> Assemble<T> {
    /// From encoded parts, which makes any container.
    pub(crate) const ENCODED: Self = Assemble(None);

    pub(crate) fn call(&self, shape: Shape, parts: &[StoredValue]) -> Result<T, DecodeError>
    where
        T: Value,
    {
        self.0.unwrap_or(from_encoded_parts)(shape, parts)
    }
}

impl<T> fmt::Debug for Assemble<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Assemble")
    }
}

/// Asks a type how it is put together.
#[doc(hidden)]
#[derive(Debug)]
pub struct Probe<T>(PhantomData<fn() -> T>);

impl<T> Probe<T> {
    /// The question.
    pub const NEW: Self = Probe(PhantomData);
}

/// Types put together from typed parts.
#[doc(hidden)]
pub trait AssembleTyped<T> {
    fn assemble(&self) -> Assemble<T>;
}

/// All types. What is no value is complained of where the argument is read.
#[doc(hidden)]
pub trait AssembleEncoded<T> {
    fn assemble(&self) -> Assemble<T>;
}

impl<T: FromParts> AssembleTyped<T> for &Probe<T> {
    fn assemble(&self) -> Assemble<T> {
        Assemble(Some(<T as FromParts>::from_parts))
    }
}

impl<T> AssembleEncoded<T> for Probe<T> {
    fn assemble(&self) -> Assemble<T> {
        Assemble::ENCODED
    }
}

fn from_encoded_parts<T: Value>(shape: Shape, parts: &[StoredValue]) -> Result<T, DecodeError> {
    let mut bytes = Vec::new();
    if shape != Shape::Tuple {
        put_varint(parts.len() as u64, &mut bytes);
    }
    for part in parts {
        let part = part.encoded().map_err(|e| DecodeError::Refused(e.to_string()))?;
        bytes.extend_from_slice(&part);
    }
    decode(&bytes, None)
}

/// Containers that take their parts as they are.
pub(crate) trait FromParts: Sized {
    fn from_parts(shape: Shape, parts: &[StoredValue]) -> Result<Self, DecodeError>;
}

fn part<T: Value>(part: &StoredValue) -> Result<T, DecodeError> {
    part.scalar().unwrap_or_else(|| part.typed_ref::<T>().cloned())
}

impl<T: Value> FromParts for Vec<T> {
    fn from_parts(_: Shape, parts: &[StoredValue]) -> Result<Self, DecodeError> {
        parts.iter().map(part).collect()
    }
}

impl<T: Value> FromParts for Option<T> {
    fn from_parts(_: Shape, parts: &[StoredValue]) -> Result<Self, DecodeError> {
        parts.first().map(part).transpose()
    }
}

impl<T: Value, const N: usize> FromParts for [T; N] {
    fn from_parts(shape: Shape, parts: &[StoredValue]) -> Result<Self, DecodeError> {
        let parts = <Vec<T> as FromParts>::from_parts(shape, parts)?;
        parts.try_into().map_err(|_| DecodeError::Truncated)
    }
}

macro_rules! tuples {
    ($(($len:literal: $($T:ident $part:ident),*))*) => {$(
        impl<$($T: Value),*> FromParts for ($($T,)*) {
            fn from_parts(_: Shape, parts: &[StoredValue]) -> Result<Self, DecodeError> {
                let parts: &[StoredValue; $len] = parts.try_into().map_err(|_| DecodeError::Truncated)?;
                let [$($part),*] = parts;
                Ok(($(self::part::<$T>($part)?,)*))
            }
        }
    )*};
}

tuples! {
    (1: A a)
    (2: A a, B b)
    (3: A a, B b, C c)
    (4: A a, B b, C c, D d)
    (5: A a, B b, C c, D d, E e)
    (6: A a, B b, C c, D d, E e, F f)
    (7: A a, B b, C c, D d, E e, F f, G g)
    (8: A a, B b, C c, D d, E e, F f, G g, H h)
}

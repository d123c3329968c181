//! How big a value is, without encoding it.
//!
//! Placement and memory limits want a number soon, not an exact number late: of a long sequence only the first elements
//! are measured and the rest is taken to be like them.
use super::bulk;
use serde::ser::{self, Serialize};
use std::fmt::{self, Display};

/// How many elements of a sequence are measured.
const SAMPLE_LEN_MAX: usize = 64;

/// About how many bytes `value` takes when encoded at fixed width.
pub(crate) fn nbytes_hint<T: Serialize + 'static>(value: &T) -> usize {
    if let Some(nbytes) = bulk::nbytes(value) {
        return nbytes.max(1);
    }
    let mut measure = Measure { nbytes: 0 };
    // A type that refuses has the size it reached; encoding it will say why it refused.
    let _ = value.serialize(&mut measure);
    measure.nbytes.max(1)
}

struct Measure {
    nbytes: usize,
}

#[derive(Debug)]
struct Refused;

impl Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the type refused to be measured")
    }
}

impl std::error::Error for Refused {}

impl ser::Error for Refused {
    fn custom<T: Display>(_: T) -> Self {
        Refused
    }
}

/// Measures elements until it has seen enough.
struct Sample<'a> {
    measure: &'a mut Measure,
    before: usize,
    seen: usize,
}

impl Measure {
    fn add(&mut self, nbytes: usize) -> Result<(), Refused> {
        self.nbytes = self.nbytes.saturating_add(nbytes);
        Ok(())
    }

    fn sample(&mut self) -> Result<Sample<'_>, Refused> {
        let before = self.nbytes;
        Ok(Sample { measure: self, before, seen: 0 })
    }
}

impl Sample<'_> {
    fn element<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Refused> {
        self.seen += 1;
        if self.seen > SAMPLE_LEN_MAX { Ok(()) } else { value.serialize(&mut *self.measure) }
    }

    fn extrapolate(self) -> Result<(), Refused> {
        let measured = self.measure.nbytes - self.before;
        let unseen = self.seen.saturating_sub(SAMPLE_LEN_MAX);
        self.measure.add(8usize.saturating_add(measured.saturating_mul(unseen) / SAMPLE_LEN_MAX))
    }
}

macro_rules! fixed {
    ($($method:ident($type:ty)),*) => {$(
        fn $method(self, _: $type) -> Result<(), Refused> {
            self.add(size_of::<$type>())
        }
    )*};
}

impl<'a> ser::Serializer for &'a mut Measure {
    type Ok = ();
    type Error = Refused;
    type SerializeSeq = Sample<'a>;
    type SerializeTuple = Sample<'a>;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Sample<'a>;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    fixed!(serialize_bool(bool), serialize_char(char), serialize_f32(f32), serialize_f64(f64));
    fixed!(
        serialize_i8(i8),
        serialize_i16(i16),
        serialize_i32(i32),
        serialize_i64(i64),
        serialize_i128(i128)
    );
    fixed!(
        serialize_u8(u8),
        serialize_u16(u16),
        serialize_u32(u32),
        serialize_u64(u64),
        serialize_u128(u128)
    );

    fn serialize_str(self, v: &str) -> Result<(), Refused> {
        self.add(v.len() + 8)
    }

    fn serialize_bytes(self, v: &[u8]) -> Result<(), Refused> {
        self.add(v.len() + 8)
    }

    fn serialize_none(self) -> Result<(), Refused> {
        self.add(1)
    }

    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Result<(), Refused> {
        self.add(1)?;
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Refused> {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Refused> {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Result<(), Refused> {
        self.add(1)
    }

    fn serialize_newtype_struct<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Refused> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), Refused> {
        self.add(1)?;
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Sample<'a>, Refused> {
        self.sample()
    }

    fn serialize_tuple(self, _: usize) -> Result<Sample<'a>, Refused> {
        self.sample()
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Refused> {
        Ok(self)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Refused> {
        self.add(1)?;
        Ok(self)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Sample<'a>, Refused> {
        self.sample()
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Refused> {
        Ok(self)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Refused> {
        self.add(1)?;
        Ok(self)
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

macro_rules! sampled {
    ($($trait:ident.$method:ident),*) => {$(
        impl ser::$trait for Sample<'_> {
            type Ok = ();
            type Error = Refused;

            fn $method<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Refused> {
                self.element(value)
            }

            fn end(self) -> Result<(), Refused> {
                self.extrapolate()
            }
        }
    )*};
}

sampled!(SerializeSeq.serialize_element, SerializeTuple.serialize_element);

impl ser::SerializeMap for Sample<'_> {
    type Ok = ();
    type Error = Refused;

    fn serialize_key<T: ?Sized + Serialize>(&mut self, key: &T) -> Result<(), Refused> {
        self.element(key)
    }

    fn serialize_value<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Refused> {
        self.element(value)
    }

    fn end(self) -> Result<(), Refused> {
        self.extrapolate()
    }
}

macro_rules! fields {
    ($($trait:ident.$method:ident($($name:ty)?)),*) => {$(
        impl ser::$trait for &mut Measure {
            type Ok = ();
            type Error = Refused;

            fn $method<T: ?Sized + Serialize>(&mut self, $(_: $name,)? value: &T) -> Result<(), Refused> {
                value.serialize(&mut **self)
            }

            fn end(self) -> Result<(), Refused> {
                Ok(())
            }
        }
    )*};
}

fields!(SerializeTupleStruct.serialize_field(), SerializeTupleVariant.serialize_field());
fields!(SerializeStruct.serialize_field(&'static str), SerializeStructVariant.serialize_field(&'static str));

//! The shape of a type, seen through its `Deserialize`.
//!
//! The type is fed made-up values and everything it asks for is hashed: names of structs, fields and variants, and the kinds
//! of numbers. An enum shows one variant at a time, so the type is fed again until all have been seen. Recursive types
//! are cut after the second turn. A type that refuses every made-up value (an e-mail address, say) has no shape here.
use super::hash::StableHash;
use hashbrown::HashMap;
use serde::de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer, Visitor};
use std::any::type_name;
use std::fmt::{self, Display};

/// How many questions one feeding may ask, and how many feedings there may be.
const QUESTIONS_MAX: u32 = 4096;
const FEEDINGS_MAX: u32 = 1024;
/// A whole number of numbers of any kind, for types that are made of them.
const MADE_UP_BYTES: &[u8; 16] = b"aaaaaaaaaaaaaaaa";
/// How deep a feeding may go before it is cut.
const DEPTH_MAX: usize = 64;

/// The shape of `T`, or `None` if the type does not let itself be traced.
pub(super) fn shape_of<T: DeserializeOwned>() -> Option<u64> {
    let mut tracer = Tracer::new();
    for _ in 0..FEEDINGS_MAX {
        let seen = tracer.variants_seen;
        tracer.begin();
        if let Err(End::Refused) = T::deserialize(&mut tracer) {
            return None;
        }
        if !tracer.variants_are_left() || tracer.variants_seen == seen {
            break;
        }
    }
    Some(tracer.hash.finish())
}

/// Why a feeding ended early.
#[derive(Debug)]
enum End {
    /// It was deep or long enough; what was seen counts.
    Cut,
    /// The type did not accept what it was fed.
    Refused,
}

impl Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tracing ended: {self:?}")
    }
}

impl std::error::Error for End {}

impl de::Error for End {
    fn custom<T: Display>(_: T) -> Self {
        End::Refused
    }
}

struct Tracer {
    hash: StableHash,
    questions: u32,
    /// Structs and enums being fed, outermost first, by the names of their visitors, which unlike serde's names tell
    /// the instances of a generic type apart.
    active: Vec<&'static str>,
    /// For each enum the next variant to show and how many there are.
    enums: HashMap<&'static str, (u32, u32), foldhash::fast::FixedState>,
    variants_seen: u32,
}

impl Tracer {
    fn new() -> Self {
        Tracer {
            hash: StableHash::new(),
            questions: 0,
            active: Vec::new(),
            enums: HashMap::default(),
            variants_seen: 0,
        }
    }

    fn begin(&mut self) {
        self.questions = 0;
        self.active.clear();
        self.hash.byte(b'>');
    }

    fn variants_are_left(&self) -> bool {
        self.enums.values().any(|(next, count)| next < count)
    }

    fn ask(&mut self, kind: u8) -> Result<(), End> {
        self.hash.byte(kind);
        self.questions += 1;
        if self.questions > QUESTIONS_MAX { Err(End::Cut) } else { Ok(()) }
    }

    fn named(&mut self, kind: u8, name: &str, parts: &[&str]) -> Result<(), End> {
        self.ask(kind)?;
        self.hash.text(name);
        self.hash.number(parts.len() as u64);
        parts.iter().for_each(|part| self.hash.text(part));
        Ok(())
    }

    fn inside<V, T>(&mut self, feed: impl FnOnce(&mut Self) -> Result<T, End>) -> Result<T, End> {
        if self.active.len() == DEPTH_MAX {
            return Err(End::Cut);
        }
        self.active.push(type_name::<V>());
        let value = feed(self);
        self.active.pop();
        self.hash.byte(b'<');
        value
    }

    /// Whether some type has been entered within itself: optional parts are left out from there on.
    fn recursing(&self) -> bool {
        let Some((last, outer)) = self.active.split_last() else { return false };
        outer.contains(last)
    }

    fn choose<V>(&mut self, count: u32) -> u32 {
        let depth = self.active.len() as u32;
        let (next, _) = self.enums.entry(type_name::<V>()).or_insert((0, count));
        if *next < count {
            *next += 1;
            self.variants_seen += 1;
            return *next - 1;
        }
        // All have been shown. Changing with the depth finds the way out of a recursive enum.
        depth.saturating_sub(1) % count.max(1)
    }
}

macro_rules! made_up {
    ($($deserialize:ident $visit:ident $kind:literal $value:expr;)*) => {$(
        fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, End> {
            self.ask($kind)?;
            visitor.$visit($value)
        }
    )*};
}

impl<'de> de::Deserializer<'de> for &mut Tracer {
    type Error = End;

    // Ones, for the sake of types that refuse zero.
    made_up! {
        deserialize_bool visit_bool b'?' true;
        deserialize_i8 visit_i8 1 1;
        deserialize_i16 visit_i16 2 1;
        deserialize_i32 visit_i32 3 1;
        deserialize_i64 visit_i64 4 1;
        deserialize_i128 visit_i128 5 1;
        deserialize_u8 visit_u8 6 1;
        deserialize_u16 visit_u16 7 1;
        deserialize_u32 visit_u32 8 1;
        deserialize_u64 visit_u64 9 1;
        deserialize_u128 visit_u128 10 1;
        deserialize_f32 visit_f32 11 1.0;
        deserialize_f64 visit_f64 12 1.0;
        deserialize_char visit_char b'c' 'a';
        deserialize_str visit_borrowed_str b's' "a";
        deserialize_string visit_borrowed_str b's' "a";
        deserialize_bytes visit_borrowed_bytes b'b' MADE_UP_BYTES;
        deserialize_byte_buf visit_borrowed_bytes b'b' MADE_UP_BYTES;
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, End> {
        self.ask(b'u')?;
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, End> {
        self.named(b'U', name, &[])?;
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, End> {
        self.ask(b'o')?;
        if self.recursing() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, End> {
        self.named(b'n', name, &[])?;
        self.inside::<V, _>(|tracer| visitor.visit_newtype_struct(tracer))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, End> {
        self.ask(b'l')?;
        let left = usize::from(!self.recursing());
        visitor.visit_seq(Parts { tracer: self, left })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, End> {
        self.ask(b'm')?;
        let left = usize::from(!self.recursing());
        visitor.visit_map(Parts { tracer: self, left })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, End> {
        self.ask(b't')?;
        self.hash.number(len as u64);
        visitor.visit_seq(Parts { tracer: self, left: len })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, End> {
        self.named(b'T', name, &[])?;
        self.hash.number(len as u64);
        self.inside::<V, _>(|tracer| visitor.visit_seq(Parts { tracer, left: len }))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, End> {
        self.named(b'S', name, fields)?;
        self.inside::<V, _>(|tracer| visitor.visit_seq(Parts { tracer, left: fields.len() }))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, End> {
        self.named(b'E', name, variants)?;
        self.inside::<V, _>(|tracer| {
            let variant = tracer.choose::<V>(variants.len() as u32);
            tracer.hash.number(u64::from(variant));
            visitor.visit_enum(Chosen { tracer, variant })
        })
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, End> {
        Err(End::Refused)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, _: V) -> Result<V::Value, End> {
        Err(End::Refused)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, End> {
        Err(End::Refused)
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// A number of made-up parts.
struct Parts<'a> {
    tracer: &'a mut Tracer,
    left: usize,
}

impl Parts<'_> {
    fn advance(&mut self) -> bool {
        let more = self.left > 0;
        self.left = self.left.saturating_sub(1);
        more
    }
}

impl<'de> de::SeqAccess<'de> for Parts<'_> {
    type Error = End;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, End> {
        if self.advance() { seed.deserialize(&mut *self.tracer).map(Some) } else { Ok(None) }
    }
}

impl<'de> de::MapAccess<'de> for Parts<'_> {
    type Error = End;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, End> {
        if self.advance() { seed.deserialize(&mut *self.tracer).map(Some) } else { Ok(None) }
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, End> {
        seed.deserialize(&mut *self.tracer)
    }
}

/// The variant on show.
struct Chosen<'a> {
    tracer: &'a mut Tracer,
    variant: u32,
}

impl<'de, 'a> de::EnumAccess<'de> for Chosen<'a> {
    type Error = End;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), End> {
        let index: de::value::U32Deserializer<End> = self.variant.into_deserializer();
        Ok((seed.deserialize(index)?, self))
    }
}

impl<'de> de::VariantAccess<'de> for Chosen<'_> {
    type Error = End;

    fn unit_variant(self) -> Result<(), End> {
        self.tracer.ask(b'0')
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, End> {
        self.tracer.ask(b'1')?;
        seed.deserialize(self.tracer)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, End> {
        self.tracer.ask(b'2')?;
        self.tracer.hash.number(len as u64);
        visitor.visit_seq(Parts { tracer: self.tracer, left: len })
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, End> {
        self.tracer.named(b'3', "", fields)?;
        visitor.visit_seq(Parts { tracer: self.tracer, left: fields.len() })
    }
}

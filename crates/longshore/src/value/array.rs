//! Numbers that travel as they are, in a shape.
use super::blob::Blob;
use super::lend;
use bytemuck::{AnyBitPattern, NoUninit, PodCastError};
use bytes::Bytes;
use serde::de::{self, SeqAccess, Visitor};
use serde::ser::SerializeTupleStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt::{self, Debug};
use std::marker::PhantomData;
use std::ops::Deref;

mod sealed {
    pub trait Sealed {}
}

/// A plain number, as an [`Array`] has many of: `f32`, `f64`, and the integers of fixed size.
pub trait Element:
    sealed::Sealed + AnyBitPattern + NoUninit + Default + PartialEq + Debug + Send + Sync + 'static
{
    /// What the wire calls an array of these.
    #[doc(hidden)]
    const ARRAY: &'static str;
}

macro_rules! elements {
    ($($element:ty)*) => {$(
        impl sealed::Sealed for $element {}
        impl Element for $element {
            const ARRAY: &'static str = concat!("Array<", stringify!($element), ">");
        }
    )*};
}

elements!(f32 f64 i8 i16 i32 i64 i128 u8 u16 u32 u64 u128);

/// Many numbers, in one or several dimensions, that travel as they are.
///
/// A `Vec<f64>` can be an argument or a result as well. An `Array` is better for much data: cloning one shares the numbers,
/// they are sent from where they lie, and who receives them borrows the memory they came into, in a struct or a vector as
/// well as alone. It dereferences to a slice, row after row (the last index changes fastest).
///
/// With the feature `ndarray`, [`view`](Self::view) is an `ndarray::ArrayView`, and arrays of that crate can be turned
/// into these.
///
/// ```
/// use longshore::{Array, blocking::Client, task};
///
/// #[task]
/// fn total(numbers: &Array<f64>) -> f64 {
///     numbers.iter().sum()
/// }
///
/// let client = Client::local()?;
/// let table = Array::with_shape(vec![1.0, 2.0, 3.0, 4.0], [2, 2])?;
/// let table = client.scatter(table).wait()?;
/// assert_eq!(client.submit(total(&table)).result()?, 10.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Array<T> {
    /// Aligned for `T`, and a whole number of them.
    bytes: Bytes,
    /// At least one dimension; their product is the number of elements.
    shape: Box<[usize]>,
    element: PhantomData<T>,
}

/// A shape has room for more or for less than there is.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "{len} elements do not fill the shape {shape:?}; a shape has at least one dimension, and their product is the number of elements"
)]
#[non_exhaustive]
pub struct ShapeError {
    /// How many elements there are.
    pub len: usize,
    /// What they were to fill.
    pub shape: Vec<usize>,
}

/// Elements as bytes.
struct Numbers<T>(Vec<T>);

impl<T: NoUninit> AsRef<[u8]> for Numbers<T> {
    fn as_ref(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0)
    }
}

impl<T: Element> Array<T> {
    /// Elements in a shape, row after row. Nothing is copied.
    ///
    /// # Errors
    /// The shape is not one of so many elements.
    pub fn with_shape(elements: Vec<T>, shape: impl Into<Vec<usize>>) -> Result<Self, ShapeError> {
        let (len, shape) = (elements.len(), shape.into());
        fits(len, &shape)?;
        Ok(Array { bytes: Bytes::from_owner(Numbers(elements)), shape: shape.into(), element: PhantomData })
    }

    /// The same elements in another shape.
    ///
    /// # Errors
    /// The shape is not one of so many elements.
    pub fn reshape(self, shape: impl Into<Vec<usize>>) -> Result<Self, ShapeError> {
        let shape = shape.into();
        fits(self.len(), &shape)?;
        Ok(Array { shape: shape.into(), ..self })
    }

    /// How many elements there are in each dimension.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The elements, row after row.
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        bytemuck::cast_slice(&self.bytes)
    }

    /// From bytes as they came: shared if they lie well, else copied.
    fn from_bytes(bytes: Bytes) -> Option<Self> {
        let bytes = match bytemuck::try_cast_slice::<u8, T>(&bytes) {
            Ok(_) if cfg!(target_endian = "little") || size_of::<T>() == 1 => bytes,
            Ok(_) | Err(PodCastError::TargetAlignmentGreaterAndInputNotAligned) => {
                if !bytes.len().is_multiple_of(size_of::<T>()) {
                    return None;
                }
                let bytes = in_native_order::<T>(bytes);
                Bytes::from_owner(Numbers::<T>(bytemuck::pod_collect_to_vec(&bytes)))
            }
            Err(_) => return None,
        };
        let len = bytes.len() / size_of::<T>();
        Some(Array { bytes, shape: [len].into(), element: PhantomData })
    }
}

fn fits(len: usize, shape: &[usize]) -> Result<(), ShapeError> {
    let product = shape.iter().try_fold(1usize, |product, dim| product.checked_mul(*dim));
    let is_ok = !shape.is_empty() && product == Some(len);
    if is_ok { Ok(()) } else { Err(ShapeError { len, shape: shape.to_vec() }) }
}

/// The bytes of elements between the order of the wire, which is little-endian, and that of this machine.
fn in_native_order<T>(bytes: Bytes) -> Bytes {
    if cfg!(target_endian = "little") {
        return bytes;
    }
    let mut bytes = bytes.to_vec();
    bytes.chunks_exact_mut(size_of::<T>()).for_each(<[u8]>::reverse);
    bytes.into()
}

impl<T: Element> Deref for Array<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        self.as_slice()
    }
}

impl<T: Element> AsRef<[T]> for Array<T> {
    fn as_ref(&self) -> &[T] {
        self
    }
}

impl<T: Element> Default for Array<T> {
    fn default() -> Self {
        Vec::new().into()
    }
}

/// In one dimension.
impl<T: Element> From<Vec<T>> for Array<T> {
    fn from(elements: Vec<T>) -> Self {
        let shape = [elements.len()].into();
        Array { bytes: Bytes::from_owner(Numbers(elements)), shape, element: PhantomData }
    }
}

/// In one dimension.
impl<T: Element> FromIterator<T> for Array<T> {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Self {
        elements.into_iter().collect::<Vec<T>>().into()
    }
}

/// Arrays are equal when their shapes and their elements are.
impl<T: Element> PartialEq for Array<T> {
    fn eq(&self, other: &Self) -> bool {
        self.shape == other.shape && self.as_slice() == other.as_slice()
    }
}

/// Says the type and the shape, not the elements.
impl<T: Element> Debug for Array<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:?}", T::ARRAY, self.shape)
    }
}

/// All dimensions but the first; the first; bytes without meaning, which put the elements where they can be borrowed; the
/// elements. The first dimension follows from the others and from the elements, unless there are none.
impl<T: Element> Serialize for Array<T> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let (first, rest) = self.shape.split_first().unwrap_or((&0, &[]));
        let mut fields = s.serialize_tuple_struct(T::ARRAY, 4)?;
        fields.serialize_field(rest)?;
        fields.serialize_field(first)?;
        fields.serialize_field(&Blob::new())?;
        let bytes = in_native_order::<T>(self.bytes.clone());
        fields.serialize_field(&Aligned { bytes, align: align_of::<T>() })?;
        fields.end()
    }
}

struct Aligned {
    bytes: Bytes,
    align: usize,
}

impl Serialize for Aligned {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        lend::offering(&self.bytes, self.align, |bytes| s.serialize_bytes(bytes))
    }
}

impl<'de, T: Element> Deserialize<'de> for Array<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_tuple_struct(T::ARRAY, 4, ArrayVisitor(PhantomData))
    }
}

struct ArrayVisitor<T>(PhantomData<T>);

impl<'de, T: Element> Visitor<'de> for ArrayVisitor<T> {
    type Value = Array<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::ARRAY)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Array<T>, A::Error> {
        let missing = |n| de::Error::invalid_length(n, &self);
        let rest: Vec<usize> = seq.next_element()?.ok_or_else(|| missing(0))?;
        let first: usize = seq.next_element()?.ok_or_else(|| missing(1))?;
        let _: Blob = seq.next_element()?.ok_or_else(|| missing(2))?;
        let bytes: Blob = seq.next_element()?.ok_or_else(|| missing(3))?;
        let flat = Array::from_bytes(bytes.into())
            .ok_or_else(|| de::Error::custom("the bytes of an array are no whole number of elements"))?;
        let row = rest.iter().try_fold(1usize, |product, dim| product.checked_mul(*dim));
        let first = match row {
            Some(0) | None => first,
            Some(row) => flat.len() / row,
        };
        let shape = [&[first], &*rest].concat();
        flat.reshape(shape).map_err(de::Error::custom)
    }
}

#[cfg(feature = "ndarray")]
impl<T: Element> Array<T> {
    /// As an array of the crate `ndarray`. Nothing is copied.
    #[must_use]
    pub fn view(&self) -> ndarray::ArrayViewD<'_, T> {
        // The shape has the product it must have; nothing else can go wrong.
        ndarray::ArrayViewD::from_shape(&*self.shape, self.as_slice())
            .unwrap_or_else(|e| unreachable!("{self:?} does not fill its shape: {e}"))
    }
}

/// Nothing is copied if the elements lie row after row, as they do unless the array was sliced or turned.
#[cfg(feature = "ndarray")]
impl<T: Element, D: ndarray::Dimension> From<ndarray::Array<T, D>> for Array<T> {
    fn from(array: ndarray::Array<T, D>) -> Self {
        let mut shape = array.shape().to_vec();
        if shape.is_empty() {
            shape.push(1);
        }
        let (is_standard, len) = (array.is_standard_layout(), array.len());
        let elements = if is_standard {
            let (mut elements, offset) = array.into_raw_vec_and_offset();
            let offset = offset.unwrap_or(0);
            elements.truncate(offset + len);
            elements.drain(..offset);
            elements
        } else {
            array.iter().copied().collect()
        };
        let bytes = Bytes::from_owner(Numbers(elements));
        Array { bytes, shape: shape.into(), element: PhantomData }
    }
}

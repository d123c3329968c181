//! Bytes that travel as they are.
use super::lend;
use bytes::Bytes;
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Borrow;
use std::fmt;
use std::ops::{Deref, RangeBounds};

/// Bytes that travel as they are, however many: an image, a file, a buffer of some other library.
///
/// A `Vec<u8>` can be an argument or a result as well. A `Blob` is better for much data: cloning one shares the bytes, they
/// are sent from where they lie, and who receives them borrows the memory they came into. That holds for blobs within
/// structs, vectors and other values too, and for [`Array`](crate::Array)s of numbers.
///
/// A blob of 32 KiB and more that was received as a part of a larger value keeps the memory of all of that value as long
/// as it lives; [`to_vec`](slice::to_vec) makes a copy that does not.
///
/// ```
/// use longshore::{Blob, blocking::Client, task};
///
/// #[task]
/// fn brightest(image: &Blob) -> u8 {
///     image.iter().copied().max().unwrap_or(0)
/// }
///
/// let client = Client::local()?;
/// let image = client.scatter(Blob::from(vec![3, 9, 4])).wait()?;
/// assert_eq!(client.submit(brightest(&image)).result()?, 9);
/// # Ok::<(), longshore::Error>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Blob(Bytes);

impl Blob {
    /// No bytes.
    #[must_use]
    pub const fn new() -> Self {
        Blob(Bytes::new())
    }

    /// Bytes that are part of the program.
    #[must_use]
    pub const fn from_static(bytes: &'static [u8]) -> Self {
        Blob(Bytes::from_static(bytes))
    }

    /// Bytes that something else owns, such as a file mapped into memory. It is dropped with the last clone of the blob.
    pub fn from_owner(owner: impl AsRef<[u8]> + Send + 'static) -> Self {
        Blob(Bytes::from_owner(owner))
    }

    /// A range of the bytes, which shares them.
    ///
    /// # Panics
    /// When the range does not lie within.
    #[must_use]
    pub fn slice(&self, range: impl RangeBounds<usize>) -> Self {
        Blob(self.0.slice(range))
    }

    /// The bytes as a vector of one's own: without a copy if nobody shares them.
    #[must_use]
    pub fn into_vec(self) -> Vec<u8> {
        self.0.into()
    }
}

impl Deref for Blob {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Blob {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Borrow<[u8]> for Blob {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Blob {
    fn from(bytes: Vec<u8>) -> Self {
        Blob(bytes.into())
    }
}

impl From<Bytes> for Blob {
    fn from(bytes: Bytes) -> Self {
        Blob(bytes)
    }
}

impl From<Blob> for Bytes {
    fn from(blob: Blob) -> Self {
        blob.0
    }
}

impl From<String> for Blob {
    fn from(text: String) -> Self {
        Blob(text.into())
    }
}

/// A copy.
impl From<&[u8]> for Blob {
    fn from(bytes: &[u8]) -> Self {
        Blob(Bytes::copy_from_slice(bytes))
    }
}

impl FromIterator<u8> for Blob {
    fn from_iter<I: IntoIterator<Item = u8>>(bytes: I) -> Self {
        Blob(bytes.into_iter().collect())
    }
}

impl PartialEq<[u8]> for Blob {
    fn eq(&self, other: &[u8]) -> bool {
        self.0 == *other
    }
}

/// Says how many bytes there are, not which.
impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blob({} B)", self.len())
    }
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        lend::offering(&self.0, 1, |bytes| s.serialize_bytes(bytes))
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_bytes(BytesVisitor).map(Blob)
    }
}

/// Takes bytes in whichever form a format gives them.
struct BytesVisitor;

impl<'de> Visitor<'de> for BytesVisitor {
    type Value = Bytes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes")
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Bytes, E> {
        Ok(lend::keep(bytes))
    }

    fn visit_byte_buf<E: de::Error>(self, bytes: Vec<u8>) -> Result<Bytes, E> {
        Ok(bytes.into())
    }

    // What formats for human eyes make of bytes.
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Bytes, A::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = seq.next_element()? {
            bytes.push(byte);
        }
        Ok(bytes.into())
    }
}

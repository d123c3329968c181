//! Encoded bytes in several parts, of which the large ones lie where their value has them.
//!
//! A large buffer within a value would have to be copied for the encoding to lie in one place. It need not: the parts are
//! written to the socket one after the other, and on the other side they lie in one place.
use bytes::Bytes;
use std::fmt;
use std::sync::Arc;

/// Bytes in several parts. Cloning shares them.
#[derive(Clone)]
pub struct Rope {
    parts: Arc<[Bytes]>,
    nbytes: usize,
}

impl Rope {
    /// These parts, one after the other.
    #[must_use]
    pub fn new(parts: Vec<Bytes>) -> Self {
        let parts: Arc<[Bytes]> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        Rope { nbytes: parts.iter().map(Bytes::len).sum(), parts }
    }

    /// Size in bytes.
    #[must_use]
    pub fn nbytes(&self) -> usize {
        self.nbytes
    }

    /// The parts in order, none of them empty.
    #[must_use]
    pub fn parts(&self) -> &[Bytes] {
        &self.parts
    }

    /// A range of the bytes, which must lie within. Nothing is copied.
    #[must_use]
    pub fn slice(&self, from: usize, to: usize) -> Rope {
        let (mut begin, mut parts) = (0, Vec::new());
        for part in &*self.parts {
            let end = begin + part.len();
            let (first, last) = (from.max(begin), to.min(end));
            if first < last {
                parts.push(part.slice(first - begin..last - begin));
            }
            begin = end;
        }
        Rope::new(parts)
    }

    /// All bytes in one place: a copy, unless there is one part only.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        match &*self.parts {
            [] => Bytes::new(),
            [one] => one.clone(),
            many => many.concat().into(),
        }
    }
}

impl From<Bytes> for Rope {
    fn from(bytes: Bytes) -> Self {
        Rope::new(vec![bytes])
    }
}

/// Two ropes are equal when their bytes are, wherever the parts begin.
impl PartialEq for Rope {
    fn eq(&self, other: &Self) -> bool {
        self.nbytes == other.nbytes && self.parts.iter().flatten().eq(other.parts.iter().flatten())
    }
}

impl fmt::Debug for Rope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rope({} B in {} parts)", self.nbytes, self.parts.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_are_what_they_are_of_the_whole() {
        let parts = ["", "ab", "cdefg", "", "h"];
        let rope = Rope::new(parts.iter().map(|part| Bytes::from_static(part.as_bytes())).collect());
        assert_eq!((rope.nbytes(), rope.parts().len()), (8, 3));
        for from in 0..=8 {
            for to in from..=8 {
                assert_eq!(rope.slice(from, to).to_bytes(), "abcdefgh"[from..to]);
            }
        }
        assert_eq!(rope, Rope::from(Bytes::from_static(b"abcdefgh")));
        assert_ne!(rope, Rope::from(Bytes::from_static(b"abcdefgx")));
    }

    #[test]
    fn nothing_is_copied_by_slicing() {
        let part = Bytes::from(vec![1; 100]);
        let rope = Rope::new(vec![Bytes::from_static(b"x"), part.clone()]);
        assert_eq!(rope.slice(51, 60).to_bytes().as_ptr(), part[50..].as_ptr());
    }
}

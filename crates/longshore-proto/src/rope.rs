//! Encoded bytes in several parts, of which the large ones lie where their value has them.
//!
//! A large buffer within a value would have to be copied for the encoding to lie in one place. It need not: the parts are
//! written to the socket one after the other, and on the other side they lie in one place.
use crate::piece::{APART_BYTES_MIN, TAIL_BYTES_MIN};
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

    /// How many bytes stand before the one large buffer that is the rest of the value; 0 if that is not what it is. Whoever
    /// receives the buffer by itself can go on using it as it is.
    #[must_use]
    pub fn head_nbytes(&self) -> usize {
        match &*self.parts {
            [head, body] if head.len() < TAIL_BYTES_MIN && body.len() >= APART_BYTES_MIN => head.len(),
            _ => 0,
        }
    }

    /// The parts, if nobody shares them.
    ///
    /// # Errors
    /// The rope, as it was.
    pub fn into_parts(mut self) -> Result<Vec<Bytes>, Rope> {
        match Arc::get_mut(&mut self.parts) {
            Some(parts) => Ok(parts.iter_mut().map(std::mem::take).collect()),
            None => Err(self),
        }
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
    fn one_large_buffer_stands_apart() {
        let rope = |lens: &[usize]| Rope::new(lens.iter().map(|len| vec![1; *len].into()).collect());
        assert_eq!(rope(&[5, APART_BYTES_MIN]).head_nbytes(), 5);
        assert_eq!(rope(&[5, 0, APART_BYTES_MIN, 0]).head_nbytes(), 5);
        for lens in [&[APART_BYTES_MIN][..], &[5, APART_BYTES_MIN - 1], &[5, APART_BYTES_MIN, 1]] {
            assert_eq!(rope(lens).head_nbytes(), 0, "{lens:?}");
        }
        assert_eq!(rope(&[TAIL_BYTES_MIN, APART_BYTES_MIN]).head_nbytes(), 0);
    }

    #[test]
    fn parts_that_are_shared_are_not_given_away() {
        let rope = Rope::new(vec![Bytes::from_static(b"a"), Bytes::from_static(b"bc")]);
        let shared = rope.clone();
        let rope = rope.into_parts().unwrap_err();
        drop(shared);
        assert_eq!(rope.into_parts().unwrap(), [&b"a"[..], b"bc"]);
    }

    #[test]
    fn nothing_is_copied_by_slicing() {
        let part = Bytes::from(vec![1; 100]);
        let rope = Rope::new(vec![Bytes::from_static(b"x"), part.clone()]);
        assert_eq!(rope.slice(51, 60).to_bytes().as_ptr(), part[50..].as_ptr());
    }
}

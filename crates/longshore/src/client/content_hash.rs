//! A 128-bit hash that means the same in every build: SipHash-2-4 with a 128-bit result and a fixed key.
//!
//! Equal calls of pure functions, and equal keys, meet in one task by it, also across clients. Two different calls
//! meeting by accident is not a thing that happens with 128 bits. Deliberately absent: secrecy; the key is public.

use longshore_proto::Payload;

/// Collects what is hashed.
#[derive(Clone)]
pub(super) struct ContentHash {
    v: [u64; 4],
    /// Bytes that do not fill a word yet.
    tail: u64,
    len: u64,
}

const KEY: [u64; 2] = [0x6c6f_6e67_7368_6f72, 0x6520_6361_6c6c_2031];

impl ContentHash {
    pub(super) fn new() -> Self {
        Self::keyed(KEY)
    }

    fn keyed([k0, k1]: [u64; 2]) -> Self {
        let v = [
            k0 ^ 0x736f_6d65_7073_6575,
            k1 ^ 0x646f_7261_6e64_6f6d ^ 0xee,
            k0 ^ 0x6c79_6765_6e65_7261,
            k1 ^ 0x7465_6462_7974_6573,
        ];
        ContentHash { v, tail: 0, len: 0 }
    }

    pub(super) fn number(&mut self, n: u64) {
        self.raw(&n.to_le_bytes());
    }

    /// Bytes after their length, so that neighbours cannot run into each other.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.raw(bytes);
    }

    /// The bytes of an encoded value, as [`bytes`](Self::bytes) takes them.
    pub(super) fn payload(&mut self, payload: &Payload) {
        match payload {
            Payload::Rope(rope) => {
                self.number(rope.nbytes() as u64);
                rope.parts().iter().for_each(|part| self.raw(part));
            }
            other => self.bytes(other.as_bytes().unwrap_or_default()),
        }
    }

    fn raw(&mut self, mut bytes: &[u8]) {
        while !self.len.is_multiple_of(8) || bytes.len() < 8 {
            let Some((first, rest)) = bytes.split_first() else { return };
            self.tail |= u64::from(*first) << (self.len % 8 * 8);
            self.len += 1;
            if self.len.is_multiple_of(8) {
                let word = std::mem::take(&mut self.tail);
                self.word(word);
            }
            bytes = rest;
        }
        while let Some((word, rest)) = bytes.split_first_chunk() {
            self.word(u64::from_le_bytes(*word));
            self.len += 8;
            bytes = rest;
        }
        if !bytes.is_empty() {
            self.raw(bytes);
        }
    }

    fn word(&mut self, word: u64) {
        self.v[3] ^= word;
        self.rounds(2);
        self.v[0] ^= word;
    }

    fn rounds(&mut self, count: u32) {
        let [mut a, mut b, mut c, mut d] = self.v;
        for _ in 0..count {
            a = a.wrapping_add(b);
            b = b.rotate_left(13) ^ a;
            a = a.rotate_left(32);
            c = c.wrapping_add(d);
            d = d.rotate_left(16) ^ c;
            a = a.wrapping_add(d);
            d = d.rotate_left(21) ^ a;
            c = c.wrapping_add(b);
            b = b.rotate_left(17) ^ c;
            c = c.rotate_left(32);
        }
        self.v = [a, b, c, d];
    }

    pub(super) fn finish(mut self) -> [u64; 2] {
        let last = self.tail | (self.len & 0xff) << 56;
        self.word(last);
        self.v[2] ^= 0xee;
        self.rounds(4);
        let first = self.folded();
        self.v[1] ^= 0xdd;
        self.rounds(4);
        [first, self.folded()]
    }

    fn folded(&self) -> u64 {
        self.v.iter().fold(0, |x, y| x ^ y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first and the 16th vector of the reference implementation: key 00..0f, input 00, 01, …
    #[test]
    fn it_is_siphash() {
        let key = [0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908];
        let hash = |len: u8| {
            let mut h = ContentHash::keyed(key);
            h.raw(&(0..len).collect::<Vec<_>>());
            h.finish().map(u64::to_le_bytes).concat()
        };
        let hex = |bytes: Vec<u8>| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
        assert_eq!(hex(hash(0)), "a3817f04ba25a8e66df67214c7550293");
        assert_eq!(hex(hash(15)), "5493e99933b0a8117e08ec0f97cfc3d9");
    }

    #[test]
    fn pieces_do_not_matter_and_borders_do() {
        let bytes: Vec<u8> = (0..100).collect();
        let mut whole = ContentHash::new();
        whole.raw(&bytes);
        for step in [1, 3, 8, 13] {
            let mut pieces = ContentHash::new();
            bytes.chunks(step).for_each(|piece| pieces.raw(piece));
            assert_eq!(pieces.finish(), whole.clone().finish());
        }
        let of = |parts: [&[u8]; 2]| {
            let mut h = ContentHash::new();
            parts.iter().for_each(|p| h.bytes(p));
            h.finish()
        };
        assert_ne!(of([b"ab", b"c"]), of([b"a", b"bc"]));
        let of = |payload: Payload| {
            let mut h = ContentHash::new();
            h.payload(&payload);
            h.finish()
        };
        let parts = bytes.chunks(30).map(bytes::Bytes::copy_from_slice).collect();
        let rope = longshore_proto::Rope::new(parts);
        assert_eq!(of(Payload::Rope(Box::new(rope))), of(Payload::copy_from(&bytes)));
    }
}

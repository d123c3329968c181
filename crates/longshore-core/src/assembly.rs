//! Values that arrive in pieces.
use bytes::{Bytes, BytesMut};
use longshore_proto::client::Chunk;
use longshore_proto::piece::TAIL_BYTES_MIN;
use longshore_proto::{Payload, Piece, Rope};

/// A value of which some pieces have come.
///
/// A short first piece that came within its message stays apart from what follows it, if that came to lie in one place: a
/// length, say, and all the bytes of a vector.
#[derive(Debug)]
pub(crate) struct Assembly {
    total: u64,
    head: Payload,
    body: BytesMut,
}

/// Why a piece does not belong where it claims to.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct BadChunk;

impl Assembly {
    /// Adds a piece to what is there, or begins with it. The value once it is whole. Pieces come in order, without gaps or
    /// overlaps, and the size that the first one announces is kept; after a piece that breaks this all is as before.
    pub(crate) fn add(
        all: &mut Option<Assembly>,
        chunk: Chunk,
        bytes_max: u64,
    ) -> Result<Option<Payload>, BadChunk> {
        if chunk.bytes.is_local() {
            // A value that never left the process comes whole.
            let is_whole = all.is_none() && chunk.offset == 0;
            return if is_whole { Ok(Some(chunk.bytes.into_payload())) } else { Err(BadChunk) };
        }
        let (total, have) = all.as_ref().map_or((chunk.total, 0), |all| (all.total, all.nbytes()));
        let nbytes = chunk.bytes.nbytes() as u64;
        let after = have + nbytes;
        let is_empty_piece = nbytes == 0 && total > 0;
        if chunk.total != total
            || total > bytes_max
            || chunk.offset != have
            || after > total
            || is_empty_piece
        {
            return Err(BadChunk);
        }
        if have == 0 && after == total {
            return Ok(Some(chunk.bytes.into_payload()));
        }
        match all {
            Some(building) => building.join(chunk.bytes)?,
            None => {
                let mut building = Assembly { total, head: Payload::empty(), body: BytesMut::new() };
                building.join(chunk.bytes)?;
                *all = Some(building);
            }
        }
        if after < total {
            return Ok(None);
        }
        Ok(all.take().map(Assembly::finish))
    }

    fn nbytes(&self) -> u64 {
        (self.head.nbytes() + self.body.len()) as u64
    }

    /// Adds a piece, of which only the place was looked at.
    fn join(&mut self, piece: Piece) -> Result<(), BadChunk> {
        match piece {
            Piece::Payload(first) if self.nbytes() == 0 && first.nbytes() < TAIL_BYTES_MIN => {
                self.head = first;
                return Ok(());
            }
            // Whoever read it has seen to it that there is room behind it.
            Piece::Landed(_) => {}
            Piece::Payload(_) => self.reserve()?,
        }
        piece.join(&mut self.body);
        Ok(())
    }

    /// Makes room for the whole value, which lies in one place now.
    fn reserve(&mut self) -> Result<(), BadChunk> {
        if !self.body.is_empty() {
            return Ok(());
        }
        let mut bytes = Vec::new();
        let capacity = usize::try_from(self.total).map_err(|_| BadChunk)?;
        // Reserved memory is not touched before pieces come, so a lie costs address space only.
        bytes.try_reserve_exact(capacity).map_err(|_| BadChunk)?;
        self.body = BytesMut::from(Bytes::from(bytes));
        Piece::from(std::mem::replace(&mut self.head, Payload::empty())).join(&mut self.body);
        Ok(())
    }

    fn finish(self) -> Payload {
        match self.head.to_bytes() {
            Ok(head) => Rope::new(vec![head, self.body.freeze()]).into(),
            // It was no local value when it came.
            Err(_) => self.body.freeze().into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use longshore_proto::TaskHandle;

    fn chunk(total: u64, offset: u64, bytes: &[u8]) -> Chunk {
        let task = TaskHandle { slot: 1, generation: 1 };
        Chunk { task, total, offset, bytes: Payload::copy_from(bytes).into() }
    }

    fn landed(total: u64, offset: u64, bytes: BytesMut) -> Chunk {
        Chunk { bytes: Piece::Landed(bytes), ..chunk(total, offset, b"") }
    }

    #[test]
    fn pieces_become_a_value() {
        let mut all = None;
        assert_eq!(Assembly::add(&mut all, chunk(5, 0, b"ab"), 10), Ok(None));
        assert_eq!(Assembly::add(&mut all, chunk(5, 2, b"cd"), 10), Ok(None));
        assert_eq!(Assembly::add(&mut all, chunk(5, 4, b"e"), 10), Ok(Some(Payload::copy_from(b"abcde"))));
        assert!(all.is_none());
    }

    #[test]
    fn pieces_that_lie_side_by_side_are_not_moved() {
        let mut all = None;
        let mut room = BytesMut::from(&[7; 300][..]);
        let place = room.as_ptr();
        let (a, b) = (room.split_to(100), room.split_to(100));
        assert_eq!(Assembly::add(&mut all, landed(300, 0, a), 300), Ok(None));
        assert_eq!(Assembly::add(&mut all, landed(300, 100, b), 300), Ok(None));
        let value = Assembly::add(&mut all, landed(300, 200, room), 300).unwrap().unwrap();
        assert_eq!(value.as_bytes().map(|b| (b.as_ptr(), b.len())), Some((place, 300)));
    }

    #[test]
    fn pieces_that_lie_apart_are_brought_together() {
        let mut all = None;
        for (offset, byte) in [(0, b'a'), (100, b'b'), (200, b'c')] {
            let bytes = BytesMut::from(&[byte; 100][..]);
            let value = Assembly::add(&mut all, landed(300, offset, bytes), 300).unwrap();
            let Some(value) = value else { continue };
            let expected = [[b'a'; 100], [b'b'; 100], [b'c'; 100]].concat();
            return assert_eq!(value.as_bytes(), Some(&*expected));
        }
        panic!("never whole");
    }

    #[test]
    fn a_short_beginning_stays_apart_from_what_landed() {
        let mut all = None;
        let mut room = BytesMut::from(&[7; 300][..]);
        let place = room.as_ptr();
        let first = room.split_to(100);
        assert_eq!(Assembly::add(&mut all, chunk(302, 0, b"ab"), 400), Ok(None));
        assert_eq!(Assembly::add(&mut all, landed(302, 2, first), 400), Ok(None));
        let value = Assembly::add(&mut all, landed(302, 102, room), 400).unwrap().unwrap();
        let Payload::Rope(rope) = value else { panic!("{value:?}") };
        let parts: Vec<_> = rope.parts().iter().map(|part| part.len()).collect();
        assert_eq!((parts, rope.parts()[1].as_ptr()), (vec![2, 300], place));
    }

    #[test]
    fn an_empty_value_is_whole_at_once() {
        assert_eq!(Assembly::add(&mut None, chunk(0, 0, b""), 10), Ok(Some(Payload::empty())));
    }

    #[test]
    fn gaps_lies_and_giants_are_refused_and_change_nothing() {
        let begun =
            || Some(Assembly { total: 5, head: Payload::copy_from(b"a"), body: BytesMut::from(&b"b"[..]) });
        for (before, bad) in [
            (None, chunk(5, 1, b"ab")),
            (None, chunk(11, 0, b"ab")),
            (None, chunk(1, 0, b"ab")),
            (None, chunk(u64::MAX, 0, b"ab")),
            (None, chunk(5, 0, b"")),
            (begun(), chunk(5, 3, b"d")),
            (begun(), chunk(5, 0, b"ab")),
            (begun(), chunk(6, 2, b"cd")),
            (begun(), chunk(5, 2, b"cdef")),
        ] {
            let mut all = before;
            let have = all.as_ref().map(|all| (all.head.clone(), all.body.clone()));
            assert_eq!(Assembly::add(&mut all, bad, 10), Err(BadChunk));
            assert_eq!(all.map(|all| (all.head, all.body)), have);
        }
    }
}

//! Values that arrive in pieces.
use longshore_proto::Payload;
use longshore_proto::client::Chunk;

/// A value of which some pieces have come.
#[derive(Debug)]
pub(super) struct Assembly {
    total: u64,
    bytes: Vec<u8>,
}

/// Why a piece does not belong where it claims to.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) struct BadChunk;

/// What a piece led to.
#[derive(Debug)]
pub(super) enum Assembled {
    /// More is to come.
    Partly(Assembly),
    /// The value is whole.
    Whole(Payload),
}

impl Assembly {
    /// Adds a piece to what was there, or begins with it. Pieces come in order, without gaps or overlaps, and the size that
    /// the first one announces is kept.
    pub(super) fn add(before: Option<Assembly>, chunk: Chunk, bytes_max: u64) -> Result<Assembled, BadChunk> {
        let Some(bytes) = chunk.bytes.as_bytes() else {
            // A value that never left the process comes whole.
            let is_whole = before.is_none() && chunk.offset == 0;
            return if is_whole { Ok(Assembled::Whole(chunk.bytes)) } else { Err(BadChunk) };
        };
        let mut all = match before {
            Some(all) => all,
            None => Assembly::begin(chunk.total, bytes_max)?,
        };
        let have = all.bytes.len() as u64;
        let after = have + bytes.len() as u64;
        let is_empty_piece = bytes.is_empty() && chunk.total > 0;
        if chunk.total != all.total || chunk.offset != have || after > all.total || is_empty_piece {
            return Err(BadChunk);
        }
        if have == 0 && after == all.total {
            return Ok(Assembled::Whole(chunk.bytes));
        }
        all.bytes.extend_from_slice(bytes);
        if after == all.total { Ok(Assembled::Whole(all.bytes.into())) } else { Ok(Assembled::Partly(all)) }
    }

    fn begin(total: u64, bytes_max: u64) -> Result<Assembly, BadChunk> {
        let capacity = usize::try_from(total).map_err(|_| BadChunk)?;
        let mut bytes = Vec::new();
        // Reserved memory is not touched before pieces come, so a lie costs address space only.
        if total > bytes_max || bytes.try_reserve_exact(capacity).is_err() {
            return Err(BadChunk);
        }
        Ok(Assembly { total, bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use longshore_proto::TaskHandle;

    fn chunk(total: u64, offset: u64, bytes: &[u8]) -> Chunk {
        let task = TaskHandle { slot: 1, generation: 1 };
        Chunk { task, total, offset, bytes: Payload::copy_from(bytes) }
    }

    fn partly(result: Result<Assembled, BadChunk>) -> Option<Assembly> {
        match result {
            Ok(Assembled::Partly(assembly)) => Some(assembly),
            _ => None,
        }
    }

    #[test]
    fn pieces_become_a_value() {
        let a = partly(Assembly::add(None, chunk(5, 0, b"ab"), 10));
        let a = partly(Assembly::add(a, chunk(5, 2, b"cd"), 10));
        let Ok(Assembled::Whole(value)) = Assembly::add(a, chunk(5, 4, b"e"), 10) else {
            panic!("not whole")
        };
        assert_eq!(value.as_bytes(), Some(&b"abcde"[..]));
    }

    #[test]
    fn an_empty_value_is_whole_at_once() {
        assert!(
            matches!(Assembly::add(None, chunk(0, 0, b""), 10), Ok(Assembled::Whole(v)) if v.nbytes() == 0)
        );
    }

    #[test]
    fn gaps_lies_and_giants_are_refused() {
        let begun = || partly(Assembly::add(None, chunk(5, 0, b"ab"), 10));
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
            assert!(Assembly::add(before, bad, 10).is_err());
        }
    }
}

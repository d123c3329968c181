use super::*;
use crate::limit::FRAME_BYTES_MAX;
use proptest::prelude::*;

fn read_all(
    reader: &mut FrameReader,
    mut bytes: &[u8],
    step: usize,
) -> Result<Vec<(u32, Vec<u8>)>, FrameError> {
    let mut out = vec![];
    while !bytes.is_empty() {
        let space = reader.space();
        let n = step.min(bytes.len()).min(space.len());
        space[..n].copy_from_slice(&bytes[..n]);
        reader.filled(n);
        bytes = &bytes[n..];
        while reader.next_frame(|m, _| out.push(m))? {}
    }
    Ok(out)
}

proptest! {
    #[test]
    fn messages_come_out_as_they_went_in(
        messages in prop::collection::vec((any::<u32>(), prop::collection::vec(any::<u8>(), 0..300)), 0..200),
        step in 1usize..5000,
        flush_every in 1usize..50,
    ) {
        let (mut w, mut wire) = (FrameWriter::default(), vec![]);
        for (i, m) in messages.iter().enumerate() {
            w.push(m).unwrap();
            if i % flush_every == 0 {
                let n = w.pending().len();
                wire.extend_from_slice(w.pending());
                w.advance(n);
            }
        }
        wire.extend_from_slice(w.pending());
        prop_assert_eq!(read_all(&mut FrameReader::default(), &wire, step).unwrap(), messages);
    }

    #[test]
    fn any_flipped_bit_is_noticed(bit in 0usize..8 * 100) {
        let mut w = FrameWriter::default();
        w.push(&(7u32, vec![1u8; 86])).unwrap();
        let mut wire = w.pending().to_vec();
        prop_assume!(bit / 8 < wire.len());
        wire[bit / 8] ^= 1 << (bit % 8);
        // Either an error, or a frame that waits for bytes that never come.
        let seen = read_all(&mut FrameReader::default(), &wire, 4096);
        prop_assert!(seen.is_err() || seen == Ok(vec![]), "{seen:?}");
    }

    #[test]
    fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let _ = read_all(&mut FrameReader::default(), &bytes, 100);
    }
}

#[test]
fn large_batches_become_several_frames_and_none_is_too_long() {
    let mut w = FrameWriter::default();
    let big = vec![5u8; FRAME_BYTES_MAX / 2];
    for i in 0..5u32 {
        w.push(&(i, &big)).unwrap();
    }
    let wire = w.pending().to_vec();
    let out = read_all(&mut FrameReader::default(), &wire, 1 << 20).unwrap();
    assert_eq!(out.iter().map(|m| m.0).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
}

#[test]
fn a_message_beyond_the_bound_is_refused_and_harms_nothing() {
    let mut w = FrameWriter::default();
    w.push(&(1u32, vec![1u8])).unwrap();
    let e = w.push(&(2u32, vec![0u8; FRAME_BYTES_MAX + 1])).unwrap_err();
    assert!(matches!(e, EncodeError::TooLong { .. }));
    w.push(&(3u32, vec![3u8])).unwrap();
    let wire = w.pending().to_vec();
    let out = read_all(&mut FrameReader::default(), &wire, 1 << 20).unwrap();
    assert_eq!(out, [(1, vec![1]), (3, vec![3])]);
}

#[test]
fn an_announced_giant_allocates_nothing() {
    let mut r = FrameReader::default();
    let mut wire = u32::MAX.to_le_bytes().to_vec();
    wire.extend([0; 4]);
    let e = read_all(&mut r, &wire, 8).unwrap_err();
    assert!(matches!(e, FrameError::TooLong { .. }));
    assert!(r.space().len() <= 64 * 1024);
}

#[test]
fn a_reader_has_as_much_room_as_it_turns_out_to_need() {
    let mut reader = FrameReader::default();
    assert_eq!(reader.space().len(), 4 * 1024, "a link that carries little holds little");
    let (mut writer, mut wire) = (FrameWriter::default(), Vec::new());
    for number in 0..80_000_u32 {
        writer.push(&(number, number)).unwrap();
        if number % 100 == 99 {
            wire.extend_from_slice(writer.pending());
            writer.advance(writer.len());
        }
    }
    let mut bytes = &wire[..];
    let (mut most, mut read) = (0, 0);
    while !bytes.is_empty() {
        let space = reader.space();
        let len = space.len().min(bytes.len());
        most = most.max(len);
        space[..len].copy_from_slice(&bytes[..len]);
        bytes = &bytes[len..];
        reader.filled(len);
        while reader.next_frame(|_: (u32, u32), _| read += 1).unwrap() {}
    }
    assert_eq!(read, 80_000);
    assert!((60_000..=64 * 1024).contains(&most), "reads of {most} bytes at most");
}

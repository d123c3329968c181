//! Pieces of large values: bytes that follow their message.
use super::pipe::Pipe;
use super::{CountedTask, close, flush, receive, receive_all, recv_once};
use crate::link::{Link, LinkError};
use bytes::{Bytes, BytesMut};
use futures_lite::future::{block_on, zip};
use longshore_proto::client::Chunk;
use longshore_proto::frame::{FrameError, FrameWriter, HEADER_BYTES};
use longshore_proto::limit::CHUNK_BYTES;
use longshore_proto::{Payload, PeerReply, Piece, RelayId, Rope, TaskHandle, WorkerToScheduler};
use proptest::prelude::*;
use std::io;
use std::task::Poll;

type Data = Link<PeerReply, PeerReply>;

fn task(slot: u32) -> TaskHandle {
    TaskHandle { slot, generation: 1 }
}

fn content(nbytes: usize) -> Bytes {
    (0..nbytes).map(|n| (n * 7 + n / 251) as u8).collect::<Vec<u8>>().into()
}

fn chunk(slot: u32, value: &Bytes, from: usize, to: usize) -> Chunk {
    let bytes = Payload::from(value.slice(from..to)).into();
    Chunk { task: task(slot), total: value.len() as u64, offset: from as u64, bytes }
}

/// A value in pieces of `step` bytes.
fn pieces(slot: u32, value: &Bytes, step: usize) -> Vec<PeerReply> {
    let starts = (0..value.len().max(1)).step_by(step);
    starts.map(|at| PeerReply::Data(chunk(slot, value, at, value.len().min(at + step)))).collect()
}

fn joined<M>(capacity: usize, steps: Vec<usize>) -> (Link<M, M>, Link<M, M>) {
    let (_, a_reader, b_writer) = Pipe::new(capacity, steps.clone());
    let (_, b_reader, a_writer) = Pipe::new(capacity, steps);
    let a = Link::stream(Box::new(a_reader), Box::new(a_writer), "b".into());
    (a, Link::stream(Box::new(b_reader), Box::new(b_writer), "a".into()))
}

/// A link whose test is the other side.
fn scripted() -> (Data, Pipe) {
    let (to, reader, _) = Pipe::new(usize::MAX, vec![]);
    let (_, _, writer) = Pipe::new(1000, vec![]);
    (Link::stream(Box::new(reader), Box::new(writer), "scripted".into()), to.revived())
}

fn wire(messages: impl IntoIterator<Item = PeerReply>) -> Vec<u8> {
    let mut frames = FrameWriter::default();
    for message in messages {
        match message {
            PeerReply::Data(mut chunk) => match chunk.bytes.take_tail() {
                Some(tail) => frames.push_with_tail(&PeerReply::Data(chunk), &tail).unwrap(),
                None => frames.push(&PeerReply::Data(chunk)).unwrap(),
            },
            other => frames.push(&other).unwrap(),
        }
    }
    written(&mut frames)
}

fn written(frames: &mut FrameWriter) -> Vec<u8> {
    let mut wire = vec![];
    while !frames.is_empty() {
        let (slices, len) = frames.slices();
        let bytes = slices[..len].iter().flat_map(|slice| slice.to_vec()).collect::<Vec<u8>>();
        frames.advance(bytes.len());
        wire.extend(bytes);
    }
    wire
}

fn gathered(replies: Vec<PeerReply>) -> Bytes {
    let mut all = BytesMut::new();
    for reply in replies {
        match reply {
            PeerReply::Data(chunk) => chunk.bytes.join(&mut all),
            other => panic!("{other:?}"),
        }
    }
    all.freeze()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn pieces_and_messages_arrive_in_order_however_the_stream_is_cut(
        sizes in prop::collection::vec(0usize..60_000, 1..12),
        step in 1000usize..30_000,
        steps in prop::collection::vec(1usize..20_000, 1..20),
        capacity in 1000usize..100_000,
    ) {
        let mut messages = vec![];
        for (n, size) in sizes.iter().enumerate() {
            messages.extend(pieces(n as u32, &content(*size), step));
            messages.push(PeerReply::Absent { task: task(n as u32) });
        }
        let (mut a, mut b) = joined::<PeerReply>(capacity, steps);
        let sending = async {
            for (i, m) in messages.iter().enumerate() {
                a.send(m.clone()).unwrap();
                if i % 3 == 0 {
                    flush(&mut a).await.unwrap();
                }
            }
            close(&mut a).await.unwrap();
        };
        let ((), (got, lost)) = block_on(zip(sending, receive_all(&mut b)));
        prop_assert!(got == messages);
        prop_assert!(matches!(lost, LinkError::Closed));
    }

    #[test]
    fn a_flipped_bit_is_noticed_wherever_it_is(bit in 0usize..8 * 20_000) {
        let (mut link, to) = scripted();
        let mut bytes = wire(pieces(1, &content(18_000), 9_000));
        prop_assume!(bit / 8 < bytes.len());
        bytes[bit / 8] ^= 1 << (bit % 8);
        to.feed(&bytes);
        to.end();
        let (got, lost) = block_on(receive_all(&mut link));
        prop_assert!(got.len() < 2);
        prop_assert!(!matches!(lost, LinkError::Closed));
    }
}

#[test]
fn what_follows_a_short_beginning_comes_to_lie_at_the_beginning_of_memory_of_its_own() {
    let (mut a, mut b) = joined::<PeerReply>(100_000, vec![]);
    let body = content(2 * CHUNK_BYTES + 20_000);
    let value = Payload::from(Rope::new(vec![Bytes::from_static(b"head"), body.clone()]));
    let total = value.nbytes() as u64;
    let whole = Chunk { task: task(1), total, offset: 0, bytes: value.into() };
    let sending = async {
        a.send(PeerReply::Data(whole)).unwrap();
        flush(&mut a).await.unwrap();
    };
    let ((), got) = block_on(zip(sending, receive(&mut b, 4)));
    let pieces = got.0.into_iter().map(|reply| match reply {
        PeerReply::Data(chunk) => (chunk.offset, chunk.bytes),
        other => panic!("{other:?}"),
    });
    let mut all = BytesMut::new();
    let mut places = vec![];
    for (offset, piece) in pieces.skip(1) {
        let Piece::Landed(bytes) = &piece else { panic!("{piece:?}") };
        places.push((offset, bytes.as_ptr()));
        piece.join(&mut all);
    }
    let begin = all.as_ptr();
    assert_eq!(places[0], (4, begin));
    assert_eq!(places[1], (4 + CHUNK_BYTES as u64, begin.wrapping_add(CHUNK_BYTES)));
    assert_eq!(all, body);
    assert_eq!(all.capacity(), body.len(), "no more was set aside than that");
}

#[test]
fn pieces_of_one_value_come_to_lie_side_by_side() {
    let (mut a, mut b) = joined::<PeerReply>(100_000, vec![]);
    let value = content(3 * CHUNK_BYTES + 20_000);
    // Another value before it, and a message within it.
    let mut messages = pieces(1, &content(CHUNK_BYTES + 10_000), CHUNK_BYTES);
    messages.extend(pieces(2, &value, CHUNK_BYTES));
    messages.insert(4, PeerReply::Absent { task: task(9) });
    let count = messages.len();
    let sending = async {
        messages.into_iter().for_each(|m| a.send(m).unwrap());
        flush(&mut a).await.unwrap();
    };
    let ((), (mut got, _)) = block_on(zip(sending, receive(&mut b, count)));
    assert_eq!(got.remove(4), PeerReply::Absent { task: task(9) });
    let got = got.split_off(2);
    let mut at = None;
    for reply in &got {
        let PeerReply::Data(Chunk { bytes: Piece::Landed(bytes), .. }) = reply else { panic!("{reply:?}") };
        assert_eq!(*at.get_or_insert(bytes.as_ptr()), bytes.as_ptr());
        at = Some(bytes.as_ptr().wrapping_add(bytes.len()));
    }
    let whole = gathered(got);
    assert_eq!(whole.as_ptr().wrapping_add(whole.len()), at.unwrap(), "and nobody moved them");
    assert!(whole == value);
    // Whoever has the value has its memory to himself.
    assert!(whole.is_unique());
}

#[test]
fn pieces_that_are_passed_on_have_memory_of_their_own() {
    let (mut a, mut b) = joined::<WorkerToScheduler>(100_000, vec![]);
    let value = content(40_000);
    let sending = async {
        for (from, to) in [(0, 20_000), (20_000, 40_000)] {
            let chunk = Box::new(chunk(1, &value, from, to));
            a.send(WorkerToScheduler::Data { relay: RelayId(1), chunk }).unwrap();
        }
        flush(&mut a).await.unwrap();
    };
    let ((), (got, _)) = block_on(zip(sending, receive(&mut b, 2)));
    for message in got {
        let WorkerToScheduler::Data { chunk, .. } = message else { panic!("{message:?}") };
        let Piece::Landed(bytes) = chunk.bytes else { panic!("{chunk:?}") };
        assert!(bytes.capacity() < 40_000 && bytes.freeze().is_unique());
    }
}

#[test]
fn values_whose_pieces_alternate_arrive_whole() {
    let (mut a, mut b) = joined::<PeerReply>(100_000, vec![]);
    let (x, y) = (content(90_000), content(70_000));
    let (xs, ys) = (pieces(1, &x, 20_000), pieces(2, &y, 20_000));
    let mut messages = vec![];
    for n in 0..xs.len().max(ys.len()) {
        messages.extend(xs.get(n).cloned());
        messages.extend(ys.get(n).cloned());
    }
    let count = messages.len();
    let sending = async {
        messages.into_iter().for_each(|m| a.send(m).unwrap());
        flush(&mut a).await.unwrap();
    };
    let ((), (got, _)) = block_on(zip(sending, receive(&mut b, count)));
    let of = |slot| move |m: &PeerReply| matches!(m, PeerReply::Data(chunk) if chunk.task == task(slot));
    let (first, second) = got.into_iter().partition(of(1));
    assert!(gathered(first) == x && gathered(second) == y);
}

#[test]
fn a_size_that_is_a_lie_costs_nothing() {
    for total in [u64::MAX, 1 << 62, 1 << 44] {
        let (mut link, to) = scripted();
        let mut lie = chunk(1, &content(10_000), 0, 10_000);
        lie.total = total;
        to.feed(&wire([PeerReply::Data(lie)]));
        let (got, _) = block_on(receive(&mut link, 1));
        let PeerReply::Data(got) = &got[0] else { panic!("{got:?}") };
        assert_eq!((got.total, got.bytes.nbytes()), (total, 10_000));
    }
}

#[test]
fn a_tail_longer_than_a_frame_is_refused_before_it_comes() {
    let (mut link, to) = scripted();
    let mut bytes = wire(pieces(1, &content(10_000), 10_000));
    let header = bytes.len() - 10_000 - HEADER_BYTES;
    bytes[header..header + 4].copy_from_slice(&0x7fff_ffffu32.to_le_bytes());
    to.feed(&bytes);
    let (got, lost) = block_on(receive_all(&mut link));
    assert!(got.is_empty());
    assert!(matches!(lost, LinkError::Frame(FrameError::TooLong { .. })), "{lost}");
}

#[test]
fn bytes_after_a_message_that_has_no_place_for_them_end_the_link() {
    let full = PeerReply::Data(chunk(1, &content(5), 0, 5));
    for message in [PeerReply::Absent { task: task(1) }, full] {
        let (mut link, to) = scripted();
        let mut frames = FrameWriter::default();
        frames.push_with_tail(&message, &content(9_000).into()).unwrap();
        to.feed(&written(&mut frames));
        let (got, lost) = block_on(receive_all(&mut link));
        assert!(got.is_empty());
        assert!(matches!(lost, LinkError::Frame(FrameError::Tail { bytes: 9_000 })), "{lost}");
    }
}

#[test]
fn a_link_that_breaks_within_a_piece_does_not_give_it_out() {
    let bytes = wire(pieces(1, &content(30_000), 15_000));
    for cut in [bytes.len() - 1, bytes.len() - 15_000, bytes.len() - 15_000 - HEADER_BYTES] {
        let (mut link, to) = scripted();
        to.feed(&bytes[..cut]);
        to.end();
        let (got, lost) = block_on(receive_all(&mut link));
        assert_eq!(got.len(), 1);
        let LinkError::Reset(reason) = &lost else { panic!("{lost}") };
        assert_eq!(reason.kind(), io::ErrorKind::UnexpectedEof);
    }
}

#[test]
fn a_slow_reader_gets_small_messages_between_the_pieces() {
    let (mut a, mut b) = joined::<PeerReply>(64 * 1024, vec![]);
    let (writer, reader) = (CountedTask::new(), CountedTask::new());
    let value = content(4 * CHUNK_BYTES);
    for (n, piece) in (0..).zip(pieces(1, &value, CHUNK_BYTES)) {
        a.send(piece).unwrap();
        a.send(PeerReply::Stored { task: task(n) }).unwrap();
    }
    assert!(a.backlog_bytes() > 4 * CHUNK_BYTES, "pieces count as long as they wait");
    let (mut got, mut turns) = (vec![], 0);
    while got.len() < 8 {
        turns += 1;
        assert!(turns < 1000, "it stands still");
        let _ = a.poll_flush(&mut writer.cx());
        got.extend(recv_once(&mut b, &reader).0);
    }
    assert!(turns > 60, "the pipe is narrow");
    assert!(matches!(a.poll_flush(&mut writer.cx()), Poll::Ready(Ok(()))));
    assert_eq!(a.backlog_bytes(), 0);
    let order: Vec<_> = got.iter().map(|m| matches!(m, PeerReply::Stored { .. })).collect();
    assert_eq!(order, [false, true].repeat(4));
}

#[test]
fn a_value_handed_over_whole_is_cut_into_pieces_as_they_are_written() {
    let (mut a, mut b) = joined::<PeerReply>(64 * 1024, vec![]);
    let value = content(20 * CHUNK_BYTES + 5);
    a.send(PeerReply::Data(chunk(1, &value, 0, value.len()))).unwrap();
    a.send(PeerReply::Stored { task: task(2) }).unwrap();
    assert!(a.backlog_bytes() < 6 * CHUNK_BYTES && !a.is_flushed(), "not all of it waits in the frames");
    let sending = async {
        flush(&mut a).await.unwrap();
        assert!(a.is_flushed());
    };
    let ((), (mut got, _)) = block_on(zip(sending, receive(&mut b, 21)));
    let at = got.iter().position(|m| *m == PeerReply::Stored { task: task(2) }).unwrap();
    assert!(at < 10, "what was sent later found its way between the pieces");
    got.remove(at);
    let offsets: Vec<_> = got.iter().map(|m| if let PeerReply::Data(c) = m { c.offset } else { 0 }).collect();
    assert_eq!(offsets, (0..20).map(|n| n * CHUNK_BYTES as u64).collect::<Vec<_>>());
    assert!(gathered(got) == value);
}

#[test]
fn a_link_that_is_closed_sends_all_of_a_value_first() {
    let (mut a, mut b) = joined::<PeerReply>(64 * 1024, vec![]);
    let value = content(9 * CHUNK_BYTES);
    a.send(PeerReply::Data(chunk(1, &value, 0, value.len()))).unwrap();
    let closing = async { close(&mut a).await.unwrap() };
    let ((), (got, lost)) = block_on(zip(closing, receive_all(&mut b)));
    assert!(gathered(got) == value);
    assert!(matches!(lost, LinkError::Closed));
}

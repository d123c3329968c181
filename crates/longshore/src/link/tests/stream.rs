//! A link over a byte stream.
use super::pipe::Pipe;
use super::{CountedTask, Text, close, flush, receive, receive_all, recv_once};
use crate::link::{Link, LinkError};
use futures_lite::future::{block_on, zip};
use longshore_proto::frame::{EncodeError, FrameError, FrameWriter};
use longshore_proto::limit::FRAME_BYTES_MAX;
use proptest::prelude::*;
use std::io;
use std::task::Poll;

type TextLink = Link<Text, Text>;

/// A link with the pipes to and from it.
fn scripted(capacity: usize) -> (TextLink, Pipe, Pipe) {
    let (to, reader, _) = Pipe::new(usize::MAX, vec![]);
    let (from, _, writer) = Pipe::new(capacity, vec![]);
    // The constructors' other halves are dropped at once; what that says is taken back.
    (Link::stream(Box::new(reader), Box::new(writer), "scripted".into()), to.revived(), from.revived())
}

/// Two links joined by pipes.
fn joined(capacity: usize, steps: Vec<usize>) -> (TextLink, TextLink) {
    let (_, a_reader, b_writer) = Pipe::new(capacity, steps.clone());
    let (_, b_reader, a_writer) = Pipe::new(capacity, steps);
    let a = Link::stream(Box::new(a_reader), Box::new(a_writer), "b".into());
    (a, Link::stream(Box::new(b_reader), Box::new(b_writer), "a".into()))
}

fn frame(messages: impl IntoIterator<Item = Text>) -> Vec<u8> {
    let mut frames = FrameWriter::default();
    messages.into_iter().for_each(|m| frames.push(&m).unwrap());
    frames.pending().to_vec()
}

fn text(n: u32) -> Text {
    (n, format!("message {n}"))
}

proptest! {
    #[test]
    fn messages_arrive_in_order_however_the_stream_is_cut(
        messages in prop::collection::vec((any::<u32>(), ".{0,200}"), 0..100),
        steps in prop::collection::vec(1usize..400, 1..20),
        capacity in 1usize..2000,
        flush_every in 1usize..20,
    ) {
        let (mut a, mut b) = joined(capacity, steps);
        let sending = async {
            for (i, m) in messages.iter().enumerate() {
                a.send(m.clone()).unwrap();
                if i % flush_every == 0 {
                    flush(&mut a).await.unwrap();
                }
            }
            close(&mut a).await.unwrap();
        };
        let ((), (got, lost)) = block_on(zip(sending, receive_all(&mut b)));
        prop_assert_eq!(got, messages);
        prop_assert!(matches!(lost, LinkError::Closed));
    }

    #[test]
    fn a_flipped_bit_ends_the_link_and_never_changes_a_message(bit in 0usize..8 * 400) {
        let messages: Vec<Text> = (0..20).map(text).collect();
        let (mut link, to, _) = scripted(1000);
        let mut bytes: Vec<u8> = messages.iter().flat_map(|m| frame([m.clone()])).collect();
        prop_assume!(bit / 8 < bytes.len());
        bytes[bit / 8] ^= 1 << (bit % 8);
        to.feed(&bytes);
        to.end();
        let (got, _) = block_on(receive_all(&mut link));
        prop_assert!(got.len() < messages.len());
        prop_assert_eq!(&got[..], &messages[..got.len()]);
    }
}

#[test]
fn what_came_before_the_end_is_given_out_first() {
    let (mut link, to, _) = scripted(1000);
    to.feed(&frame([text(1), text(2)]));
    to.end();
    let (got, lost) = block_on(receive_all(&mut link));
    assert_eq!(got, [text(1), text(2)]);
    assert!(matches!(lost, LinkError::Closed), "{lost}");
    let again = recv_once(&mut link, &CountedTask::new());
    assert!(matches!(again.1, Poll::Ready(Err(LinkError::Closed))), "stays lost");
}

#[test]
fn what_came_before_a_reset_is_given_out_first() {
    let (mut link, to, _) = scripted(1000);
    to.feed(&frame([text(1)]));
    to.fail_reads(io::ErrorKind::ConnectionReset);
    let (got, lost) = block_on(receive_all(&mut link));
    assert_eq!(got, [text(1)]);
    assert!(matches!(&lost, LinkError::Reset(e) if e.kind() == io::ErrorKind::ConnectionReset), "{lost}");
}

#[test]
fn what_came_before_garbage_is_given_out_first() {
    let (mut link, to, from) = scripted(1000);
    to.feed(&frame([text(1)]));
    to.feed(&u32::MAX.to_le_bytes());
    to.feed(&[0; 4]);
    let (got, lost) = block_on(receive_all(&mut link));
    assert_eq!(got, [text(1)]);
    assert!(matches!(lost, LinkError::Frame(FrameError::TooLong { .. })), "{lost}");
    assert!(from.is_ended(), "both halves are let go");
}

#[test]
fn what_came_before_a_failed_write_is_given_out_first() {
    let (mut link, to, from) = scripted(1000);
    let task = CountedTask::new();
    assert!(recv_once(&mut link, &task).1.is_pending());
    to.feed_quietly(&frame([text(1)]));
    from.fail_writes(io::ErrorKind::BrokenPipe);
    link.send(text(9)).unwrap();
    let failed = link.poll_flush(&mut task.cx());
    assert!(matches!(failed, Poll::Ready(Err(LinkError::Reset(_)))), "{failed:?}");
    let (got, lost) = block_on(receive_all(&mut link));
    assert_eq!(got, [text(1)]);
    assert!(matches!(&lost, LinkError::Reset(e) if e.kind() == io::ErrorKind::BrokenPipe), "{lost}");
    link.send(text(10)).unwrap();
    assert_eq!(link.backlog_bytes(), 0, "a lost link gathers nothing");
}

#[test]
fn a_quiet_socket_is_asked_once_and_then_left_alone() {
    let (mut link, to, _) = scripted(1000);
    let task = CountedTask::new();
    for _ in 0..10 {
        assert!(recv_once(&mut link, &task).1.is_pending());
    }
    assert_eq!(to.reads(), 1);
    to.feed(&frame([text(1)]));
    assert_eq!(task.wakes(), 1);
    assert_eq!(recv_once(&mut link, &task).0, [text(1)]);
    assert_eq!(to.reads(), 2, "one that gives bytes, one that says there are no more");
}

#[test]
fn a_blocked_socket_is_asked_once_and_then_left_alone() {
    let (mut link, _, from) = scripted(10);
    let task = CountedTask::new();
    for n in 0..10 {
        link.send(text(n)).unwrap();
        assert!(link.poll_flush(&mut task.cx()).is_pending());
    }
    assert_eq!(from.writes(), 2, "one that fills it, one that says it is full");
    let waiting = link.backlog_bytes();
    assert!(waiting > 100, "{waiting}");
    assert_eq!(from.drain().len(), 10);
    assert_eq!(task.wakes(), 1);
    assert!(link.poll_flush(&mut task.cx()).is_pending());
    assert_eq!(link.backlog_bytes(), waiting - 10);
}

#[test]
fn a_batch_is_one_write() {
    let (mut link, _, from) = scripted(usize::MAX);
    for n in 0..1000 {
        link.send(text(n)).unwrap();
    }
    block_on(flush(&mut link)).unwrap();
    assert_eq!(from.writes(), 1);
    assert!(link.is_flushed());
}

#[test]
fn a_turn_takes_its_share_and_asks_for_another() {
    let (mut link, to, _) = scripted(1000);
    let heavy = (0u32, "x".repeat(100_000));
    to.feed(&frame((0..50).map(|n| (n, heavy.1.clone()))));
    let task = CountedTask::new();
    let (first, polled) = recv_once(&mut link, &task);
    assert!(polled.is_ready());
    assert!((1..30).contains(&first.len()), "{} messages in one turn", first.len());
    assert_eq!(task.wakes(), 1, "the rest is announced, since the socket wakes nobody");
    let (rest, _) = block_on(receive(&mut link, 50 - first.len()));
    let numbers: Vec<u32> = first.iter().chain(&rest).map(|m| m.0).collect();
    assert_eq!(numbers, (0..50).collect::<Vec<_>>());
}

#[test]
fn closing_flushes_first() {
    let (mut a, mut b) = joined(100, vec![]);
    for n in 0..200 {
        a.send(text(n)).unwrap();
    }
    let (closed, (got, lost)) = block_on(zip(close(&mut a), receive_all(&mut b)));
    closed.unwrap();
    assert_eq!(got, (0..200).map(text).collect::<Vec<_>>());
    assert!(matches!(lost, LinkError::Closed));
}

#[test]
fn after_closing_the_other_side_is_still_heard() {
    let (mut a, mut b) = joined(1000, vec![]);
    block_on(close(&mut a)).unwrap();
    b.send(text(1)).unwrap();
    block_on(flush(&mut b)).unwrap();
    assert_eq!(block_on(receive(&mut a, 1)).0, [text(1)]);
}

#[test]
fn a_message_that_is_too_long_is_refused_and_harms_nothing() {
    let (mut link, _, from) = scripted(usize::MAX);
    let refused = link.send((1, "x".repeat(FRAME_BYTES_MAX + 1)));
    assert!(matches!(refused, Err(EncodeError::TooLong { .. })));
    link.send(text(2)).unwrap();
    block_on(flush(&mut link)).unwrap();
    assert_eq!(from.drain(), frame([text(2)]));
}

//! Many links, of which a turn touches few.
use super::pipe::Pipe;
use super::{CountedTask, Text, flush, receive, receive_all, simulated};
use crate::link::{BACKLOG_BYTES_MAX, Link, LinkError, LinkEvent, LinkSet, pair};
use futures_lite::future::{block_on, poll_once};
use longshore_proto::PeerId;
use longshore_proto::frame::FrameWriter;
use longshore_rt::{DynRuntime, OwnedExecutor, Runtime, RuntimeExt};
use std::future::poll_fn;
use std::io;
use std::task::Poll;
use std::time::Duration;

type TextSet = LinkSet<Text, Text>;

fn text(n: u32) -> Text {
    (n, format!("message {n}"))
}

fn frame(n: u32) -> Vec<u8> {
    let mut frames = FrameWriter::default();
    frames.push(&text(n)).unwrap();
    frames.pending().to_vec()
}

fn empty_set(backlog_bytes_max: usize) -> TextSet {
    LinkSet::new(&DynRuntime::new(OwnedExecutor::new().unwrap()), backlog_bytes_max)
}

/// A link whose far ends are the two pipes.
fn scripted(capacity: usize) -> (Link<Text, Text>, Pipe, Pipe) {
    let (to, reader, _) = Pipe::new(usize::MAX, vec![]);
    let (from, _, writer) = Pipe::new(capacity, vec![]);
    (Link::stream(Box::new(reader), Box::new(writer), "scripted".into()), to.revived(), from.revived())
}

/// What one turn reports.
#[derive(Default, Debug)]
struct Turn {
    messages: Vec<(u32, u32)>,
    lost: Vec<(u32, LinkError)>,
}

fn turn(set: &mut TextSet, task: &CountedTask) -> Turn {
    let mut turn = Turn::default();
    let any = set.poll(&mut task.cx(), &mut |peer, event| match event {
        LinkEvent::Message(m) => turn.messages.push((peer.0, m.0)),
        LinkEvent::Lost(e) => turn.lost.push((peer.0, e)),
    });
    assert_eq!(any, !turn.messages.is_empty() || !turn.lost.is_empty());
    set.flush(&mut task.cx(), &mut |peer, e| turn.lost.push((peer.0, e)));
    turn
}

/// Turns until the task is no longer woken.
fn settle(set: &mut TextSet, task: &CountedTask) -> Turn {
    let mut all = turn(set, task);
    while task.wakes() > 0 {
        let next = turn(set, task);
        all.messages.extend(next.messages);
        all.lost.extend(next.lost);
    }
    all
}

#[test]
fn a_turn_touches_only_the_links_that_are_ready() {
    const LINKS: u32 = 1000;
    let (mut set, task) = (empty_set(BACKLOG_BYTES_MAX), CountedTask::new());
    let pipes: Vec<_> = (0..LINKS)
        .map(|n| {
            let (link, to, from) = scripted(usize::MAX);
            set.insert(PeerId(n), link);
            (to, from)
        })
        .collect();
    settle(&mut set, &task);
    let asked =
        |what: fn(&Pipe) -> usize| -> usize { pipes.iter().map(|(to, from)| what(to) + what(from)).sum() };
    assert_eq!((asked(Pipe::reads), asked(Pipe::writes)), (LINKS as usize, 0), "each is looked at once");
    for n in 0..100 {
        pipes[500].0.feed(&frame(n));
        assert_eq!(turn(&mut set, &task).messages, [(500, n)]);
        set.send(PeerId(7), text(n)).unwrap();
        turn(&mut set, &task);
    }
    assert_eq!(
        asked(Pipe::reads),
        200,
        "one that gives bytes and one that finds no more, on one link of 1000"
    );
    assert_eq!(pipes[7].1.drain().len(), (0..100).map(|n| frame(n).len()).sum::<usize>());
    assert_eq!(set.len(), LINKS as usize);
}

#[test]
fn links_take_turns_when_all_have_much_to_say() {
    let (mut set, task) = (empty_set(BACKLOG_BYTES_MAX), CountedTask::new());
    let heavy: Text = (5, "x".repeat(250_000));
    let mut frames = FrameWriter::default();
    (0..12).for_each(|_| frames.push(&heavy).unwrap());
    for n in 0..20 {
        let (link, to, _) = scripted(1000);
        to.feed(frames.pending());
        set.insert(PeerId(n), link);
    }
    let first = turn(&mut set, &task);
    assert!((10..80).contains(&first.messages.len()), "{} messages in one turn", first.messages.len());
    assert!(task.wakes() > 0);
    let peers: Vec<u32> =
        first.messages.iter().chain(&settle(&mut set, &task).messages).map(|m| m.0).collect();
    assert_eq!(peers.len(), 240);
    let last_begin = (0..20).map(|n| peers.iter().position(|p| *p == n)).max();
    let first_end = (0..20).map(|n| peers.iter().rposition(|p| *p == n)).min();
    assert!(last_begin < first_end, "nobody was served to the end before all had been heard");
}

#[test]
fn a_lost_link_is_reported_after_what_it_said_and_is_gone() {
    let (mut set, task) = (empty_set(BACKLOG_BYTES_MAX), CountedTask::new());
    let (link, to, from) = scripted(1000);
    set.insert(PeerId(1), link);
    settle(&mut set, &task);
    to.feed(&frame(5));
    to.end();
    let turn = settle(&mut set, &task);
    assert_eq!(turn.messages, [(1, 5)]);
    assert!(matches!(turn.lost[..], [(1, LinkError::Closed)]), "{turn:?}");
    assert_eq!(set.len(), 0);
    assert!(from.is_ended());
    set.send(PeerId(1), text(1)).unwrap();
    assert!(set.is_flushed(), "a message to nobody waits nowhere");
}

#[test]
fn a_failed_write_is_reported_once_and_after_what_had_come() {
    let (mut set, task) = (empty_set(BACKLOG_BYTES_MAX), CountedTask::new());
    let (link, to, from) = scripted(1000);
    set.insert(PeerId(1), link);
    settle(&mut set, &task);
    to.feed_quietly(&frame(5));
    from.fail_writes(io::ErrorKind::BrokenPipe);
    set.send(PeerId(1), text(1)).unwrap();
    let turn = settle(&mut set, &task);
    assert_eq!(turn.messages, [(1, 5)]);
    assert!(matches!(turn.lost[..], [(1, LinkError::Reset(_))]), "{turn:?}");
    assert!(set.is_flushed());
}

#[test]
fn a_slow_peer_is_cut_and_the_others_are_not() {
    let (mut set, task) = (empty_set(10_000), CountedTask::new());
    let (slow, _to_slow, _from_slow) = scripted(100);
    let (quick, _to_quick, from_quick) = scripted(usize::MAX);
    set.insert(PeerId(1), slow);
    set.insert(PeerId(2), quick);
    let mut lost = vec![];
    for n in 0..2000 {
        set.send(PeerId(1), text(n)).unwrap();
        set.send(PeerId(2), text(n)).unwrap();
        lost.extend(turn(&mut set, &task).lost);
    }
    assert!(matches!(lost[..], [(1, LinkError::Backlog { bytes_max: 10_000, .. })]), "{lost:?}");
    assert_eq!(from_quick.drain().len(), (0..2000).map(|n| frame(n).len()).sum::<usize>());
    assert_eq!(set.len(), 1);
    assert!(set.is_flushed());
}

#[test]
fn a_blocked_link_goes_on_when_its_socket_has_room() {
    let (mut set, task) = (empty_set(BACKLOG_BYTES_MAX), CountedTask::new());
    let (link, _to, from) = scripted(50);
    set.insert(PeerId(1), link);
    (0..100).for_each(|n| set.send(PeerId(1), text(n)).unwrap());
    settle(&mut set, &task);
    assert!(!set.is_flushed());
    let mut written = 0;
    while !set.is_flushed() {
        written += from.drain().len();
        assert!(task.wakes() > 0);
        settle(&mut set, &task);
    }
    written += from.drain().len();
    assert!(written > 100 * frame(1).len() - 100 * 8, "{written}");
}

#[test]
fn a_new_link_of_a_peer_replaces_the_old_one() {
    let (mut set, task) = (empty_set(BACKLOG_BYTES_MAX), CountedTask::new());
    let (old, _to_old, from_old) = scripted(1000);
    let (new, to_new, from_new) = scripted(1000);
    set.insert(PeerId(1), old);
    set.send(PeerId(1), text(1)).unwrap();
    set.insert(PeerId(1), new);
    assert!(from_old.is_ended());
    to_new.feed(&frame(2));
    set.send(PeerId(1), text(3)).unwrap();
    let turn = settle(&mut set, &task);
    assert_eq!((turn.messages, turn.lost.len(), set.len()), (vec![(1, 2)], 0, 1));
    assert_eq!(from_new.drain(), frame(3));
}

#[test]
fn closing_flushes_ends_and_reports_nothing() {
    let (mut set, task) = (empty_set(BACKLOG_BYTES_MAX), CountedTask::new());
    let (link, to, from) = scripted(1000);
    set.insert(PeerId(1), link);
    set.send(PeerId(1), text(1)).unwrap();
    set.close(PeerId(1));
    set.send(PeerId(1), text(2)).unwrap();
    assert_eq!((set.len(), set.closing_len(), set.contains(PeerId(1))), (0, 1, false));
    to.feed(&frame(5));
    let turn = settle(&mut set, &task);
    assert!(turn.messages.is_empty() && turn.lost.is_empty(), "{turn:?}");
    assert_eq!(from.drain(), frame(1), "what was sent after closing is not");
    assert!(from.is_ended());
    assert_eq!(set.closing_len(), 1, "until the other side closes too");
    to.end();
    assert!(settle(&mut set, &task).lost.is_empty());
    assert_eq!(set.closing_len(), 0);
}

#[test]
fn a_peer_that_never_closes_is_cut_after_a_while() {
    simulated(1, |rt| async move {
        let mut set = TextSet::new(&rt, BACKLOG_BYTES_MAX);
        let (stubborn, _to, _from) = scripted(0);
        set.insert(PeerId(1), stubborn);
        set.send(PeerId(1), text(1)).unwrap();
        let begin = rt.now();
        set.close(PeerId(1));
        let waiting = poll_fn(|cx| {
            set.poll(cx, &mut |_, event| panic!("{event:?}"));
            set.flush(cx, &mut |_, e| panic!("{e}"));
            if set.closing_len() == 0 { Poll::Ready(()) } else { Poll::Pending }
        });
        rt.timeout(Duration::from_secs(60), waiting).await.unwrap();
        assert_eq!(rt.now() - begin, Duration::from_secs(5));
        assert!(set.is_flushed());
    });
}

#[test]
fn local_links_fit_in_too() {
    let (mut set, task) = (empty_set(BACKLOG_BYTES_MAX), CountedTask::new());
    let (near, mut far) = pair::<Text, Text>("set", "far");
    set.insert(PeerId(4), near);
    settle(&mut set, &task);
    far.send(text(1)).unwrap();
    block_on(flush(&mut far)).unwrap();
    assert!(task.wakes() > 0);
    assert_eq!(turn(&mut set, &task).messages, [(4, 1)]);
    set.send(PeerId(4), text(2)).unwrap();
    assert!(block_on(poll_once(receive(&mut far, 1))).is_none(), "handed over by the flush only");
    set.close(PeerId(4));
    turn(&mut set, &task);
    let (got, lost) = block_on(receive_all(&mut far));
    assert_eq!(got, [text(2)]);
    assert!(matches!(lost, LinkError::Closed));
    drop(far);
    settle(&mut set, &task);
    assert_eq!(set.closing_len(), 0);
}

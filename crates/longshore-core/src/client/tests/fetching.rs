//! Stored results come from a worker, from the next one, or through the scheduler.
use super::*;

/// A future whose result of `nbytes` is on `holders`, all of them named.
fn with_stored(nbytes: u64, holders: &[u32]) -> (Bench, T) {
    let mut b = Bench::up();
    for h in holders {
        b.hear(named(*h));
    }
    // Even numbers begin with the first of two holders.
    let f = b.want(2);
    assert_eq!(b.hear(stored(2, nbytes, holders)), [settled(&f, Outcome::Stored { nbytes })]);
    (b, f)
}

fn relay() -> Action<T> {
    Action::Send(ClientToScheduler::Fetch { id: id(2) })
}

fn data(n: u32, total: u64, offset: u64, bytes: &[u8]) -> PeerReply {
    PeerReply::Data(chunk(n, total, offset, bytes))
}

#[test]
fn nothing_is_fetched_until_somebody_awaits() {
    let (mut b, f) = with_stored(4, &[10]);
    assert_eq!(b.event(Event::Awaited(id(2))), [dial(10)]);
    assert_eq!(b.event(Event::Awaited(id(2))), [], "asked twice, fetched once");
    assert_eq!(b.event(Event::PeerUp(PeerId(10))), [ask_peer(10, &[2])]);
    assert_eq!(b.peer(10, data(2, 4, 0, b"ab")), []);
    assert_eq!(b.peer(10, data(2, 4, 2, b"cd")), [value(&f, b"abcd")]);
    assert_eq!(b.machine.stale(), 0);
    assert_eq!(b.machine.deadline(), Some(ms(15_000)), "only the scheduler's lease is left");
}

#[test]
fn a_whole_value_in_one_piece_or_of_no_bytes_is_taken_as_it_is() {
    for bytes in [&b"abcd"[..], b""] {
        let (mut b, f) = with_stored(bytes.len() as u64, &[10]);
        b.event(Event::Awaited(id(2)));
        b.event(Event::PeerUp(PeerId(10)));
        assert_eq!(b.peer(10, data(2, bytes.len() as u64, 0, bytes)), [value(&f, bytes)]);
    }
}

#[test]
fn a_value_of_the_same_process_is_taken_as_it_is() {
    let (mut b, f) = with_stored(4, &[10]);
    b.event(Event::Awaited(id(2)));
    b.event(Event::PeerUp(PeerId(10)));
    let reply = PeerReply::Local { task: handle(2), value: Payload::copy_from(b"v") };
    assert_eq!(b.peer(10, reply), [value(&f, b"v")]);
}

#[test]
fn a_worker_that_cannot_be_dialled_is_passed_over() {
    let (mut b, f) = with_stored(1, &[10, 11]);
    assert_eq!(b.event(Event::Awaited(id(2))), [dial(10)]);
    assert_eq!(b.event(Event::PeerDown(PeerId(10))), [dial(11)]);
    assert_eq!(b.event(Event::PeerDown(PeerId(11))), [relay()]);
    assert_eq!(b.hear(relayed(1, 0, b"r")), [taken(1, true), value(&f, b"r")]);
}

#[test]
fn a_worker_without_an_address_is_never_dialled() {
    let mut b = Bench::up();
    b.hear(SchedulerToClient::Peer { peer: PeerId(10), address: None });
    b.want(2);
    b.hear(stored(2, 1, &[10, 99]));
    assert_eq!(b.event(Event::Awaited(id(2))), [relay()]);
}

#[test]
fn a_link_lost_midway_begins_anew_elsewhere() {
    let (mut b, f) = with_stored(4, &[10, 11]);
    b.event(Event::Awaited(id(2)));
    b.event(Event::PeerUp(PeerId(10)));
    b.peer(10, data(2, 4, 0, b"ab"));
    assert_eq!(b.event(Event::PeerDown(PeerId(10))), [dial(11)]);
    assert_eq!(b.peer(10, data(2, 4, 2, b"cd")), [], "a late piece of the lost link");
    assert_eq!(b.event(Event::PeerUp(PeerId(11))), [ask_peer(11, &[2])]);
    b.peer(11, data(2, 4, 0, b"AB"));
    assert_eq!(b.peer(11, data(2, 4, 2, b"CD")), [value(&f, b"ABCD")]);
}

#[test]
fn a_worker_that_lacks_it_or_says_nothing_is_passed_over() {
    let (mut b, _) = with_stored(4, &[10, 11]);
    b.event(Event::Awaited(id(2)));
    b.event(Event::PeerUp(PeerId(10)));
    assert_eq!(b.peer(10, PeerReply::Absent { task: handle(2) }), [dial(11)]);
    b.event(Event::PeerUp(PeerId(11)));
    for second in 1..10 {
        b.at(ms(second * 1000)).hear(SchedulerToClient::Heartbeat);
        b.event(Event::Tick);
    }
    let out = b.at(ms(10_000)).event(Event::Tick);
    assert!(out.contains(&Action::HangUp(PeerId(11))) && out.contains(&relay()), "{out:?}");
}

#[test]
fn many_values_of_one_worker_are_asked_for_at_once_and_within_bounds() {
    let mut b = Bench::up();
    b.hear(named(10));
    let futures: Vec<T> = (0..6).map(|n| b.want(n)).collect();
    let half = Config::default().fetch_bytes_max / 2;
    for n in 0..6 {
        b.hear(stored(n, half, &[10]));
        b.event(Event::Awaited(id(u64::from(n))));
    }
    assert_eq!(b.event(Event::PeerUp(PeerId(10))), [ask_peer(10, &[0, 1])]);
    let local = |n| PeerReply::Local { task: handle(n), value: Payload::copy_from(b"v") };
    assert_eq!(b.peer(10, local(1)), [value(&futures[1], b"v"), ask_peer(10, &[2])]);
    b.event(Event::Dropped(futures[0].clone()));
    assert_eq!(b.peer(10, local(2)), [value(&futures[2], b"v"), ask_peer(10, &[3, 4])]);
}

#[test]
fn a_dropped_future_is_not_fetched_for() {
    let (mut b, f) = with_stored(4, &[10]);
    b.event(Event::Awaited(id(2)));
    b.event(Event::Dropped(f));
    assert_eq!(b.event(Event::PeerUp(PeerId(10))), []);
    assert_eq!(b.peer(10, data(2, 4, 0, b"ab")), []);
}

#[test]
fn a_value_lost_while_it_is_fetched_is_fetched_again_when_it_is_back() {
    let (mut b, f) = with_stored(4, &[10]);
    b.event(Event::Awaited(id(2)));
    b.event(Event::PeerUp(PeerId(10)));
    b.peer(10, data(2, 4, 0, b"ab"));
    assert_eq!(b.hear(SchedulerToClient::Pending { id: id(2) }), [settled(&f, Outcome::Pending)]);
    assert_eq!(b.peer(10, data(2, 4, 2, b"cd")), [], "of the life before");
    assert_eq!(b.hear(stored(2, 4, &[10])), [settled(&f, Outcome::Stored { nbytes: 4 })]);
    assert_eq!(b.event(Event::Awaited(id(2))), [ask_peer(10, &[2])]);
    assert_eq!(b.peer(10, data(2, 4, 2, b"cd")), [], "the rest of the first answer is passed over");
    b.peer(10, data(2, 4, 0, b"AB"));
    assert_eq!(b.peer(10, data(2, 4, 2, b"CD")), [value(&f, b"ABCD")]);
}

#[test]
fn pieces_that_do_not_fit_are_counted_and_harm_nothing() {
    let (mut b, f) = with_stored(4, &[10]);
    b.event(Event::Awaited(id(2)));
    b.event(Event::PeerUp(PeerId(10)));
    b.peer(10, data(2, 4, 0, b"ab"));
    for (total, offset, bytes) in
        [(4, 3, &b"d"[..]), (5, 2, b"cd"), (4, 2, b"cde"), (4, 2, b""), (9, u64::MAX, b"x")]
    {
        assert_eq!(b.peer(10, data(2, total, offset, bytes)), []);
    }
    assert_eq!(b.peer(77, data(2, 4, 2, b"cd")), []);
    assert_eq!(b.machine.stale(), 6);
    assert_eq!(b.peer(10, data(2, 4, 2, b"cd")), [value(&f, b"abcd")]);
}

/// A piece of the stored value, through the scheduler.
fn relayed(total: u64, offset: u64, bytes: &[u8]) -> SchedulerToClient {
    SchedulerToClient::Data { id: id(2), relay: RelayId(5), chunk: Box::new(chunk(2, total, offset, bytes)) }
}

fn taken(until: u64, is_all: bool) -> Action<T> {
    Action::Send(ClientToScheduler::Taken(Taken { relay: RelayId(5), until, is_all }))
}

#[test]
fn the_scheduler_hears_of_every_piece_even_of_those_that_nobody_wants_any_more() {
    let (mut b, f) = with_stored(3, &[]);
    assert_eq!(b.event(Event::Awaited(id(2))), [relay()]);
    assert_eq!(b.hear(relayed(3, 0, b"a")), [taken(1, false)]);
    b.event(Event::Fence { request: 1, id: Some(id(2)) });
    assert_eq!(b.hear(relayed(3, 1, b"b")), [taken(2, false)], "of an earlier life");
    b.event(Event::Dropped(f));
    assert_eq!(b.hear(relayed(3, 2, b"c")), [taken(3, true)]);
}

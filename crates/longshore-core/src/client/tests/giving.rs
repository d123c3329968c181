//! Scattered values are handed over piece by piece and kept while needed.
use super::*;
use longshore_proto::limit::CHUNK_BYTES;

fn push(relayed: bool) -> SchedulerToClient {
    let relay = relayed.then_some(Grant { relay: RelayId(7), until: u64::MAX });
    SchedulerToClient::Push { id: id(1), task: handle(1), worker: PeerId(10), relay }
}

fn failed() -> Action<T> {
    failed_through(None)
}

fn failed_through(relay: Option<RelayId>) -> Action<T> {
    Action::Send(ClientToScheduler::PushFailed { task: handle(1), worker: PeerId(10), relay })
}

/// A client that holds two and a half chunks.
fn holding() -> (Bench, Vec<u8>) {
    let mut b = Bench::up();
    #[allow(clippy::cast_possible_truncation)]
    let bytes: Vec<u8> = (0..CHUNK_BYTES * 5 / 2).map(|i| (i / 1000) as u8).collect();
    b.event(Event::Held { id: id(1), value: bytes.clone().into() });
    (b, bytes)
}

fn all_chunks(b: &mut Bench, route: Route) -> Vec<u8> {
    assert_eq!(b.machine.sending().collect::<Vec<_>>(), [route]);
    let mut bytes = vec![];
    while let Some(chunk) = next(b, route) {
        assert_eq!(chunk.offset, bytes.len() as u64);
        bytes.extend_from_slice(chunk.bytes.into_payload().as_bytes().unwrap());
    }
    assert_eq!(b.machine.sending().count(), 0);
    bytes
}

/// The next piece that goes this way.
fn next(b: &mut Bench, route: Route) -> Option<Chunk> {
    let action = b.machine.next_piece(b.now, route)?;
    b.machine.validate();
    Some(match (route, action) {
        (Route::Scheduler, Action::Send(ClientToScheduler::Upload { chunk, .. })) => chunk,
        (Route::Peer(peer), Action::SendPeer { to, message: PeerRequest::Put(chunk) }) if peer == to => chunk,
        other => panic!("{other:?}"),
    })
}

#[test]
fn a_value_is_handed_to_the_worker_that_needs_it() {
    let (mut b, bytes) = holding();
    b.hear(named(10));
    assert_eq!(b.hear(push(false)), [dial(10)]);
    assert_eq!(b.machine.sending().count(), 0, "not before the link is up");
    assert_eq!(b.event(Event::PeerUp(PeerId(10))), []);
    assert!(all_chunks(&mut b, Route::Peer(PeerId(10))) == bytes);
    assert_eq!(b.peer(10, PeerReply::Stored { task: handle(1) }), []);
    assert_eq!(b.event(Event::PeerDown(PeerId(10))), [], "it was confirmed");
}

#[test]
fn a_value_goes_through_the_scheduler_when_told_so() {
    let (mut b, bytes) = holding();
    assert_eq!(b.hear(push(true)), []);
    assert!(all_chunks(&mut b, Route::Scheduler) == bytes);
    assert_eq!(b.machine.deadline(), Some(ms(15_000)));
}

#[test]
fn the_scheduler_learns_of_every_push_that_failed() {
    let (mut b, _) = holding();
    assert_eq!(b.hear(push(false)), [failed()], "a worker that was never named");
    b.hear(named(10));
    assert_eq!(b.hear(push(false)), [dial(10)]);
    assert_eq!(b.event(Event::PeerDown(PeerId(10))), [failed()], "it could not be dialled");
    assert_eq!(b.hear(push(false)), [failed()], "nor is it dialled again at once");
    b.at(ms(10_000)).hear(SchedulerToClient::Heartbeat);
    assert_eq!(b.hear(push(false)), [dial(10)]);
    b.event(Event::PeerUp(PeerId(10)));
    all_chunks(&mut b, Route::Peer(PeerId(10)));
    assert_eq!(b.event(Event::PeerDown(PeerId(10))), [failed()], "it was not confirmed");
}

#[test]
fn a_worker_that_never_confirms_is_given_up() {
    let (mut b, _) = holding();
    b.hear(named(10));
    b.hear(push(false));
    b.event(Event::PeerUp(PeerId(10)));
    all_chunks(&mut b, Route::Peer(PeerId(10)));
    for second in 1..10 {
        b.at(ms(second * 1000)).hear(SchedulerToClient::Heartbeat);
        b.event(Event::Tick);
    }
    let out = b.at(ms(10_000)).event(Event::Tick);
    assert!(out.contains(&Action::HangUp(PeerId(10))) && out.contains(&failed()), "{out:?}");
}

#[test]
fn a_value_is_kept_until_nobody_needs_it() {
    let (mut b, _) = holding();
    b.hear(named(10));
    b.hear(SchedulerToClient::Dropped { id: id(1) });
    assert_eq!(b.hear(push(false)), [failed()]);
    assert_eq!(b.hear(push(true)), [failed_through(Some(RelayId(7)))], "nor is there another way");
}

#[test]
fn a_value_that_is_given_again_is_kept_though_it_was_no_longer_needed_for_the_first_time() {
    let (mut b, bytes) = holding();
    b.event(Event::Held { id: id(1), value: bytes.clone().into() });
    b.hear(SchedulerToClient::Dropped { id: id(1) });
    assert_eq!(b.hear(push(true)), []);
    assert!(all_chunks(&mut b, Route::Scheduler) == bytes);
    b.hear(SchedulerToClient::Dropped { id: id(1) });
    assert_eq!(b.hear(push(true)), [failed_through(Some(RelayId(7)))]);
}

#[test]
fn what_the_client_gave_away_it_need_not_fetch() {
    let mut b = Bench::up();
    let f = b.want(1);
    b.event(Event::Held { id: id(1), value: Payload::copy_from(b"own") });
    b.hear(stored(1, 3, &[]));
    assert_eq!(b.event(Event::Awaited(id(1))), [value(&f, b"own")]);
}

/// The values of which pieces go through the scheduler now, until no more of them may.
fn relayed(b: &mut Bench) -> Vec<(u64, u64, usize)> {
    let mut pieces = vec![];
    while let Some(action) = b.machine.next_piece(b.now, Route::Scheduler) {
        b.machine.validate();
        let Action::Send(ClientToScheduler::Upload { relay, chunk }) = action else { panic!("{action:?}") };
        pieces.push((relay.0, chunk.offset, chunk.bytes.nbytes()));
    }
    assert_eq!(b.machine.sending().count(), 0);
    pieces
}

#[test]
fn no_more_goes_through_the_scheduler_than_was_granted_and_one_that_waits_holds_up_no_other() {
    let (mut b, bytes) = holding();
    b.event(Event::Held { id: id(2), value: bytes.into() });
    let mib = CHUNK_BYTES as u64;
    let push = |n: u32, until| SchedulerToClient::Push {
        id: id(u64::from(n)),
        task: handle(n),
        worker: PeerId(10 + n),
        relay: Some(Grant { relay: RelayId(u64::from(n)), until }),
    };
    b.hear(push(1, mib));
    assert_eq!(relayed(&mut b), [(1, 0, CHUNK_BYTES)]);
    b.hear(push(2, 2 * mib));
    assert_eq!(relayed(&mut b), [(2, 0, CHUNK_BYTES), (2, mib, CHUNK_BYTES)]);
    let more = |n, until| SchedulerToClient::Grant(Grant { relay: RelayId(n), until });
    b.hear(more(2, 9 * mib));
    b.hear(more(1, 9 * mib));
    let half = CHUNK_BYTES / 2;
    assert_eq!(relayed(&mut b), [(1, mib, CHUNK_BYTES), (2, 2 * mib, half), (1, 2 * mib, half)]);
}

#[test]
fn a_value_whose_worker_is_gone_no_longer_goes_through_the_scheduler() {
    let (mut b, _) = holding();
    b.hear(push(true));
    assert!(next(&mut b, Route::Scheduler).is_some());
    b.hear(SchedulerToClient::EndRelay { relay: RelayId(7) });
    assert_eq!((b.machine.sending().count(), next(&mut b, Route::Scheduler)), (0, None));
}

//! Values that go through the scheduler: how much of them at a time, and what becomes of them when somebody goes.
use super::world::{End, World};
use crate::scheduler::{Action, Config};
use longshore_proto::client::{Chunk, Scatter};
use longshore_proto::worker::Produced;
use longshore_proto::{
    ClientToScheduler, FailureKind, Grant, Payload, PeerId, RelayId, SchedulerToClient, SchedulerToWorker,
    Taken, TaskHandle, TaskId, WorkerToScheduler,
};

const MIB: u64 = 1 << 20;

/// A world with small windows: 4 MiB a value, 6 MiB a receiver.
fn world() -> World {
    World::with(Config { relay_window_bytes: 4 * MIB, receiver_window_bytes: 6 * MIB, ..Config::default() })
}

/// A value of so many bytes that a worker has made for a client; the worker must be the only one with room.
fn stored(w: &mut World, client: PeerId, worker: PeerId, nbytes: u64) -> (TaskId, TaskHandle) {
    let id = w.submit(client, &[], true);
    let at = w.assigned(worker).iter().position(|a| *a == id).expect("it is run there");
    let task = w.workers[&worker].assigned[at].task;
    w.finish(worker, at, Produced::Stored(nbytes));
    w.log.clear();
    (id, task)
}

/// What the machine wants done since the last look.
fn said(w: &mut World) -> Vec<Action> {
    std::mem::take(&mut w.log)
}

fn fetch(w: &mut World, client: PeerId, id: TaskId) -> Vec<Action> {
    w.asks(client, ClientToScheduler::Fetch { id });
    said(w)
}

/// A piece that is nothing but its size.
fn chunk(task: TaskHandle, total: u64, offset: u64, nbytes: u64) -> Chunk {
    let bytes = Payload::from(vec![0; usize::try_from(nbytes).unwrap()]);
    Chunk { task, total, offset, bytes: bytes.into() }
}

/// A worker sends a piece up; whom it was passed on to.
fn data(w: &mut World, from: PeerId, relay: u64, piece: Chunk) -> Vec<PeerId> {
    let message = WorkerToScheduler::Data { relay: RelayId(relay), chunk: Box::new(piece) };
    w.says(from, message);
    let to = |action: Action| match action {
        Action::ToClient { peer, message: SchedulerToClient::Data { .. } } => Some(peer),
        _ => None,
    };
    w.log.drain(..).filter_map(to).collect()
}

fn taken(relay: u64, until: u64, is_all: bool) -> ClientToScheduler {
    ClientToScheduler::Taken(Taken { relay: RelayId(relay), until, is_all })
}

/// A client takes something in; what follows.
fn take(w: &mut World, client: PeerId, relay: u64, until: u64, is_all: bool) -> Vec<Action> {
    w.asks(client, taken(relay, until, is_all));
    said(w)
}

fn upload(peer: PeerId, task: TaskHandle, relay: u64, until: u64) -> Action {
    let grant = Grant { relay: RelayId(relay), until };
    Action::ToWorker { peer, message: SchedulerToWorker::Upload { task, grant } }
}

fn grant(peer: PeerId, relay: u64, until: u64) -> Action {
    let grant = Grant { relay: RelayId(relay), until };
    Action::ToWorker { peer, message: SchedulerToWorker::Grant(grant) }
}

fn end(peer: PeerId, relay: u64) -> Action {
    Action::ToWorker { peer, message: SchedulerToWorker::EndRelay { relay: RelayId(relay) } }
}

fn push(peer: PeerId, id: TaskId, task: TaskHandle, worker: PeerId, relay: Option<(u64, u64)>) -> Action {
    let relay = relay.map(|(relay, until)| Grant { relay: RelayId(relay), until });
    Action::ToClient { peer, message: SchedulerToClient::Push { id, task, worker, relay } }
}

#[test]
fn a_worker_sends_no_more_than_a_window_ahead_of_what_the_client_took() {
    let mut w = world();
    let (c, a) = (w.client(), w.worker(1));
    let (id, task) = stored(&mut w, c, a, 10 * MIB);
    let send = |w: &mut World, pieces: std::ops::Range<u64>| {
        for n in pieces {
            assert_eq!(data(w, a, 1, chunk(task, 10 * MIB, n * MIB, MIB)), [c]);
        }
    };
    assert_eq!(fetch(&mut w, c, id), [upload(a, task, 1, MIB)], "a piece at first");
    send(&mut w, 0..1);
    assert_eq!(take(&mut w, c, 1, 100, false), [], "too little to say anything about");
    assert_eq!(take(&mut w, c, 1, MIB, false), [grant(a, 1, 3 * MIB)], "more with each that is taken");
    send(&mut w, 1..3);
    assert_eq!(
        take(&mut w, c, 1, 9 * MIB, false),
        [grant(a, 1, 7 * MIB)],
        "it cannot have taken more than came"
    );
    assert_eq!(take(&mut w, c, 1, MIB, false), [], "an old word");
    send(&mut w, 3..7);
    assert_eq!(w.machine.relays.in_flight(c), 4 * MIB);
    assert_eq!(take(&mut w, c, 1, 4 * MIB + 100, false), [grant(a, 1, 8 * MIB + 100)], "a window ahead");
    assert_eq!(take(&mut w, c, 1, 6 * MIB, false), [grant(a, 1, 10 * MIB)]);
    assert_eq!(take(&mut w, c, 1, 7 * MIB, false), [], "it may send all of it");
    send(&mut w, 7..10);
    assert_eq!(take(&mut w, c, 1, 10 * MIB, true), []);
    assert!(w.machine.relays.is_empty(), "nothing is left of it");
    assert_eq!(w.machine.relays.in_flight(c), 0);
}

#[test]
fn all_values_to_one_client_share_its_window_and_other_clients_have_their_own() {
    let mut w = world();
    let (c, d, a) = (w.client(), w.client(), w.worker(1));
    let (first, one) = stored(&mut w, c, a, 4 * MIB);
    let values: Vec<_> = (0..6).map(|_| stored(&mut w, c, a, MIB)).collect();
    let ((_, two), (last, seven)) = (values[0], values[5]);
    assert_eq!(fetch(&mut w, c, first), [upload(a, one, 1, MIB)]);
    for (number, (id, task)) in (2..7).zip(&values) {
        assert_eq!(fetch(&mut w, c, *id), [upload(a, *task, number, MIB)]);
    }
    assert_eq!(fetch(&mut w, c, last), [], "it waits");
    assert_eq!(w.machine.relays.in_flight(c), 6 * MIB);
    w.asks(d, ClientToScheduler::Want { id: first });
    said(&mut w);
    assert_eq!(fetch(&mut w, d, first), [upload(a, one, 8, MIB)], "whoever else reads or does not");

    assert_eq!(data(&mut w, a, 1, chunk(one, 4 * MIB, 0, MIB)), [c]);
    assert_eq!(data(&mut w, a, 8, chunk(one, 4 * MIB, 0, MIB)), [d], "each is sent what is its own");
    assert_eq!(take(&mut w, c, 1, MIB, false), [grant(a, 1, 2 * MIB)], "what is left");
    assert_eq!(w.machine.relays.in_flight(c), 6 * MIB);
    assert_eq!(data(&mut w, a, 2, chunk(two, MIB, 0, MIB)), [c]);
    assert_eq!(take(&mut w, c, 2, MIB, true), [upload(a, seven, 7, MIB)]);
    assert_eq!(w.machine.relays.in_flight(c), 6 * MIB);
}

#[test]
fn senders_that_send_nothing_do_not_keep_other_values_from_a_client() {
    let mut w = world();
    let (c, a) = (w.client(), w.worker(1));
    let slow: Vec<_> = (0..5).map(|_| stored(&mut w, c, a, 10 * MIB)).collect();
    for (number, (id, task)) in (1..).zip(slow) {
        assert_eq!(fetch(&mut w, c, id), [upload(a, task, number, MIB)]);
    }
    let (id, task) = stored(&mut w, c, a, 10 * MIB);
    assert_eq!(fetch(&mut w, c, id), [upload(a, task, 6, MIB)], "its own window would hold the last one up");
    for n in 0..10 {
        assert_eq!(data(&mut w, a, 6, chunk(task, 10 * MIB, n * MIB, MIB)), [c]);
        let more = if n < 9 { vec![grant(a, 6, (n + 2) * MIB)] } else { vec![] };
        assert_eq!(take(&mut w, c, 6, (n + 1) * MIB, n == 9), more);
    }
}

#[test]
fn values_that_come_in_one_piece_come_one_after_the_other_beyond_the_window() {
    let mut w = world();
    let (c, a) = (w.client(), w.inproc_worker());
    let values: Vec<_> = (0..4).map(|_| stored(&mut w, c, a, 5 * MIB)).collect();
    assert_eq!(fetch(&mut w, c, values[0].0), [upload(a, values[0].1, 1, MIB)]);
    assert_eq!(
        fetch(&mut w, c, values[1].0),
        [upload(a, values[1].1, 2, MIB)],
        "there was room for some of it"
    );
    assert_eq!(fetch(&mut w, c, values[2].0), []);
    assert_eq!(data(&mut w, a, 1, chunk(values[0].1, 5 * MIB, 0, 5 * MIB)), [c]);
    assert_eq!(data(&mut w, a, 2, chunk(values[1].1, 5 * MIB, 0, 5 * MIB)), [c]);
    assert_eq!(w.machine.relays.in_flight(c), 10 * MIB, "the window, and a whole value at most");
    assert_eq!(take(&mut w, c, 1, 4 * MIB, false), []);
    assert_eq!(take(&mut w, c, 1, 5 * MIB, true), [upload(a, values[2].1, 3, MIB)]);
}

#[test]
fn a_window_is_never_too_small_for_a_piece() {
    let config = Config { relay_window_bytes: 1_000, receiver_window_bytes: 1_000, ..Config::default() };
    let mut w = World::with(config);
    let (c, a) = (w.client(), w.worker(1));
    let (id, task) = stored(&mut w, c, a, MIB);
    assert_eq!(fetch(&mut w, c, id), [upload(a, task, 1, 64 << 10)]);
}

#[test]
fn a_client_that_asks_again_and_again_is_remembered_once() {
    let mut w = world();
    let (c, a) = (w.client(), w.worker(1));
    let values: Vec<_> = (0..7).map(|_| stored(&mut w, c, a, MIB)).collect();
    for (id, _) in &values {
        fetch(&mut w, c, *id);
    }
    for _ in 0..10 {
        assert_eq!(fetch(&mut w, c, values[6].0), []);
    }
    assert_eq!(w.machine.relays.waiting_len(c), 1);
    w.asks(c, ClientToScheduler::Release { ids: vec![values[6].0] });
    assert_eq!(w.machine.relays.waiting_len(c), 0);
}

#[test]
fn a_client_that_takes_nothing_gets_no_more_even_of_empty_values() {
    let kib = 1 << 10;
    let config =
        Config { relay_window_bytes: 64 * kib, receiver_window_bytes: 128 * kib, ..Config::default() };
    let mut w = World::with(config);
    let (c, a) = (w.client(), w.worker(1));
    let (id, task) = stored(&mut w, c, a, 0);
    let mut begun = 0;
    while begun < 1_000 && !fetch(&mut w, c, id).is_empty() {
        begun += 1;
        assert_eq!(data(&mut w, a, begun, chunk(task, 0, 0, 0)), [c]);
    }
    assert_eq!(begun, 64 * 1024 / 256 + 1);
    let next = begun + 1;
    assert_eq!(take(&mut w, c, 1, 0, true), [upload(a, task, next, 64 * kib)]);
}

#[test]
fn small_values_do_not_wait_for_each_other() {
    let mut w = world();
    let (c, a) = (w.client(), w.worker(1));
    let values: Vec<_> = (0..20).map(|_| stored(&mut w, c, a, 10_000)).collect();
    for (number, (id, task)) in (1..).zip(values) {
        assert_eq!(fetch(&mut w, c, id), [upload(a, task, number, 64 << 10)], "the size is a rough one");
        assert_eq!(data(&mut w, a, number, chunk(task, 12_000, 0, 12_000)), [c]);
    }
    assert_eq!(w.machine.relays.in_flight(c), 20 * 12_000, "now it is known");
    for number in 1..=20 {
        take(&mut w, c, number, 12_000, true);
    }
    assert!(w.machine.relays.is_empty());
}

#[test]
fn another_holder_begins_anew_when_one_is_lost_and_what_is_on_its_way_counts_until_it_is_taken() {
    let mut w = world();
    let (c, a) = (w.client(), w.worker(1));
    let (id, task) = stored(&mut w, c, a, 10 * MIB);
    let b = w.worker(1);
    w.says(b, WorkerToScheduler::Replicas { tasks: vec![(task, 10 * MIB)] });
    said(&mut w);
    fetch(&mut w, c, id);
    data(&mut w, a, 1, chunk(task, 10 * MIB, 0, MIB));
    assert_eq!(take(&mut w, c, 1, MIB, false), [grant(a, 1, 3 * MIB)]);
    for n in 1..3 {
        data(&mut w, a, 1, chunk(task, 10 * MIB, n * MIB, MIB));
    }
    w.die(a);
    let out = said(&mut w);
    assert!(out.contains(&upload(b, task, 2, MIB)), "{out:?}");
    assert_eq!(data(&mut w, b, 2, chunk(task, 10 * MIB, 0, MIB)), [c]);
    assert_eq!(w.machine.relays.in_flight(c), 3 * MIB);
    assert_eq!(take(&mut w, c, 1, 3 * MIB, false), [], "that was of the first");
    assert_eq!(w.machine.relays.in_flight(c), MIB);
    assert_eq!(take(&mut w, c, 2, MIB, false), [grant(b, 2, 3 * MIB)]);
}

#[test]
fn a_worker_that_has_it_no_longer_is_replaced_or_the_value_is_made_again() {
    let mut w = world();
    let (c, a) = (w.client(), w.worker(1));
    let (id, task) = stored(&mut w, c, a, MIB);
    let b = w.worker(1);
    w.says(b, WorkerToScheduler::Replicas { tasks: vec![(task, MIB)] });
    said(&mut w);
    assert_eq!(fetch(&mut w, c, id), [upload(a, task, 1, MIB)]);
    w.says(a, WorkerToScheduler::NoData { relay: RelayId(1), task });
    assert!(said(&mut w).contains(&upload(b, task, 2, MIB)));
    w.says(a, WorkerToScheduler::NoData { relay: RelayId(1), task });
    assert_eq!(w.machine.stale().relays, 1, "said twice");
    w.says(b, WorkerToScheduler::NoData { relay: RelayId(2), task });
    let told = Action::ToClient { peer: c, message: SchedulerToClient::Pending { id } };
    assert!(said(&mut w).contains(&told), "the client asks again when it is there again");
    assert!(w.machine.relays.is_empty());
}

#[test]
fn a_client_that_goes_ends_what_was_on_its_way_to_it() {
    let mut w = world();
    let (c, d, a) = (w.client(), w.client(), w.worker(1));
    let (id, task) = stored(&mut w, c, a, 10 * MIB);
    w.asks(d, ClientToScheduler::Want { id });
    fetch(&mut w, c, id);
    fetch(&mut w, d, id);
    data(&mut w, a, 1, chunk(task, 10 * MIB, 0, MIB));
    w.asks(c, ClientToScheduler::Goodbye);
    let out = said(&mut w);
    assert!(out.contains(&end(a, 1)) && !out.contains(&end(a, 2)), "{out:?}");
    assert_eq!(w.machine.relays.in_flight(c), 0);
    assert_eq!(data(&mut w, a, 1, chunk(task, 10 * MIB, MIB, MIB)), [], "what was on its way is let go");
    assert_eq!(data(&mut w, a, 2, chunk(task, 10 * MIB, 0, MIB)), [d], "the other client is served");
}

#[test]
fn a_released_future_ends_its_relay_though_others_want_the_value() {
    let mut w = world();
    let (c, d, a) = (w.client(), w.client(), w.worker(1));
    let (id, task) = stored(&mut w, c, a, 10 * MIB);
    w.asks(d, ClientToScheduler::Want { id });
    fetch(&mut w, c, id);
    data(&mut w, a, 1, chunk(task, 10 * MIB, 0, MIB));
    w.asks(c, ClientToScheduler::Release { ids: vec![id] });
    assert_eq!(said(&mut w), [end(a, 1)]);
    assert_eq!(w.machine.relays.in_flight(c), MIB, "this is in the client's link");
    assert_eq!(take(&mut w, c, 1, MIB, false), []);
    assert!(w.machine.relays.is_empty());
}

#[test]
fn a_value_that_is_asked_for_again_begins_anew() {
    let mut w = world();
    let (c, a) = (w.client(), w.worker(1));
    let (id, task) = stored(&mut w, c, a, 2 * MIB);
    fetch(&mut w, c, id);
    assert_eq!(fetch(&mut w, c, id), [end(a, 1), upload(a, task, 2, MIB)]);
}

#[test]
fn a_worker_that_sends_what_is_not_due_is_given_up() {
    for bad in [
        (10 * MIB, MIB, MIB),
        (10 * MIB, 0, 5 * MIB),
        (MIB, 0, 2 * MIB),
        (MIB, 0, 0),
        (u64::MAX, u64::MAX, 1),
    ] {
        let mut w = world();
        let (c, a) = (w.client(), w.worker(1));
        let (id, task) = stored(&mut w, c, a, 10 * MIB);
        fetch(&mut w, c, id);
        let (total, offset, nbytes) = bad;
        assert_eq!(data(&mut w, a, 1, chunk(task, total, offset, nbytes)), []);
        assert!(w.workers.is_empty(), "{bad:?}");
    }
}

/// A client with a value that a worker without an address is to have: the world, both, and the value.
fn scattering() -> (World, PeerId, PeerId, TaskId, TaskHandle) {
    let mut w = world();
    let (c, a) = (w.client(), w.hidden_worker());
    let id = w.id();
    w.clients.get_mut(&c).unwrap().ends.insert(id, End::Pending);
    let (value, workers) = (None, vec![]);
    let scatter = Scatter { id, want: true, value, nbytes: 10 * MIB, broadcast: false, eager: true, workers };
    said(&mut w);
    w.asks(c, ClientToScheduler::Scatter(scatter));
    let (task, _) = w.clients[&c].pushes[0];
    assert!(said(&mut w).contains(&push(c, id, task, a, Some((1, MIB)))));
    (w, c, a, id, task)
}

fn hand_over(w: &mut World, from: PeerId, piece: Chunk) -> Vec<Action> {
    w.asks(from, ClientToScheduler::Upload { relay: RelayId(1), chunk: piece });
    said(w)
}

fn store(peer: PeerId, chunk: Chunk) -> Action {
    Action::ToWorker { peer, message: SchedulerToWorker::Store { relay: Some(RelayId(1)), chunk } }
}

#[test]
fn a_client_hands_over_no_more_than_a_window_ahead_of_what_the_worker_took() {
    let (mut w, c, a, _, task) = scattering();
    let piece = chunk(task, 10 * MIB, 0, MIB);
    assert_eq!(hand_over(&mut w, c, piece.clone()), [store(a, piece)]);
    w.says(a, WorkerToScheduler::Taken(Taken { relay: RelayId(1), until: MIB, is_all: false }));
    let more = SchedulerToClient::Grant(Grant { relay: RelayId(1), until: 3 * MIB });
    assert_eq!(said(&mut w), [Action::ToClient { peer: c, message: more }]);
}

#[test]
fn the_worker_lets_go_of_what_a_lost_client_handed_over_and_the_client_stops_for_a_lost_worker() {
    let (mut w, c, a, _, task) = scattering();
    hand_over(&mut w, c, chunk(task, 10 * MIB, 0, MIB));
    w.asks(c, ClientToScheduler::Goodbye);
    assert!(said(&mut w).contains(&end(a, 1)));

    let (mut w, c, a, _, task) = scattering();
    hand_over(&mut w, c, chunk(task, 10 * MIB, 0, MIB));
    w.die(a);
    let stop = Action::ToClient { peer: c, message: SchedulerToClient::EndRelay { relay: RelayId(1) } };
    assert!(said(&mut w).contains(&stop));
    assert!(w.machine.relays.is_empty());
    assert_eq!(hand_over(&mut w, c, chunk(task, 10 * MIB, MIB, MIB)), [], "what was on its way is let go");
}

#[test]
fn a_client_that_does_not_have_what_it_put_in_is_not_asked_again() {
    let (mut w, c, a, id, task) = scattering();
    let user = w.submit(c, &[id], true);
    said(&mut w);
    let failed = |relay| ClientToScheduler::PushFailed { task, worker: a, relay };
    w.asks(c, failed(None));
    assert_eq!((said(&mut w), w.machine.stale().relays), (vec![], 1), "it is on its way through here");
    w.asks(c, failed(Some(RelayId(1))));
    let out = said(&mut w);
    let stop = Action::ToClient { peer: c, message: SchedulerToClient::EndRelay { relay: RelayId(1) } };
    let drop = Action::ToClient { peer: c, message: SchedulerToClient::Dropped { id } };
    assert!(out.contains(&end(a, 1)) && out.contains(&stop) && out.contains(&drop), "{out:?}");
    assert_eq!(w.clients[&c].pushes.len(), 1, "and no more");
    assert_eq!(w.end(c, user), End::Failed(FailureKind::Lost));
    assert!(w.machine.relays.is_empty());
    w.asks(c, failed(Some(RelayId(1))));
    assert_eq!(said(&mut w), []);
}

/// A client that keeps a value which is to be everywhere, another that fetches it from the only worker that has it, and that
/// worker's death: the world, both clients, and the value.
fn fetching_from_the_dead(has_other: bool) -> (World, PeerId, TaskId, TaskHandle) {
    let mut w = world();
    let (c, d, a) = (w.client(), w.client(), w.worker(1));
    let _ = has_other.then(|| w.worker(1));
    let id = w.id();
    let (value, workers) = (None, vec![]);
    let scatter = Scatter { id, want: true, value, nbytes: MIB, broadcast: true, eager: true, workers };
    w.asks(c, ClientToScheduler::Scatter(scatter));
    let (task, _) = w.clients[&c].pushes[0];
    w.says(a, WorkerToScheduler::Replicas { tasks: vec![(task, MIB)] });
    w.asks(d, ClientToScheduler::Want { id });
    said(&mut w);
    assert_eq!(fetch(&mut w, d, id), [upload(a, task, 1, MIB)]);
    w.die(a);
    let pending = Action::ToClient { peer: d, message: SchedulerToClient::Pending { id } };
    assert!(said(&mut w).contains(&pending), "it asks again when a worker has it");
    (w, d, id, task)
}

#[test]
fn who_fetches_a_value_that_only_its_client_still_has_gets_it_from_the_next_worker() {
    for has_other in [false, true] {
        let (mut w, d, id, task) = fetching_from_the_dead(has_other);
        let b = if has_other { *w.workers.keys().next().unwrap() } else { w.worker(1) };
        said(&mut w);
        w.says(b, WorkerToScheduler::Replicas { tasks: vec![(task, MIB)] });
        let is_stored = |a: &Action| matches!(a, Action::ToClient { peer, message: SchedulerToClient::Stored { .. } } if *peer == d);
        assert!(said(&mut w).iter().any(is_stored));
        assert_eq!(fetch(&mut w, d, id), [upload(b, task, 3, MIB)]);
    }
}

#[test]
fn a_value_is_pushed_to_a_worker_when_somebody_fetches_it_and_no_worker_has_it() {
    let mut w = world();
    let (c, d) = (w.client(), w.client());
    let a = w.worker(1);
    let id = w.id();
    let (value, workers) = (None, vec![]);
    let scatter = Scatter { id, want: true, value, nbytes: MIB, broadcast: false, eager: false, workers };
    w.asks(c, ClientToScheduler::Scatter(scatter));
    w.asks(d, ClientToScheduler::Want { id });
    said(&mut w);
    for _ in 0..2 {
        fetch(&mut w, d, id);
    }
    assert_eq!(w.clients[&c].pushes.iter().map(|(_, to)| *to).collect::<Vec<_>>(), [a]);
}

#[test]
fn a_value_that_is_released_is_handed_over_no_further() {
    let (mut w, c, a, id, task) = scattering();
    hand_over(&mut w, c, chunk(task, 10 * MIB, 0, MIB));
    w.asks(c, ClientToScheduler::Release { ids: vec![id] });
    let out = said(&mut w);
    let stop = Action::ToClient { peer: c, message: SchedulerToClient::EndRelay { relay: RelayId(1) } };
    assert!(out.contains(&stop) && out.contains(&end(a, 1)), "{out:?}");
}

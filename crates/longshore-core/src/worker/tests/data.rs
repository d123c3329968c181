//! Values: fetched, handed over, served, released.
use super::*;

fn absent(slot: u32) -> PeerReply {
    PeerReply::Absent { task: handle(slot) }
}

#[test]
fn a_missing_input_is_fetched_told_and_the_task_runs() {
    let mut b = Bench::new(1);
    assert_eq!(b.assign(1, vec![inline(8), at_peers(5, 3, &[1])]), [fetch(1, &[5])]);
    assert_eq!(b.data(1, 5), [replica(&[5]), start(1, vec![value(8), value(5)])]);
    assert_eq!(b.assign(2, vec![held(5)]), [], "no second fetch, and the slot is taken");
    assert_eq!(b.finish(1), [stored(1), start(2, vec![value(5)])]);
}

#[test]
fn pieces_are_put_together() {
    let mut b = Bench::new(1);
    b.assign(1, vec![at_peers(5, 4, &[1])]);
    let piece = |offset, bytes: &[u8]| PeerReply::Data(chunk(5, 4, offset, Payload::copy_from(bytes)));
    assert_eq!(b.peer_says(1, piece(0, b"ab")), []);
    let out = b.peer_says(1, piece(2, b"cd"));
    assert_eq!(out.last(), Some(&start(1, vec![Payload::copy_from(b"abcd")])));
}

#[test]
fn one_batch_a_peer_at_a_time() {
    let mut b = Bench::new(9);
    assert_eq!(b.assign(1, vec![at_peers(5, 30_000_000, &[1])]), [fetch(1, &[5])]);
    let inputs = [6, 7, 8].map(|slot| at_peers(slot, 30_000_000, &[1])).to_vec();
    assert_eq!(b.assign(2, inputs), []);
    let out = b.data(1, 5);
    assert_eq!(out.last(), Some(&fetch(1, &[6])), "two of 30 MB are more than a batch");
}

#[test]
fn small_inputs_travel_together_in_the_order_of_their_tasks() {
    let mut b = Bench::new(9);
    b.assign(1, vec![at_peers(5, 3, &[1])]);
    b.assign(3, vec![at_peers(6, 3, &[1])]);
    b.assign(2, vec![at_peers(7, 3, &[1])]);
    assert_eq!(b.data(1, 5).last(), Some(&fetch(1, &[7, 6])));
}

#[test]
fn holders_share_the_work() {
    let mut b = Bench::new(1);
    let inputs = [20, 21, 22, 23].map(|slot| at_peers(slot, 3, &[1, 2])).to_vec();
    let out = b.assign(1, inputs);
    let Some((Action::Fetch { tasks: one, .. }, Action::Fetch { tasks: two, .. })) =
        out.first().zip(out.last())
    else {
        panic!("{out:?}")
    };
    assert_eq!((out.len(), one.len(), two.len()), (2, 2, 2), "{out:?}");
}

#[test]
fn a_holder_without_the_value_is_replaced_and_the_last_one_is_reported() {
    let mut b = Bench::new(1);
    let Some(Action::Fetch { peer: first, .. }) = b.assign(1, vec![at_peers(5, 3, &[1, 2])]).pop() else {
        panic!("no fetch")
    };
    let second = 3 - first.0;
    assert_eq!(b.peer_says(first.0, absent(5)), [fetch(second, &[5])]);
    assert_eq!(b.event(Event::PeerLost { peer: PeerId(second) }), [missing(5, &[first.0, second])]);
    let none = SchedulerToWorker::Holders { task: handle(5), holders: vec![] };
    assert_eq!(b.say(none), [], "it is being made again");
    let found = SchedulerToWorker::Holders { task: handle(5), holders: vec![PeerId(3), ME] };
    assert_eq!(b.say(found), [fetch(3, &[5])]);
    assert_eq!(b.data(3, 5), [replica(&[5]), start(1, vec![value(5)])]);
}

#[test]
fn an_unreachable_holder_is_as_good_as_none() {
    let mut b = Bench::new(1);
    b.say(SchedulerToWorker::Peer { peer: PeerId(2), address: None });
    assert_eq!(b.assign(1, vec![at_peers(5, 3, &[2, 77])]).len(), 1);
    assert!(b.machine.fetches.asked.is_empty());
}

#[test]
fn what_is_said_to_be_here_and_is_not_is_reported() {
    let mut b = Bench::new(1);
    assert_eq!(b.assign(1, vec![held(5)]), [missing(5, &[])]);
    let put = PeerRequest::Put(chunk(5, 3, 0, value(5)));
    let out = b.event(Event::FromCaller { caller: CallerId(1), request: put });
    let answer = Action::ToCaller { caller: CallerId(1), reply: PeerReply::Stored { task: handle(5) } };
    assert_eq!(out, [replica(&[5]), answer, start(1, vec![value(5)])]);
}

#[test]
fn a_dependent_sent_ahead_runs_when_its_input_is_made_here() {
    let mut b = Bench::new(1);
    b.assign(1, vec![]);
    assert_eq!(b.assign(2, vec![held(1)]), []);
    assert_eq!(b.finish(1), [stored(1), start(2, vec![value(1)])]);
}

#[test]
fn a_dependent_sent_ahead_is_reported_when_its_input_will_not_be_made_here() {
    let mut b = Bench::new(1);
    b.assign(1, vec![]);
    b.assign(2, vec![]);
    b.assign(3, vec![held(2)]);
    b.assign(4, vec![held(1)]);
    let out = b.say(SchedulerToWorker::Retract { task: handle(2), attempt: Attempt(1) });
    assert_eq!(out[0], missing(2, &[]));
    let out = b.end(1, 5, Outcome::Rescheduled);
    assert_eq!(out[1], missing(1, &[]));
}

#[test]
fn the_value_of_a_cancelled_task_is_thrown_away_on_arrival() {
    let mut b = Bench::new(1);
    b.assign(1, vec![at_peers(5, 3, &[1]), at_peers(6, 3, &[1])]);
    b.say(SchedulerToWorker::Cancel { task: handle(1), attempt: Attempt(1) });
    assert_eq!(b.data(1, 5), []);
    // Wanted anew while the old answer is on its way: it is not asked for twice.
    assert_eq!(b.assign(2, vec![at_peers(6, 3, &[1])]), []);
    assert_eq!(b.data(1, 6), [replica(&[6]), start(2, vec![value(6)])]);
    assert_eq!(b.machine.stored(), (3, 1));
}

#[test]
fn a_value_released_while_it_is_fetched_serves_its_task_and_is_not_kept() {
    let mut b = Bench::new(1);
    b.assign(1, vec![at_peers(5, 3, &[1])]);
    b.say(SchedulerToWorker::Release { tasks: vec![handle(5)] });
    assert_eq!(b.data(1, 5), [start(1, vec![value(5)])]);
    assert_eq!(b.machine.stored(), (0, 0));
}

#[test]
fn a_peer_that_breaks_the_protocol_or_is_silent_is_dropped() {
    let mut b = Bench::new(1);
    b.assign(1, vec![at_peers(5, 3, &[1]), at_peers(6, 3, &[2])]);
    let out = b.peer_says(1, PeerReply::Data(chunk(5, 3, 2, value(5))));
    assert_eq!(out, [Action::DropPeer { peer: PeerId(1) }, missing(5, &[1])]);
    b.now = Time(10_000_000_000);
    b.say(SchedulerToWorker::Heartbeat);
    let out = b.advance_to_deadline();
    assert_eq!(b.now, Time(20_000_000_000));
    assert!(
        out.contains(&Action::DropPeer { peer: PeerId(2) }) && out.contains(&missing(6, &[2])),
        "{out:?}"
    );
    assert_eq!(b.machine.stats().violations, 2);
}

#[test]
fn values_are_served_and_absences_told() {
    let mut b = Bench::new(1);
    b.assign(1, vec![]);
    b.finish(1);
    let caller = CallerId(4);
    let request = PeerRequest::Fetch { tasks: vec![handle(1), handle(2)] };
    let serve = Action::Serve { caller, task: handle(1), value: value(1) };
    let lacks = Action::ToCaller { caller, reply: absent(2) };
    assert_eq!(b.event(Event::FromCaller { caller, request }), [serve, lacks]);
    let grant = Grant { relay: RelayId(3), until: 4 };
    let upload = Action::Upload { grant, task: handle(1), value: value(1) };
    assert_eq!(b.say(SchedulerToWorker::Upload { task: handle(1), grant }), [upload]);
    let lacks = up(WorkerToScheduler::NoData { relay: RelayId(3), task: handle(2) });
    assert_eq!(b.say(SchedulerToWorker::Upload { task: handle(2), grant }), [lacks]);
    assert_eq!(b.say(SchedulerToWorker::Grant(grant)), [Action::Grant(grant)]);
    let end = SchedulerToWorker::EndRelay { relay: RelayId(3) };
    assert_eq!(b.say(end), [Action::EndUpload(RelayId(3))]);
}

#[test]
fn a_client_hands_a_value_over_in_pieces_through_the_scheduler() {
    let mut b = Bench::new(1);
    let taken = |relay, until, is_all| up(WorkerToScheduler::Taken(Taken { relay, until, is_all }));
    assert_eq!(b.say(store(1, 0, b"ab")), [taken(RelayId(1), 2, false)]);
    let told = up(WorkerToScheduler::Replicas { tasks: vec![(handle(5), 4)] });
    assert_eq!(b.say(store(1, 2, b"cd")), [taken(RelayId(1), 4, true), told]);
    b.say(store(2, 0, b"ab"));
    b.say(SchedulerToWorker::Release { tasks: vec![handle(5)] });
    let rest = [taken(RelayId(2), 4, true)];
    assert_eq!(b.say(store(2, 2, b"cd")), rest, "the rest of a released value");
    assert_eq!((b.machine.stored(), b.machine.gifts.len()), ((0, 0), 0));
}

/// A piece of a value of four bytes.
fn store(relay: u64, offset: u64, bytes: &[u8]) -> SchedulerToWorker {
    let chunk = chunk(5, 4, offset, Payload::copy_from(bytes));
    SchedulerToWorker::Store { relay: Some(RelayId(relay)), chunk }
}

#[test]
fn a_value_whose_client_is_gone_is_not_waited_for_and_may_come_again() {
    let mut b = Bench::new(1);
    b.say(store(1, 0, b"ab"));
    assert_eq!(b.say(SchedulerToWorker::EndRelay { relay: RelayId(1) }), []);
    assert!(b.machine.gifts.is_empty());
    b.say(store(2, 0, b"ab"));
    b.say(store(2, 2, b"cd"));
    assert_eq!(b.machine.stored(), (4, 1));
}

#[test]
fn a_caller_that_lies_is_dropped() {
    let mut b = Bench::new(1);
    let caller = CallerId(1);
    let put = |offset| Event::FromCaller { caller, request: PeerRequest::Put(chunk(5, 9, offset, value(5))) };
    assert_eq!(b.event(put(0)), []);
    assert_eq!(b.event(put(7)), [Action::DropCaller { caller }]);
    assert!(b.machine.gifts.is_empty());
}

/// A value with a destructor, as far as the machine can tell.
#[derive(Debug)]
struct Typed;

impl longshore_proto::LocalValue for Typed {
    fn encode(&self) -> Result<longshore_proto::Rope, String> {
        Err("never".to_owned())
    }
    fn nbytes(&self) -> usize {
        7
    }
    fn as_any(&self) -> &(dyn std::any::Any + Send + Sync) {
        self
    }
}

#[test]
fn values_with_destructors_are_left_to_the_driver() {
    let mut b = Bench::new(1);
    let typed = Payload::Local(std::sync::Arc::new(Typed));
    b.assign(1, vec![]);
    b.end(1, 5, Outcome::Value { value: typed.clone(), inline: None });
    assert_eq!(b.machine.stored(), (7, 1));
    let released = SchedulerToWorker::Release { tasks: vec![handle(1), handle(2)] };
    assert_eq!(b.say(released), [Action::Discard(vec![typed])]);
}

#[test]
fn a_call_fails_whose_input_is_more_than_the_worker_takes() {
    let mut b = Bench::new(1);
    b.machine.settings.value_bytes_max = 100;
    assert_eq!(b.assign(1, vec![held(5)]), [missing(5, &[])]);
    b.assign(2, vec![held(5)]);
    let piece = chunk(5, 101, 0, Payload::copy_from(b"ab"));
    let out = b.say(SchedulerToWorker::Store { relay: None, chunk: piece });
    let failed = |action: &Action| match action {
        Action::ToScheduler(WorkerToScheduler::Failed { task, failure, .. }) => {
            assert!(failure.message.contains("101 bytes"), "{failure:?}");
            Some(*task)
        }
        _ => None,
    };
    assert_eq!(out.iter().filter_map(failed).collect::<Vec<_>>(), [handle(1), handle(2)]);
    assert!(b.machine.tasks.is_empty() && b.machine.fetches.wants.is_empty());
}

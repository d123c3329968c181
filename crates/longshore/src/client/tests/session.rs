//! What a client says, in which order, and how a session ends.
use super::played::Played;
use super::{number, of, text};
use crate::client::{Client, as_completed};
use crate::error::{Error, TaskErrorKind};
use longshore_proto::query::{Answer, Query};
use longshore_proto::{ClientToScheduler, Payload, SchedulerToClient};
use longshore_rt::{AsyncIo, BlockOn, BoxFuture, RuntimeExt};
use std::sync::{Arc, Mutex};

#[test]
fn a_graph_is_submitted_inputs_first_and_only_its_root_is_wanted() {
    let mut played = Played::remote();
    let shared = number(1);
    let future = played.client.submit(of(of(shared)));
    let calls: Vec<_> = (0..3).map(|_| played.hear_submit()).collect();
    assert_eq!(calls.iter().map(|c| c.want).collect::<Vec<_>>(), [false, false, true]);
    assert_eq!(calls.iter().map(|c| c.id.seq).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(calls[1].inputs, [calls[0].id]);
    assert_eq!(calls[2].inputs, [calls[1].id]);
    assert_eq!(future.key(), calls[2].id);
}

#[test]
fn a_function_is_introduced_before_its_first_call() {
    let mut played = Played::remote();
    let _futures = [played.client.submit(number(1)), played.client.submit(number(2))];
    assert!(matches!(played.hear(), ClientToScheduler::Function { .. }));
    assert!(matches!(played.hear(), ClientToScheduler::Submit(_)));
    assert!(matches!(played.hear(), ClientToScheduler::Submit(_)));
}

#[test]
fn arguments_are_encoded_for_others_and_left_alone_within_the_process() {
    let (mut remote, mut local) = (Played::remote(), Played::local());
    let _futures = [remote.client.submit(text("ab")), local.client.submit(text("ab"))];
    assert_eq!(remote.hear_submit().args.as_bytes(), Some(&[0, 3, 2, b'a', b'b'][..]));
    assert!(matches!(local.hear_submit().args, Payload::Local(_)));
}

#[test]
fn a_mere_number_is_encoded_within_the_process_too() {
    let mut local = Played::local();
    let _future = local.client.submit(number(300));
    assert_eq!(local.hear_submit().args.as_bytes(), Some(&[0, 2, 0xac, 2][..]));
}

#[test]
fn the_last_handle_releases_and_a_detached_task_is_told_before() {
    let mut played = Played::remote();
    let future = played.client.submit(number(1));
    let id = played.hear_submit().id;
    let clone = future.clone();
    drop(future);
    clone.detach();
    drop(clone);
    assert_eq!(played.hear(), ClientToScheduler::Detach { ids: vec![id] });
    assert_eq!(played.hear(), ClientToScheduler::Release { ids: vec![id] });
}

#[test]
fn cancelling_is_one_message_and_releases() {
    let mut played = Played::remote();
    let futures = played.client.map(number, 0..3);
    let ids: Vec<_> = (0..3).map(|_| played.hear_submit().id).collect();
    played.done(ids[0], 0);
    assert_eq!(futures[0].result().unwrap(), 0);
    played.client.cancel(&futures);
    assert_eq!(played.hear(), ClientToScheduler::Cancel { ids: ids[1..].to_vec(), force: false });
    assert_eq!(played.hear(), ClientToScheduler::Release { ids: ids[1..].to_vec() });
    assert!(!futures[0].is_cancelled() && futures[1].is_cancelled() && futures[2].is_cancelled());
    drop(futures);
    assert_eq!(played.hear(), ClientToScheduler::Release { ids: ids[..1].to_vec() });
}

#[test]
fn pure_calls_of_one_client_are_one_submission() {
    let mut played = Played::remote();
    let (a, b) = (played.client.submit(number(1).pure(true)), played.client.submit(number(1).pure(true)));
    let id = played.hear_submit().id;
    played.done(id, 4);
    assert_eq!((a.result().unwrap(), b.result().unwrap()), (4, 4));
    let c = played.client.submit(number(1).pure(true));
    assert_eq!(c.result().unwrap(), 4, "what is known already is shared at once");
    drop((a, b));
    played.settle();
    drop(c);
    assert_eq!(played.hear(), ClientToScheduler::Release { ids: vec![id] });
}

#[test]
fn a_stale_result_of_a_keys_first_life_is_not_believed() {
    let mut played = Played::remote();
    let first = played.client.submit(number(1).key("k"));
    let id = played.hear_submit().id;
    drop(first);
    let second = played.client.submit(number(2).key("k"));
    assert_eq!(played.hear(), ClientToScheduler::Release { ids: vec![id] });
    let ClientToScheduler::Query { request, query: Query::Flush } = played.hear() else {
        panic!("a fence was expected")
    };
    assert_eq!(played.hear_submit().id, id);
    played.done(id, 1);
    played.say(SchedulerToClient::Answer { request, answer: Answer::Flushed });
    played.done(id, 2);
    assert_eq!(second.result().unwrap(), 2);
}

#[test]
fn closing_says_goodbye_and_fails_what_is_unfinished() {
    let mut played = Played::remote();
    let future = played.client.submit(number(1));
    played.hear_submit();
    let client = played.client.clone();
    let closing = played.rt.spawn("close", async move { client.close().await });
    assert_eq!(played.hear(), ClientToScheduler::Goodbye);
    assert!(played.try_hear().is_err(), "the link ends after the goodbye");
    played.hang_up();
    played.rt.block_on(closing).unwrap().unwrap().unwrap();
    assert_eq!(future.error().unwrap().kind(), TaskErrorKind::ClientClosed);
    assert!(played.client.is_closed());
}

#[test]
fn dropping_the_last_client_says_goodbye_too() {
    let mut played = Played::remote();
    let future = played.client.submit(number(1));
    played.hear_submit();
    let other = Played::local();
    drop(std::mem::replace(&mut played.client, other.client.clone()));
    assert_eq!(played.hear(), ClientToScheduler::Goodbye);
    assert!(matches!(future.result(), Err(Error::Task(e)) if e.kind() == TaskErrorKind::ClientClosed));
}

#[test]
fn a_goodbye_of_the_scheduler_fails_futures_in_its_words() {
    let mut played = Played::local();
    let future = played.client.submit(number(1));
    played.hear_submit();
    played.say(SchedulerToClient::Goodbye { reason: "the cluster is being serviced".into() });
    let error = future.result().unwrap_err();
    assert!(error.to_string().contains("being serviced"), "{error}");
    assert_eq!(future.error().unwrap().kind(), TaskErrorKind::SchedulerLost);
}

#[test]
fn a_runtime_that_goes_away_ends_the_session() {
    let played = Played::remote();
    // An executor that nobody runs, and then nobody keeps.
    let kept = Arc::new(Mutex::new(Vec::new()));
    let keep = kept.clone();
    let rt = AsyncIo::on("kept", move |task: BoxFuture<'static, ()>| keep.lock().unwrap().push(task));
    let client =
        played.rt.block_on(Client::builder(rt).address("tcp://127.0.0.1:9").start()).unwrap().unwrap();
    let future = client.submit(number(1));
    assert!(!future.is_done());
    let tasks = std::mem::take(&mut *kept.lock().unwrap());
    drop(tasks);
    assert_eq!(future.error().unwrap().kind(), TaskErrorKind::SchedulerLost);
    assert!(future.error().unwrap().to_string().contains("runtime"));
}

#[test]
fn futures_come_in_the_order_in_which_they_end() {
    let mut played = Played::local();
    let futures = played.client.map(number, 0..3);
    let ids: Vec<_> = (0..3).map(|_| played.hear_submit().id).collect();
    let (mut completed, mut kept) = (as_completed(futures), Vec::new());
    for n in [2usize, 0, 1] {
        played.done(ids[n], n as u64);
        let next = played.rt.block_on(completed.next()).unwrap().unwrap();
        assert_eq!((next.key(), next.result().unwrap()), (ids[n], n as u64));
        kept.push(next);
    }
    let more = played.client.submit(number(9));
    completed.push(more);
    let id = played.hear_submit().id;
    played.done(id, 9);
    assert!(played.rt.block_on(completed.next()).unwrap().is_some());
    assert!(played.rt.block_on(completed.next()).unwrap().is_none());
}

#[test]
fn gathering_ends_with_the_first_failure() {
    let mut played = Played::local();
    let futures = played.client.map(number, 0..3);
    let ids: Vec<_> = (0..3).map(|_| played.hear_submit().id).collect();
    let failure =
        longshore_proto::TaskFailure::new(longshore_proto::FailureKind::Failed, ids[2], "f", "third");
    played.say(SchedulerToClient::Failed { id: ids[2], failure: Arc::new(failure) });
    let gathered = played.rt.block_on(played.client.gather(&futures)).unwrap();
    assert_eq!(gathered.unwrap_err().message(), "third");
    assert!(!futures[0].is_done());
}

#[test]
fn what_a_refused_call_holds_is_dropped_where_it_may_release() {
    let mut played = Played::local();
    let held = played.client.submit(number(1));
    let id = played.hear_submit().id;
    // The closure holds the last handle of a future of the same client, and its call is refused.
    let of_held = crate::call::local(move |x: u64| if held.is_done() { x } else { 0 });
    let (first, other) = (of_held.call(1).key("k"), number(2).key("k"));
    let named = played.client.submit(other);
    let refused = played.client.submit(first);
    drop(of_held);
    assert_eq!(refused.error().unwrap().kind(), TaskErrorKind::KeyConflict);
    played.hear_submit();
    assert!(matches!(played.hear(), ClientToScheduler::Function { .. }), "that of closures");
    assert_eq!(played.hear(), ClientToScheduler::Release { ids: vec![id] });
    drop(named);
}

#[test]
fn a_map_is_never_overloaded() {
    let played = Played::remote();
    let builder = Client::builder(played.rt.clone()).address("tcp://127.0.0.1:9").outbox_bytes_max(1000);
    let client = played.rt.block_on(builder.start()).unwrap().unwrap();
    let futures = client.map(number, 0..1000);
    assert!(futures.iter().all(|f| !f.is_done()));
    assert_eq!(client.submit(number(1)).error().unwrap().kind(), TaskErrorKind::Overloaded);
}

//! Futures, as the session settles them.
use super::number;
use super::played::Played;
use crate::error::TaskErrorKind;
use crate::future::{CELL_BYTES, TaskFuture, TaskStatus};
use longshore_proto::{ClientToScheduler, FailureKind, Payload, SchedulerToClient, TaskFailure, TaskHandle};
use longshore_rt::{BlockOn, RuntimeExt};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

const HANDLE: TaskHandle = TaskHandle { slot: 1, generation: 0 };

#[test]
fn a_future_goes_wherever_handles_go() {
    fn goes<T: Clone + Send + Sync + Unpin + std::fmt::Debug + 'static>() {}
    goes::<TaskFuture<std::cell::Cell<u8>>>();
    fn is_awaited_by_reference<'a, F>()
    where
        &'a F: IntoFuture<Output = Result<u64, crate::TaskError>> + 'a,
    {
    }
    is_awaited_by_reference::<TaskFuture<u64>>();
}

#[test]
fn a_future_takes_few_bytes() {
    assert_eq!(size_of::<TaskFuture<u64>>(), 8);
    const { assert!(CELL_BYTES <= 88, "beyond a size class of the allocator") };
}

#[test]
fn the_first_outcome_stands_and_callbacks_come_once() {
    let mut played = Played::remote();
    let future = played.client.submit(number(1));
    let id = played.hear_submit().id;
    let calls = Arc::new(AtomicU32::new(0));
    let count = calls.clone();
    future.on_done(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
    });
    played.done(id, 5);
    played.done(id, 6);
    let failure = TaskFailure::new(FailureKind::Failed, id, "f", "late");
    played.say(SchedulerToClient::Failed { id, failure: Arc::new(failure) });
    played.settle();
    assert_eq!((future.result().unwrap(), calls.load(Ordering::Relaxed)), (5, 1));
}

#[test]
fn a_failed_task_may_be_retried() {
    let mut played = Played::remote();
    let future = played.client.submit(number(1));
    let id = played.hear_submit().id;
    let failure = TaskFailure::new(FailureKind::Panicked, id, "f", "no luck");
    played.say(SchedulerToClient::Failed { id, failure: Arc::new(failure) });
    assert_eq!(future.result().unwrap_err().task().unwrap().kind(), TaskErrorKind::Panicked);
    future.retry();
    assert_eq!(future.status(), TaskStatus::Pending);
    assert_eq!(played.hear(), ClientToScheduler::Retry { ids: vec![id] });
    played.say(SchedulerToClient::Pending { id });
    played.done(id, 7);
    assert_eq!(future.result().unwrap(), 7);
    future.retry();
    played.settle();
    assert_eq!(future.status(), TaskStatus::Finished, "what has a value is left alone");
}

#[test]
fn a_stored_result_is_fetched_when_it_is_awaited() {
    let mut played = Played::remote();
    let future = played.client.submit(number(1));
    let id = played.hear_submit().id;
    let stored = SchedulerToClient::Stored { id, task: HANDLE, nbytes: 1, holders: vec![] };
    played.say(stored.clone());
    played.settle();
    assert_eq!(future.status(), TaskStatus::Finished, "done, wherever its value is");
    let waiting = played.rt.clone();
    let awaited = future.clone();
    let awaited = waiting.spawn("await", awaited);
    assert_eq!(played.hear(), ClientToScheduler::Fetch { id });
    // The value is lost before it is sent, and made again.
    played.say(SchedulerToClient::Pending { id });
    played.settle();
    assert_eq!(future.status(), TaskStatus::Pending);
    played.say(stored);
    assert_eq!(played.hear(), ClientToScheduler::Fetch { id }, "somebody still waits for it");
    let bytes = Payload::copy_from(&[9]).into();
    let chunk = longshore_proto::client::Chunk { task: HANDLE, total: 1, offset: 0, bytes };
    let (relay, chunk) = (longshore_proto::RelayId(1), Box::new(chunk));
    played.say(SchedulerToClient::Data { id, relay, chunk });
    assert_eq!(waiting.block_on(awaited).unwrap().unwrap().unwrap(), 9);
}

#[test]
fn many_tasks_await_one_future_by_reference() {
    let mut played = Played::remote();
    let future = Arc::new(played.client.submit(number(1)));
    let id = played.hear_submit().id;
    let tasks: Vec<_> = (0..10)
        .map(|_| {
            let future = future.clone();
            played.rt.spawn("await", async move { (&*future).await })
        })
        .collect();
    played.done(id, 3);
    for task in tasks {
        assert_eq!(played.rt.block_on(task).unwrap().unwrap().unwrap(), 3);
    }
}

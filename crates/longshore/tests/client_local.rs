//! Clients of a cluster in the same process.
use longshore::blocking::Client;
use longshore::{Error, TaskErrorKind, TaskStatus, as_completed, local, task, wait};
use std::collections::BTreeMap;
use std::sync::mpsc;
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(30);

#[task]
fn inc(x: i64) -> i64 {
    x + 1
}

#[task]
fn add(x: i64, y: i64) -> i64 {
    x + y
}

#[task]
fn sum(xs: &[i64]) -> i64 {
    xs.iter().sum()
}

#[derive(Debug, serde::Serialize, serde::Deserialize, thiserror::Error)]
#[error("{0} is odd")]
struct Odd(i64);

#[task]
fn half(x: i64) -> Result<i64, Odd> {
    if x % 2 == 0 { Ok(x / 2) } else { Err(Odd(x)) }
}

#[task]
fn bytes(len: usize) -> Vec<u8> {
    vec![7; len]
}

#[task]
fn len(bytes: &[u8]) -> usize {
    bytes.len()
}

/// Runs a test on a thread of its own, so that a hang fails.
fn within_deadline(test: impl FnOnce() + Send + 'static) {
    let (done, finished) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        test();
        let _ = done.send(());
    });
    match finished.recv_timeout(DEADLINE) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("the test hangs"),
        _ => thread.join().unwrap_or_else(|e| std::panic::resume_unwind(e)),
    }
}

#[test]
fn calls_are_submitted_and_awaited() {
    within_deadline(|| {
        let client = Client::local().unwrap();
        let future = client.submit(inc(10));
        assert_eq!(future.result().unwrap(), 11);
        assert_eq!(future.result().unwrap(), 11, "again and again");
        assert_eq!(future.status(), TaskStatus::Finished);
        let twelve = client.submit(add(&future, 1));
        assert_eq!(futures_lite::future::block_on(twelve).unwrap(), 12);
        client.close().unwrap();
    });
}

#[test]
fn graphs_and_maps_are_computed() {
    within_deadline(|| {
        let client = Client::local().unwrap();
        let shared = inc(1);
        let call = add(add(shared.clone(), shared), sum(vec![inc(1), inc(2), inc(3)]));
        assert_eq!(client.compute(call).result().unwrap(), 13);
        let futures = client.map(inc, 0..100);
        let all = client.submit(sum(&futures));
        assert_eq!(all.result().unwrap(), 5050);
        assert_eq!(client.gather(&futures).unwrap(), (1..=100).collect::<Vec<i64>>());
        let kept = client.persist(inc(41));
        assert_eq!(client.submit(inc(kept.clone())).result().unwrap(), 43);
        assert_eq!(client.submit(kept).result().unwrap(), 42);
    });
}

#[test]
fn gather_keeps_the_shape() {
    within_deadline(|| {
        let client = Client::local().unwrap();
        let f = |x| client.submit(inc(x));
        let map = BTreeMap::from([("a", f(1)), ("b", f(2))]);
        let shape = (vec![[f(3), f(4)]], Some(f(5)), map, f(6));
        let values = client.gather(shape).unwrap();
        assert_eq!(values, (vec![[4, 5]], Some(6), BTreeMap::from([("a", 2), ("b", 3)]), 7));
        let futures = vec![client.submit(half(4)), client.submit(half(5)), client.submit(half(6))];
        let failed = client.gather(&futures).unwrap_err();
        assert!(failed.to_string().contains("5 is odd"), "{failed}");
        assert_eq!(client.gather_ok(&futures).unwrap(), [2, 3]);
    });
}

#[test]
fn failures_come_with_their_own_type_and_spread_to_dependents() {
    within_deadline(|| {
        let client = Client::local().unwrap();
        let failed = client.submit(half(5));
        let error = failed.result().unwrap_err();
        let error = error.task().unwrap();
        assert_eq!(error.kind(), TaskErrorKind::Failed);
        assert_eq!(error.downcast_ref::<Odd>().unwrap().0, 5);
        assert!(error.function().ends_with("half"), "{error}");
        let late = client.submit(inc(inc(&failed))).result().unwrap_err();
        assert_eq!(late.task().unwrap().root(), Some(failed.key()));
        let graph = client.submit(inc(add(half(7), 1))).result().unwrap_err();
        let graph = graph.task().unwrap();
        assert_eq!(graph.downcast_ref::<Odd>().unwrap().0, 7);
        let path: Vec<&str> = graph.path().iter().filter_map(|f| f.rsplit("::").next()).collect();
        assert_eq!(path, ["add", "inc"], "{graph}");
        assert_eq!(failed.status(), TaskStatus::Failed);
        assert!(failed.error().is_some());
    });
}

#[test]
fn closures_and_keys_and_pure_calls() {
    within_deadline(|| {
        let client = Client::local().unwrap();
        let offset = 5;
        let shift = local(move |x: i64| x + offset);
        assert_eq!(client.submit(shift.call(1)).result().unwrap(), 6);
        let (a, b) = (client.submit(inc(1).pure(true)), client.submit(inc(1).pure(true)));
        assert_eq!(a.key(), b.key());
        assert_ne!(a.key(), client.submit(inc(2).pure(true)).key());
        assert_eq!((a.result().unwrap(), b.result().unwrap()), (2, 2));
        let named = client.submit(inc(1).key("k"));
        let again = client.submit(inc(1).key("k"));
        let other = client.submit(inc(2).key("k"));
        assert_eq!(named.result().unwrap(), again.result().unwrap());
        let error = other.result().unwrap_err();
        assert_eq!(error.task().unwrap().kind(), TaskErrorKind::KeyConflict, "{error}");
        drop((named, again, other));
        // Nobody wants the key any more: it is free, and what was said about its first life is not believed.
        assert_eq!(client.submit(inc(2).key("k")).result().unwrap(), 3);
    });
}

#[test]
fn scattered_values_are_arguments_and_values() {
    within_deadline(|| {
        let client = Client::local().unwrap();
        let small = client.scatter(1i64).wait().unwrap();
        let large = client.scatter(vec![1u8; 3_000_000]).wait().unwrap();
        assert_eq!(client.submit(inc(&small)).result().unwrap(), 2);
        assert_eq!(client.submit(len(&large)).result().unwrap(), 3_000_000);
        assert_eq!(large.result().unwrap().len(), 3_000_000);
        let all = client.scatter_all(0..3i64).hash().wait().unwrap();
        assert_eq!(client.gather(all).unwrap(), [0, 1, 2]);
    });
}

#[test]
fn what_has_ended_comes_first() {
    within_deadline(|| {
        let client = Client::local().unwrap();
        let futures = client.map(inc, 0..10);
        let waited = wait(&futures).timeout(DEADLINE).block().unwrap();
        assert_eq!((waited.done.len(), waited.not_done.len()), (10, 0));
        let mut seen: Vec<i64> = as_completed(futures).into_iter().map(|f| f.result().unwrap()).collect();
        seen.sort_unstable();
        assert_eq!(seen, (1..=10).collect::<Vec<_>>());
        let more = as_completed(client.map(inc, 0..5)).with_results();
        let sum: i64 = more.into_iter().map(|(_, result)| result.unwrap()).sum();
        assert_eq!(sum, 15);
    });
}

#[test]
fn callbacks_are_called_once() {
    within_deadline(|| {
        let client = Client::local().unwrap();
        let (tell, told) = mpsc::channel();
        let future = client.submit(inc(1));
        for _ in 0..2 {
            let tell = tell.clone();
            future.on_done(move |f| tell.send(f.status()).unwrap());
        }
        for _ in 0..2 {
            assert_eq!(told.recv_timeout(DEADLINE).unwrap(), TaskStatus::Finished);
        }
        assert!(told.try_recv().is_err());
    });
}

#[test]
fn a_cancelled_future_fails_at_once() {
    within_deadline(|| {
        let client = Client::local().unwrap();
        let (release, blocked) = mpsc::channel::<()>();
        let block = local(move |x: i64| {
            let _ = blocked.recv();
            x
        });
        let slow = client.submit(block.call(1));
        let dependent = client.submit(inc(&slow));
        assert!(matches!(slow.result_timeout(Duration::from_millis(1)), Err(Error::TimedOut { .. })));
        slow.cancel();
        assert!(slow.is_cancelled());
        let error = slow.result().unwrap_err();
        assert_eq!(error.task().unwrap().kind(), TaskErrorKind::Cancelled);
        let error = dependent.result().unwrap_err();
        assert_eq!(error.task().unwrap().kind(), TaskErrorKind::Cancelled, "{error}");
        drop(release);
    });
}

#[test]
fn after_closing_futures_fail_and_say_so() {
    within_deadline(|| {
        let client = Client::local().unwrap();
        let (release, blocked) = mpsc::channel::<()>();
        let block = local(move |x: i64| {
            let _ = blocked.recv();
            x
        });
        let unfinished = client.submit(block.call(1));
        let finished = client.submit(inc(1));
        assert_eq!(finished.result().unwrap(), 2);
        drop(release);
        client.close().unwrap();
        client.close().unwrap();
        assert_eq!(finished.result().unwrap(), 2);
        let late = client.submit(inc(2)).result().unwrap_err();
        assert_eq!(late.task().unwrap().kind(), TaskErrorKind::ClientClosed, "{late}");
        assert!(unfinished.is_done());
        assert!(matches!(client.scheduler_info(), Err(Error::Closed)));
    });
}

#[test]
fn the_cluster_answers_questions() {
    within_deadline(|| {
        let client = Client::local().unwrap();
        assert!(client.wait_for_workers(1, Some(DEADLINE)).unwrap() >= 1);
        let future = client.submit(bytes(100_000));
        assert_eq!(future.shared_len(), 100_000);
        client.flush().unwrap();
        let info = client.scheduler_info().unwrap();
        assert_eq!((info.clients, info.workers.is_empty()), (1, false));
        assert_eq!(client.nthreads().unwrap().len(), info.workers.len());
        assert!(client.processing().unwrap().values().all(Vec::is_empty));
        assert!(client.who_has([&future]).unwrap().contains_key(&future.key()));
        assert!(!client.story(&future).unwrap().is_empty());
        let impossible = client.wait_for_workers(1000, Some(Duration::from_millis(20)));
        assert!(matches!(impossible, Err(Error::TimedOut { .. })), "{impossible:?}");
    });
}

trait SharedLen {
    fn shared_len(&self) -> usize;
}

impl SharedLen for longshore::TaskFuture<Vec<u8>> {
    fn shared_len(&self) -> usize {
        futures_lite::future::block_on(self.shared()).unwrap().len()
    }
}

#[test]
fn many_submissions_from_many_threads() {
    within_deadline(|| {
        let client = Client::local().unwrap();
        std::thread::scope(|scope| {
            for thread in 0..4i64 {
                let client = &client;
                scope.spawn(move || {
                    let futures = client.map(inc, (0..2_000).map(|x| x + thread * 10_000));
                    let values = client.gather(futures).unwrap();
                    assert!(values.iter().zip(0..).all(|(v, x)| *v == x + thread * 10_000 + 1));
                });
            }
        });
    });
}

#[task]
fn fib(n: u64) -> Result<u64, Error> {
    if n < 2 {
        return Ok(n);
    }
    let client = longshore::context().client();
    let (a, b) = (client.submit(fib(n - 1)), client.submit(fib(n - 2)));
    Ok(a.result()? + client.blocking().gather(b)?)
}

#[task]
async fn fib_async(n: u64) -> Result<u64, Error> {
    if n < 2 {
        return Ok(n);
    }
    let client = longshore::context().client();
    let (a, b) = (client.submit(fib_async(n - 1)), client.submit(fib_async(n - 2)));
    Ok(a.await? + b.await?)
}

#[test]
fn tasks_submit_tasks_and_wait_for_them() {
    within_deadline(|| {
        let client = Client::local().unwrap();
        assert_eq!(client.submit(fib(8)).result().unwrap(), 21);
        assert_eq!(client.submit(fib_async(8)).result().unwrap(), 21);
    });
}

//! Options of single calls, from the call to the worker.
use crate::stage::{TcpCluster, says, task_error};
use longshore::rt::{BlockOn, OwnedExecutor};
use longshore::{LocalCluster, TaskErrorKind, TaskStatus, Worker, blocking::Client, context, task};
use longshore_tests::deadline::{DEADLINE, within_deadline};
use longshore_tests::function::inc;
use longshore_tests::it_function::{nap, place};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

/// Fails in its first runs.
#[task]
fn flaky(failures: u32) -> Result<u32, String> {
    let attempt = context().attempt();
    if attempt <= failures { Err(format!("attempt {attempt} fails")) } else { Ok(attempt) }
}

#[test]
fn a_failed_task_is_tried_again_as_often_as_was_said() {
    within_deadline(|| {
        let cluster = TcpCluster::start(1);
        let client = cluster.client();
        assert_eq!(client.submit(flaky(2).retries(2)).result().unwrap(), 3);
        let error = client.submit(flaky(2).retries(1)).result().unwrap_err();
        assert_eq!((task_error(&error).kind(), task_error(&error).attempts()), (TaskErrorKind::Failed, 2));
        says(&error, &["flaky", "after 2 attempts", "attempt 2 fails"]);
        let error = client.submit(flaky(2)).result().unwrap_err();
        assert_eq!(task_error(&error).attempts(), 1);
    });
}

static ORDER: Mutex<Vec<i64>> = Mutex::new(Vec::new());

/// Takes long enough that the worker starts one at a time; tiny ones are handed to its thread several at once.
#[task]
fn note_order(number: i64) {
    let until = Instant::now() + DEADLINE / 20_000;
    while Instant::now() < until {
        std::hint::spin_loop();
    }
    ORDER.lock().unwrap().push(number);
}

#[test]
fn greater_priority_runs_first() {
    within_deadline(|| {
        // Without a worker, since one that is busy is sent work ahead, which may be of any priority.
        let mut cluster = TcpCluster::start(0);
        let client = cluster.client();
        let futures = [(1, -1), (2, 0), (3, 7), (4, 0), (5, 8)]
            .map(|(number, priority)| client.submit(note_order(number).priority(priority)));
        client.flush().unwrap();
        cluster.add_worker();
        client.gather(futures).unwrap();
        assert_eq!(*ORDER.lock().unwrap(), [5, 3, 2, 4, 1]);
    });
}

static IN_USE: AtomicU32 = AtomicU32::new(0);

/// How many of them ran at the same time as this one.
#[task]
fn use_device() -> u32 {
    let before = IN_USE.fetch_add(1, Ordering::SeqCst);
    std::thread::park_timeout(DEADLINE / 10_000);
    IN_USE.fetch_sub(1, Ordering::SeqCst);
    before
}

#[test]
fn a_resource_is_never_used_by_more_than_it_has_room_for() {
    within_deadline(|| {
        let rt = OwnedExecutor::new().unwrap();
        let builder = LocalCluster::builder(rt.clone()).workers(1).threads_per_worker(4).validate(true);
        let cluster = rt.block_on(builder.resource("device", 2.0).start()).unwrap().unwrap();
        let client = Client::with(rt.clone()).cluster(&cluster).connect().unwrap();
        let all = (0..20).map(|_| client.submit(use_device().resource("device", 1.0)));
        let most = client.gather(all.collect::<Vec<_>>()).unwrap().into_iter().max();
        assert!(most < Some(2), "{most:?} others at the same time");
        client.close().unwrap();
        rt.block_on(cluster.close()).unwrap();
    });
}

#[test]
fn a_task_waits_for_a_worker_that_supplies_the_resource() {
    within_deadline(|| {
        let cluster = TcpCluster::start(1);
        let client = cluster.client();
        let picky = client.submit(place().resource("gpu", 1.0));
        assert_eq!(client.submit(inc(1)).result().unwrap(), 2);
        assert_eq!(picky.status(), TaskStatus::Pending);
        let worker = Worker::builder(cluster.rt.clone(), cluster.address()).name("big").resource("gpu", 1.0);
        let worker = cluster.rt.block_on(worker.validate(true).start()).unwrap().unwrap();
        assert_eq!(picky.result().unwrap().worker, "big");
        drop(worker);
    });
}

#[test]
fn a_task_runs_on_the_workers_it_names() {
    within_deadline(|| {
        let cluster = TcpCluster::start(3);
        let client = cluster.client();
        let address = cluster.workers[2].address().to_string();
        for (named, expected) in [("w1", "w1"), (&*address, "w2")] {
            let places = (0..10).map(|_| client.submit(place().workers([named])));
            let places = client.gather(places.collect::<Vec<_>>()).unwrap();
            assert!(places.iter().all(|p| p.worker == expected), "{places:?}");
        }
        let lenient = client.submit(place().workers(["gone"]).allow_other_workers());
        assert!(lenient.result().unwrap().worker.starts_with('w'));
    });
}

#[test]
fn a_task_that_runs_longer_than_its_timeout_fails_and_says_so() {
    within_deadline(|| {
        let cluster = TcpCluster::start(1);
        let client = cluster.client();
        let limit = DEADLINE / 3000;
        let slow = client.submit(nap(2_000, 1).timeout(limit));
        let error = slow.result().unwrap_err();
        assert_eq!(task_error(&error).kind(), TaskErrorKind::TimedOut);
        let said = format!("{} ms", limit.as_millis());
        says(&error, &["nap", "w0", &said, "raise .timeout"]);
        assert_eq!(client.submit(nap(0, 1).timeout(DEADLINE)).result().unwrap(), 1);
    });
}

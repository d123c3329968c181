//! What a client does to tasks from outside: cancel, retry, detach, and look where their results are.
use super::gate::Gate;
use crate::stage::{TcpCluster, info, says, task_error, wait_until_released};
use longshore::{TaskErrorKind, TaskStatus, task};
use longshore_tests::deadline::{until, within_deadline};
use longshore_tests::function::inc;
use longshore_tests::it_function::{add, bytes, gated};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

#[test]
fn cancelling_leaves_alone_what_others_want_unless_it_is_for_all() {
    within_deadline(|| {
        let (cluster, gate) = (TcpCluster::start(1), Gate::closed());
        let (client, other) = (cluster.client(), cluster.client());
        let held = gate.occupy(&client, 0);
        let shared = |key: &'static str| {
            let both = [&client, &other].map(|c| c.submit(gated(gate.name(), 1).key(key)));
            other.flush().unwrap();
            client.flush().unwrap();
            both
        };
        let ([ours, theirs], [ours_too, theirs_too]) = (shared("kept"), shared("gone"));
        client.cancel([&ours]);
        client.cancel_for_all([&ours_too]);
        assert!(ours.is_cancelled() && ours_too.is_cancelled());
        let error = theirs_too.result().unwrap_err();
        assert_eq!(task_error(&error).kind(), TaskErrorKind::Cancelled);
        assert_eq!((theirs.status(), theirs_too.status()), (TaskStatus::Pending, TaskStatus::Cancelled));
        gate.open();
        assert_eq!((theirs.result().unwrap(), held.result().unwrap()), (1, 0));
    });
}

static MENDED: AtomicBool = AtomicBool::new(false);
static RUNS: AtomicU32 = AtomicU32::new(0);

/// Fails until it is mended.
#[task]
fn brittle(x: i64) -> Result<i64, String> {
    RUNS.fetch_add(1, Ordering::SeqCst);
    if MENDED.load(Ordering::SeqCst) { Ok(x) } else { Err("it is broken".into()) }
}

#[test]
fn failed_tasks_and_the_failed_tasks_they_need_are_run_again() {
    within_deadline(|| {
        let cluster = TcpCluster::start(1);
        let client = cluster.client();
        let (first, second, fine) =
            (client.submit(brittle(1)), client.submit(brittle(2)), client.submit(inc(1)));
        let sum = client.submit(add(&second, &fine));
        for future in [&first, &second, &sum] {
            says(&future.result().unwrap_err(), &["brittle", "it is broken"]);
        }
        assert_eq!(RUNS.load(Ordering::SeqCst), 2);
        client.retry([&first]);
        assert!(first.result().is_err(), "it is as broken as before");
        MENDED.store(true, Ordering::SeqCst);
        client.retry([&first, &sum, &fine]);
        assert_eq!((first.result().unwrap(), sum.result().unwrap()), (1, 4));
        assert_eq!((second.result().unwrap(), fine.result().unwrap()), (2, 2));
        assert_eq!(RUNS.load(Ordering::SeqCst), 5);
        sum.retry();
        assert_eq!(sum.result().unwrap(), 4);
        assert_eq!(RUNS.load(Ordering::SeqCst), 5);
    });
}

#[test]
fn what_is_detached_runs_though_nobody_holds_its_future() {
    within_deadline(|| {
        let (cluster, gate, late) = (TcpCluster::start(1), Gate::closed(), Gate::closed());
        late.open();
        let client = cluster.client();
        let held = gate.occupy(&client, 0);
        drop(late.submit(&client, 1));
        late.submit(&client, 2).detach();
        let leaving = cluster.client();
        late.submit(&leaving, 3).detach();
        leaving.close().unwrap();
        client.flush().unwrap();
        gate.open();
        assert_eq!(held.result().unwrap(), 0);
        until("the detached tasks run", || (late.runs(2) && late.runs(3)).then_some(()));
        drop(held);
        wait_until_released(&client);
        assert!(!late.runs(1), "nobody wanted it");
    });
}

#[test]
fn the_cluster_says_who_has_what() {
    within_deadline(|| {
        let cluster = TcpCluster::start(2);
        let client = cluster.client();
        let large = client.submit(bytes(300_000, 1).workers(["w0"]));
        let small = client.submit(inc(1));
        client.wait([&large]).block().unwrap();
        client.wait([&small]).block().unwrap();
        let has = client.has_what().unwrap();
        assert_eq!(has["w0"], [large.key()]);
        assert!(has["w1"].is_empty(), "{has:?}");
        let who = client.who_has([&large]).unwrap();
        assert_eq!(who[&large.key()], ["w0"]);
        assert_eq!(info(&client).tasks.memory, 2);
        drop((large, small));
        wait_until_released(&client);
        assert_eq!(client.has_what().unwrap().values().map(Vec::len).sum::<usize>(), 0);
    });
}

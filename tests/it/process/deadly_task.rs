//! Tasks that take their worker process with them: they fail, others do not.
use crate::stage::{ProcessCluster, info, says, task_error};
use longshore::{Call, TaskErrorKind};
use longshore_tests::deadline::{until, within_deadline};
use longshore_tests::function::inc;
use longshore_tests::it_function::{abort, exit, nap, overflow_stack, panic_with};

fn kills_its_worker(name: &'static str, call: fn() -> Call<i64>) {
    within_deadline(move || {
        let cluster = ProcessCluster::start(2);
        let client = &cluster.client;
        let before = client.map(|i| nap(10, i), 0..25);
        let deadly = client.submit(call());
        let dependent = client.submit(inc(&deadly));
        let after = client.map(|i| nap(10, i), 25..50);
        let error = deadly.result().unwrap_err();
        let error = task_error(&error);
        assert_eq!(error.kind(), TaskErrorKind::Killed, "{error}");
        says(error, &[name, "3 workers died", "that worker's own output", "retries"]);
        assert!(error.worker().is_some() && error.attempts() >= 3, "{error:?}");
        let error = dependent.result().unwrap_err();
        assert_eq!(task_error(&error).kind(), TaskErrorKind::Killed, "{error}");
        let good: Vec<i64> = client.gather(before.into_iter().chain(after).collect::<Vec<_>>()).unwrap();
        assert_eq!(good, (0..50).collect::<Vec<i64>>());
        until("both workers are there again", || (info(client).workers.len() == 2).then_some(()));
        assert_eq!(client.submit(inc(1)).result().unwrap(), 2);
        cluster.close();
    });
}

#[test]
fn a_task_exits() {
    kills_its_worker("exit", || exit(3));
}

#[test]
fn a_task_exits_with_success() {
    kills_its_worker("exit", || exit(0));
}

#[test]
fn a_task_aborts() {
    kills_its_worker("abort", abort);
}

#[test]
fn a_task_overflows_its_stack() {
    kills_its_worker("overflow_stack", || overflow_stack(0));
}

/// Unlike the others it costs no worker its life.
#[test]
fn a_task_panics() {
    within_deadline(|| {
        let cluster = ProcessCluster::start(2);
        let client = &cluster.client;
        let pids = cluster.pids();
        let good = client.map(|i| nap(2, i), 0..50);
        let bad: Vec<_> = (0..20).map(|i| client.submit(panic_with(format!("number {i}")))).collect();
        for (i, future) in bad.iter().enumerate() {
            let error = future.result().unwrap_err();
            assert_eq!(task_error(&error).kind(), TaskErrorKind::Panicked);
            assert!(task_error(&error).location().is_some_and(|l| l.contains("it_function.rs")), "{error:?}");
            says(&error, &["panic_with", &format!("number {i}")]);
        }
        assert_eq!(client.gather(good).unwrap(), (0..50).collect::<Vec<i64>>());
        assert_eq!(cluster.pids(), pids);
        cluster.close();
    });
}

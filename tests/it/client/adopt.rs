//! Futures of one client used with another of the same cluster.
use super::gate::Gate;
use crate::stage::{TcpCluster, says, task_error, wait_until_released};
use futures_lite::future::block_on;
use longshore::rt::{BlockOn, ExecutorRuntime, OwnedExecutor, UserExecutor};
use longshore::{Client, LocalCluster, TaskErrorKind, TaskStatus, context, local};
use longshore_tests::deadline::within_deadline;
use longshore_tests::function::{inc, sum};
use longshore_tests::it_function::{add, bytes, halve, total};

#[test]
fn a_future_of_another_client_is_an_argument_like_any() {
    within_deadline(|| {
        let (cluster, gate) = (TcpCluster::start(2), Gate::closed());
        let (client, other) = (cluster.client(), cluster.client());
        let (done, held) = (other.submit(inc(1)), gate.occupy(&other, 1));
        assert_eq!(done.result().unwrap(), 2);
        let mixed = client.submit(add(&done, inc(&held)));
        let many = client.submit(sum(vec![&held, &done, &held]));
        assert_eq!(mixed.status(), TaskStatus::Pending);
        gate.open();
        assert_eq!((mixed.result().unwrap(), many.result().unwrap()), (4, 4));
        let large = other.submit(bytes(300_000, 1));
        let expected = other.submit(total(&large)).result().unwrap();
        assert_eq!(client.submit(total(&large)).result().unwrap(), expected);
        assert_eq!(client.adopt(&large).result().unwrap().len(), 300_000);
        let failed = other.submit(halve(3));
        says(&client.submit(inc(&failed)).result().unwrap_err(), &["halve", "3 is odd", "needed by", "inc"]);
        assert_eq!(client.submit(inc(other.compute(inc(5)))).result().unwrap(), 7);
        drop((done, held, mixed, many, large, failed));
        wait_until_released(&client);
    });
}

#[test]
fn the_adopting_client_keeps_what_the_first_one_lets_go_of() {
    within_deadline(|| {
        let (cluster, gate) = (TcpCluster::start(1), Gate::closed());
        let (client, other, third) = (cluster.client(), cluster.client(), cluster.client());
        let held = gate.occupy(&other, 1);
        let queued = other.submit(inc(&held));
        let (ours, theirs) = (client.adopt(&queued), third.adopt(&queued));
        assert_eq!((ours.key(), theirs.key()), (queued.key(), queued.key()));
        client.flush().unwrap();
        third.flush().unwrap();
        queued.cancel();
        assert!(queued.is_cancelled());
        other.close().unwrap();
        gate.open();
        assert_eq!((ours.result().unwrap(), theirs.result().unwrap()), (2, 2));
        drop((ours, theirs));
        wait_until_released(&client);
    });
}

#[test]
fn a_dropped_future_is_known_to_whoever_used_it_before() {
    within_deadline(|| {
        let cluster = TcpCluster::start(1);
        let (client, other) = (cluster.client(), cluster.client());
        for x in 0..300 {
            let theirs = other.submit(inc(x));
            let ours = client.submit(inc(&theirs));
            let back = other.submit(add(&ours, &theirs));
            drop((theirs, ours));
            assert_eq!(back.result().unwrap(), 2 * x + 3);
        }
        wait_until_released(&client);
    });
}

#[test]
fn what_the_scheduler_was_not_told_yet_is_waited_for() {
    within_deadline(|| {
        let cluster = TcpCluster::start(1);
        // Nobody drives this client's executor yet, so nothing that it says leaves it.
        let executor = UserExecutor::default();
        let builder = Client::builder(ExecutorRuntime::new(executor.clone())).address(cluster.address());
        let silent = block_on(builder.start()).unwrap();
        let client = cluster.client();
        let theirs = silent.submit(inc(1));
        let ours = client.submit(inc(&theirs));
        // Each waits for the other.
        let both = silent.submit(add(&ours, &theirs));
        let all = client.submit(sum(vec![&ours, &theirs, &both]));
        assert_eq!([&ours, &theirs, &both, &all].map(|f| f.status()), [TaskStatus::Pending; 4]);
        drop((theirs, ours));
        block_on(executor.run(async {
            assert_eq!(all.wait().await.unwrap(), 10);
            assert_eq!(both.await.unwrap(), 5);
            silent.close().await.unwrap();
        }));
        drop(all);
        wait_until_released(&client);
    });
}

#[test]
fn a_client_that_is_gone_fails_what_it_never_submitted() {
    within_deadline(|| {
        let cluster = TcpCluster::start(1);
        let executor = UserExecutor::default();
        let builder = Client::builder(ExecutorRuntime::new(executor.clone())).address(cluster.address());
        let silent = block_on(builder.start()).unwrap();
        let client = cluster.client();
        let theirs = silent.submit(inc(1));
        let ours = client.submit(inc(&theirs));
        let next = client.submit(inc(1));
        block_on(executor.run(silent.close())).unwrap();
        let error = ours.result().unwrap_err();
        assert_eq!(task_error(&error).kind(), TaskErrorKind::Lost);
        assert_eq!(next.result().unwrap(), 2);
    });
}

#[test]
fn a_key_of_another_client_stands_for_one_call_here_too() {
    within_deadline(|| {
        let cluster = TcpCluster::start(1);
        let (client, other) = (cluster.client(), cluster.client());
        let theirs = other.submit(inc(1).key("k"));
        let ours = client.adopt(&theirs);
        let again = client.submit(inc(1).key("k"));
        let conflict = client.submit(inc(2).key("k"));
        assert_eq!((ours.result().unwrap(), again.result().unwrap(), again.key()), (2, 2, theirs.key()));
        assert_eq!(task_error(&conflict.result().unwrap_err()).kind(), TaskErrorKind::KeyConflict);
    });
}

#[test]
fn a_task_uses_a_future_that_its_closure_captured() {
    within_deadline(|| {
        let rt = OwnedExecutor::new().unwrap();
        let start = LocalCluster::builder(rt.clone()).workers(1).threads_per_worker(1).validate(true).start();
        let cluster = rt.block_on(start).unwrap().unwrap();
        let client = longshore::blocking::Client::with(rt.clone()).cluster(&cluster).connect().unwrap();
        let held = client.submit(inc(1));
        let captured = held.clone();
        let task = local(move |x: i64| {
            let inner = context().client();
            inner.submit(add(&captured, x)).result().unwrap() + captured.result().unwrap()
        });
        assert_eq!(client.submit(task.call(10)).result().unwrap(), 14);
        drop((task, held));
        client.close().unwrap();
        rt.block_on(cluster.close()).unwrap();
    });
}

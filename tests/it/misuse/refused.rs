//! Calls that a client or a scheduler does not take.
use crate::stage::{TcpCluster, says, task_error};
use longshore::rt::{ExecutorRuntime, UserExecutor};
use longshore::{Client, Error, TaskErrorKind, TaskStatus};
use longshore_tests::deadline::within_deadline;
use longshore_tests::function::inc;
use longshore_tests::it_function::{add, halve};

#[test]
fn a_client_used_after_it_was_closed() {
    within_deadline(|| {
        let cluster = TcpCluster::start(1);
        let (client, other) = (cluster.client(), cluster.client());
        let (done, unawaited) = (client.submit(inc(1)), client.submit(inc(2)));
        assert_eq!(done.result().unwrap(), 2);
        let handle = client.clone();
        client.close().unwrap();
        client.close().unwrap();
        let late = handle.submit(inc(3));
        assert_eq!(late.error().unwrap().kind(), TaskErrorKind::ClientClosed);
        says(&late.result().unwrap_err(), &["inc", "the client was closed"]);
        for error in [
            handle.scheduler_info().map(drop),
            handle.flush(),
            handle.ready(),
            handle.wait_for_workers(1, None).map(drop),
        ] {
            let error = error.unwrap_err();
            assert!(matches!(error, Error::Closed), "{error:?}");
            says(&error, &["the client is closed", "connect a new one"]);
        }
        let error = handle.scatter(1).wait().unwrap_err();
        assert_eq!(task_error(&error).kind(), TaskErrorKind::ClientClosed);
        // What came before stays; what did not come before never will.
        assert_eq!(done.result().unwrap(), 2);
        assert!(unawaited.result().is_ok_and(|x| x == 3) || unawaited.error().is_some());
        assert!(handle.asynchronous().is_closed());
        assert_eq!(other.submit(inc(1)).result().unwrap(), 2);
    });
}

#[test]
fn a_future_of_another_cluster() {
    within_deadline(|| {
        let (cluster, elsewhere) = (TcpCluster::start(1), TcpCluster::start(1));
        let client = cluster.client();
        let other = elsewhere.client();
        let theirs = other.submit(inc(1));
        let ours = client.submit(inc(1));
        let mixed = client.submit(add(&ours, &theirs));
        let error = mixed.error().unwrap();
        assert_eq!(error.kind(), TaskErrorKind::Refused);
        says(&error, &["add", "a client of another cluster", "gather it there and pass the value"]);
        // In a graph too, and by itself.
        let nested = client.submit(inc(inc(&theirs)));
        assert_eq!(nested.error().unwrap().kind(), TaskErrorKind::Refused);
        assert_eq!(client.adopt(&theirs).error().unwrap().kind(), TaskErrorKind::Refused);
        assert_eq!((ours.result().unwrap(), theirs.result().unwrap()), (2, 2));
        assert_eq!(client.submit(inc(1)).result().unwrap(), 2);
    });
}

#[test]
fn a_key_for_two_calls() {
    within_deadline(|| {
        let cluster = TcpCluster::start(1);
        let (client, other) = (cluster.client(), cluster.client());
        let first = client.submit(add(1, 2).key("k"));
        let again = client.submit(add(1, 2).key("k"));
        let conflict = client.submit(add(2, 2).key("k"));
        let error = conflict.result().unwrap_err();
        assert_eq!(task_error(&error).kind(), TaskErrorKind::KeyConflict);
        says(&error, &["add", "key", "choose another key"]);
        // The scheduler knows the key once the call has run.
        assert_eq!(first.result().unwrap(), 3);
        let conflict = other.submit(halve(2).key("k"));
        let error = conflict.result().unwrap_err();
        assert_eq!(task_error(&error).kind(), TaskErrorKind::KeyConflict);
        says(&error, &["halve", "key", "choose another key"]);
        assert_eq!((first.result().unwrap(), again.result().unwrap()), (3, 3));
        assert_eq!(first.key(), again.key());
    });
}

#[test]
fn more_than_may_wait_to_be_sent() {
    within_deadline(|| {
        let cluster = TcpCluster::start(1);
        // Nobody drives this client's executor, so all that it is told waits.
        let executor = UserExecutor::default();
        let client = Client::builder(ExecutorRuntime::new(executor.clone())).address(cluster.address());
        let client = client.outbox_bytes_max(20_000).start();
        let client = futures_lite::future::block_on(client).unwrap();
        let mut futures: Vec<_> =
            (0..).map(|x| client.submit(inc(x))).take(1_000_000).take_while(|f| !f.is_done()).collect();
        let refused = client.submit(inc(0));
        assert_eq!(
            (refused.status(), refused.error().unwrap().kind()),
            (TaskStatus::Failed, TaskErrorKind::Overloaded)
        );
        says(&refused.error().unwrap(), &["inc", "20000", "ready()"]);
        futures_lite::future::block_on(executor.run(async {
            client.ready().await.unwrap();
            futures.push(client.submit(inc(-1)));
            let sum: i64 = client.gather(&futures).await.unwrap().into_iter().sum();
            let len = i64::try_from(futures.len()).unwrap() - 1;
            assert_eq!(sum, len * (len + 1) / 2);
            client.close().await.unwrap();
        }));
    });
}

//! Runtimes, schedulers and clusters that go away under a client.
use crate::stage::{ProcessCluster, TcpCluster, is_running, says, task_error};
use longshore::rt::{BlockOn, ExecutorRuntime, RuntimeExt, TokioRuntime, UserExecutor};
use longshore::{Client, Error, ExecutorClient, TaskErrorKind, TaskFuture, TokioClient, Worker};
use longshore_tests::deadline::{DEADLINE, until, within_deadline};
use longshore_tests::function::inc;
use longshore_tests::it_function::nap;
use std::time::Duration;

/// Awaits on a thread that has nothing to do with any runtime.
fn kind_of_end(future: &TaskFuture<i64>) -> TaskErrorKind {
    futures_lite::future::block_on(future.wait()).unwrap_err().kind()
}

/// After its runtime is gone.
fn is_dead<R: longshore::rt::Runtime>(client: &Client<R>, pending: &TaskFuture<i64>) {
    assert_eq!(kind_of_end(pending), TaskErrorKind::SchedulerLost);
    says(&pending.error().unwrap(), &["connect a new client and submit again"]);
    // Blocking is no hang either.
    let error = pending.result().unwrap_err();
    assert_eq!(task_error(&error).kind(), TaskErrorKind::SchedulerLost);
    assert_eq!(kind_of_end(&client.submit(inc(1))), TaskErrorKind::SchedulerLost);
    let error = futures_lite::future::block_on(client.flush()).unwrap_err();
    assert!(matches!(error, Error::SchedulerLost { .. }), "{error:?}");
    says(&error, &["connect a new client"]);
    futures_lite::future::block_on(client.close()).unwrap();
}

#[test]
fn a_tokio_runtime_is_dropped_under_a_client() {
    within_deadline(|| {
        let cluster = TcpCluster::start(1);
        let program =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let client = program.block_on(TokioClient::connect(cluster.address())).unwrap();
        let done = client.submit(inc(1));
        assert_eq!(futures_lite::future::block_on(done.wait()).unwrap(), 2);
        let pending = client.submit(inc(1).workers(["nobody"]));
        drop(program);
        is_dead(&client, &pending);
        assert_eq!(futures_lite::future::block_on(done).unwrap(), 2);
        assert_eq!(cluster.client().submit(inc(1)).result().unwrap(), 2);
    });
}

#[test]
fn a_tokio_runtime_is_dropped_while_a_future_is_awaited() {
    within_deadline(|| {
        let cluster = TcpCluster::start(1);
        let program =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let client = program.block_on(TokioClient::connect(cluster.address())).unwrap();
        let pending = client.submit(inc(1).workers(["nobody"]));
        let waiting = std::thread::spawn(move || kind_of_end(&pending));
        program.block_on(client.flush()).unwrap();
        program.shutdown_background();
        assert_eq!(waiting.join().unwrap(), TaskErrorKind::SchedulerLost);
    });
}

#[test]
fn an_embedded_cluster_goes_with_its_runtime() {
    within_deadline(|| {
        let program =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let client = program.block_on(TokioClient::local()).unwrap();
        let pending = client.submit(inc(1).workers(["nobody"]));
        drop(program);
        is_dead(&client, &pending);
    });
}

#[test]
fn a_client_is_started_on_a_runtime_that_is_gone() {
    within_deadline(|| {
        let program =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let rt = TokioRuntime::from_handle(program.handle().clone()).unwrap();
        drop(program);
        let client = Client::builder(rt).address("tcp://127.0.0.1:1").start();
        let client = futures_lite::future::block_on(client).unwrap();
        let pending = client.submit(inc(1));
        assert_eq!(kind_of_end(&pending), TaskErrorKind::SchedulerLost);
    });
}

#[test]
fn a_users_executor_is_dropped_under_a_client() {
    within_deadline(|| {
        let cluster = TcpCluster::start(1);
        // What holds the executor is gone with this scope, but for the client itself.
        let executor = UserExecutor::default();
        let spawn = {
            let weak = std::sync::Arc::downgrade(&executor);
            move |fut| {
                if let Some(executor) = weak.upgrade() {
                    executor.spawn(fut).detach();
                }
            }
        };
        let rt = longshore::rt::AsyncIo::on("mine", spawn);
        let client = Client::builder(rt).address(cluster.address()).connect();
        let client = futures_lite::future::block_on(executor.run(client)).unwrap();
        let pending = client.submit(inc(1).workers(["nobody"]));
        drop(executor);
        is_dead(&client, &pending);
    });
}

#[test]
fn the_scheduler_goes_away_while_clients_wait() {
    within_deadline(|| {
        let cluster = TcpCluster::start(1);
        let client = cluster.client();
        let pending = client.submit(inc(1).workers(["nobody"]));
        client.flush().unwrap();
        let waiting = client.clone();
        let gathering = std::thread::spawn(move || waiting.gather([&pending]).unwrap_err());
        cluster.rt.block_on(cluster.scheduler.close()).unwrap();
        let error = gathering.join().unwrap();
        assert_eq!(task_error(&error).kind(), TaskErrorKind::SchedulerLost);
        says(&error, &["the scheduler was closed", "connect a new client"]);
        assert!(matches!(client.flush(), Err(Error::SchedulerLost { .. })));
    });
}

#[test]
fn a_worker_whose_runtime_is_dropped_is_replaced_by_another() {
    within_deadline(|| {
        let mut cluster = TcpCluster::start(0);
        let program =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let rt = TokioRuntime::from_handle(program.handle().clone()).unwrap();
        let worker = Worker::builder(rt, cluster.address()).name("doomed").nthreads(1).start();
        let mut worker = program.block_on(worker).unwrap();
        let client = cluster.client();
        let futures = client.map(|i| nap(20, i), 0..20);
        assert_eq!(futures[0].result().unwrap(), 0);
        drop(program);
        let exit = futures_lite::future::block_on(worker.finished());
        assert!(matches!(exit, longshore::WorkerExit::Aborted { .. }), "{exit:?}");
        cluster.add_worker();
        assert_eq!(client.gather(futures).unwrap(), (0..20).collect::<Vec<i64>>());
    });
}

#[test]
fn a_client_is_dropped_without_a_word() {
    within_deadline(|| {
        let cluster = ProcessCluster::start(1);
        let watcher = &cluster.client;
        let client = cluster.remote_client();
        let abandoned: Vec<_> = client.map(|i| nap(20, i), 0..100);
        client.flush().unwrap();
        drop((client, abandoned));
        crate::stage::wait_until_released(watcher);
        until("the client is gone", || (crate::stage::info(watcher).clients == 1).then_some(()));
        assert_eq!(watcher.submit(inc(1)).result().unwrap(), 2);
        assert!(cluster.pids().into_iter().all(is_running));
        cluster.close();
    });
}

#[test]
fn a_future_given_up_by_a_timeout_goes_on() {
    within_deadline(|| {
        let executor = UserExecutor::default();
        let rt = ExecutorRuntime::new(executor.clone());
        futures_lite::future::block_on(executor.run(async {
            let client = ExecutorClient::local(executor.clone()).await.unwrap();
            let future = client.submit(nap(100, 1));
            let error = future.within(Duration::from_millis(1)).await.unwrap_err();
            assert!(matches!(error, Error::TimedOut { .. }), "{error:?}");
            says(&error, &["the result took longer than 1ms"]);
            assert!(rt.timeout(Duration::from_millis(1), future.wait()).await.is_err());
            assert_eq!(future.within(DEADLINE).await.unwrap(), 1);
            client.close().await.unwrap();
        }));
    });
}

//! Work for a cluster without workers waits, says so, and runs once there is one.
use crate::stage::{TcpCluster, anywhere, info, says, task_error};
use longshore::blocking::Client;
use longshore::rt::{BlockOn, OwnedExecutor, UserExecutor};
use longshore::{ExecutorClient, Scheduler, TaskErrorKind, TaskStatus, Worker};
use longshore_tests::deadline::{DEADLINE, until, within_deadline};
use longshore_tests::function::{inc, sum};
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

/// What was logged on one thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn work_waits_for_a_worker_and_the_client_says_so() {
    within_deadline(|| {
        let mut cluster = TcpCluster::start(0);
        let log = Log::default();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer({
            let log = log.clone();
            move || log.clone()
        });
        let executor = UserExecutor::default();
        // The client runs on this thread alone, so what it logs can be caught.
        let (client, futures) = tracing::subscriber::with_default(subscriber.finish(), || {
            futures_lite::future::block_on(executor.run(async {
                let client = ExecutorClient::connect(executor.clone(), cluster.address()).await.unwrap();
                let futures = client.map(inc, 0..10);
                while !log.text().contains("no workers") {
                    let soon = client.wait_for_workers(1).timeout(DEADLINE / 900).await;
                    assert!(soon.is_err());
                }
                (client, futures)
            }))
        });
        says(&log.text(), &["WARN", "10 tasks wait", "no workers", "as soon as one joins"]);
        assert!(futures.iter().all(|f| f.status() == TaskStatus::Pending));
        cluster.add_worker();
        futures_lite::future::block_on(executor.run(async {
            assert_eq!(client.submit(sum(&futures)).await.unwrap(), 55);
            client.close().await.unwrap();
        }));
    });
}

#[test]
fn work_waits_when_the_only_worker_leaves() {
    within_deadline(|| {
        let mut cluster = TcpCluster::start(1);
        let client = cluster.client();
        assert_eq!(client.submit(inc(1)).result().unwrap(), 2);
        let worker = cluster.workers.pop().unwrap();
        cluster.rt.block_on(worker.close()).unwrap();
        until("the worker is gone", || info(&client).workers.is_empty().then_some(()));
        let future = client.submit(inc(2));
        let error = client.wait_for_workers(1, Some(DEADLINE / 900)).unwrap_err();
        says(&error, &["waiting for workers"]);
        assert_eq!(future.status(), TaskStatus::Pending);
        cluster.add_worker();
        assert_eq!(client.wait_for_workers(1, Some(DEADLINE / 3)).unwrap(), 1);
        assert_eq!(future.result().unwrap(), 3);
    });
}

#[test]
fn a_call_for_a_worker_that_is_not_there_waits_for_it() {
    within_deadline(|| {
        let mut cluster = TcpCluster::start(1);
        let client = cluster.client();
        let picky = client.submit(inc(1).workers(["w1"]));
        let lenient = client.submit(inc(2).workers(["w1"]).allow_other_workers());
        assert_eq!(lenient.result().unwrap(), 3);
        assert_eq!(picky.status(), TaskStatus::Pending);
        cluster.add_worker();
        assert_eq!(picky.result().unwrap(), 2);
    });
}

#[test]
fn with_a_limit_a_call_for_a_worker_that_does_not_come_fails() {
    within_deadline(|| {
        let rt = OwnedExecutor::new().unwrap();
        let builder = Scheduler::builder(rt.clone()).listen(anywhere()).no_worker_timeout(DEADLINE / 90);
        let scheduler = rt.block_on(builder.validate(true).start()).unwrap().unwrap();
        let client = Client::with(rt.clone()).address(scheduler.address()).connect().unwrap();
        let error = client.submit(inc(1)).result().unwrap_err();
        assert_eq!(task_error(&error).kind(), TaskErrorKind::NoWorker);
        says(&error, &["inc", "no worker joined", "start a worker"]);
        let worker = Worker::builder(rt.clone(), scheduler.address().clone()).name("w0").start();
        let worker = rt.block_on(worker).unwrap().unwrap();
        let picky = client.submit(inc(inc(1).workers(["w7"]).resource("gpu", 2.0)));
        let error = picky.result().unwrap_err();
        assert_eq!(task_error(&error).kind(), TaskErrorKind::NoWorker);
        says(&error, &["none of 1 workers", "be w7 and have gpu = 2", "relax them", "needed by"]);
        assert_eq!(client.submit(inc(1)).result().unwrap(), 2);
        drop(worker);
    });
}

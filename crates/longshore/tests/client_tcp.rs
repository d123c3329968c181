//! Clients of a cluster that is reached by TCP, its parts talking as if they were processes of their own.
use longshore::blocking::Client;
use longshore::{Address, Error, Scheduler, TaskErrorKind, TaskFuture, TaskStatus, Worker, local, task};
use longshore_rt::{BlockOn, OwnedExecutor, RuntimeExt};
use std::sync::mpsc;
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(60);

#[task]
fn inc(x: i64) -> i64 {
    x + 1
}

#[task]
fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i / 1000) as u8).collect()
}

#[task]
fn total(bytes: &[u8], more: Vec<u8>) -> u64 {
    bytes.iter().chain(&more).map(|b| u64::from(*b)).sum()
}

#[task]
fn wait_forever() -> i64 {
    loop {
        std::thread::park();
    }
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

fn anywhere() -> Address {
    "tcp://127.0.0.1:0".parse().unwrap()
}

struct Cluster {
    rt: OwnedExecutor,
    scheduler: Option<Scheduler<OwnedExecutor>>,
    workers: Vec<Worker<OwnedExecutor>>,
}

impl Cluster {
    fn start(workers: usize) -> Self {
        let rt = OwnedExecutor::new().unwrap();
        let scheduler = Scheduler::builder(rt.clone()).listen(anywhere()).token("t").validate(true).start();
        let scheduler = rt.block_on(scheduler).unwrap().unwrap();
        let mut cluster = Cluster { rt, scheduler: Some(scheduler), workers: Vec::new() };
        (0..workers).for_each(|_| cluster.add_worker(None));
        cluster
    }

    fn address(&self) -> Address {
        self.scheduler.as_ref().unwrap().address().clone()
    }

    /// A worker that tells others to reach it at `advertise`.
    fn add_worker(&mut self, advertise: Option<Address>) {
        let builder =
            Worker::builder(self.rt.clone(), self.address()).token("t").listen(anywhere()).validate(true);
        let builder = match advertise {
            Some(address) => builder.advertise(address),
            None => builder,
        };
        let name = format!("w{}", self.workers.len());
        self.workers.push(self.rt.block_on(builder.name(name).start()).unwrap().unwrap());
    }

    fn client(&self) -> Client {
        let client = Client::with(self.rt.clone()).address(self.address()).token("t");
        client.connect().unwrap()
    }

    fn lose_scheduler(&mut self) {
        drop(self.scheduler.take());
    }
}

fn kind<T>(future: &TaskFuture<T>) -> TaskErrorKind {
    future.error().unwrap().kind()
}

#[test]
fn small_and_large_results_come() {
    within_deadline(|| {
        let cluster = Cluster::start(2);
        let client = cluster.client();
        assert_eq!(client.submit(inc(1)).result().unwrap(), 2);
        let futures: Vec<_> = (0..6).map(|i| client.submit(bytes(3_000_000 + i))).collect();
        for (value, i) in client.gather(&futures).unwrap().into_iter().zip(0..) {
            assert!(value.len() == 3_000_000 + i && value[2_999_999] == (2999 % 256) as u8);
        }
        client.close().unwrap();
    });
}

#[test]
fn a_large_result_is_moved_out_of_the_last_handle_only() {
    within_deadline(|| {
        let cluster = Cluster::start(2);
        let client = cluster.client();
        let expected = (0..3_000_000).map(|i| (i / 1000) as u8).collect::<Vec<_>>();
        let future = client.submit(bytes(3_000_000));
        let other = future.clone();
        assert!(client.gather(&future).unwrap() == expected);
        assert!(client.gather([future]).unwrap() == [expected.clone()]);
        assert_eq!(other.status(), TaskStatus::Finished);
        assert!(other.result().unwrap() == expected, "it is still there for others");
        let twice = vec![other.clone(), other];
        assert!(client.gather(twice).unwrap() == [expected.clone(), expected]);
        client.close().unwrap();
    });
}

#[test]
fn workers_without_a_shortcut_and_with_one_exchange_values() {
    within_deadline(|| {
        let mut cluster = Cluster::start(1);
        let builder = Worker::builder(cluster.rt.clone(), cluster.address()).token("t").name("tcp");
        let worker = cluster.rt.block_on(builder.shortcut(false).start()).unwrap().unwrap();
        cluster.workers.push(worker);
        let client = cluster.client();
        let sum = (0..2_000_000u64).map(|i| u64::from((i / 1000) as u8)).sum::<u64>();
        for (from, to) in [("w0", "tcp"), ("tcp", "w0")] {
            let made = client.submit(bytes(2_000_000).workers([from]));
            assert_eq!(client.submit(total(&made, Vec::<u8>::new()).workers([to])).result().unwrap(), sum);
        }
        client.close().unwrap();
    });
}

#[test]
fn large_arguments_and_scattered_values_reach_the_worker() {
    within_deadline(|| {
        let cluster = Cluster::start(2);
        let client = cluster.client();
        let scattered = client.scatter(vec![1u8; 5_000_000]).wait().unwrap();
        let sum = client.submit(total(&scattered, vec![2u8; 2_000_000]));
        assert_eq!(sum.result().unwrap(), 9_000_000);
        assert_eq!(scattered.result().unwrap().len(), 5_000_000);
        let everywhere = client.scatter(vec![3u8; 1_000_000]).broadcast().wait().unwrap();
        assert_eq!(client.submit(total(&everywhere, vec![0u8; 0])).result().unwrap(), 3_000_000);
        let many: Vec<_> =
            (0..8u8).map(|i| client.submit(total(vec![i; 100_000], vec![1u8; 70_000]))).collect();
        let sums = client.gather(many).unwrap();
        assert_eq!(sums, (0..8).map(|i| i * 100_000 + 70_000).collect::<Vec<u64>>());
    });
}

#[test]
fn what_cannot_be_dialled_goes_through_the_scheduler() {
    within_deadline(|| {
        let mut cluster = Cluster::start(0);
        // Nobody listens on port 1.
        cluster.add_worker(Some("tcp://127.0.0.1:1".parse().unwrap()));
        let client = cluster.client();
        assert_eq!(client.submit(bytes(3_000_000)).result().unwrap().len(), 3_000_000);
        assert_eq!(client.submit(total(vec![1u8; 3_000_000], vec![0u8; 0])).result().unwrap(), 3_000_000);
    });
}

#[test]
fn a_lost_scheduler_fails_every_unfinished_future() {
    within_deadline(|| {
        let mut cluster = Cluster::start(1);
        let client = cluster.client();
        let done = client.submit(inc(1));
        assert_eq!(done.result().unwrap(), 2);
        let (running, waiting) = (client.submit(wait_forever()), client.submit(inc(2).workers(["nobody"])));
        client.flush().unwrap();
        cluster.lose_scheduler();
        for future in [running, waiting] {
            let error = future.result().unwrap_err();
            assert_eq!(kind(&future), TaskErrorKind::SchedulerLost);
            assert_eq!(future.status(), TaskStatus::Lost);
            assert!(error.to_string().contains("connect a new client"), "{error}");
        }
        assert_eq!(done.result().unwrap(), 2);
        assert_eq!(kind(&client.submit(inc(3))), TaskErrorKind::SchedulerLost);
        assert!(matches!(client.scheduler_info(), Err(Error::SchedulerLost { .. })));
        client.close().unwrap();
    });
}

#[test]
fn misuse_gives_a_future_that_has_failed_already() {
    within_deadline(|| {
        let (cluster, other) = (Cluster::start(1), Cluster::start(1));
        let (client, stranger) = (cluster.client(), other.client());
        let foreign = client.submit(inc(stranger.submit(inc(1))));
        assert_eq!(kind(&foreign), TaskErrorKind::Refused);
        assert!(foreign.error().unwrap().to_string().contains("another cluster"));
        let closure = client.submit(local(|x: i64| x).call(1));
        assert_eq!(kind(&closure), TaskErrorKind::Unencodable);
        let dependent = client.submit(inc(inc(&closure)));
        assert_eq!(kind(&dependent), TaskErrorKind::Unencodable, "{}", dependent.error().unwrap());
        let gone = client.submit(inc(1).workers(["nobody"]));
        gone.cancel();
        assert_eq!(kind(&client.submit(inc(gone))), TaskErrorKind::Cancelled);
    });
}

#[test]
fn too_much_at_once_is_refused_until_there_is_room() {
    within_deadline(|| {
        let cluster = Cluster::start(1);
        let client = Client::with(cluster.rt.clone()).address(cluster.address()).token("t");
        let client = client.outbox_bytes_max(100_000).connect().unwrap();
        let refused = (0..1_000_000).map(|x| client.submit(inc(x))).find(TaskFuture::is_done);
        if let Some(error) = refused.and_then(|f| f.error()) {
            assert_eq!(error.kind(), TaskErrorKind::Overloaded);
            assert!(error.to_string().contains("ready()"), "{error}");
        }
        client.ready().unwrap();
        assert_eq!(client.submit(inc(1)).result().unwrap(), 2);
    });
}

#[test]
fn a_scheduler_that_is_not_there_is_reported() {
    within_deadline(|| {
        let started = Duration::from_secs(1);
        let quick =
            Client::with(OwnedExecutor::new().unwrap()).address("tcp://127.0.0.1:1").connect_timeout(started);
        assert!(matches!(quick.connect(), Err(Error::Connect(_))));
        assert!(matches!(Client::connect("udp://h:1"), Err(Error::Address(_))));
        let cluster = Cluster::start(0);
        let wrong = Client::with(cluster.rt.clone()).address(cluster.address()).token("wrong").connect();
        assert!(wrong.unwrap_err().to_string().contains("token"));
    });
}

#[test]
fn submitting_does_not_wait_for_the_link() {
    within_deadline(|| {
        let rt = OwnedExecutor::new().unwrap();
        let builder = longshore::Client::builder(rt.clone()).address("tcp://127.0.0.1:1").blocks_by_runtime();
        let client = rt.block_on(builder.connect_timeout(Duration::from_secs(1)).start()).unwrap().unwrap();
        let future = client.submit(inc(1));
        assert!(!future.is_done());
        let error = future.result().unwrap_err();
        assert!(error.to_string().contains("127.0.0.1:1"), "{error}");
    });
}

#[test]
fn blocking_in_async_code_is_an_error_that_says_what_to_write() {
    within_deadline(|| {
        let cluster = Cluster::start(1);
        let client = cluster.client();
        let blocking = client.clone();
        let task = cluster.rt.spawn("test", async move {
            let future = blocking.submit(wait_forever());
            let error = future.result().unwrap_err();
            assert!(matches!(error, Error::Blocking(_)) && error.to_string().contains(".await"), "{error}");
            assert!(matches!(blocking.flush(), Err(Error::Blocking(_))));
            blocking.asynchronous().flush().await.unwrap();
        });
        cluster.rt.block_on(task).unwrap().unwrap();
    });
}

#[test]
fn two_clients_share_a_pure_call_and_notice_a_key_of_another_call() {
    within_deadline(|| {
        let cluster = Cluster::start(1);
        let (a, b) = (cluster.client(), cluster.client());
        let (x, y) = (a.submit(inc(5).pure(true)), b.submit(inc(5).pure(true)));
        assert_eq!((x.key(), x.result().unwrap(), y.result().unwrap()), (y.key(), 6, 6));
        let first = a.submit(inc(1).key("k"));
        assert_eq!(first.result().unwrap(), 2);
        let second = b.submit(inc(2).key("k"));
        let error = second.result().unwrap_err();
        assert_eq!(kind(&second), TaskErrorKind::KeyConflict, "{error}");
        a.cancel([&x]);
        assert_eq!(y.result().unwrap(), 6);
    });
}

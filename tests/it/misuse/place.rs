//! Addresses where nothing is, or something else.
use crate::stage::{TcpCluster, anywhere, says};
use longshore::blocking::Client;
use longshore::rt::{BlockOn, OwnedExecutor};
use longshore::{Address, ConnectError, Error, Scheduler, SchedulerError, Worker, WorkerError};
use longshore_tests::deadline::within_deadline;
use longshore_tests::function::inc;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

/// Long enough for an answer on a busy machine; for as long it is tried again where nobody is.
const PATIENCE: Duration = Duration::from_secs(3);

fn connect_error(address: &str) -> ConnectError {
    let client = Client::with(OwnedExecutor::new().unwrap()).address(address);
    match client.connect_timeout(PATIENCE).connect() {
        Err(Error::Connect(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A server that answers whatever comes first with this.
fn server(answer: &'static [u8]) -> Address {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for conn in listener.incoming() {
            let mut conn = conn.unwrap();
            let _ = conn.read(&mut [0; 1024]);
            let _ = conn.write_all(answer);
        }
    });
    Address::tcp("127.0.0.1", port)
}

#[test]
fn nobody_listens() {
    within_deadline(|| {
        let address = format!("tcp://127.0.0.1:{}", free_port());
        let error = connect_error(&address);
        assert!(matches!(error, ConnectError::Refused { .. }), "{error:?}");
        says(&error, &[&address, "is a scheduler or worker running there?"]);
        let error = connect_error("inproc://nobody");
        assert!(matches!(error, ConnectError::NotFound { .. } | ConnectError::Refused { .. }), "{error:?}");
        let error = connect_error("unix:///no/such/socket");
        assert!(matches!(error, ConnectError::NotFound { .. }), "{error:?}");
    });
}

#[test]
fn a_worker_without_a_scheduler_gives_up() {
    within_deadline(|| {
        let rt = OwnedExecutor::new().unwrap();
        let address = Address::tcp("127.0.0.1", free_port());
        let worker = Worker::builder(rt.clone(), address).connect_timeout(Duration::from_millis(200));
        let error = rt.block_on(worker.start()).unwrap().unwrap_err();
        assert!(matches!(error, WorkerError::Connect(ConnectError::Refused { .. })), "{error:?}");
        says(&crate::stage::whole(&error), &["could not join", "is a scheduler or worker running there?"]);
    });
}

#[test]
fn an_address_that_is_none() {
    within_deadline(|| {
        let error = Client::connect("udp://127.0.0.1:1").unwrap_err();
        assert!(matches!(error, Error::Address(_)), "{error:?}");
        says(&error, &["udp", "tcp://"]);
        let nowhere = Client::with(OwnedExecutor::new().unwrap()).connect().unwrap_err();
        assert!(matches!(nowhere, Error::NoAddress));
        says(&nowhere, &[".address(\"tcp://host:8786\")"]);
    });
}

#[test]
fn something_else_listens() {
    within_deadline(|| {
        let http = server(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n").to_string();
        let error = connect_error(&http);
        assert!(matches!(error, ConnectError::Protocol { .. }), "{error:?}");
        says(&error, &[&http, "does not speak Longshore's protocol", "check the address"]);
        let hangs_up = server(b"").to_string();
        let error = connect_error(&hangs_up);
        assert!(matches!(error, ConnectError::HungUp { .. }), "{error:?}");
        says(&error, &[&hangs_up, "closed the connection during the handshake"]);
    });
}

#[test]
fn something_silent_listens() {
    within_deadline(|| {
        // The kernel accepts; nobody ever answers.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("tcp://{}", listener.local_addr().unwrap());
        let rt = OwnedExecutor::new().unwrap();
        let client = Client::with(rt.clone()).address(&address).connect_timeout(Duration::from_millis(100));
        let error = client.connect().unwrap_err();
        assert!(matches!(error, Error::TimedOut { .. }), "{error:?}");
        says(&error, &["connecting to the scheduler took longer than 100ms"]);
        let worker = Worker::builder(rt.clone(), address.parse().unwrap());
        let worker = worker.connect_timeout(Duration::from_millis(100)).start();
        let error = rt.block_on(worker).unwrap().unwrap_err();
        assert!(matches!(error, WorkerError::Connect(ConnectError::TimedOut { .. })), "{error:?}");
        says(&crate::stage::whole(&error), &[&address, "did not answer within 5 s", "firewalls"]);
    });
}

#[test]
fn the_address_is_a_workers() {
    within_deadline(|| {
        let cluster = TcpCluster::start(1);
        let error = connect_error(&cluster.workers[0].address().to_string());
        assert!(matches!(error, ConnectError::Rejected { .. }), "{error:?}");
        says(&error, &["worker", "does not serve this kind of caller", "check the address"]);
        assert_eq!(cluster.client().submit(inc(1)).result().unwrap(), 2);
    });
}

#[test]
fn the_token_is_wrong_or_the_name_is_taken() {
    within_deadline(|| {
        let rt = OwnedExecutor::new().unwrap();
        let scheduler = Scheduler::builder(rt.clone()).listen(anywhere()).token("right").start();
        let scheduler = rt.block_on(scheduler).unwrap().unwrap();
        let error = connect_error(&scheduler.address().to_string());
        says(&error, &["token is missing or wrong", "both sides need the same"]);
        let worker = |token: &str| {
            let worker = Worker::builder(rt.clone(), scheduler.address().clone()).name("w").token(token);
            rt.block_on(worker.start()).unwrap()
        };
        says(&crate::stage::whole(&worker("wrong").unwrap_err()), &["token is missing or wrong"]);
        let _first = worker("right").unwrap();
        says(
            &crate::stage::whole(&worker("right").unwrap_err()),
            &["\"w\"", "give each worker its own name"],
        );
    });
}

#[test]
fn the_port_is_taken() {
    within_deadline(|| {
        let cluster = TcpCluster::start(0);
        let second = Scheduler::builder(cluster.rt.clone()).listen(cluster.address()).start();
        let error = cluster.rt.block_on(second).unwrap().unwrap_err();
        assert!(matches!(error, SchedulerError::Listen(_)), "{error:?}");
        says(&crate::stage::whole(&error), &["already in use", "port 0 for any free port"]);
    });
}

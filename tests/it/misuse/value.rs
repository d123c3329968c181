//! Functions that workers lack, and values that do not get across.
use crate::stage::{ProcessCluster, TcpCluster, says, task_error};
use longshore::blocking::Client;
use longshore::{TaskErrorKind, TaskFuture, local, task};
use longshore_tests::deadline::within_deadline;
use longshore_tests::function::inc;
use longshore_tests::it_function::{Odd, halve, panic_with};
use serde::de::{self, Deserialize, Deserializer};
use serde::ser::{self, Serialize, Serializer};

/// Not in the worker program; its name is nearly that of a function that is.
#[task(name = "longshore_tests::it_function::ad")]
fn ad(x: i64, y: i64) -> i64 {
    x + y
}

/// In the worker program under this name, with other types.
#[task(name = "longshore_tests::it_function::total")]
fn total_of_text(text: String) -> u64 {
    text.len() as u64
}

/// Does not like every number, on the way out or on the way in.
#[derive(Clone, Debug, PartialEq)]
struct Picky(u8);

/// Never leaves its process.
const UNSPEAKABLE: u8 = 1;
/// Leaves, and is not let in.
const UNBELIEVABLE: u8 = 2;

impl Serialize for Picky {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            UNSPEAKABLE => Err(ser::Error::custom("this number is not spoken of")),
            number => serializer.serialize_u8(number),
        }
    }
}

impl<'de> Deserialize<'de> for Picky {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u8::deserialize(deserializer)? {
            UNBELIEVABLE => Err(de::Error::custom("this number is not believed")),
            number => Ok(Picky(number)),
        }
    }
}

#[task]
fn make_picky(number: u8) -> Picky {
    Picky(number)
}

#[task]
fn take_picky(picky: Picky) -> u8 {
    picky.0
}

/// Checks the failure of a future, and that the cluster works afterwards.
#[track_caller]
fn fails<T: longshore::Value + std::fmt::Debug>(
    client: &Client,
    future: &TaskFuture<T>,
    kind: TaskErrorKind,
    words: &[&str],
) {
    let error = future.result().unwrap_err();
    assert_eq!(task_error(&error).kind(), kind, "{error}");
    says(&error, words);
    assert_eq!(client.submit(inc(1)).result().unwrap(), 2);
}

#[test]
fn a_function_that_no_worker_has() {
    within_deadline(|| {
        let cluster = ProcessCluster::start(2);
        let client = &cluster.client;
        let unknown = client.submit(ad(1, 2));
        let dependent = client.submit(inc(&unknown));
        // Others do not wait for its grace period to end.
        assert_eq!(client.gather(client.map(inc, 0..100)).unwrap().len(), 100);
        assert!(!unknown.is_done());
        let words = &[
            "it_function::ad ",
            "it_function::add",
            "w0, w1",
            "start workers from a binary that links the function",
        ];
        fails(client, &unknown, TaskErrorKind::UnknownFunction, words);
        fails(client, &dependent, TaskErrorKind::UnknownFunction, &["needed by", "inc"]);
        cluster.close();
    });
}

#[test]
fn a_function_that_workers_have_with_other_types() {
    within_deadline(|| {
        let cluster = ProcessCluster::start(1);
        let mismatch = cluster.client.submit(total_of_text("text".to_owned()));
        let words = &["it_function::total", "other argument or result types", "from the same source"];
        fails(&cluster.client, &mismatch, TaskErrorKind::SignatureMismatch, words);
        cluster.close();
    });
}

#[test]
fn an_argument_that_cannot_be_encoded() {
    within_deadline(|| {
        let cluster = TcpCluster::start(1);
        let client = cluster.client();
        let future = client.submit(take_picky(Picky(UNSPEAKABLE)));
        assert!(future.is_done());
        let words = &["take_picky", "Picky", "make the value serializable"];
        fails(&client, &future, TaskErrorKind::Unencodable, words);
        let scattered = client.scatter(Picky(UNSPEAKABLE)).wait().unwrap_err();
        assert_eq!(task_error(&scattered).kind(), TaskErrorKind::Unencodable);
        says(&scattered, &["Picky"]);
    });
}

#[test]
fn an_argument_that_cannot_be_decoded() {
    within_deadline(|| {
        let cluster = TcpCluster::start(1);
        let client = cluster.client();
        let future = client.submit(take_picky(Picky(UNBELIEVABLE)));
        let words = &["take_picky", "picky", "from the same source"];
        fails(&client, &future, TaskErrorKind::Undecodable, words);
        assert_eq!(client.submit(take_picky(Picky(7))).result().unwrap(), 7);
    });
}

#[test]
fn a_result_that_cannot_be_encoded() {
    within_deadline(|| {
        let cluster = TcpCluster::start(1);
        let client = cluster.client();
        let future = client.submit(make_picky(UNSPEAKABLE));
        let words = &["make_picky", "Picky", "make the value serializable"];
        fails(&client, &future, TaskErrorKind::Unencodable, words);
        assert_eq!(client.submit(make_picky(7)).result().unwrap(), Picky(7));
    });
}

#[test]
fn a_result_that_cannot_be_decoded() {
    within_deadline(|| {
        let cluster = TcpCluster::start(1);
        let client = cluster.client();
        let future = client.submit(make_picky(UNBELIEVABLE));
        fails(&client, &future, TaskErrorKind::Undecodable, &["Picky", "from the same source"]);
        let dependent = client.submit(take_picky(&future));
        let error = dependent.result().map_or_else(|e| e.to_string(), |x| x.to_string());
        assert!(error == "2" || error.contains("take_picky"), "{error}");
    });
}

#[test]
fn an_error_that_a_task_returns_and_a_panic() {
    within_deadline(|| {
        let cluster = TcpCluster::start(1);
        let client = cluster.client();
        let failed = client.submit(halve(3));
        fails(&client, &failed, TaskErrorKind::Failed, &["halve", "w0", "3 is odd"]);
        assert_eq!(failed.error().unwrap().downcast_ref::<Odd>(), Some(&Odd { number: 3 }));
        assert!(failed.error().unwrap().downcast_ref::<Picky>().is_none());
        let panicked = client.submit(panic_with("alas".to_owned()));
        fails(&client, &panicked, TaskErrorKind::Panicked, &["panic_with", "w0", "alas", "it_function.rs:"]);
    });
}

#[test]
fn a_closure_for_a_cluster_of_other_processes() {
    within_deadline(|| {
        let cluster = ProcessCluster::start(1);
        let kept = std::sync::Mutex::new(Vec::new());
        let closure = local(move |x: i64| {
            kept.lock().unwrap().push(x);
            x
        });
        // Even from a client that encodes nothing.
        let future = cluster.client.submit(closure.call(1));
        fails(&cluster.client, &future, TaskErrorKind::Unencodable, &["local"]);
        let remote = cluster.remote_client();
        let future = remote.submit(closure.call(1));
        assert!(future.is_done());
        fails(&remote, &future, TaskErrorKind::Unencodable, &["local", "process"]);
        remote.close().unwrap();
        cluster.close();
    });
}

//! Maps of more than may wait to be sent.
use crate::stage::{TcpCluster, says, task_error, wait_until_released};
use futures_lite::future::block_on;
use longshore::rt::{ExecutorRuntime, UserExecutor};
use longshore::{Address, Client, TaskErrorKind, TaskStatus, task};
use longshore_tests::deadline::within_deadline;
use longshore_tests::function::{inc, sum};
use serde::{Deserialize, Serialize, Serializer};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What may wait to be sent, in bytes.
const ROOM: usize = 20_000;

/// A client with little room whose executor nobody drives but the test.
fn narrow(address: &Address) -> (UserExecutor, Client<ExecutorRuntime>) {
    let executor = UserExecutor::default();
    let client = Client::builder(ExecutorRuntime::new(executor.clone())).address(address);
    let client = block_on(client.outbox_bytes_max(ROOM).start()).unwrap();
    (executor, client)
}

/// Counts how many of its kind were encoded.
#[derive(Clone, Default)]
struct Counted(Arc<AtomicU64>, Vec<u8>);

impl Serialize for Counted {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.0.fetch_add(1, Ordering::SeqCst);
        self.1.serialize(s)
    }
}

impl<'de> Deserialize<'de> for Counted {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Ok(Counted(Arc::default(), Vec::deserialize(d)?))
    }
}

#[task]
fn len(bytes: Counted) -> usize {
    bytes.1.len()
}

#[test]
fn inputs_are_encoded_as_room_comes() {
    within_deadline(|| {
        let cluster = TcpCluster::start(2);
        let (executor, client) = narrow(&cluster.address());
        let encoded = Arc::new(AtomicU64::new(0));
        let inputs = (0..3_000).map(|i| Counted(encoded.clone(), vec![0; 1000 + i]));
        let futures = client.map(len, inputs);
        assert_eq!(futures.len(), 3_000);
        assert!(futures.iter().all(|f| f.status() == TaskStatus::Pending));
        // A few more than there is room for, since it is not looked at each time.
        let before = encoded.load(Ordering::SeqCst);
        assert!((20..500).contains(&before), "{before} of 3000 were encoded at once");
        assert_eq!(client.submit(inc(1)).error().unwrap().kind(), TaskErrorKind::Overloaded);
        block_on(executor.run(async {
            let lens = client.gather(&futures).await.unwrap();
            assert!(lens.into_iter().eq(1000..4000));
            assert_eq!(encoded.load(Ordering::SeqCst), 3_000);
            client.ready().await.unwrap();
            assert_eq!(client.submit(inc(1)).await.unwrap(), 2);
            drop(futures);
            client.close().await.unwrap();
        }));
        wait_until_released(&cluster.client());
    });
}

#[test]
fn what_is_said_after_a_map_comes_after_it() {
    within_deadline(|| {
        let cluster = TcpCluster::start(2);
        let (executor, client) = narrow(&cluster.address());
        let first = client.map(inc, 0..2_000);
        // Its bytes are not ahead of the map's, so there is room for it as soon as the first part of the map is sent.
        let second = client.map(sum, (0..5).map(|i| first[i * 400..(i + 1) * 400].to_vec()));
        let expected: Vec<i64> = (0..5).map(|i| (i * 400 + 1..=(i + 1) * 400).sum()).collect();
        drop(first);
        block_on(executor.run(async {
            assert_eq!(client.gather(second).await.unwrap(), expected);
            client.close().await.unwrap();
        }));
        wait_until_released(&cluster.client());
    });
}

#[test]
fn keys_cancelled_calls_and_dropped_futures_are_as_in_a_map_that_fits() {
    within_deadline(|| {
        let cluster = TcpCluster::start(2);
        let (executor, client) = narrow(&cluster.address());
        let pure = task_of_key();
        let mut futures = client.map(pure, (0..2_000).map(|x| x % 1_500));
        let last = futures.split_off(1_900);
        drop(futures.split_off(1_000));
        client.cancel(&futures[900..]);
        block_on(executor.run(async {
            let sum: i64 = client.gather(&futures[..900]).await.unwrap().into_iter().sum();
            assert_eq!(sum, (1..=900).sum());
            assert!(futures[900..].iter().all(|f| f.is_cancelled()));
            assert_eq!(client.gather(&last).await.unwrap(), (401..=500).collect::<Vec<i64>>());
            assert_eq!(last[0].key(), futures[400].key(), "equal calls share a key");
            drop((futures, last));
            client.close().await.unwrap();
        }));
        wait_until_released(&cluster.client());
    });
}

#[task(pure)]
fn pure_inc(x: i64) -> i64 {
    x + 1
}

fn task_of_key() -> impl longshore::TaskFn<i64, Output = i64> {
    pure_inc
}

/// Large enough to fill the room, and not to be encoded if it is odd.
#[derive(Clone, Deserialize)]
struct Fragile(u64, Vec<u8>);

impl Serialize for Fragile {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        assert!(self.0 != 201, "it broke");
        if self.0 % 2 == 1 {
            return Err(serde::ser::Error::custom("too odd to travel"));
        }
        (self.0, &self.1).serialize(s)
    }
}

#[task]
fn number_of(fragile: Fragile) -> u64 {
    fragile.0
}

#[test]
fn an_input_that_cannot_be_encoded_later_fails_its_own_future() {
    within_deadline(|| {
        let cluster = TcpCluster::start(2);
        let (executor, client) = narrow(&cluster.address());
        let inputs = (0..128).map(|i| i * 2).chain(200..210);
        let futures = client.map(number_of, inputs.map(|i| Fragile(i, vec![0; 1000])));
        let late = futures[128..].to_vec();
        assert!(late.iter().all(|f| f.status() == TaskStatus::Pending));
        block_on(executor.run(async {
            let values = client.gather_ok(&late).await;
            assert_eq!(values, [200, 202, 204, 206, 208]);
            for (at, words) in [(1, "Serialize panicked"), (3, "Fragile cannot be encoded")] {
                let error = late[at].error().unwrap();
                assert_eq!(error.kind(), TaskErrorKind::Unencodable);
                says(&error, &["number_of", words, "make the value serializable"]);
                late[at].retry();
                assert!(late[at].is_done(), "the cluster knows nothing of it");
            }
            let dependent = client.submit(inc_of(&late[3])).await.unwrap_err();
            assert_eq!(dependent.kind(), TaskErrorKind::Unencodable);
            drop((futures, late));
            client.close().await.unwrap();
        }));
        wait_until_released(&cluster.client());
    });
}

#[task]
fn inc_of(x: u64) -> u64 {
    x + 1
}

#[test]
fn closing_ends_a_map_that_is_not_sent() {
    within_deadline(|| {
        let cluster = TcpCluster::start(1);
        let (executor, client) = narrow(&cluster.address());
        let futures = client.map(inc, 0..5_000);
        block_on(executor.run(async { client.close().await.unwrap() }));
        let error = block_on(futures[4_999].wait()).unwrap_err();
        assert_eq!(error.kind(), TaskErrorKind::ClientClosed);
        let error = block_on(client.gather(&futures)).unwrap_err();
        says(&error, &["closed"]);
        let _ = task_error(&error.into());
    });
}

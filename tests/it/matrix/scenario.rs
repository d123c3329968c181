//! What a client does with a cluster, from the first submission to the last release.
use crate::stage::says;
use longshore::rt::{Runtime, RuntimeExt};
use longshore::{Client, TaskCounts, TaskErrorKind};
use longshore_tests::deadline::DEADLINE;
use longshore_tests::function::{inc, sum};
use longshore_tests::it_function::{Odd, add, bytes, halve, panic_with, pattern, total};

/// More than travels within messages.
const LARGE: usize = 700_000;

pub(super) async fn run<R: Runtime>(client: &Client<R>) {
    assert_eq!(client.wait_for_workers(2).timeout(DEADLINE / 3).await.unwrap(), 2);
    small_results(client).await;
    graphs(client).await;
    large_results(client).await;
    scattered_values(client).await;
    failures(client).await;
    all_is_released(client).await;
}

async fn small_results<R: Runtime>(client: &Client<R>) {
    let future = client.submit(inc(10));
    assert_eq!((&future).await.unwrap(), 11);
    assert_eq!((&future).await.unwrap(), 11);
    let next = client.submit(inc(&future));
    assert_eq!(future.await.unwrap(), 11);
    assert_eq!(next.await.unwrap(), 12);
    let futures = client.map(inc, 0..40);
    assert_eq!(client.gather(&futures).await.unwrap(), (1..=40).collect::<Vec<i64>>());
    assert_eq!(client.submit(sum(futures)).await.unwrap(), 820);
}

async fn graphs<R: Runtime>(client: &Client<R>) {
    let graph = add(inc(add(1, 2)), add(inc(3), sum(vec![4, 5])));
    assert_eq!(client.submit(graph).await.unwrap(), 17);
    let (x, y) = (client.submit(inc(1)), client.submit(inc(2)));
    let both = client.submit(add(&x, &y));
    assert_eq!(client.gather((both, [x, y])).await.unwrap(), (5, [2, 3]));
}

/// Made on one worker, fetched from it by the other and by the client.
async fn large_results<R: Runtime>(client: &Client<R>) {
    let large = client.submit(bytes(LARGE, 3).workers(["w0"]));
    let there = client.submit(total(&large).workers(["w1"]));
    let expected: u64 = (0..LARGE).map(|i| u64::from(pattern(i, 3))).sum();
    assert_eq!(there.await.unwrap(), expected);
    let holders = client.who_has([&large]).await.unwrap();
    assert_eq!(holders[&large.key()], ["w0", "w1"]);
    let value = large.await.unwrap();
    assert!(value.len() == LARGE && value.iter().enumerate().all(|(i, b)| *b == pattern(i, 3)));
}

async fn scattered_values<R: Runtime>(client: &Client<R>) {
    let scattered = client.scatter(vec![7u8; LARGE]).workers(["w1"]).await.unwrap();
    let totals = ["w0", "w1"].map(|worker| client.submit(total(&scattered).workers([worker])));
    assert_eq!(client.gather(totals).await.unwrap(), [7 * LARGE as u64; 2]);
    // An argument too large to travel with its call.
    assert_eq!(client.submit(total(vec![1u8; LARGE])).await.unwrap(), LARGE as u64);
}

async fn failures<R: Runtime>(client: &Client<R>) {
    let failed = client.submit(halve(7));
    let dependent = client.submit(inc(inc(&failed)));
    let error = failed.await.unwrap_err();
    assert_eq!(
        (error.kind(), error.downcast_ref::<Odd>()),
        (TaskErrorKind::Failed, Some(&Odd { number: 7 }))
    );
    says(&error, &["halve", "7 is odd"]);
    let error = dependent.await.unwrap_err();
    assert_eq!(error.downcast_ref::<Odd>(), Some(&Odd { number: 7 }));
    says(&error, &["halve", "7 is odd", "needed by", "inc"]);
    let error = client.submit(panic_with("oh no".to_owned())).await.unwrap_err();
    assert_eq!(error.kind(), TaskErrorKind::Panicked);
    says(&error, &["panic_with", "oh no", "it_function.rs"]);
    assert_eq!(client.submit(halve(8)).await.unwrap(), 4);
}

/// Every future was dropped, so the cluster may forget everything.
async fn all_is_released<R: Runtime>(client: &Client<R>) {
    let rt = client.runtime();
    let give_up_at = rt.now() + DEADLINE / 3;
    loop {
        let tasks = client.scheduler_info().await.unwrap().tasks;
        if tasks == TaskCounts::default() {
            return;
        }
        assert!(rt.now() < give_up_at, "still there: {tasks:?}");
        rt.sleep(std::time::Duration::from_millis(5)).await;
    }
}

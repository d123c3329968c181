//! Tasks that submit tasks and wait for them, on a worker with a single thread.
use crate::stage::{ProcessCluster, TcpCluster, wait_until_released};
use longshore::blocking::Client;
use longshore::rt::{BlockOn, OwnedExecutor};
use longshore::{Error, LocalCluster, as_completed, context, task, wait};
use longshore_tests::deadline::{DEADLINE, within_deadline};
use longshore_tests::function::inc;
use longshore_tests::it_function::{Place, bytes, fib, fib_async, place, total};

/// Waits for tasks in every way there is, within a task.
#[task]
fn wait_in_every_way(large: usize) -> Result<Vec<u64>, Error> {
    let client = context().client();
    let blocking = client.blocking();
    let mapped = blocking.gather(blocking.map(inc, [1, 2, 3]))?;
    let first = blocking.submit(inc(6)).result_timeout(std::time::Duration::from_secs(60))?;
    let bytes = client.submit(bytes(large, 1));
    let scattered = blocking.scatter(vec![1u8; large]).wait()?;
    let totals =
        [client.submit(total(&scattered)).result()?, client.submit(total(vec![2u8; large])).result()?];
    let len = bytes.result()?.len();
    let waited = blocking.submit(inc(blocking.submit(inc(7)))).result()?;
    let numbers = [mapped.iter().sum::<i64>(), first, waited].map(|n| u64::try_from(n).unwrap_or_default());
    Ok(numbers.into_iter().chain(totals).chain([len as u64]).collect())
}

/// Waits for tasks in every way there is, within an `async fn`.
#[task]
async fn await_in_every_way(large: usize) -> Result<Vec<i64>, Error> {
    let client = context().client();
    let by_value = client.submit(inc(1)).await?;
    let future = client.submit(inc(2));
    let (by_reference, within) = ((&future).await?, client.submit(inc(3)).within(DEADLINE / 3).await?);
    let gathered: i64 = client.gather(client.map(inc, 0..10)).await?.into_iter().sum();
    let waited = wait(&client.map(inc, 0..10)).timeout(DEADLINE / 3).await?.done.len();
    let first = wait(&client.map(inc, 0..10)).first_completed().await?.done.len();
    let mut completed = as_completed(client.map(inc, 0..10));
    let mut in_order = 0;
    while let Some(future) = completed.next().await {
        in_order += future.await?;
    }
    let (a, b) = (client.submit(bytes(large, 1)), client.submit(inc(10)));
    let joined = futures_lite::future::zip(a.wait(), b.wait()).await;
    let joined = i64::try_from(joined.0?.len()).unwrap_or_default() + joined.1?;
    let shared = client.submit(bytes(large, 1)).shared().await?.len();
    let counts = [waited, usize::from(first > 0), shared].map(|n| i64::try_from(n).unwrap_or_default());
    Ok([by_value, by_reference, within, gathered, in_order, joined].into_iter().chain(counts).collect())
}

/// Gives where it runs and where a task runs that it submits.
#[task]
fn place_and_inner() -> Result<[Place; 2], Error> {
    let inner = context().client().submit(place()).result()?;
    let here = context();
    Ok([Place { worker: here.worker().name().to_owned(), pid: std::process::id() }, inner])
}

fn check(client: &Client) {
    assert_eq!(client.submit(fib(9)).result().unwrap(), 34);
    assert_eq!(client.submit(fib_async(9)).result().unwrap(), 34);
    wait_until_released(client);
}

fn check_waiting(client: &Client) {
    let large = 300_000;
    let twice = (0..2).map(|_| client.submit(wait_in_every_way(large)));
    for values in client.gather(twice.collect::<Vec<_>>()).unwrap() {
        assert_eq!(values, [9, 7, 9, large as u64, 2 * large as u64, large as u64]);
    }
    wait_until_released(client);
}

fn check_awaiting(client: &Client) {
    let large = 300_000;
    let sized = large as i64;
    let many = (0..3).map(|_| client.submit(await_in_every_way(large)));
    for values in client.gather(many.collect::<Vec<_>>()).unwrap() {
        assert_eq!(values, [2, 3, 4, 55, 55, sized + 11, 10, 1, sized]);
    }
    wait_until_released(client);
}

#[test]
fn an_async_task_that_waits_has_no_slot() {
    within_deadline(|| {
        let cluster = TcpCluster::start(1);
        let client = cluster.client();
        check_awaiting(&client);
        // As many as there can be at once, each of which waits for others.
        let futures: Vec<_> = (0..40).map(|_| client.submit(fib_async(3))).collect();
        assert_eq!(client.gather(futures).unwrap(), [2; 40]);
        wait_until_released(&client);
    });
}

#[test]
fn one_thread_is_enough_in_process() {
    within_deadline(|| {
        let rt = OwnedExecutor::new().unwrap();
        let cluster =
            LocalCluster::builder(rt.clone()).workers(1).threads_per_worker(1).validate(true).start();
        let cluster = rt.block_on(cluster).unwrap().unwrap();
        let client = Client::with(rt.clone()).address(cluster.address()).connect().unwrap();
        check(&client);
        check_waiting(&client);
        check_awaiting(&client);
        client.close().unwrap();
        rt.block_on(cluster.close()).unwrap();
    });
}

#[test]
fn one_thread_is_enough_over_tcp() {
    within_deadline(|| {
        let cluster = TcpCluster::start(1);
        let client = cluster.client();
        check(&client);
        check_waiting(&client);
        let places = client.submit(place_and_inner()).result().unwrap();
        assert_eq!(places.map(|p| p.worker), ["w0", "w0"]);
    });
}

#[test]
fn one_thread_is_enough_in_a_worker_process() {
    within_deadline(|| {
        let cluster = ProcessCluster::start(1);
        check(&cluster.client);
        cluster.close();
    });
}

#[test]
fn tasks_of_two_worker_processes_share_the_work_they_submit() {
    within_deadline(|| {
        let cluster = ProcessCluster::start(2);
        check(&cluster.client);
        let both = [0, 1].map(|_| cluster.client.submit(fib(8)));
        assert_eq!(cluster.client.gather(both).unwrap(), [21, 21]);
        cluster.close();
    });
}

#[test]
fn many_tasks_at_once_that_wait_for_tasks_are_no_deadlock() {
    within_deadline(|| {
        let cluster = TcpCluster::start(2);
        let client = cluster.client();
        let futures: Vec<_> = (0..40).map(|_| client.submit(fib(3))).collect();
        assert_eq!(client.gather(futures).unwrap(), [2; 40]);
        wait_until_released(&client);
    });
}

#[test]
fn the_failure_of_an_inner_task_reaches_whoever_waits() {
    within_deadline(|| {
        let cluster = TcpCluster::start(1);
        let client = cluster.client();
        let error = client.submit(outer_of_failure()).result().unwrap_err();
        crate::stage::says(&error, &["outer_of_failure", "halve", "5 is odd"]);
    });
}

/// Fails as its inner task does.
#[task]
fn outer_of_failure() -> Result<i64, Error> {
    context().client().submit(longshore_tests::it_function::halve(5)).result()
}

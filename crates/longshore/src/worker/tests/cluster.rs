//! Tasks that submit tasks, in a whole cluster.
use super::real;
use crate as longshore;
use crate::address::Address;
use crate::{Client, Error, Scheduler, Worker};
use longshore_rt::OwnedExecutor;
use std::future::Future;

/// Each call waits for two others, so that there are always more waiting than there are threads.
#[longshore::task]
fn fib(n: u64) -> Result<u64, Error> {
    if n < 2 {
        return Ok(n);
    }
    let client = longshore::context().client();
    let (a, b) = (client.submit(fib(n - 1)), client.submit(fib(n - 2)));
    Ok(a.result()? + b.result()?)
}

#[longshore::task]
async fn fib_async(n: u64) -> Result<u64, Error> {
    if n < 2 {
        return Ok(n);
    }
    let context = longshore::context();
    let client = context.client();
    let (a, b) = (client.submit(fib_async(n - 1)), client.submit(fib_async(n - 2)));
    context.secede();
    let sum = a.await? + b.await?;
    context.rejoin();
    Ok(sum)
}

#[longshore::task]
fn sum_of(numbers: &[f64]) -> f64 {
    numbers.iter().sum()
}

#[longshore::task]
fn ramp(from: u64, len: u64) -> Vec<f64> {
    (from..from + len).map(|i| i as f64).collect()
}

#[longshore::task]
fn join(parts: Vec<Vec<f64>>) -> Vec<f64> {
    parts.concat()
}

/// A scheduler, workers of one thread each, and a client.
async fn cluster<F: Future>(
    rt: &OwnedExecutor,
    on: Address,
    workers: usize,
    test: impl FnOnce(Client<OwnedExecutor>) -> F,
) {
    let scheduler = Scheduler::builder(rt.clone()).listen(on).validate(true).start().await.unwrap();
    let address = scheduler.address().clone();
    let mut running = vec![];
    for _ in 0..workers {
        let worker = Worker::builder(rt.clone(), address.clone()).nthreads(1).validate(true);
        running.push(worker.start().await.unwrap());
    }
    let client = Client::builder(rt.clone()).address(&address).connect().await.unwrap();
    test(client.clone()).await;
    client.close().await.unwrap();
    for worker in running {
        worker.close().await;
    }
    scheduler.close().await;
}

fn inproc() -> Address {
    Address::unique_inproc("cluster")
}

#[test]
fn one_thread_serves_tasks_that_wait_for_tasks() {
    real(|rt| async move {
        cluster(&rt, inproc(), 1, |client| async move {
            assert_eq!(client.submit(fib(9)).await.unwrap(), 34);
        })
        .await;
    });
}

#[test]
fn tasks_submit_tasks_across_sockets() {
    real(|rt| async move {
        cluster(&rt, Address::tcp("127.0.0.1", 0), 2, |client| async move {
            assert_eq!(client.submit(fib(8)).await.unwrap(), 21);
            assert_eq!(client.submit(fib_async(8)).await.unwrap(), 21);
        })
        .await;
    });
}

#[test]
fn large_values_find_their_way() {
    for on in [inproc(), Address::tcp("127.0.0.1", 0)] {
        real(|rt| async move {
            cluster(&rt, on, 3, |client| async move {
                let parts: Vec<_> = (0..8u64).map(|i| client.submit(ramp(i * 100_000, 100_000))).collect();
                let sum = client.submit(sum_of(join(&parts)));
                assert_eq!(sum.await.unwrap(), 799_999.0 * 400_000.0);
            })
            .await;
        });
    }
}

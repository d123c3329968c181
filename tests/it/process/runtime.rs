//! Worker processes on each runtime, and the three roles on three of them.
use crate::stage::{ProcessCluster, WORKER_PROGRAM, info, wait_until_released};
use longshore::rt::{AsyncStdRuntime, SmolRuntime, TokioRuntime};
use longshore::{LocalCluster, SmolClient, TokioClient};
use longshore_tests::deadline::within_deadline;
use longshore_tests::function::{inc, sum};
use longshore_tests::it_function::{bytes, fib_async, place, total};
use std::collections::BTreeSet;

fn works_on(runtime: &'static str, name_it_tells: &'static str) {
    within_deadline(move || {
        let cluster = ProcessCluster::start_as(|builder| builder.workers(2).worker_runtime(runtime));
        let client = &cluster.client;
        let runtimes = info(client).workers.into_iter().map(|w| w.runtime).collect::<Vec<_>>();
        assert_eq!(runtimes, [name_it_tells; 2]);
        assert_eq!(client.submit(sum(client.map(inc, 0..50))).result().unwrap(), 1275);
        let large = client.submit(bytes(400_000, 1).workers(["w0"]));
        let there = client.submit(total(&large).workers(["w1"])).result().unwrap();
        assert_eq!(there, large.result().unwrap().into_iter().map(u64::from).sum::<u64>());
        assert_eq!(client.submit(fib_async(6)).result().unwrap(), 8);
        drop(large);
        wait_until_released(client);
        cluster.close();
    });
}

#[test]
fn workers_on_the_built_in_runtime() {
    works_on("owned", "owned");
}

#[test]
fn workers_on_tokio() {
    works_on("tokio", "tokio");
}

#[test]
fn workers_on_smol() {
    works_on("smol", "smol");
}

#[test]
fn workers_on_async_std() {
    works_on("async-std", "async-std");
}

#[test]
fn workers_on_a_runtime_that_the_program_offers() {
    works_on("own", "executor");
}

/// Where tasks ran.
async fn pids<R: longshore::rt::Runtime>(client: &longshore::Client<R>) -> BTreeSet<u32> {
    let places = ["w0", "w1"].map(|worker| client.submit(place().workers([worker])));
    client.gather(places).await.unwrap().into_iter().map(|p| p.pid).collect()
}

#[test]
fn scheduler_on_tokio_workers_on_async_std_client_on_smol() {
    within_deadline(|| {
        let tokio = TokioRuntime::new(1).unwrap();
        let cluster = LocalCluster::builder(tokio.clone())
            .processes(true)
            .workers(2)
            .worker_runtime("async-std")
            .worker_command(WORKER_PROGRAM);
        let cluster = longshore::rt::BlockOn::block_on(&tokio, cluster.start()).unwrap().unwrap();
        smol::block_on(async {
            // As a client of another process would.
            let address = cluster.tcp_address().unwrap().clone();
            let client = SmolClient::builder(SmolRuntime::new()).address(address).token(cluster.token());
            let client = client.connect().await.unwrap();
            assert_eq!(pids(&client).await, cluster.worker_pids().into_iter().collect());
            let large = client.submit(bytes(400_000, 1));
            assert_eq!(large.await.unwrap().len(), 400_000);
            client.close().await.unwrap();
        });
        longshore::rt::BlockOn::block_on(&tokio, cluster.close()).unwrap();
    });
}

#[test]
fn scheduler_on_async_std_workers_on_smol_client_on_tokio() {
    within_deadline(|| {
        let cluster = LocalCluster::builder(AsyncStdRuntime::new())
            .processes(true)
            .workers(2)
            .worker_runtime("smol")
            .worker_command(WORKER_PROGRAM);
        let cluster = async_std::task::block_on(cluster.start()).unwrap();
        let program = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        program.block_on(async {
            let client = TokioClient::connect(cluster.address()).await.unwrap();
            assert_eq!(pids(&client).await, cluster.worker_pids().into_iter().collect());
            assert_eq!(client.submit(total(vec![1u8; 400_000])).await.unwrap(), 400_000);
            client.close().await.unwrap();
        });
        async_std::task::block_on(cluster.close());
    });
}

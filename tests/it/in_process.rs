//! Roles of one process: who of its threads does their work.
use futures_lite::future::block_on;
use longshore::rt::{ExecutorRuntime, Runtime, UserExecutor};
use longshore::{Client, LocalCluster};
use longshore_tests::deadline::within_deadline;
use longshore_tests::function::inc;
use std::time::Duration;

/// After it, what the first call left to be done has been done; a thread that submits sooner lets the client's task send.
const PAUSE: Duration = Duration::from_millis(20);

#[test]
fn a_call_that_is_waited_for_needs_no_thread_of_the_runtime() {
    within_deadline(|| {
        let executor = UserExecutor::default();
        let rt = ExecutorRuntime::new(executor.clone());
        let (cluster, client) = block_on(executor.run(async {
            let cluster =
                LocalCluster::builder(rt.clone()).workers(1).threads_per_worker(1).start().await.unwrap();
            let client = Client::builder(rt.clone()).cluster(&cluster).connect().await.unwrap();
            assert_eq!(client.submit(inc(1)).await.unwrap(), 2);
            (cluster, client)
        }));
        let begun = rt.now();
        while rt.now() < begun + PAUSE || executor.try_tick() {
            executor.try_tick();
        }
        // Nobody runs the executor now: this thread schedules the call, and the worker's thread sees to what comes of it.
        assert_eq!(block_on(client.submit(inc(2))).unwrap(), 3);
        block_on(executor.run(async {
            client.close().await.unwrap();
            cluster.close().await;
        }));
    });
}

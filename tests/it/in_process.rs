//! Roles of one process: who of its threads does their work.
use futures_lite::future::block_on;
use longshore::rt::{ExecutorRuntime, Instant, Runtime, UserExecutor};
use longshore::{Client, LocalCluster};
use longshore_tests::deadline::within_deadline;
use longshore_tests::function::inc;
use std::thread;
use std::time::Duration;

/// After so long without anything to do, nothing is left that a call has set off.
const QUIET: Duration = Duration::from_millis(200);
/// Stack of a thread that waits, in bytes: half of what a compute thread has at least.
const STACK_BYTES: usize = 256 << 10;

/// Runs everything there is, and returns when it has been quiet.
fn run_until_quiet(executor: &UserExecutor, rt: &ExecutorRuntime) {
    let mut since: Instant = rt.now();
    while rt.now() < since + QUIET {
        if executor.try_tick() {
            since = rt.now();
        } else {
            thread::yield_now();
        }
    }
}

#[test]
fn a_call_that_a_thread_waits_for_needs_no_thread_of_the_runtime() {
    within_deadline(|| {
        let executor = UserExecutor::default();
        let rt = ExecutorRuntime::new(executor.clone());
        let (cluster, client) = block_on(executor.run(async {
            let builder = LocalCluster::builder(rt.clone()).workers(1).threads_per_worker(1);
            let cluster = builder.start().await.unwrap();
            let client = Client::builder(rt.clone()).cluster(&cluster).connect().await.unwrap();
            assert_eq!(client.submit(inc(1)).await.unwrap(), 2);
            (cluster, client)
        }));
        run_until_quiet(&executor, &rt);
        // Nobody runs the executor now: who waits schedules the call, and the worker's thread sees to what comes of it.
        let wait = || client.submit(inc(2)).result().unwrap();
        let small = thread::Builder::new().stack_size(STACK_BYTES);
        assert_eq!(thread::scope(|scope| small.spawn_scoped(scope, wait).unwrap().join().unwrap()), 3);
        block_on(executor.run(async {
            client.close().await.unwrap();
            cluster.close().await;
        }));
    });
}

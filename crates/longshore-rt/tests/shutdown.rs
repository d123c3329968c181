//! An executor that goes away is an answer, not a hang.
use longshore_rt::{BlockOn, ExecutorRuntime, JoinError, OwnedExecutor, RuntimeExt, UserExecutor};
use std::future::pending;

#[test]
fn a_dropped_executor_ends_its_tasks() {
    let executor = UserExecutor::default();
    let rt = ExecutorRuntime::new(executor.clone());
    let running = rt.spawn("running", pending::<()>());
    rt.block_on(rt.spawn("after", async {})).unwrap().unwrap();
    let new = rt.spawn("new", pending::<()>());
    drop((executor, rt));
    assert_eq!(async_io::block_on(running), Err(JoinError::RuntimeGone));
    assert_eq!(async_io::block_on(new), Err(JoinError::RuntimeGone));
}

#[test]
fn the_owned_executor_ends_its_tasks_with_its_last_handle() {
    let rt = OwnedExecutor::with_threads(2).unwrap();
    let running = rt.spawn("running", pending::<()>());
    rt.block_on(rt.spawn("between", async {})).unwrap().unwrap();
    let job = rt.spawn_blocking("job", || 1);
    drop(rt);
    assert_eq!(async_io::block_on(running), Err(JoinError::RuntimeGone));
    assert_eq!(async_io::block_on(job), Ok(1), "a queued job still runs");
}

#[cfg(feature = "tokio")]
#[test]
fn a_tokio_runtime_that_shuts_down_ends_its_tasks() {
    use longshore_rt::{Elapsed, Endpoint, Runtime, TokioRuntime};
    use std::time::Duration;

    let theirs = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let rt = TokioRuntime::from_handle(theirs.handle().clone()).unwrap();
    let running = rt.spawn("running", pending::<()>());
    let sleep = rt.sleep(Duration::from_secs(3600));
    theirs.shutdown_timeout(Duration::from_secs(30));
    assert_eq!(rt.block_on(sleep), Ok(()), "a timer that outlives its runtime fires");
    let never = rt.timeout(Duration::from_secs(3600), pending::<()>());
    assert_eq!(rt.block_on(never), Ok(Err(Elapsed)), "a timeout on a dead runtime ends");
    let refused = rt.block_on(rt.connect(&Endpoint::tcp("127.0.0.1", 1)));
    assert!(refused.unwrap().is_err());
    assert_eq!(async_io::block_on(running), Err(JoinError::RuntimeGone));
    assert_eq!(async_io::block_on(rt.spawn("late", async { 1 })), Err(JoinError::RuntimeGone));
    assert_eq!(async_io::block_on(rt.spawn_blocking("late", || 1)), Err(JoinError::RuntimeGone));
}

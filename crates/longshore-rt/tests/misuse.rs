//! Blocking where it cannot work ends in an error, on every kind of executor.
mod support;

use longshore_rt::{
    AsyncIo, BlockOn, BlockOnError, BoxFuture, DynRuntime, ExecutorRuntime, OwnedExecutor, Runtime,
    RuntimeExt, TaskMeta, UserExecutor,
};
use std::time::Duration;
use support::{blocking_echo, in_time};

/// Short, because these tests wait for it to pass.
const LIMIT: Duration = Duration::from_millis(200);

#[test]
fn an_executor_that_nobody_runs_is_starved() {
    let starved = in_time(|| {
        let executor = UserExecutor::default();
        let rt = AsyncIo::on("idle", move |fut: BoxFuture<'static, ()>| executor.spawn(fut).detach());
        let rt = rt.starved_after(LIMIT);
        assert_eq!(rt.block_on(async { 1 }), Ok(1), "a root future that needs no executor is fine");
        blocking_echo(&rt)
    });
    assert_eq!(starved, Err(BlockOnError::Starved));
}

#[test]
fn a_drive_that_gives_up_is_an_error() {
    let rt = AsyncIo::on("lazy", UserExecutor::default()).driven_by(|_, _| ());
    assert_eq!(rt.block_on(async { 1 }), Err(BlockOnError::Starved));
}

#[test]
fn the_owned_executor_is_merely_slow_in_foreign_async_code() {
    let echoed = in_time(|| {
        let rt = OwnedExecutor::with_threads(1).unwrap();
        let theirs = async_executor::Executor::new();
        async_io::block_on(theirs.run(theirs.spawn(async move { blocking_echo(&rt) })))
    });
    assert_eq!(echoed, Ok(7));
}

#[test]
fn the_owned_executor_may_be_dropped_by_its_own_task() {
    in_time(|| {
        let rt = OwnedExecutor::with_threads(2).unwrap();
        let last = rt.clone();
        let (done, dropped) = std::sync::mpsc::channel();
        let raw = rt.clone();
        let raw_done = done.clone();
        rt.spawn("marked", async move {
            drop(raw);
            raw_done.send(()).unwrap();
        })
        .detach();
        dropped.recv().unwrap();
        let meta = TaskMeta { name: "raw", location: std::panic::Location::caller() };
        let (gate, gated) = std::sync::mpsc::channel::<()>();
        // Without a mark the thread looks like any other.
        let unmarked = Box::pin(async move {
            let _ = gated.recv();
            drop(last);
            done.send(()).unwrap();
        });
        rt.spawn_raw(meta, unmarked).unwrap();
        drop((rt, gate));
        dropped.recv().unwrap();
    });
}

#[test]
fn a_runtime_wrapped_without_block_on_says_so() {
    let rt = DynRuntime::without_block_on(ExecutorRuntime::new(UserExecutor::default()));
    assert_eq!(rt.name(), "executor");
    assert_eq!(rt.block_on(async { 1 }), Err(BlockOnError::Unsupported));
}

#[cfg(feature = "smol")]
#[test]
fn a_users_own_smol_task_is_starved() {
    // No mark on this task, and smol has one thread by default: this very call occupies it.
    let starved = in_time(|| {
        let rt = longshore_rt::SmolRuntime::new().starved_after(LIMIT);
        smol::block_on(smol::spawn(async move { blocking_echo(&rt) }))
    });
    assert_eq!(starved, Err(BlockOnError::Starved));
}

#[cfg(feature = "tokio")]
mod tokio {
    use super::*;
    use ::tokio::runtime::{Builder, Runtime};
    use ::tokio::task;
    use longshore_rt::TokioRuntime;
    use std::panic;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn users(threads: usize) -> Runtime {
        Builder::new_multi_thread().worker_threads(threads).enable_all().build().unwrap()
    }

    fn current_thread() -> Runtime {
        Builder::new_current_thread().enable_all().build().unwrap()
    }

    fn borrowed(theirs: &Runtime) -> TokioRuntime {
        TokioRuntime::from_handle(theirs.handle().clone()).unwrap()
    }

    /// Counts tokio's panics. One test uses it, and no other test here makes tokio panic.
    fn panics_reported() -> &'static AtomicU32 {
        static PANICS: AtomicU32 = AtomicU32::new(0);
        static HOOK: std::sync::Once = std::sync::Once::new();
        HOOK.call_once(|| {
            let hook = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                if info.location().is_some_and(|l| l.file().contains("tokio")) {
                    PANICS.fetch_add(1, Ordering::SeqCst);
                }
                hook(info);
            }));
        });
        &PANICS
    }

    fn refusals(theirs: &Runtime, rt: &TokioRuntime) {
        let in_task = rt.clone();
        let in_task = theirs.block_on(async { ::tokio::spawn(async move { blocking_echo(&in_task) }).await });
        assert_eq!(in_task.unwrap(), Err(BlockOnError::InsideAsync));
        let in_root = theirs.block_on(async { blocking_echo(rt) });
        assert_eq!(in_root, Err(BlockOnError::InsideAsync));
        let local = task::LocalSet::new();
        let in_local = theirs.block_on(local.run_until(async { blocking_echo(rt) }));
        assert_eq!(in_local, Err(BlockOnError::InsideAsync));
    }

    #[test]
    fn a_users_async_code_is_refused_and_goes_on() {
        in_time(|| {
            let before = panics_reported().load(Ordering::SeqCst);
            let theirs = users(2);
            refusals(&theirs, &borrowed(&theirs));
            refusals(&theirs, &TokioRuntime::new(1).unwrap()); // an owned runtime is as strict
            let single = current_thread();
            refusals(&single, &borrowed(&single));
            refusals(&single, &borrowed(&theirs));
            // The task that was refused can go on with tokio's own timers.
            let rt = borrowed(&theirs);
            theirs.block_on(async {
                assert_eq!(blocking_echo(&rt), Err(BlockOnError::InsideAsync));
                ::tokio::time::sleep(Duration::from_millis(1)).await;
            });
            assert_eq!(panics_reported().load(Ordering::SeqCst), before, "a refusal makes no noise");
            // Without a budget only tokio's own panic tells.
            let unconstrained = theirs.block_on(task::unconstrained(async { blocking_echo(&rt) }));
            assert_eq!(unconstrained, Err(BlockOnError::InsideAsync));
            assert_eq!(panics_reported().load(Ordering::SeqCst), before + 1);
        });
    }

    #[test]
    fn places_where_tokio_allows_blocking_work() {
        in_time(|| {
            let theirs = users(2);
            let rt = borrowed(&theirs);
            assert_eq!(blocking_echo(&rt), Ok(7));
            let job = rt.clone();
            let job = theirs.block_on(async { task::spawn_blocking(move || blocking_echo(&job)).await });
            assert_eq!(job.unwrap(), Ok(7));
            let in_place = rt.clone();
            let in_place = async move { task::block_in_place(|| blocking_echo(&in_place)) };
            assert_eq!(theirs.block_on(async { ::tokio::spawn(in_place).await.unwrap() }), Ok(7));
            let _context = theirs.enter();
            assert_eq!(blocking_echo(&rt), Ok(7), "entered, but not polling");
        });
    }

    #[test]
    fn a_current_thread_runtime_that_nobody_drives_is_refused() {
        in_time(|| {
            let theirs = current_thread();
            let rt = borrowed(&theirs).not_driven_after(LIMIT);
            assert_eq!(blocking_echo(&rt), Err(BlockOnError::NotDriven));
            let echoed = theirs.block_on(async {
                let job = rt.clone();
                rt.spawn_blocking("job", move || blocking_echo(&job)).await
            });
            assert_eq!(echoed, Ok(Ok(7)), "its own block_on drives it");
        });
    }

    #[test]
    fn the_last_owned_handle_may_be_dropped_in_async_code() {
        let theirs = users(1);
        in_time(move || {
            let owned = TokioRuntime::new(1).unwrap();
            theirs.block_on(async { drop(owned) });
            let owned = TokioRuntime::new(1).unwrap();
            let last = owned.clone();
            let task = owned.spawn("last", async move { drop(last) });
            drop(owned);
            let _ = async_io::block_on(task);
        });
    }
}

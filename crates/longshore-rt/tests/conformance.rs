//! The conformance suite on every adapter.
mod support;

use longshore_rt::{
    AsyncIo, BlockOn, BoxFuture, Closed, DynRuntime, Endpoint, ExecutorRuntime, OwnedExecutor, Runtime,
    RuntimeExt, Spawn, TaskMeta, UserExecutor, conformance,
};
use std::sync::mpsc;
use std::thread;
use support::in_time;

/// The suite in the root future, in a task and over Unix sockets of both kinds, and the rules of `block_on`.
fn conforms<R: BlockOn>(rt: R) {
    in_time(move || {
        rt.block_on(conformance::suite(rt.clone(), "127.0.0.1")).unwrap();
        rt.block_on(rt.spawn("suite", conformance::suite(rt.clone(), "localhost"))).unwrap().unwrap();
        let dir = tempfile::tempdir().unwrap();
        rt.block_on(conformance::streams(&rt, &Endpoint::unix(dir.path().join("socket")))).unwrap();
        conformance::block_on_rules(&rt);
        if cfg!(target_os = "linux") {
            // The suite lets a runtime do without; ours are not to.
            let name = Endpoint::abstract_name(format!("longshore-tests-{:016x}", rt.entropy()));
            rt.block_on(rt.listen(&name)).unwrap().unwrap();
        }
    });
}

/// A user's executor that a thread of theirs runs until the sender goes.
fn driven_executor() -> (UserExecutor, mpsc::Sender<()>) {
    let executor = UserExecutor::default();
    let (stop, stopped) = mpsc::channel::<()>();
    let run = executor.clone();
    thread::spawn(move || {
        let tick = async {
            while stopped.try_recv() != Err(mpsc::TryRecvError::Disconnected) {
                async_io::Timer::after(std::time::Duration::from_millis(10)).await;
            }
        };
        async_io::block_on(run.run(tick));
    });
    (executor, stop)
}

#[test]
fn owned_executor() {
    for threads in [1, 2] {
        conforms(OwnedExecutor::with_threads(threads).unwrap());
    }
}

#[test]
fn user_executor_driven_by_block_on() {
    conforms(ExecutorRuntime::new(UserExecutor::default()));
}

#[test]
fn user_executor_driven_by_a_thread() {
    let (executor, _stop) = driven_executor();
    conforms(AsyncIo::on("threaded", executor));
}

#[test]
fn user_executor_driven_by_both() {
    let (executor, _stop) = driven_executor();
    conforms(ExecutorRuntime::new(executor));
}

#[test]
fn closure() {
    let (executor, _stop) = driven_executor();
    conforms(AsyncIo::on("closure", move |fut: BoxFuture<'static, ()>| executor.spawn(fut).detach()));
}

/// A downstream implementation beside the blanket one for closures.
#[derive(Clone)]
struct ThreadPerTask;

impl Spawn for ThreadPerTask {
    fn spawn_raw(&self, meta: TaskMeta, fut: BoxFuture<'static, ()>) -> Result<(), Closed> {
        let thread = thread::Builder::new().name(meta.name.into());
        thread.spawn(|| async_io::block_on(fut)).map_or(Err(Closed), |_| Ok(()))
    }
}

#[test]
fn downstream_spawn() {
    conforms(AsyncIo::on("thread-per-task", ThreadPerTask));
}

#[test]
fn dyn_runtime_over_others() {
    conforms(DynRuntime::new(OwnedExecutor::new().unwrap()));
    conforms(DynRuntime::new(ExecutorRuntime::new(UserExecutor::default())));
    let twice = DynRuntime::new(DynRuntime::new(OwnedExecutor::new().unwrap()));
    assert_eq!(twice.name(), "owned");
    conforms(twice);
}

#[cfg(feature = "smol")]
#[test]
fn smol() {
    conforms(longshore_rt::SmolRuntime::new());
    conforms(DynRuntime::new(longshore_rt::SmolRuntime::new()));
}

#[cfg(feature = "async-std")]
#[test]
fn async_std() {
    conforms(longshore_rt::AsyncStdRuntime::new());
}

#[cfg(feature = "tokio")]
mod tokio {
    use super::*;
    use ::tokio::runtime::Builder;
    use longshore_rt::TokioRuntime;

    #[test]
    fn multi_thread_owned() {
        conforms(TokioRuntime::new(2).unwrap());
    }

    #[test]
    fn multi_thread_borrowed() {
        let theirs = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        conforms(TokioRuntime::from_handle(theirs.handle().clone()).unwrap());
    }

    #[test]
    fn current_thread_owned() {
        conforms(TokioRuntime::from_runtime(current_thread()).unwrap());
    }

    #[test]
    fn current_thread_borrowed() {
        let theirs = current_thread();
        let rt = TokioRuntime::from_handle(theirs.handle().clone()).unwrap();
        let (stop, stopped) = mpsc::channel::<()>();
        let driver = thread::spawn(move || {
            theirs.block_on(async { ::tokio::task::spawn_blocking(move || stopped.recv()).await.unwrap() })
        });
        conforms(rt);
        drop(stop);
        assert!(driver.join().unwrap().is_err());
    }

    #[test]
    fn within_a_users_runtime() {
        let theirs = current_thread();
        in_time(move || {
            theirs.block_on(async {
                let rt = TokioRuntime::current().unwrap();
                conformance::suite(rt, "127.0.0.1").await;
            });
        });
    }

    #[test]
    fn dynamic() {
        conforms(DynRuntime::new(TokioRuntime::new(2).unwrap()));
    }

    fn current_thread() -> ::tokio::runtime::Runtime {
        Builder::new_current_thread().enable_all().build().unwrap()
    }
}

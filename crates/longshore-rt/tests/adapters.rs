//! What the adapters promise beyond the common contract.
mod support;

use futures_lite::AsyncWriteExt;
use longshore_rt::{
    AsyncIo, BlockOn, BoxFuture, Conn, DynRuntime, Endpoint, ExecutorRuntime, JoinError, OwnedExecutor,
    Runtime, RuntimeExt, Spawn, UserExecutor,
};
use std::io::{self, IoSlice};
use std::sync::mpsc;
use support::in_time;

#[test]
fn names() {
    assert_eq!(OwnedExecutor::new().unwrap().name(), "owned");
    assert_eq!(ExecutorRuntime::new(UserExecutor::default()).name(), "executor");
    assert_eq!(AsyncIo::on("mine", |_: BoxFuture<'static, ()>| ()).name(), "mine");
    #[cfg(feature = "smol")]
    assert_eq!(longshore_rt::SmolRuntime::new().name(), "smol");
    #[cfg(feature = "async-std")]
    assert_eq!(longshore_rt::AsyncStdRuntime::new().name(), "async-std");
    #[cfg(feature = "tokio")]
    assert_eq!(longshore_rt::TokioRuntime::new(1).unwrap().name(), "tokio");
}

#[test]
fn a_job_aborted_in_the_queue_never_starts() {
    in_time(|| {
        let rt = OwnedExecutor::with_threads(1).unwrap().blocking_threads(1);
        let (gate, gated) = mpsc::channel::<()>();
        let first = rt.spawn_blocking("first", move || gated.recv());
        let second = rt.spawn_blocking("second", || 2);
        second.abort();
        drop(gate);
        assert!(async_io::block_on(first).unwrap().is_err());
        assert_eq!(async_io::block_on(second), Err(JoinError::Aborted));
    });
}

#[test]
fn a_destructor_that_panics_is_the_tasks_own_affair() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            std::panic::resume_unwind(Box::new("bomb"));
        }
    }
    in_time(|| {
        let rt = OwnedExecutor::with_threads(1).unwrap();
        let bomb = Bomb;
        let task = rt.spawn("bomb", async move {
            let _bomb = bomb;
            std::future::pending::<()>().await;
        });
        task.abort();
        assert_eq!(async_io::block_on(task), Err(JoinError::Panicked("bomb".into())));
        assert_eq!(async_io::block_on(rt.spawn("next", async { 1 })), Ok(1));
    });
}

/// Generic code can name, store and send what it needs, without further bounds.
#[test]
fn generic_code_can_hold_timers_and_dials() {
    struct Peer<R: Runtime> {
        idle: R::Sleep,
        dial: BoxFuture<'static, io::Result<R::Conn>>,
    }
    impl<R: Runtime> Peer<R> {
        fn new(rt: &R, to: &Endpoint) -> Self {
            Peer { idle: rt.sleep(support::DEADLINE), dial: Box::pin(rt.connect(to)) }
        }
        async fn name(self, rt: R) -> io::Result<String> {
            let conn = rt.spawn("dial", self.dial).await.map_err(io::Error::other)??;
            drop(self.idle);
            Ok(conn.peer())
        }
    }
    fn spawned<R: Runtime>(rt: &R) -> longshore_rt::Task<io::Result<String>> {
        rt.spawn("peer", Peer::new(rt, &support::echo_server()).name(rt.clone()))
    }
    let name = in_time(|| async_io::block_on(spawned(&OwnedExecutor::new().unwrap())));
    let Endpoint::Tcp { port, .. } = support::echo_server() else { panic!("the server listens on TCP") };
    assert!(name.unwrap().unwrap().ends_with(&format!(":{port}")));
}

#[test]
fn a_boxed_connection_forwards_vectored_writes() {
    let written = in_time(|| {
        let rt = DynRuntime::new(OwnedExecutor::with_threads(1).unwrap());
        let slices = [IoSlice::new(b"one"), IoSlice::new(b"two")];
        let whole_and_half = async {
            let mut conn = rt.connect(&support::echo_server()).await?;
            let whole = conn.write_vectored(&slices).await?;
            let (_reader, mut writer) = conn.split();
            io::Result::Ok((whole, writer.write_vectored(&slices).await?))
        };
        rt.block_on(whole_and_half).unwrap()
    });
    assert_eq!(written.unwrap(), (6, 6));
}

/// A `Spawn` is as easily wrapped as a runtime.
#[test]
fn a_spawn_can_refuse() {
    #[derive(Clone)]
    struct Dead;
    impl Spawn for Dead {
        fn spawn_raw(
            &self,
            _: longshore_rt::TaskMeta,
            _: BoxFuture<'static, ()>,
        ) -> Result<(), longshore_rt::Closed> {
            Err(longshore_rt::Closed)
        }
    }
    let task = AsyncIo::on("dead", Dead).spawn("late", async { 1 });
    assert_eq!(async_io::block_on(task), Err(JoinError::RuntimeGone));
}

#[cfg(feature = "tokio")]
mod tokio {
    use super::*;
    use ::tokio::runtime::Builder;
    use longshore_rt::{TokioRuntime, TokioSetupError};

    #[test]
    fn missing_drivers_are_found_at_construction() {
        let none = Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let time = Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
        let all = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let with = |rt: &::tokio::runtime::Runtime| TokioRuntime::from_handle(rt.handle().clone());
        assert!(matches!(with(&none), Err(TokioSetupError::NoTimeDriver)));
        assert!(matches!(with(&time), Err(TokioSetupError::NoIoDriver)));
        assert!(with(&all).is_ok());
        assert!(matches!(TokioRuntime::from_runtime(none), Err(TokioSetupError::NoTimeDriver)));
        assert!(matches!(TokioRuntime::current(), Err(TokioSetupError::NoContext)));
    }

    #[test]
    fn it_works_when_a_foreign_executor_polls() {
        let echoed = in_time(|| {
            let theirs = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
            let rt = TokioRuntime::from_handle(theirs.handle().clone()).unwrap();
            async_io::block_on(async {
                longshore_rt::conformance::suite(rt.clone(), "127.0.0.1").await;
                support::echo(rt).await
            })
        });
        assert_eq!(echoed.unwrap(), 7);
    }
}

//! Programs on four runtimes.
use longshore::rt::{AsyncStdRuntime, ExecutorRuntime, Runtime, SmolRuntime, TokioRuntime, UserExecutor};
use longshore::{Address, AsyncStdClient, Client, Error, ExecutorClient, SmolClient, TokioClient};
use std::sync::Arc;
use std::thread;

/// How programs on a runtime begin, and how they connect.
pub(super) trait Home: 'static {
    type Rt: Runtime;

    /// Starts the runtime, or joins the one that the process has, and runs `main` to its end.
    fn run(main: impl AsyncFnOnce(Self::Rt));

    async fn connect(rt: &Self::Rt, scheduler: Address) -> Result<Client<Self::Rt>, Error>;
}

/// A tokio runtime for each.
pub(super) struct Tokio;

impl Home for Tokio {
    type Rt = TokioRuntime;

    fn run(main: impl AsyncFnOnce(TokioRuntime)) {
        let program = ::tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        program.unwrap().block_on(async { main(TokioRuntime::current().unwrap()).await });
    }

    async fn connect(_: &TokioRuntime, scheduler: Address) -> Result<TokioClient, Error> {
        TokioClient::connect(scheduler).await
    }
}

/// smol's executor, which the process has once.
pub(super) struct Smol;

impl Home for Smol {
    type Rt = SmolRuntime;

    fn run(main: impl AsyncFnOnce(SmolRuntime)) {
        ::smol::block_on(main(SmolRuntime::new()));
    }

    async fn connect(_: &SmolRuntime, scheduler: Address) -> Result<SmolClient, Error> {
        SmolClient::connect(scheduler).await
    }
}

/// async-std's executor, which the process has once.
pub(super) struct AsyncStd;

impl Home for AsyncStd {
    type Rt = AsyncStdRuntime;

    fn run(main: impl AsyncFnOnce(AsyncStdRuntime)) {
        ::async_std::task::block_on(main(AsyncStdRuntime::new()));
    }

    async fn connect(_: &AsyncStdRuntime, scheduler: Address) -> Result<AsyncStdClient, Error> {
        AsyncStdClient::connect(scheduler).await
    }
}

/// An executor of the program's own, driven by one thread.
pub(super) struct Executor;

impl Home for Executor {
    type Rt = ExecutorRuntime;

    fn run(main: impl AsyncFnOnce(ExecutorRuntime)) {
        let executor = UserExecutor::default();
        let (stop, stopped) = async_channel::bounded::<()>(1);
        let driven = Arc::clone(&executor);
        let driver = thread::spawn(move || futures_lite::future::block_on(driven.run(stopped.recv())));
        futures_lite::future::block_on(main(ExecutorRuntime::new(executor)));
        drop(stop);
        driver.join().unwrap().unwrap_err();
    }

    async fn connect(rt: &ExecutorRuntime, scheduler: Address) -> Result<ExecutorClient, Error> {
        // What a program has is its executor; the runtime is made of it.
        ExecutorClient::connect(rt.executor().clone(), scheduler).await
    }
}

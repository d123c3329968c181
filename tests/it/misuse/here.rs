//! Blocking where it would hang, and runtimes that lack something.
use crate::stage::{TcpCluster, says, task_error};
use longshore::blocking::Client;
use longshore::rt::{BlockOnError, ExecutorRuntime, RuntimeExt, SmolRuntime, TokioRuntime, UserExecutor};
use longshore::{Error, SmolClient, TaskErrorKind, TokioClient, context, task};
use longshore_tests::deadline::{DEADLINE, within_deadline};
use longshore_tests::function::inc;
use longshore_tests::it_function::nap;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Long enough to be still running when its future is blocked on.
const A_WHILE_MS: u64 = 300;

#[track_caller]
fn is_refused(result: Result<i64, Error>, expected: BlockOnError) {
    let error = result.unwrap_err();
    assert!(matches!(error, Error::Blocking(e) if e == expected), "{error:?}");
    says(&error, &["write `.await` instead"]);
}

#[test]
fn in_a_task_of_tokio() {
    within_deadline(|| {
        for threads in [0, 2] {
            let program = match threads {
                0 => tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(),
                n => tokio::runtime::Builder::new_multi_thread()
                    .worker_threads(n)
                    .enable_all()
                    .build()
                    .unwrap(),
            };
            let cluster = TcpCluster::start(1);
            program.block_on(async {
                let client = TokioClient::connect(cluster.address()).await.unwrap();
                let (future, c) = (client.submit(nap(A_WHILE_MS, 1)), client.clone());
                is_refused(future.result(), BlockOnError::InsideAsync);
                is_refused(future.result_timeout(DEADLINE), BlockOnError::InsideAsync);
                let task = tokio::spawn(async move {
                    is_refused(future.result(), BlockOnError::InsideAsync);
                    is_refused(c.blocking().gather(vec![&future]).map(|v| v[0]), BlockOnError::InsideAsync);
                    assert!(matches!(c.blocking().flush(), Err(Error::Blocking(_))));
                    // What to write instead.
                    assert_eq!((&future).await.unwrap(), 1);
                    // Nothing has to be waited for any more.
                    assert_eq!(future.result().unwrap(), 1);
                    let moved = c.submit(nap(10, 2));
                    assert_eq!(
                        tokio::task::spawn_blocking(move || moved.result()).await.unwrap().unwrap(),
                        2
                    );
                });
                task.await.unwrap();
                client.close().await.unwrap();
            });
        }
    });
}

#[test]
fn connecting_a_blocking_client_in_tokio() {
    within_deadline(|| {
        let cluster = TcpCluster::start(1);
        let program = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        program.block_on(async {
            let borrowed =
                Client::with(TokioRuntime::current().unwrap()).address(cluster.address()).connect();
            assert!(matches!(borrowed, Err(Error::Blocking(BlockOnError::InsideAsync))), "{borrowed:?}");
        });
        // Nobody drives the runtime now.
        let _inside = program.enter();
        let rt = TokioRuntime::current().unwrap().not_driven_after(Duration::from_millis(100));
        drop(_inside);
        let borrowed = Client::with(rt).address(cluster.address()).connect().unwrap_err();
        assert!(matches!(borrowed, Error::Blocking(BlockOnError::NotDriven)), "{borrowed:?}");
        says(&borrowed, &["give the blocking client an owned runtime"]);
    });
}

/// Blocks where it must not.
#[task]
async fn block_in_async_fn() -> Result<i64, Error> {
    let client = context().client();
    let future = client.submit(nap(A_WHILE_MS, 1));
    is_refused(future.result(), BlockOnError::InsideAsync);
    is_refused(client.blocking().gather((&future,)).map(|v| v.0), BlockOnError::InsideAsync);
    context().secede();
    Ok(future.await?)
}

#[test]
fn in_an_async_fn_on_a_worker() {
    within_deadline(|| {
        let cluster = TcpCluster::start(1);
        let client = cluster.client();
        assert_eq!(client.submit(block_in_async_fn()).result().unwrap(), 1);
    });
}

#[test]
fn in_a_task_that_longshore_spawned() {
    within_deadline(|| {
        let cluster = TcpCluster::start(1);
        let client = cluster.client();
        let task = cluster.rt.spawn("test", async move {
            let future = client.submit(nap(A_WHILE_MS, 1));
            is_refused(future.result(), BlockOnError::InsideAsync);
            assert_eq!((&future).await.unwrap(), 1);
        });
        longshore::rt::BlockOn::block_on(&cluster.rt, task).unwrap().unwrap();
    });
}

#[test]
fn on_the_only_thread_of_a_users_executor() {
    within_deadline(|| {
        let cluster = TcpCluster::start(1);
        let executor = UserExecutor::default();
        let rt = ExecutorRuntime::new(executor.clone());
        // A closure is an executor too, and one that nobody here can drive.
        let spawn = move |fut| executor.spawn(fut).detach();
        let rt_of_closure =
            longshore::rt::AsyncIo::on("mine", spawn).starved_after(Duration::from_millis(200));
        let never = Client::with(rt_of_closure).address(cluster.address()).connect().unwrap_err();
        assert!(matches!(never, Error::Blocking(BlockOnError::Starved)), "{never:?}");
        says(&never, &["nobody runs the executor"]);
        // An executor that is known is driven while the caller waits.
        let client = Client::with(rt).address(cluster.address()).connect().unwrap();
        assert_eq!(client.submit(inc(1)).result().unwrap(), 2);
        client.close().unwrap();
    });
}

/// On a foreign executor with a thread to spare, blocking works and occupies one.
#[test]
fn in_a_task_of_smol() {
    within_deadline(|| {
        let cluster = TcpCluster::start(1);
        let value = smol::block_on(async {
            let client = SmolClient::connect(cluster.address()).await.unwrap();
            let future = client.submit(nap(10, 1));
            let value = future.result();
            client.close().await.unwrap();
            value
        });
        assert_eq!(value.unwrap(), 1);
        let client = Client::with(SmolRuntime::new()).address(cluster.address()).connect().unwrap();
        assert_eq!(client.submit(inc(1)).result().unwrap(), 2);
    });
}

#[test]
fn a_tokio_runtime_without_its_drivers() {
    within_deadline(|| {
        let builder = tokio::runtime::Builder::new_current_thread;
        let cases = [
            (builder().enable_io().build().unwrap(), "enable_time()"),
            (builder().enable_time().build().unwrap(), "enable_io()"),
        ];
        for (program, missing) in cases {
            program.block_on(async {
                let error = TokioClient::local().await.unwrap_err();
                assert!(matches!(error, Error::Runtime(_)), "{error:?}");
                says(&error, &["cannot be used", missing, "enable_all()"]);
                assert!(matches!(TokioClient::connect("tcp://127.0.0.1:1").await, Err(Error::Runtime(_))));
            });
        }
        let error = smol::block_on(TokioClient::local()).unwrap_err();
        assert!(matches!(error, Error::Runtime(_)), "{error:?}");
        says(&error, &["not inside a tokio runtime"]);
    });
}

#[test]
fn context_outside_of_a_task() {
    within_deadline(|| {
        assert!(longshore::try_context().is_none());
        let panic = thread::spawn(|| drop(context())).join().unwrap_err();
        says(panic.downcast_ref::<&str>().unwrap(), &["outside of a task", "try_context()"]);
        let cluster = TcpCluster::start(1);
        let error = cluster.client().submit(context_on_another_thread()).result().unwrap_err();
        assert_eq!(task_error(&error).kind(), TaskErrorKind::Panicked);
    });
}

/// The context belongs to the task's own thread.
#[task]
fn context_on_another_thread() -> bool {
    let here = Arc::new(context());
    let other = thread::spawn(move || {
        assert!(!here.is_cancelled());
        drop(context());
    });
    other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    true
}

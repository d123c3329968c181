//! What the test files share.
#![allow(dead_code, reason = "each test file uses some of it")]
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use longshore_rt::{BlockOn, BlockOnError, Endpoint, Listener, OwnedExecutor, Runtime, RuntimeExt};
use std::io;
use std::sync::{OnceLock, mpsc};
use std::thread;
use std::time::Duration;

/// How long anything that should happen may take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Runs `f` on a plain thread and fails if it hangs.
pub(crate) fn in_time<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = mpsc::channel();
    let thread = thread::spawn(move || done.send(f()));
    match result.recv_timeout(DEADLINE) {
        Ok(value) => value,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("it hangs"),
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            std::panic::resume_unwind(thread.join().expect_err("the sender was dropped by a panic"))
        }
    }
}

/// An echo server with threads of its own, so that a client's runtime can be starved on purpose.
pub(crate) fn echo_server() -> Endpoint {
    static SERVER: OnceLock<(OwnedExecutor, Endpoint)> = OnceLock::new();
    // Started on a plain thread, because the first to ask may be async code.
    let (_, at) = SERVER.get_or_init(|| thread::spawn(start_echo_server).join().unwrap());
    at.clone()
}

fn start_echo_server() -> (OwnedExecutor, Endpoint) {
    let rt = OwnedExecutor::with_threads(1).unwrap();
    let mut listener = rt.block_on(rt.listen(&Endpoint::tcp("127.0.0.1", 0))).unwrap().unwrap();
    let at = listener.local();
    let rt2 = rt.clone();
    let serve = async move {
        while let Ok(mut conn) = listener.accept().await {
            let echo = async move {
                let mut byte = [0];
                while conn.read_exact(&mut byte).await.is_ok() && conn.write_all(&byte).await.is_ok() {}
            };
            rt2.spawn("conn", echo).detach();
        }
    };
    rt.spawn("echo", serve).detach();
    (rt, at)
}

/// Sends a byte to the echo server and back, in a task, with a timeout: tasks, timers and sockets.
pub(crate) async fn echo<R: Runtime>(rt: R) -> io::Result<u8> {
    let rt2 = rt.clone();
    let echo = async move {
        let mut conn = rt2.connect(&echo_server()).await?;
        conn.write_all(&[7]).await?;
        let mut byte = [0];
        rt2.timeout(DEADLINE, conn.read_exact(&mut byte)).await??;
        rt2.sleep(Duration::from_millis(1)).await;
        Ok(byte[0])
    };
    rt.spawn("client", echo).await.map_err(io::Error::other)?
}

/// The same as a blocking call.
pub(crate) fn blocking_echo<R: BlockOn>(rt: &R) -> Result<u8, BlockOnError> {
    rt.block_on(echo(rt.clone())).map(|echoed| echoed.unwrap())
}

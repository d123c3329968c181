//! The executor for programs that bring none: private threads, so a blocking call made in somebody's
//! async code is slow there, but never a deadlock.
use super::{AsyncIo, UserExecutor};
use crate::{BoxFuture, Closed, Spawn, TaskMeta, ThreadContext};
use atomic_waker::AtomicWaker;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::thread::{self, JoinHandle};

/// A runtime with threads of its own. It needs no feature and no other runtime.
///
/// The threads end when the last clone goes, tasks' clones included.
pub type OwnedExecutor = AsyncIo<OwnedThreads>;

impl AsyncIo<OwnedThreads> {
    /// A runtime with one thread. Waiting for sockets and running tasks are then the same thread's business, which saves a
    /// change of threads for each message; see [`with_threads`](Self::with_threads) for tasks that compute.
    ///
    /// # Errors
    /// The operating system's, if it gives us no thread.
    pub fn new() -> io::Result<Self> {
        Self::with_threads(1)
    }

    /// A runtime with `threads` threads, at least one.
    ///
    /// # Errors
    /// The operating system's, if it gives us fewer.
    pub fn with_threads(threads: usize) -> io::Result<Self> {
        // The own threads drive timers and sockets; a caller that did so too would only take that from them and hand it back.
        let runtime = AsyncIo::on("owned", OwnedThreads::start(threads.max(1))?)
            .driven_by(|_, fut| futures_lite::future::block_on(fut));
        // No caller can occupy these threads: calls made on them are refused as InsideAsync.
        Ok(AsyncIo { starved_after: None, ..runtime })
    }
}

/// The executor of an [`OwnedExecutor`].
#[derive(Clone, Debug)]
pub struct OwnedThreads(Arc<Threads>);

#[derive(Debug)]
struct Threads {
    executor: UserExecutor,
    stop: Arc<Stop>,
    threads: Vec<JoinHandle<()>>,
}

impl OwnedThreads {
    fn start(count: usize) -> io::Result<Self> {
        let stop = Arc::new(Stop::new(count));
        let mut owned = Threads { executor: Arc::default(), stop, threads: Vec::with_capacity(count) };
        for n in 0..count {
            let (executor, stop) = (owned.executor.clone(), owned.stop.clone());
            let run = move || async_io::block_on(executor.run(poll_fn(|cx| stop.poll(n, cx))));
            // On failure the drop of `owned` ends the threads that were started.
            owned.threads.push(thread::Builder::new().name(format!("longshore-rt-{n}")).spawn(run)?);
        }
        Ok(OwnedThreads(Arc::new(owned)))
    }
}

impl Spawn for OwnedThreads {
    fn spawn_raw(&self, meta: TaskMeta, fut: BoxFuture<'static, ()>) -> Result<(), Closed> {
        self.0.executor.spawn_raw(meta, fut)
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.stop.stop();
        // The last clone may be dropped by one of our own tasks. Never join ourselves, nor block a
        // thread that is polling async code.
        if ThreadContext::current() != ThreadContext::Async {
            let this = thread::current().id();
            for thread in self.threads.drain(..).filter(|t| t.thread().id() != this) {
                let _ = thread.join();
            }
        }
    }
}

/// Tells every thread to leave its executor.
#[derive(Debug)]
struct Stop {
    stopped: AtomicBool,
    threads: Box<[AtomicWaker]>,
}

impl Stop {
    fn new(threads: usize) -> Self {
        let threads = (0..threads).map(|_| AtomicWaker::new()).collect();
        Stop { stopped: AtomicBool::new(false), threads }
    }

    fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.threads.iter().for_each(AtomicWaker::wake);
    }

    fn poll(&self, thread: usize, cx: &Context<'_>) -> Poll<()> {
        self.threads[thread].register(cx.waker());
        if self.stopped.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
    }
}

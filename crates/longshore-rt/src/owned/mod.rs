//! The executor for programs that bring none: private threads, so a blocking call made in somebody's
//! async code is slow there, but never a deadlock.
//!
//! With one thread, which is the default, that thread runs the tasks and waits for their sockets and
//! timers itself: a message costs one wake-up, and no thread is ever told by another that there is
//! something to read. Deliberately absent: a helper thread beside it, and spinning before sleep.
mod bell;
mod dial;
mod net;
mod reactor;
mod source;
mod timer;

pub use net::{OwnedConn, OwnedListener, OwnedReader, OwnedWriter};
pub use timer::OwnedSleep;

use crate::pool::Pool;
use crate::{BlockOn, BlockOnError, BoxFuture, BoxJob, Closed, Endpoint, Instant, Marked, Runtime};
use crate::{TaskMeta, ThreadContext, real};
use async_executor::Executor;
use atomic_waker::AtomicWaker;
use reactor::{Driver, Reactor};
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A runtime with threads of its own. It needs no feature and no other runtime.
///
/// The threads end when the last clone goes, tasks' clones included.
#[derive(Clone)]
pub struct OwnedExecutor {
    threads: Arc<Threads>,
    reactor: Arc<Reactor>,
    pool: Arc<Pool>,
}

impl OwnedExecutor {
    /// A runtime with one thread. Waiting for sockets and running tasks are then the same thread's business, which saves a
    /// change of threads for each message; see [`with_threads`](Self::with_threads) for tasks that compute.
    ///
    /// # Errors
    /// The operating system's, if it gives us no thread.
    pub fn new() -> io::Result<Self> {
        Self::with_threads(1)
    }

    /// A runtime with `threads` threads, at least one. If they are several, one more waits for sockets and timers, so that
    /// no task can keep it from doing so.
    ///
    /// # Errors
    /// The operating system's, if it gives us fewer.
    pub fn with_threads(threads: usize) -> io::Result<Self> {
        let driver = Driver::new()?;
        let reactor = driver.reactor();
        let threads = Arc::new(Threads::start(threads.max(1), driver)?);
        Ok(OwnedExecutor { threads, reactor, pool: Arc::new(Pool::new(8, Duration::from_secs(10))) })
    }

    /// Sets how many threads may run blocking jobs at once: 8 unless set, at least 1. Threads start
    /// when needed and end when idle; further jobs wait. A job must therefore not wait for another
    /// job.
    ///
    /// Applies to this value and to clones made from it later.
    #[must_use]
    pub fn blocking_threads(self, limit: usize) -> Self {
        OwnedExecutor { pool: Arc::new(Pool::new(limit, Duration::from_secs(10))), ..self }
    }
}

impl fmt::Debug for OwnedExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedExecutor").field("threads", &self.threads.threads.len()).finish_non_exhaustive()
    }
}

impl Runtime for OwnedExecutor {
    type Sleep = OwnedSleep;
    type Conn = OwnedConn;
    type Listener = OwnedListener;

    fn name(&self) -> &'static str {
        "owned"
    }

    fn spawn_raw(&self, _: TaskMeta, fut: BoxFuture<'static, ()>) -> Result<(), Closed> {
        self.threads.executor.spawn(fut).detach();
        Ok(())
    }

    fn spawn_blocking_raw(&self, _: TaskMeta, job: BoxJob) -> Result<(), Closed> {
        self.pool.submit(job)
    }

    fn now(&self) -> Instant {
        real::now()
    }

    fn unix_now(&self) -> Duration {
        real::unix_now()
    }

    fn sleep_until(&self, at: Instant) -> OwnedSleep {
        OwnedSleep::until(self.reactor.clone(), at)
    }

    fn entropy(&self) -> u64 {
        real::entropy()
    }

    fn connect(&self, to: &Endpoint) -> impl Future<Output = io::Result<OwnedConn>> + Send + 'static + use<> {
        dial::connect(self.clone(), to.clone())
    }

    fn listen(
        &self,
        on: &Endpoint,
    ) -> impl Future<Output = io::Result<OwnedListener>> + Send + 'static + use<> {
        dial::listen(self.clone(), on.clone())
    }
}

impl BlockOn for OwnedExecutor {
    fn block_on<F: Future>(&self, fut: F) -> Result<F::Output, BlockOnError> {
        self.may_block()?;
        Ok(futures_lite::future::block_on(Marked::new(fut)))
    }

    fn may_block(&self) -> Result<(), BlockOnError> {
        // No caller can occupy our threads: calls made on them carry the mark.
        match ThreadContext::current() {
            ThreadContext::Async => Err(BlockOnError::InsideAsync),
            ThreadContext::Foreign | ThreadContext::Blocking => Ok(()),
        }
    }
}

/// The threads and what they run.
#[derive(Debug)]
struct Threads {
    executor: Arc<Executor<'static>>,
    stop: Arc<Stop>,
    threads: Vec<JoinHandle<()>>,
}

impl Threads {
    fn start(count: usize, driver: Driver) -> io::Result<Self> {
        let stop = Arc::new(Stop::new(count + 1));
        let mut owned = Threads { executor: Arc::default(), stop, threads: Vec::with_capacity(count + 1) };
        let mut spawn = |name: String, run: Box<dyn FnOnce() + Send>| {
            // On failure the drop of `owned` ends the threads that were started.
            thread::Builder::new().name(name).spawn(run).map(|thread| owned.threads.push(thread))
        };
        let (executor, stop) = (&owned.executor, &owned.stop);
        let stopped = |n: usize| {
            let stop = stop.clone();
            poll_fn(move |cx| stop.poll(n, cx))
        };
        if count == 1 {
            let (executor, stopped) = (executor.clone(), stopped(0));
            spawn("longshore-rt-0".to_owned(), Box::new(move || driver.run(executor.run(stopped))))?;
            return Ok(owned);
        }
        let waiting = stopped(count);
        spawn("longshore-rt-io".to_owned(), Box::new(move || driver.run(waiting)))?;
        for n in 0..count {
            let (executor, stopped) = (executor.clone(), stopped(n));
            let run = move || futures_lite::future::block_on(executor.run(stopped));
            spawn(format!("longshore-rt-{n}"), Box::new(run))?;
        }
        Ok(owned)
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

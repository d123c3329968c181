//! A small bounded pool for short blocking calls.
//!
//! Threads start when a job finds none idle, and end after lingering. Deliberately absent: growth
//! without bound, priorities, and anything a user's task function would want; those have their own
//! compute pool.
use crate::{BoxJob, Closed};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// The owner's side. Dropped, it lets queued jobs finish and idle threads end.
#[derive(Debug)]
pub(super) struct Pool(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    wake: Condvar,
    limit: usize,
    linger: Duration,
}

#[derive(Default)]
struct State {
    queue: VecDeque<BoxJob>,
    threads: usize,
    idle: usize,
    closing: bool,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl Pool {
    pub(super) fn new(limit: usize, linger: Duration) -> Self {
        let (state, wake) = (Mutex::default(), Condvar::new());
        Pool(Arc::new(Inner { state, wake, limit: limit.max(1), linger }))
    }

    /// Queues a job. Fails only when not even one thread can be had.
    pub(super) fn submit(&self, job: BoxJob) -> Result<(), Closed> {
        let mut state = self.0.lock();
        state.queue.push_back(job);
        if state.idle >= state.queue.len() || state.threads == self.0.limit {
            drop(state);
            self.0.wake.notify_one();
            return Ok(());
        }
        state.threads += 1;
        let inner = self.0.clone();
        let started = thread::Builder::new().name("longshore-blocking".into()).spawn(move || inner.work());
        if started.is_err() {
            state.threads -= 1;
            if state.threads == 0 {
                // Dropped outside the lock: a job's destructor is somebody else's code.
                let job = state.queue.pop_back();
                drop(state);
                drop(job);
                return Err(Closed);
            }
        }
        Ok(())
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.0.lock().closing = true;
        self.0.wake.notify_all();
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        while let Some(job) = self.next() {
            // Jobs catch their own panics; this is for destructors and for raw jobs.
            let _ = catch_unwind(AssertUnwindSafe(job));
        }
    }

    /// The next job, or `None` when this thread should end.
    fn next(&self) -> Option<BoxJob> {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.queue.pop_front() {
                return Some(job);
            }
            if state.closing {
                break;
            }
            state.idle += 1;
            let (woken, wait) =
                self.wake.wait_timeout(state, self.linger).unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            if wait.timed_out() && state.queue.is_empty() {
                break;
            }
        }
        state.threads -= 1;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::Instant;

    const DEADLINE: Duration = Duration::from_secs(30);

    fn wait_for_threads(pool: &Inner, n: usize) {
        let end = Instant::now() + DEADLINE;
        while pool.lock().threads != n {
            assert!(Instant::now() < end, "{} threads, expected {n}", pool.lock().threads);
            thread::yield_now();
        }
    }

    #[test]
    fn the_limit_holds_and_every_job_runs() {
        let pool = Pool::new(2, DEADLINE);
        let (gate, gated) = mpsc::channel::<()>();
        let gated = Arc::new(Mutex::new(gated));
        let (done, results) = mpsc::channel();
        for n in 0..20 {
            let (gated, done) = (gated.clone(), done.clone());
            pool.submit(Box::new(move || {
                let _ = gated.lock().unwrap().recv();
                done.send(n).unwrap();
            }))
            .unwrap();
        }
        assert_eq!(pool.0.lock().threads, 2);
        drop((gate, done));
        let mut all: Vec<i32> = results.iter().collect();
        all.sort_unstable();
        assert_eq!(all, (0..20).collect::<Vec<_>>());
        assert_eq!(pool.0.lock().threads, 2);
    }

    #[test]
    fn an_idle_thread_is_reused_then_ends() {
        let pool = Pool::new(4, Duration::from_millis(200));
        for _ in 0..2 {
            let (done, result) = mpsc::channel();
            pool.submit(Box::new(move || done.send(()).unwrap())).unwrap();
            result.recv_timeout(DEADLINE).unwrap();
            wait_for_threads(&pool.0, 0);
        }
        let lasting = Pool::new(4, DEADLINE);
        let name = |pool: &Pool| {
            let (done, result) = mpsc::channel();
            pool.submit(Box::new(move || done.send(thread::current().id()).unwrap())).unwrap();
            let id = result.recv_timeout(DEADLINE).unwrap();
            let end = Instant::now() + DEADLINE;
            while pool.0.lock().idle == 0 {
                assert!(Instant::now() < end);
                thread::yield_now();
            }
            id
        };
        assert_eq!(name(&lasting), name(&lasting));
    }

    #[test]
    fn a_dropped_pool_finishes_its_queue_and_ends() {
        let pool = Pool::new(1, DEADLINE);
        let inner = pool.0.clone();
        let (done, results) = mpsc::channel();
        for n in 0..5 {
            let done = done.clone();
            pool.submit(Box::new(move || done.send(n).unwrap())).unwrap();
        }
        drop((pool, done));
        assert_eq!(results.iter().collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        wait_for_threads(&inner, 0);
    }

    #[test]
    fn a_panicking_job_costs_no_thread() {
        let pool = Pool::new(1, DEADLINE);
        let (done, result) = mpsc::channel();
        pool.submit(Box::new(|| std::panic::resume_unwind(Box::new("quiet")))).unwrap();
        pool.submit(Box::new(move || done.send(()).unwrap())).unwrap();
        result.recv_timeout(DEADLINE).unwrap();
        assert_eq!(pool.0.lock().threads, 1);
    }
}

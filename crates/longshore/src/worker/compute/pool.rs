//! The worker's own threads.
//!
//! Threads start when there is work for them. Each takes one job at a time from the shared queue, under one short lock, so
//! that a job which turns out to be long never holds others back; a thread that is busy is not woken, and the driver is
//! woken once a batch. A task that secedes makes room for one more thread; when it takes its slot again the first thread
//! to become idle leaves.
use super::Job;
use super::job::ended;
use super::office::{Leave, Office};
use super::panic::drop_quietly;
use super::queue::Queue;
use crate::caller_runs::Trampoline;
use crate::context;
use longshore_rt::{Runtime, ThreadContext};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// The threads' common ground.
pub(super) struct Pool {
    office: Office,
    queue: Mutex<Queue>,
    work: Condvar,
    stack_bytes: usize,
    /// For the names of threads.
    started: AtomicU64,
}

impl Pool {
    pub(super) fn new(office: Office, nthreads: usize, stack_bytes: usize) -> Arc<Self> {
        let queue = Mutex::new(Queue::new(nthreads));
        Arc::new(Pool { office, queue, work: Condvar::new(), stack_bytes, started: AtomicU64::new(0) })
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes jobs over, in order.
    pub(super) fn push(self: &Arc<Self>, jobs: &mut Vec<Job>) {
        self.push_for(jobs, 0);
    }

    /// Takes over jobs from one of the threads, which goes on with the first itself.
    fn push_own(self: &Arc<Self>, jobs: &mut Vec<Job>) {
        if !jobs.is_empty() {
            self.push_for(jobs, 1);
        }
    }

    /// Takes jobs over, of which threads that are awake will take some.
    fn push_for(self: &Arc<Self>, jobs: &mut Vec<Job>, awake: usize) {
        let (to_wake, to_start) = {
            let mut queue = self.queue();
            if queue.stopped {
                return drop_quietly(std::mem::take(jobs));
            }
            let to_wake = queue.idle.min(jobs.len() - awake);
            queue.jobs.extend(jobs.drain(..));
            (to_wake, queue.add_threads(awake))
        };
        for _ in 0..to_wake {
            self.work.notify_one();
        }
        self.start_threads(to_start);
    }

    fn start_threads(self: &Arc<Self>, count: usize) {
        for _ in 0..count {
            let number = self.started.fetch_add(1, Ordering::Relaxed);
            let name = format!("longshore-compute-{number}");
            let pool = self.clone();
            // tidy: allow(thread): the worker's own threads; a simulated worker runs its jobs through its runtime
            let thread = std::thread::Builder::new().name(name).stack_size(self.stack_bytes);
            if let Err(error) = thread.spawn(move || pool.work()) {
                tracing::error!(%error, "a compute thread could not be started; tasks wait for the others");
                self.queue().threads -= 1;
            }
        }
    }

    /// The life of a thread.
    fn work(self: Arc<Self>) {
        let _mark = ThreadContext::Blocking.enter();
        let home = &self.office.home;
        let here = context::on_thread(home, &self);
        let (mut begun, mut following) = (home.rt.now(), Vec::new());
        let mut leave = Leave::default();
        while let Some((job, waited)) = self.next() {
            if waited {
                begun = home.rt.now();
            }
            here.begin(&job.run);
            let (run, outcome) = job.execute(home);
            let now = home.rt.now();
            let duration_ns = now.duration_since(begun).as_nanos();
            begun = now;
            if here.end() {
                self.set_seceded(false);
            }
            let ended = ended(&run, u64::try_from(duration_ns).unwrap_or(u64::MAX), outcome);
            let next = self.queue().next_is_quick();
            // What it wakes, it polls itself when there is nothing left to run.
            let trampoline = next.is_none().then(Trampoline::begin);
            if self.office.end(now, ended, next, &mut leave, &mut following) {
                begun = home.rt.now();
            }
            if let Some(trampoline) = trampoline.filter(|_| following.is_empty()) {
                trampoline.run();
                begun = home.rt.now();
            }
            self.push_own(&mut following);
        }
    }

    /// The next job, and whether it had to be waited for. `None` when this thread is to leave.
    fn next(&self) -> Option<(Job, bool)> {
        let mut queue = self.queue();
        let mut waited = false;
        loop {
            if queue.has_surplus() {
                queue.threads -= 1;
                // What this thread was expected to take is another's now.
                self.work.notify_one();
                return None;
            }
            if let Some(job) = queue.jobs.pop_front() {
                return Some((job, waited));
            }
            waited = true;
            queue.idle += 1;
            queue = self.work.wait(queue).unwrap_or_else(PoisonError::into_inner);
            queue.idle -= 1;
        }
    }

    /// A task on one of the threads gives up its slot, or takes one again.
    fn set_seceded(self: &Arc<Self>, seceded: bool) {
        let to_start = {
            let mut queue = self.queue();
            queue.set_seceded(seceded);
            queue.add_threads(0)
        };
        self.start_threads(to_start);
        if !seceded {
            // A thread that waits may be the one that is too many.
            self.work.notify_one();
        }
    }

    pub(super) fn stop(&self) {
        let jobs = {
            let mut queue = self.queue();
            queue.stopped = true;
            std::mem::take(&mut queue.jobs)
        };
        self.work.notify_all();
        drop_quietly(jobs);
    }
}

impl context::Slots for Arc<Pool> {
    fn set_seceded(&self, seceded: bool) {
        Pool::set_seceded(self, seceded);
    }
}

impl Queue {
    /// Counts the threads that are to be started for the jobs that are there, besides those that are awake for them.
    fn add_threads(&mut self, awake: usize) -> usize {
        let mut count = 0;
        while self.jobs.len() > self.idle + awake + count && self.wants_thread() {
            self.threads += 1;
            count += 1;
        }
        count
    }
}

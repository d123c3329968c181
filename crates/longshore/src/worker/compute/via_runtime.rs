//! Jobs through the runtime's `spawn_blocking`, as many at once as there are slots, for runtimes that simulate time.
use super::Job;
use super::job::ended;
use super::queue::Queue;
use crate::context::{self, Home};
use longshore_rt::{Instant, Runtime, TaskMeta};
use std::panic::Location;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Stands in for the threads.
pub(super) struct ViaRuntime {
    home: Arc<Home>,
    queue: Mutex<Queue>,
}

impl ViaRuntime {
    pub(super) fn new(home: Arc<Home>, nthreads: usize) -> Arc<Self> {
        Arc::new(ViaRuntime { home, queue: Mutex::new(Queue::new(nthreads)) })
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(self: &Arc<Self>, jobs: &mut Vec<Job>) {
        self.queue().jobs.extend(jobs.drain(..));
        while self.start_one() {}
    }

    /// Starts a job if a slot is free.
    fn start_one(self: &Arc<Self>) -> bool {
        let job = {
            let mut queue = self.queue();
            if !queue.wants_thread() {
                return false;
            }
            let Some(job) = queue.jobs.pop_front() else { return false };
            queue.threads += 1;
            job
        };
        let (this, begun) = (self.clone(), self.home.rt.now());
        let meta = TaskMeta { name: "task", location: Location::caller() };
        // A runtime that is gone takes the whole worker with it.
        self.home.rt.spawn_blocking_raw(meta, Box::new(move || this.run(job, begun))).is_ok()
    }

    /// The job's time is over: its function runs now.
    fn run(self: Arc<Self>, job: Job, begun: Instant) {
        let here = context::on_thread(&self.home, &self);
        here.begin(&job.run);
        let (run, outcome) = job.execute(&self.home);
        if here.end() {
            self.queue().set_seceded(false);
        }
        let duration_ns = self.home.rt.now().duration_since(begun).as_nanos();
        let ended = ended(&run, u64::try_from(duration_ns).unwrap_or(u64::MAX), outcome);
        self.home.inbox.post(|mail| mail.ended.push(ended));
        self.queue().threads -= 1;
        while self.start_one() {}
    }

    pub(super) fn stop(&self) {
        let mut queue = self.queue();
        queue.stopped = true;
        queue.jobs.clear();
    }
}

impl context::Slots for Arc<ViaRuntime> {
    fn set_seceded(&self, seceded: bool) {
        self.queue().set_seceded(seceded);
        while self.start_one() {}
    }
}

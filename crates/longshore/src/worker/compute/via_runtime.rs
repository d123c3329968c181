//! Jobs through the runtime's `spawn_blocking`, as many at once as there are slots, for runtimes that simulate time.
use super::Job;
use super::job::ended;
use super::office::{Leave, Office};
use super::queue::Queue;
use crate::context;
use longshore_rt::{Instant, Runtime, TaskMeta};
use std::panic::Location;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Stands in for the threads.
pub(super) struct ViaRuntime {
    office: Office,
    queue: Mutex<Queue>,
    leave: Mutex<Leave>,
}

impl ViaRuntime {
    pub(super) fn new(office: Office, nthreads: usize) -> Arc<Self> {
        let leave = Mutex::new(Leave::default());
        Arc::new(ViaRuntime { leave, office, queue: Mutex::new(Queue::new(nthreads)) })
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
        let rt = &self.office.home.rt;
        let (this, begun) = (self.clone(), rt.now());
        let meta = TaskMeta { name: "task", location: Location::caller() };
        // A runtime that is gone takes the whole worker with it.
        rt.spawn_blocking_raw(meta, Box::new(move || this.run(job, begun))).is_ok()
    }

    /// The job's time is over: its function runs now.
    fn run(self: Arc<Self>, job: Job, begun: Instant) {
        let home = &self.office.home;
        let here = context::on_thread(home, &self);
        here.begin(&job.run);
        let (run, outcome) = job.execute(home);
        if here.end() {
            self.queue().set_seceded(false);
        }
        let now = home.rt.now();
        let duration_ns = now.duration_since(begun).as_nanos();
        let ended = ended(&run, u64::try_from(duration_ns).unwrap_or(u64::MAX), outcome);
        self.queue().threads -= 1;
        // The same way as threads go, so that what is simulated is what runs.
        let (next, mut following) = (self.queue().next_is_quick(), Vec::new());
        {
            let mut leave = self.leave.lock().unwrap_or_else(PoisonError::into_inner);
            self.office.end(now, ended, next, &mut leave, &mut following);
        }
        self.queue().jobs.extend(following);
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

//! Blocking jobs. A job runs inline, once, when the virtual time it takes is over.
//!
//! Running it at the end and not at the start is what keeps its result from being seen early, and what makes a
//! kill in the middle of a job lose it.

use longshore_rt::{BoxJob, Closed, TaskMeta};

use crate::agenda::Event;
use crate::clock::nanos;
use crate::config::JobCost;
use crate::process::Incarnation;
use crate::state::State;
use crate::trace::Happening;

/// What is to be done with a job whose time is over.
pub(crate) enum Finished {
    Run(BoxJob),
    Drop(BoxJob),
    /// Nothing: its process is paused.
    Later,
}

impl State {
    pub(crate) fn start_job(
        &mut self,
        owner: Incarnation,
        name: &'static str,
        cost_ns: u64,
        job: BoxJob,
    ) -> Result<(), (Closed, BoxJob)> {
        if !self.is_alive(owner) {
            return Err((Closed, job));
        }
        self.after(cost_ns, Event::Job { owner, name, job });
        Ok(())
    }

    /// A job comes to its end. What it returns is to be run, or to be dropped if its process has died.
    pub(crate) fn finish_job(&mut self, owner: Incarnation, name: &'static str, job: BoxJob) -> Finished {
        let alive = self.is_alive(owner);
        if let Some(paused) = self.processes.get_mut(owner.pid).paused.as_mut().filter(|_| alive) {
            paused.jobs.push(Event::Job { owner, name, job });
            return Finished::Later;
        }
        self.active = Some(owner.pid);
        self.note(Happening::Job { pid: owner.pid, name });
        self.stats.jobs += u64::from(alive);
        if alive { Finished::Run(job) } else { Finished::Drop(job) }
    }

    /// What a job costs, or the function that says so: a user's code does not run under the lock.
    pub(crate) fn job_cost(&mut self) -> Result<u64, JobCost> {
        match &self.config.job_cost {
            JobCost::Fixed(cost) => Ok(nanos(*cost)),
            JobCost::Between(range) => Ok(nanos(self.rng.job.duration(range))),
            by_task @ JobCost::ByTask(_) => Err(by_task.clone()),
        }
    }
}

/// The cost of one job that `by_task` decides on.
pub(crate) fn cost_by_task(cost: &JobCost, meta: &TaskMeta) -> u64 {
    match cost {
        JobCost::ByTask(cost) => nanos(cost(meta)),
        JobCost::Fixed(_) | JobCost::Between(_) => 0,
    }
}

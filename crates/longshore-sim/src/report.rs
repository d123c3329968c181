//! What a failed run says: why, with which seed, who waits, and what happened last.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use crate::state::State;

/// Tasks beyond this many are only counted.
const TASKS_MAX: usize = 100;

impl State {
    pub(crate) fn names(&self) -> Vec<Arc<str>> {
        self.processes.list.iter().map(|process| Arc::clone(&process.name)).collect()
    }

    /// The seed and the point that the run has come to.
    pub(crate) fn whereabouts(&self) -> String {
        format!(
            "seed {}, step {}, {:?} of virtual time",
            self.config.seed,
            self.stats.steps,
            Duration::from_nanos(self.now)
        )
    }

    /// `why`, with all that helps to find out more.
    pub(crate) fn report(&self, why: &str) -> String {
        let mut text = format!("{why} ({})\ntasks that have not ended:\n", self.whereabouts());
        let mut tasks: Vec<_> = self.tasks.iter().collect();
        tasks.sort_by_key(|task| (task.pid, task.meta.location));
        for task in tasks.iter().take(TASKS_MAX) {
            let process = &self.processes.get(task.pid).name;
            let _ = writeln!(text, "  {process} / {} spawned at {}", task.meta.name, task.meta.location);
        }
        if tasks.len() > TASKS_MAX {
            let _ = writeln!(text, "  and {} more", tasks.len() - TASKS_MAX);
        }
        let _ = write!(text, "the last that happened:\n{}", self.recorder.recent(self.names()));
        text
    }
}

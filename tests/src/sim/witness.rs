//! Sees every run of a task, whichever worker it is on: a seed runs on one thread, and so do all its workers.
use longshore_rt::RuntimeExt;
use longshore_sim::SimRuntime;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

thread_local! {
    static SEEN: RefCell<Seen> = RefCell::default();
}

#[derive(Default)]
struct Seen {
    runs: BTreeMap<u64, Vec<Run>>,
    workers: BTreeMap<String, Alive>,
    lives: u64,
    wrongs: Vec<String>,
}

/// One run of one task.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Run {
    /// The worker.
    pub(super) worker: String,
    /// The attempt.
    pub(super) attempt: u32,
}

struct Alive {
    rt: SimRuntime,
    life: u64,
    gpus: u32,
    occupied: u32,
}

/// Forgets all that was seen. To be called before and after a seed: runtimes hold their world.
pub(super) fn forget() {
    drop(SEEN.take());
}

/// What must not have happened.
#[must_use]
pub(super) fn wrongs() -> Vec<String> {
    SEEN.with_borrow(|seen| seen.wrongs.clone())
}

/// A worker starts, with so much of the resource.
pub(super) fn worker_starts(name: &str, gpus: u32, rt: &SimRuntime) {
    SEEN.with_borrow_mut(|seen| {
        seen.lives += 1;
        let alive = Alive { rt: rt.clone(), life: seen.lives, gpus, occupied: 0 };
        seen.workers.insert(name.to_owned(), alive);
    });
}

/// A task is run.
pub(super) fn ran(salt: u64, worker: &str, attempt: u32) {
    SEEN.with_borrow_mut(|seen| {
        seen.runs.entry(salt).or_default().push(Run { worker: worker.to_owned(), attempt });
    });
}

/// All runs of a task.
#[must_use]
pub(super) fn runs(salt: u64) -> Vec<Run> {
    SEEN.with_borrow(|seen| seen.runs.get(&salt).cloned().unwrap_or_default())
}

/// Waits, on the runtime of a worker.
pub(super) async fn sleep(worker: &str, how_long: Duration) {
    let rt = SEEN.with_borrow(|seen| seen.workers.get(worker).map(|alive| alive.rt.clone()));
    if let Some(rt) = rt {
        rt.sleep(how_long).await;
    }
}

/// A task on a worker occupies so much of the resource until the guard is dropped.
#[must_use]
pub(super) fn occupy(worker: &str, gpus: u32) -> Occupied {
    SEEN.with_borrow_mut(|seen| {
        let Some(alive) = seen.workers.get_mut(worker) else {
            return Occupied { worker: worker.to_owned(), life: 0, gpus };
        };
        alive.occupied += gpus;
        if alive.occupied > alive.gpus {
            let text = format!("{worker} has {} gpus, and its tasks occupy {}", alive.gpus, alive.occupied);
            seen.wrongs.push(text);
        }
        Occupied { worker: worker.to_owned(), life: alive.life, gpus }
    })
}

/// An amount of a worker's resource that is in use.
#[derive(Debug)]
pub(super) struct Occupied {
    worker: String,
    life: u64,
    gpus: u32,
}

impl Drop for Occupied {
    fn drop(&mut self) {
        // While everything is forgotten there is nothing left to count.
        let _ = SEEN.try_with(|seen| {
            let Ok(mut seen) = seen.try_borrow_mut() else { return };
            if let Some(alive) = seen.workers.get_mut(&self.worker)
                && alive.life == self.life
            {
                alive.occupied -= self.gpus;
            }
        });
    }
}

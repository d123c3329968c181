//! What all tasks of one worker share.
use crate::address::Address;
use crate::client::ClientOfWorker;
use crate::function::Function;
use crate::worker::compute::Shipping;
use crate::worker::inbox::Inbox;
use longshore_proto::{Attempt, TaskHandle};
use longshore_rt::DynRuntime;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The worker, as seen from its tasks.
pub(crate) struct Home {
    pub(crate) rt: DynRuntime,
    pub(crate) name: String,
    pub(crate) address: Option<Address>,
    pub(crate) scheduler: Address,
    pub(crate) token: String,
    pub(crate) shipping: Shipping,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) cancelled: Cancelled,
    pub(crate) proofs: Proofs,
    pub(crate) client: ClientOfWorker,
}

impl fmt::Debug for Home {
    /// Without the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Home")
            .field("name", &self.name)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// Runs whose results are not wanted any more. Usually none, which is seen without a lock.
#[derive(Debug, Default)]
pub(crate) struct Cancelled {
    len: AtomicUsize,
    runs: Mutex<BTreeSet<(TaskHandle, Attempt)>>,
}

impl Cancelled {
    fn runs(&self) -> MutexGuard<'_, BTreeSet<(TaskHandle, Attempt)>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn insert(&self, task: TaskHandle, attempt: Attempt) {
        let mut runs = self.runs();
        runs.insert((task, attempt));
        self.len.store(runs.len(), Ordering::Relaxed);
    }

    pub(crate) fn contains(&self, task: TaskHandle, attempt: Attempt) -> bool {
        self.len.load(Ordering::Relaxed) > 0 && self.runs().contains(&(task, attempt))
    }

    /// The run has ended.
    pub(crate) fn remove(&self, task: TaskHandle, attempt: Attempt) {
        if self.len.load(Ordering::Relaxed) > 0 {
            let mut runs = self.runs();
            runs.remove(&(task, attempt));
            self.len.store(runs.len(), Ordering::Relaxed);
        }
    }
}

/// Functions whose large results are known to be encodable.
#[derive(Debug, Default)]
pub(crate) struct Proofs(Mutex<BTreeSet<usize>>);

impl Proofs {
    /// Whether this is the function's first large result.
    pub(crate) fn is_needed(&self, function: &'static Function) -> bool {
        let mut proven = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        proven.insert(std::ptr::from_ref(function).addr())
    }
}

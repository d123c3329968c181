//! The names of this process: what `inproc://name` leads to.
use super::accepted::Accepted;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Takes callers in.
pub(super) type Sink = Arc<dyn Fn(Accepted) + Send + Sync>;

static NAMES: Mutex<BTreeMap<String, Sink>> = Mutex::new(BTreeMap::new());

fn names() -> MutexGuard<'static, BTreeMap<String, Sink>> {
    NAMES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A name that is taken; free again when dropped.
pub(super) struct Name(String);

/// Takes a name, unless somebody has it.
pub(super) fn take(name: &str, sink: Sink) -> Option<Name> {
    let mut names = names();
    if names.contains_key(name) {
        return None;
    }
    names.insert(name.to_owned(), sink);
    Some(Name(name.to_owned()))
}

/// Where callers of a name go.
pub(super) fn find(name: &str) -> Option<Sink> {
    names().get(name).cloned()
}

impl Drop for Name {
    fn drop(&mut self) {
        // Dropped outside the lock: the sink may hold anything, even another name.
        let _sink = names().remove(&self.0);
    }
}

//! The names of this process: what `inproc://name` leads to.
use super::accepted::Accepted;
use crate::address::Address;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Takes callers in.
pub(super) type Sink = Arc<dyn Fn(Accepted) + Send + Sync>;

/// What callers need to know of whoever has a name before they call.
#[derive(Clone, Default)]
pub(crate) struct House {
    /// The cluster's secret, for those who have to tell it to others. Whoever is in this process could read it anyway.
    pub(crate) token: String,
    /// Whether what is said there goes on to other processes, so that callers had better encode values themselves.
    pub(crate) values_leave: bool,
}

struct Entry {
    sink: Sink,
    house: House,
}

static NAMES: Mutex<BTreeMap<String, Entry>> = Mutex::new(BTreeMap::new());

fn names() -> MutexGuard<'static, BTreeMap<String, Entry>> {
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
    names.insert(name.to_owned(), Entry { sink, house: House::default() });
    Some(Name(name.to_owned()))
}

/// Where callers of a name go.
pub(super) fn find(name: &str) -> Option<Sink> {
    names().get(name).map(|entry| entry.sink.clone())
}

/// Says what callers of a name that is taken need to know.
pub(crate) fn describe(address: &Address, house: House) {
    if let Address::InProc(name) = address
        && let Some(entry) = names().get_mut(name)
    {
        entry.house = house;
    }
}

/// What there is to know of whoever has the name.
pub(crate) fn house(address: &Address) -> House {
    match address {
        Address::InProc(name) => names().get(name).map(|entry| entry.house.clone()).unwrap_or_default(),
        _ => House::default(),
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        // Dropped outside the lock: the sink may hold anything, even another name.
        let _entry = names().remove(&self.0);
    }
}

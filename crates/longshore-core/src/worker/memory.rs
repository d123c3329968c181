//! The values a worker keeps, and how much memory they take.
use super::table::Table;
use longshore_proto::{Payload, TaskHandle};

/// Values by task. The machine never looks into one.
#[derive(Debug, Default)]
pub(super) struct Values {
    by_task: Table<Value>,
    stored_bytes: u64,
}

#[derive(Debug)]
struct Value {
    payload: Payload,
    /// As it was when the value came: a local value may say something else later.
    nbytes: u64,
}

impl Values {
    /// Keeps a value. Its size, and the value that was there before.
    pub(super) fn insert(&mut self, task: TaskHandle, payload: Payload) -> (u64, Option<Payload>) {
        let nbytes = payload.nbytes() as u64;
        self.stored_bytes += nbytes;
        let old = self.by_task.insert(task, Value { payload, nbytes });
        self.stored_bytes -= old.as_ref().map_or(0, |value| value.nbytes);
        (nbytes, old.map(|value| value.payload))
    }

    pub(super) fn get(&self, task: TaskHandle) -> Option<&Payload> {
        self.by_task.get(&task).map(|value| &value.payload)
    }

    pub(super) fn contains(&self, task: TaskHandle) -> bool {
        self.by_task.contains_key(&task)
    }

    /// Forgets a value; whoever still uses it keeps it alive.
    pub(super) fn remove(&mut self, task: TaskHandle) -> Option<Payload> {
        let old = self.by_task.remove(&task)?;
        self.stored_bytes -= old.nbytes;
        Some(old.payload)
    }

    pub(super) fn stored_bytes(&self) -> u64 {
        self.stored_bytes
    }

    pub(super) fn len(&self) -> usize {
        self.by_task.len()
    }

    /// What [`stored_bytes`](Self::stored_bytes) must be, for [`validate`](super::Machine::validate).
    pub(super) fn counted_bytes(&self) -> u64 {
        self.by_task.values().map(|value| value.nbytes).sum()
    }
}

//! Holds tasks up until the test lets them go.
use longshore::{TaskFuture, blocking::Client};
use longshore_tests::deadline::until;
use longshore_tests::it_function::{OPEN, gated};
use std::fs;
use tempfile::TempDir;

/// A folder that tasks look into.
pub(crate) struct Gate(TempDir);

impl Gate {
    pub(crate) fn closed() -> Self {
        Gate(TempDir::new().unwrap())
    }

    pub(crate) fn name(&self) -> &str {
        self.0.path().to_str().unwrap()
    }

    /// A task that runs until the gate is open.
    pub(crate) fn submit(&self, client: &Client, number: i64) -> TaskFuture<i64> {
        client.submit(gated(self.name(), number))
    }

    /// One that runs already.
    pub(crate) fn occupy(&self, client: &Client, number: i64) -> TaskFuture<i64> {
        let future = self.submit(client, number);
        until("a task waits at the gate", || self.runs(number).then_some(()));
        future
    }

    /// Whether the task of this number was begun.
    pub(crate) fn runs(&self, number: i64) -> bool {
        let mark = format!("{number}.");
        let names = fs::read_dir(self.0.path()).unwrap().map(|entry| entry.unwrap().file_name());
        names.into_iter().any(|name| name.to_string_lossy().starts_with(&mark))
    }

    pub(crate) fn open(&self) {
        fs::write(self.0.path().join(OPEN), "").unwrap();
    }
}

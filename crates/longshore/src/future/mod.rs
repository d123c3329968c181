//! The client's end of a task: a value that will come.
use crate::error::TaskError;
use crate::value::StoredValue;
use longshore_proto::TaskId;
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, OnceLock};

/// The value that a submitted call will give.
pub struct TaskFuture<T> {
    state: Arc<FutureState>,
    value: PhantomData<fn() -> T>,
}

/// What all clones of one future share.
#[derive(Debug)]
pub(crate) struct FutureState {
    id: TaskId,
    outcome: OnceLock<Result<StoredValue, TaskError>>,
}

/// A future whose type has been forgotten: what a call keeps of its inputs.
#[derive(Clone, Debug)]
pub(crate) struct FutureRef(Arc<FutureState>);

impl FutureState {
    pub(crate) fn new(id: TaskId) -> Arc<Self> {
        Arc::new(FutureState { id, outcome: OnceLock::new() })
    }

    pub(crate) fn id(&self) -> TaskId {
        self.id
    }

    /// The outcome, if it is here.
    pub(crate) fn outcome(&self) -> Option<&Result<StoredValue, TaskError>> {
        self.outcome.get()
    }

    pub(crate) fn settle(&self, outcome: Result<StoredValue, TaskError>) {
        // A second outcome of one task is a late duplicate; the first stands.
        let _ = self.outcome.set(outcome);
    }
}

impl FutureRef {
    pub(crate) fn state(&self) -> &Arc<FutureState> {
        &self.0
    }
}

impl<T> TaskFuture<T> {
    pub(crate) fn new(state: Arc<FutureState>) -> Self {
        TaskFuture { state, value: PhantomData }
    }

    pub(crate) fn erase(&self) -> FutureRef {
        FutureRef(self.state.clone())
    }
}

impl<T> Clone for TaskFuture<T> {
    fn clone(&self) -> Self {
        Self::new(self.state.clone())
    }
}

impl<T> fmt::Debug for TaskFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TaskFuture").field(&self.state.id).finish()
    }
}

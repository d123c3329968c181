//! Why a task did not give a value, as it travels.
use crate::limit::FAILURE_TEXT_BYTES_MAX;
use crate::{Payload, TaskId};
use serde::{Deserialize, Serialize};

/// What kind of end a task met.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub enum FailureKind {
    /// The function returned an error.
    Failed,
    /// The function panicked.
    Panicked,
    /// Every worker that ran it died while doing so.
    Killed,
    /// Somebody cancelled it.
    Cancelled,
    /// Its value is gone and cannot be made again.
    Lost,
    /// It ran longer than its timeout.
    TimedOut,
    /// No worker that may run it came within the limit that the scheduler was given.
    NoWorker,
    /// It may or may not have run, and it must not run twice.
    OutcomeUnknown,
    /// No worker's binary contains the function.
    UnknownFunction,
    /// Workers have a function of that name with other types.
    SignatureMismatch,
    /// An argument could not be decoded on the worker.
    UndecodableArgument,
    /// The result could not be encoded.
    UnencodableResult,
    /// The key is in use for another call.
    KeyConflict,
    /// The request itself was wrong.
    Refused,
}

/// A failure with all that the client may want to know.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct TaskFailure {
    /// What happened.
    pub kind: FailureKind,
    /// The task that failed first; dependents carry the failure of their input.
    pub root: TaskId,
    /// Name of the function that failed. A worker leaves it out where that is the function of the task it speaks of.
    pub function: String,
    /// The error's or panic's own words.
    pub message: String,
    /// `source()` of the error, outermost first.
    pub chain: Vec<String>,
    /// Where a panic happened.
    pub location: Option<String>,
    /// Backtrace of a panic, when one was taken.
    pub backtrace: Option<String>,
    /// The error value itself, when it could be encoded.
    pub value: Option<FailureValue>,
    /// Worker that ran the last attempt. The worker itself leaves it out.
    pub worker: Option<String>,
    /// How often it was tried.
    pub attempts: u32,
    /// Functions between the failed task and the one that reports it, nearest the root first.
    pub path: Vec<String>,
}

/// An error value that crossed the wire.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct FailureValue {
    /// Identity of its type.
    pub type_id: u64,
    /// The encoded value, or the value itself within one process.
    pub payload: Payload,
}

/// A failure that many share, as it travels: for `#[serde(with)]`.
pub(crate) mod shared {
    use super::TaskFailure;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::sync::Arc;

    pub(crate) fn serialize<S: Serializer>(failure: &Arc<TaskFailure>, s: S) -> Result<S::Ok, S::Error> {
        TaskFailure::serialize(failure, s)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Arc<TaskFailure>, D::Error> {
        TaskFailure::deserialize(d).map(Arc::new)
    }
}

impl TaskFailure {
    /// A failure of `kind` with a message and nothing else.
    #[must_use]
    pub fn new(kind: FailureKind, root: TaskId, function: &str, message: impl Into<String>) -> Self {
        TaskFailure {
            kind,
            root,
            function: function.to_owned(),
            message: message.into(),
            chain: Vec::new(),
            location: None,
            backtrace: None,
            value: None,
            worker: None,
            attempts: 0,
            path: Vec::new(),
        }
    }

    /// Makes it the failure of a task that needs the one it was of.
    pub fn pass_to(&mut self, function: &str) {
        const PATH_LEN_MAX: usize = 32;
        if self.path.len() < PATH_LEN_MAX {
            self.path.push(function.to_owned());
        }
    }

    /// Cuts every text to its bound, so that a huge message cannot outgrow a frame.
    pub fn bound(&mut self) {
        const CHAIN_LEN_MAX: usize = 32;
        cut(&mut self.message);
        self.chain.truncate(CHAIN_LEN_MAX);
        self.chain.iter_mut().for_each(cut);
        self.location.iter_mut().for_each(cut);
        self.backtrace.iter_mut().for_each(cut);
        if self.value.as_ref().is_some_and(|v| v.payload.nbytes() > FAILURE_TEXT_BYTES_MAX) {
            self.value = None;
        }
    }
}

fn cut(text: &mut String) {
    if text.len() > FAILURE_TEXT_BYTES_MAX {
        let end = (0..=FAILURE_TEXT_BYTES_MAX).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
}

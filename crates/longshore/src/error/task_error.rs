//! Why a task gave no value.
use crate::value::StoredValue;
use longshore_proto::{FailureKind, TaskFailure, TaskId};
use serde::de::DeserializeOwned;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// Stands for the task where there is none.
const NO_TASK: TaskId = TaskId { origin: 0, seq: 0 };

/// The end of a task that gave no value: what failed, where, and after how many attempts.
///
/// Cheap to clone, so that every clone of a future can report the same failure.
#[derive(Clone)]
pub struct TaskError(Arc<Failure>);

struct Failure {
    kind: TaskErrorKind,
    key: Option<String>,
    record: Arc<TaskFailure>,
    /// The error value, decoded at most once.
    value: Option<(u64, StoredValue)>,
    source: Option<Source>,
}

/// What kind of end a task met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TaskErrorKind {
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
    /// No worker that may run it came within the scheduler's [`no_worker_timeout`](crate::SchedulerBuilder::no_worker_timeout).
    /// Unless there is one, tasks wait.
    NoWorker,
    /// It may or may not have run, and it must not run twice.
    OutcomeUnknown,
    /// No worker's binary contains the function.
    UnknownFunction,
    /// Workers have a function of that name with other types.
    SignatureMismatch,
    /// An argument or the result could not be decoded.
    Undecodable,
    /// An argument or the result could not be encoded.
    Unencodable,
    /// The key is in use for another call.
    KeyConflict,
    /// The request itself was wrong.
    Refused,
    /// The scheduler went away before the result came.
    SchedulerLost,
    /// The client was closed before the result came.
    ClientClosed,
    /// More was submitted than may wait to be sent.
    Overloaded,
}

impl TaskError {
    pub(crate) fn new(record: Arc<TaskFailure>) -> Self {
        Self::with_key(record, None)
    }

    pub(crate) fn with_key(record: Arc<TaskFailure>, key: Option<String>) -> Self {
        let value = record.value.as_ref();
        let value = value.map(|v| (v.type_id, StoredValue::from_payload(v.payload.clone())));
        let source = Source::chain(&record.chain);
        let kind = TaskErrorKind::of(record.kind);
        TaskError(Arc::new(Failure { kind, key, record, value, source }))
    }

    /// A failure that this client found by itself.
    pub(crate) fn local(kind: TaskErrorKind, function: &str, message: impl Into<String>) -> Self {
        let record = Arc::new(TaskFailure::new(FailureKind::Refused, NO_TASK, function, message));
        TaskError(Arc::new(Failure { kind, key: None, record, value: None, source: None }))
    }

    /// The same failure, of a function that was not known when it was made.
    pub(crate) fn of_function(self, function: &str) -> Self {
        if !self.0.record.function.is_empty() {
            return self;
        }
        Self::local(self.kind(), function, self.message())
    }

    /// A failure that has no more to say than a sentence.
    pub(crate) fn simple(kind: FailureKind, function: &str, message: impl Into<String>) -> Self {
        Self::new(Arc::new(TaskFailure::new(kind, NO_TASK, function, message)))
    }

    /// What happened.
    #[must_use]
    pub fn kind(&self) -> TaskErrorKind {
        self.0.kind
    }

    /// Key of the task that failed, if it was given one.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.0.key.as_deref()
    }

    /// Name of the function that failed.
    #[must_use]
    pub fn function(&self) -> &str {
        &self.0.record.function
    }

    /// Worker that ran the last attempt.
    #[must_use]
    pub fn worker(&self) -> Option<&str> {
        self.0.record.worker.as_deref()
    }

    /// How often the task was tried.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.0.record.attempts
    }

    /// The error's or the panic's own words.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.record.message
    }

    /// `source()` of the error, outermost first: the same words as [`Error::source`] walks.
    #[must_use]
    pub fn chain(&self) -> &[String] {
        &self.0.record.chain
    }

    /// The task that failed first: the one asked about, or one it depends on.
    #[must_use]
    pub fn root(&self) -> Option<TaskId> {
        Some(self.0.record.root).filter(|root| *root != NO_TASK)
    }

    /// Functions between the task that failed and the one asked about, nearest the failed one first. Empty when they are
    /// the same.
    #[must_use]
    pub fn path(&self) -> &[String] {
        &self.0.record.path
    }

    /// Where a panic happened.
    #[must_use]
    pub fn location(&self) -> Option<&str> {
        self.0.record.location.as_deref()
    }

    /// Backtrace of a panic, when one was taken.
    #[must_use]
    pub fn backtrace(&self) -> Option<&str> {
        self.0.record.backtrace.as_deref()
    }

    /// The `E` that the function returned, if `E` can be serialized and the function returned one.
    #[must_use]
    pub fn downcast_ref<E: DeserializeOwned + Send + Sync + 'static>(&self) -> Option<&E> {
        let (type_id, value) = self.0.value.as_ref()?;
        if *type_id != crate::function::type_signature::<E>() {
            return None;
        }
        value.typed_ref::<E>().ok()
    }
}

impl TaskErrorKind {
    /// Whether the cluster knows nothing of it, so that asking it to retry would be of no use.
    pub(crate) fn is_local(self) -> bool {
        matches!(self, Self::SchedulerLost | Self::ClientClosed | Self::Overloaded)
    }

    fn of(kind: FailureKind) -> Self {
        match kind {
            FailureKind::Failed => Self::Failed,
            FailureKind::Panicked => Self::Panicked,
            FailureKind::Killed => Self::Killed,
            FailureKind::Cancelled => Self::Cancelled,
            FailureKind::Lost => Self::Lost,
            FailureKind::TimedOut => Self::TimedOut,
            FailureKind::NoWorker => Self::NoWorker,
            FailureKind::OutcomeUnknown => Self::OutcomeUnknown,
            FailureKind::UnknownFunction => Self::UnknownFunction,
            FailureKind::SignatureMismatch => Self::SignatureMismatch,
            FailureKind::UndecodableArgument => Self::Undecodable,
            FailureKind::UnencodableResult => Self::Unencodable,
            FailureKind::KeyConflict => Self::KeyConflict,
            _ => Self::Refused,
        }
    }

    fn verb(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Panicked => "panicked",
            Self::Killed => "killed its worker",
            Self::Cancelled => "was cancelled",
            Self::Lost => "was lost",
            Self::TimedOut => "timed out",
            Self::NoWorker => "found no worker",
            Self::OutcomeUnknown => "has an unknown outcome",
            Self::UnknownFunction => "is unknown to the workers",
            Self::SignatureMismatch => "has other types on the workers",
            Self::Undecodable => "was given what it cannot decode",
            Self::Unencodable => "cannot be encoded",
            Self::KeyConflict => "has a key that is taken",
            Self::Refused => "was refused",
            Self::SchedulerLost => "was lost with the scheduler",
            Self::ClientClosed => "was given up",
            Self::Overloaded => "was not taken",
        }
    }

    fn advice(self) -> Option<&'static str> {
        Some(match self {
            Self::Failed | Self::Panicked | Self::Cancelled | Self::Refused | Self::Overloaded => {
                return None;
            }
            Self::SchedulerLost => {
                "results that had not come are gone with the session: connect a new client and submit again"
            }
            Self::ClientClosed => "await results before closing the client, or detach() the task",
            Self::Killed => {
                "look for the worker's memory limit and its last words, or submit it with .retries(n)"
            }
            Self::Lost => "submit it again, or keep its inputs so that it can be made again",
            Self::TimedOut => "raise .timeout(…) or split the work",
            Self::NoWorker => "start a worker that meets its restrictions, or relax them",
            Self::OutcomeUnknown => "find out whether it took effect before running it again",
            Self::UnknownFunction => "start workers from a binary that links the function",
            Self::SignatureMismatch | Self::Undecodable => {
                "build the client and the workers from the same source"
            }
            Self::Unencodable => "make the value serializable, or use `local`",
            Self::KeyConflict => "choose another key, or submit the same call",
        })
    }
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let record = &self.0.record;
        match &*record.function {
            "" => write!(f, "the task {}", self.kind().verb())?,
            function => write!(f, "task {function} {}", self.kind().verb())?,
        }
        if let Some(worker) = &record.worker {
            write!(f, " on {worker}")?;
        }
        if record.attempts > 1 {
            write!(f, " after {} attempts", record.attempts)?;
        }
        write!(f, ": {}", record.message)?;
        if let Some(location) = &record.location {
            write!(f, " ({location})")?;
        }
        if !record.path.is_empty() {
            write!(f, "; needed by {}", record.path.join(", by "))?;
        }
        self.kind().advice().map_or(Ok(()), |advice| write!(f, "; {advice}"))
    }
}

impl fmt::Debug for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskError")
            .field("kind", &self.0.kind)
            .field("key", &self.0.key)
            .field("record", &self.0.record)
            .finish()
    }
}

impl Error for TaskError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_ref().map(|s| s as _)
    }
}

/// A link of the source chain, of which only the words crossed the wire.
#[derive(Debug)]
struct Source {
    message: String,
    next: Option<Box<Source>>,
}

impl Source {
    fn chain(messages: &[String]) -> Option<Source> {
        let link = |next: Option<Source>, message: &String| {
            Some(Source { message: message.clone(), next: next.map(Box::new) })
        };
        messages.iter().rev().fold(None, link)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Source {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.next.as_deref().map(|s| s as _)
    }
}

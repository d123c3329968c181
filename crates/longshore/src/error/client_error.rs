//! Why something a client was asked to do did not work.
use super::TaskError;
use crate::address::ParseAddressError;
use crate::link::ConnectError;
use longshore_rt::BlockOnError;
use std::error::Error as StdError;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What a client's operations fail with. A failed task is one of the cases, so `?` works on both.
///
/// Cheap to clone, like everything that one cause may have to tell many waiters.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A task gave no value.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// The client was closed.
    #[error("the client is closed; connect a new one")]
    Closed,
    /// The scheduler is gone.
    #[error("{reason}; check the scheduler, connect a new client, and submit again what is not done")]
    SchedulerLost {
        /// In words.
        reason: String,
    },
    /// The scheduler could not be reached.
    #[error("the scheduler could not be reached: {0}")]
    Connect(#[from] ConnectError),
    /// The address is none.
    #[error(transparent)]
    Address(#[from] ParseAddressError),
    /// Neither an address nor a file that holds one was given.
    #[error(
        "no address was given; call .address(\"tcp://host:8786\") or .scheduler_file(path) on the builder"
    )]
    NoAddress,
    /// The file that was to say where the scheduler is never said so.
    #[error("{} did not name a scheduler within {} s: {reason}; is the scheduler running, and the file shared?", path.display(), after.as_secs())]
    SchedulerFile {
        /// The file.
        path: PathBuf,
        /// How long it was waited for.
        after: Duration,
        /// What was wrong with it last.
        reason: String,
    },
    /// It took longer than it was given.
    #[error("{what} took longer than {after:?}")]
    TimedOut {
        /// What was waited for.
        what: &'static str,
        /// How long.
        after: Duration,
    },
    /// Blocking here would hang.
    #[error("{0}; here, write `.await` instead")]
    Blocking(#[from] BlockOnError),
    /// A runtime could not be had.
    #[error("the runtime cannot be used: {0}")]
    Runtime(#[source] Arc<dyn StdError + Send + Sync>),
    /// The embedded cluster did not start.
    #[error("the cluster in this process could not be started: {0}")]
    Start(#[source] Arc<dyn StdError + Send + Sync>),
    /// The scheduler answered something else than what was asked.
    #[error("the scheduler's answer to {what} was not understood; upgrade the older of the two")]
    Answer {
        /// What was asked.
        what: &'static str,
    },
}

impl Error {
    /// A runtime that cannot be used, for this reason.
    pub(crate) fn runtime(reason: impl StdError + Send + Sync + 'static) -> Self {
        Error::Runtime(Arc::new(reason))
    }

    /// The task's failure, if that is what it is.
    #[must_use]
    pub fn task(&self) -> Option<&TaskError> {
        match self {
            Error::Task(e) => Some(e),
            _ => None,
        }
    }
}

//! Why a run gave no value.
//!
//! A task may fail with any error type. What can be had of it depends on its traits, so `#[task]` picks by method
//! resolution on a tower of references (the first trait in the order below that the type has): `Error`, a smart pointer
//! to one (`anyhow::Error`, `Box<dyn Error>`), `Display`, `Debug`; and, apart from that, the value itself if it can be serialized.
use crate::value::{DecodeError, encode_into};
use longshore_proto::failure::FailureValue;
use longshore_proto::{FailureKind, Payload, TaskFailure, TaskId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::any::type_name;
use std::error::Error;
use std::fmt::{Debug, Display};

/// An error that asks the cluster to run the task again, on another worker if there is one; no retry is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("the task asks to be run again")]
pub struct Reschedule;

/// Why one run of a function gave no value.
#[derive(Clone, Debug)]
pub struct RunFailure {
    /// What kind of failure it is.
    pub(crate) kind: RunFailureKind,
    /// The error in its own words.
    pub(crate) message: String,
    /// Its sources, outermost first.
    pub(crate) chain: Vec<String>,
    /// The error itself, if it can travel.
    pub(crate) value: Carried,
}

/// What kind of failure a run met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) enum RunFailureKind {
    /// The function returned an error.
    Failed,
    /// The function asked to be run again.
    Reschedule,
    /// The arguments or inputs are not what the function takes.
    UndecodableArgument,
}

/// An error value, ready to travel.
pub(crate) type Carried = Option<FailureValue>;

impl RunFailure {
    /// What a function's error becomes.
    #[doc(hidden)]
    #[must_use]
    pub fn of_error(worded: Worded, value: Carried) -> Box<Self> {
        let kind = if worded.reschedule { RunFailureKind::Reschedule } else { RunFailureKind::Failed };
        Box::new(RunFailure { kind, message: worded.message, chain: worded.chain, value })
    }

    pub(crate) fn undecodable<T>(parameter: &str, error: &DecodeError) -> Box<Self> {
        let what = type_name::<T>();
        Self::plain(
            RunFailureKind::UndecodableArgument,
            format!("argument `{parameter}` is not a {what}: {error}"),
        )
    }

    pub(crate) fn malformed(error: &DecodeError) -> Box<Self> {
        Self::plain(RunFailureKind::UndecodableArgument, format!("the arguments are malformed: {error}"))
    }

    pub(crate) fn refused(message: &str) -> Box<Self> {
        Self::plain(RunFailureKind::UndecodableArgument, message.to_owned())
    }

    fn plain(kind: RunFailureKind, message: String) -> Box<Self> {
        Box::new(RunFailure { kind, message, chain: Vec::new(), value: None })
    }

    /// The failure as it travels.
    pub(crate) fn into_record(self, root: TaskId, function: &str) -> TaskFailure {
        let kind = match self.kind {
            RunFailureKind::Failed | RunFailureKind::Reschedule => FailureKind::Failed,
            RunFailureKind::UndecodableArgument => FailureKind::UndecodableArgument,
        };
        let mut record = TaskFailure::new(kind, root, function, self.message);
        record.chain = self.chain;
        record.value = self.value;
        record
    }
}

/// The words of an error and of its sources.
#[doc(hidden)]
#[derive(Debug)]
pub struct Worded {
    message: String,
    chain: Vec<String>,
    reschedule: bool,
}

impl Worded {
    fn of_error(error: &(dyn Error + 'static)) -> Self {
        let sources = || std::iter::successors(error.source(), |&error| error.source());
        let reschedule = error.is::<Reschedule>() || sources().any(<dyn Error>::is::<Reschedule>);
        Worded { message: error.to_string(), chain: sources().map(ToString::to_string).collect(), reschedule }
    }

    fn of_text(message: String) -> Self {
        Worded { message, chain: Vec::new(), reschedule: false }
    }
}

/// Asks an error for its words; see the module for the order of preference.
#[doc(hidden)]
#[derive(Debug)]
pub struct Words<'a, E>(pub &'a E);

macro_rules! words {
    ($($trait:ident for $tower:ty, where E: $bound:path, |$error:ident| $words:expr;)*) => {$(
        #[doc(hidden)]
        pub trait $trait {
            fn words(&self) -> Worded;
        }

        impl<E: $bound> $trait for $tower {
            fn words(&self) -> Worded {
                let $error = self.0;
                $words
            }
        }
    )*};
}

// The error type is named so that these can be bounds; `'static` comes with both.
/// Errors that can be looked into.
#[doc(hidden)]
pub(crate) trait StaticError: Error + 'static {}
impl<E: Error + 'static> StaticError for E {}

words! {
    WordsOfError for &&&&Words<'_, E>, where E: StaticError, |error| Worded::of_error(error);
    WordsOfSendError for &&&Words<'_, E>, where E: AsRef<dyn Error + Send + Sync>, |error| Worded::of_error(error.as_ref());
    WordsOfDynError for &&Words<'_, E>, where E: AsRef<dyn Error>, |error| Worded::of_error(error.as_ref());
    WordsOfDisplay for &Words<'_, E>, where E: Display, |error| Worded::of_text(error.to_string());
}

/// The last resort. It takes any error and asks afterwards, so that the compiler's complaint is about the error.
#[doc(hidden)]
pub trait WordsOfDebug<E> {
    fn words(&self) -> Worded
    where
        E: Speaking;
}

impl<E> WordsOfDebug<E> for Words<'_, E> {
    fn words(&self) -> Worded
    where
        E: Speaking,
    {
        Worded::of_text(format!("{:?}", self.0))
    }
}

/// Errors that have something to say.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of a task",
    label = "this error has nothing to say",
    note = "implement `std::error::Error` for it (or `Display`, or derive `Debug`); if it is also `Serialize` and \
            `Deserialize`, clients get the value itself"
)]
pub trait Speaking: Debug {}

impl<E: Debug> Speaking for E {}

/// Asks an error whether it can travel.
#[doc(hidden)]
#[derive(Debug)]
pub struct Carry<'a, E>(pub &'a E);

/// The error can travel.
#[doc(hidden)]
pub trait CarryValue {
    fn carry(&self) -> Carried;
}

/// The error cannot travel.
#[doc(hidden)]
pub trait CarryNothing {
    fn carry(&self) -> Carried;
}

impl<E: Serialize + DeserializeOwned + Send + Sync + 'static> CarryValue for &Carry<'_, E> {
    fn carry(&self) -> Carried {
        let mut bytes = Vec::new();
        // An error that does not encode still has its words.
        encode_into(self.0, &mut bytes).ok()?;
        Some(FailureValue { type_id: super::type_signature::<E>(), payload: Payload::from(bytes) })
    }
}

impl<E> CarryNothing for Carry<'_, E> {
    fn carry(&self) -> Carried {
        None
    }
}

//! Functions that can be called by name in another process, and how a call's bytes become a run.
//!
//! `#[task]` leaves one static [`Function`] per task in the binary; the [`Registry`] collects them at start. Absent on
//! purpose: sending code. A worker runs what is linked into its binary and nothing else.
mod assemble;
mod build_id;
mod declaration;
mod failure;
mod hash;
mod output;
mod reader;
mod registry;
mod signature;
mod trace;

#[cfg(test)]
mod tests;

pub use assemble::{Assemble, AssembleEncoded, AssembleTyped, Probe};
pub use declaration::{Function, Run, RunFuture, RunResult, path_of};
pub use failure::{Carry, CarryNothing, CarryValue, Reschedule, RunFailure, Worded, Words};
pub use failure::{WordsOfDebug, WordsOfDisplay, WordsOfDynError, WordsOfError, WordsOfSendError};
pub use output::TaskResult;
pub use reader::{ArgReader, Resolved};
pub use registry::{Registration, register};
pub use signature::Signature;

pub(crate) use build_id::build_id;
pub(crate) use failure::RunFailureKind;
pub(crate) use registry::{Registry, registry};
pub(crate) use signature::type_signature;

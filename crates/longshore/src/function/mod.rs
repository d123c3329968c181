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

pub(crate) use assemble::from_encoded_parts;
pub use assemble::{Assemble, AssembleEncoded, AssembleTyped, FromParts, Probe};
pub use declaration::{Function, FunctionOptions, Run, RunFuture, RunResult, path_of};
pub use failure::{Carried, Carry, CarryNothing, CarryValue, Reschedule, RunFailure, RunFailureKind, Words, Worded};
pub use failure::{WordsOfDebug, WordsOfDisplay, WordsOfDynError, WordsOfError, WordsOfSendError};
pub use output::TaskResult;
pub use reader::{ArgReader, Resolved};
pub use registry::{Registration, Registry, register, registry};
pub use signature::{Signature, type_signature};

pub use build_id::build_id;
pub use longshore_proto::{FunctionId, FunctionSpec};

//! What the expansions of our macros name. Not part of the public interface: it changes without notice.
pub use crate::call::{Absent, Arg, Args, Call, LambdaSite};
pub use crate::call::{
    describe, lambda0, lambda1, lambda2, lambda3, lambda4, marker, never, ok_of, output_of,
};
pub use crate::function::{
    ArgReader, Assemble, AssembleEncoded, AssembleTyped, Carry, CarryNothing, CarryValue, Function, Probe,
    Registration, Resolved, Run, RunFailure, RunFuture, RunResult, Signature, TaskResult, Worded, Words,
    WordsOfDebug, WordsOfDisplay, WordsOfDynError, WordsOfError, WordsOfSendError, path_of, register,
};
pub use crate::value::{ReturnValue, StoredValue, Value};
pub use inventory;
pub use std::marker::PhantomData;

//! Describing work: what `inc(10)` is before anybody runs it.
//!
//! A [`Call`] holds a function, its arguments and options. Arguments may be other calls, so calls form a graph; a call that is
//! cloned is one task however often it is used. Nothing here talks to a cluster: a client walks the graph, gives every
//! call a key and encodes its arguments, or leaves them typed for workers of the same process.
mod arg;
mod args;
mod call_type;
mod encode;
mod graph;
mod lambda;
mod local;
mod macros;
mod node;
mod options;
mod register;
mod run;
pub(crate) mod tag;

#[cfg(test)]
mod tests;

pub use arg::{Arg, Description, Input, describe};
pub use args::Args;
pub(crate) use args::{ArgsForm, LocalArg, LocalArgs};
pub use call_type::Call;
pub(crate) use call_type::CallBody;
pub(crate) use encode::Dependencies;
pub(crate) use graph::CallGraph;
pub use lambda::{
    Lambda, LambdaSite, lambda0, lambda1, lambda2, lambda3, lambda4, marker, never, ok_of, output_of,
};
pub(crate) use local::LocalFunction;
pub use local::{Local, LocalFn, TaskFn, local};
pub use macros::{lambda, register, task};
pub(crate) use node::{CallNode, ErasedArg, FunctionHandle};
pub(crate) use options::CallOptions;
pub use options::Rerun;
pub use register::Absent;

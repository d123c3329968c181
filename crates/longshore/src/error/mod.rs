//! What can go wrong, one error type per operation.
mod client_error;
mod task_error;

pub use client_error::Error;
pub use task_error::{TaskError, TaskErrorKind};

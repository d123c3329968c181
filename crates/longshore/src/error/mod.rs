//! What can go wrong, one error type per operation.
mod task_error;

pub use task_error::{TaskError, TaskErrorKind};

//! Results of tasks that can fail.

/// What a fallible task returns: a `Result` under whatever name.
#[diagnostic::on_unimplemented(
    message = "a task marked as fallible returns a `Result`, and `{Self}` is none",
    note = "a return type whose last path segment is `Result`, and `#[task(fallible)]`, promise one"
)]
pub trait TaskResult {
    /// What the task's future gives.
    type Ok;
    /// What fails the task.
    type Err;
    /// The plain `Result`.
    ///
    /// # Errors
    /// The task's own.
    fn into_result(self) -> Result<Self::Ok, Self::Err>;
}

impl<T, E> TaskResult for Result<T, E> {
    type Ok = T;
    type Err = E;

    fn into_result(self) -> Result<T, E> {
        self
    }
}

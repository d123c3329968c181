//! How far a task has come.
use super::cell::Progress;
use crate::error::TaskErrorKind;

/// How far a task has come, as its client knows.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum TaskStatus {
    /// Waiting, running, or on its way.
    Pending,
    /// It has a value.
    Finished,
    /// It failed.
    Failed,
    /// It was cancelled.
    Cancelled,
    /// Its result, or the session that was to bring it, is gone.
    Lost,
}

impl TaskStatus {
    pub(super) fn of(progress: &Progress) -> Self {
        match progress {
            Progress::Pending => TaskStatus::Pending,
            Progress::Done => TaskStatus::Finished,
            Progress::Failed(e) => match e.kind() {
                TaskErrorKind::Cancelled => TaskStatus::Cancelled,
                TaskErrorKind::Lost | TaskErrorKind::SchedulerLost | TaskErrorKind::ClientClosed => {
                    TaskStatus::Lost
                }
                _ => TaskStatus::Failed,
            },
        }
    }
}

//! What may be said about one call beyond its arguments.
use std::time::Duration;

/// Whether a task may be run again after its worker was lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rerun {
    /// Again, wherever it was lost: the effect of a task may happen twice.
    #[default]
    Always,
    /// Never: the outcome may then be unknown.
    Never,
}

/// Options of one call; what is not said is left to the function's attribute.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallOptions {
    pub(crate) key: Option<String>,
    pub(crate) pure: Option<bool>,
    pub(crate) retries: Option<u32>,
    pub(crate) workers: Vec<String>,
    pub(crate) allow_other_workers: bool,
    pub(crate) resources: Vec<(String, f64)>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) rerun: Rerun,
}

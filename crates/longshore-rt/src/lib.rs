//! The runtime seam of Longshore: the [`Runtime`] trait, what is derived from it, the conformance
//! suite that says what implementing it means, and the adapters.
//!
//! Client, scheduler and workers are generic over one small trait, passed by value. Nothing here
//! looks at ambient state to find a runtime, and Cargo features only make adapters available: they
//! never choose one.
//!
//! Deliberately absent: TLS, UDP, signals, child processes (layers above own them) and an
//! in-process transport (it needs no runtime).
#![deny(missing_docs)]

mod context;
mod ext;
mod join;
mod net;
mod runtime;
mod task;
mod time;
mod timeout;

pub use context::{ContextGuard, Marked, ThreadContext};
pub use ext::RuntimeExt;
pub use net::{Conn, Endpoint, Listener, ParseEndpointError};
pub use runtime::{BlockOn, BlockOnError, BoxFuture, BoxJob, Closed, Runtime, Spawn, TaskMeta};
pub use task::{JoinError, Task};
pub use time::{Instant, Sleep};
pub use timeout::{Elapsed, Timeout};

//! The runtime seam of Longshore: the [`Runtime`] trait, what is derived from it, the conformance
//! suite that says what implementing it means, and the adapters.
//!
//! Client, scheduler and workers are generic over one small trait, passed by value. Nothing here
//! looks at ambient state to find a runtime, and Cargo features only make adapters available: they
//! never choose one.
//!
//! | Runtime | Feature | Adapter |
//! |---|---|---|
//! | tokio | `tokio` | `TokioRuntime` |
//! | smol | `smol` | `SmolRuntime` |
//! | async-std | `async-std` | `AsyncStdRuntime` |
//! | a user's `async_executor::Executor` | none | [`ExecutorRuntime`] |
//! | anything that can start a future | none | [`AsyncIo`], on a [`Spawn`] or a closure |
//! | none at all | none | [`OwnedExecutor`] |
//! | any of these, chosen when the program runs | none | [`DynRuntime`] |
//!
//! Deliberately absent: TLS, UDP, signals, child processes (layers above own them) and an
//! in-process transport (it needs no runtime).
#![deny(missing_docs)]

#[cfg(not(unix))]
compile_error!("Longshore supports Unix-like systems only");

mod abstract_socket;
mod asyncio;
pub mod conformance;
mod context;
mod dynamic;
mod ext;
mod halves;
mod join;
mod net;
mod owned;
mod pool;
mod real;
mod runtime;
mod socket_file;
mod task;
mod time;
mod timeout;
#[cfg(feature = "tokio")]
mod tokio_rt;
mod unobserved;

pub use asyncio::{AsyncIo, Drive, ExecutorRuntime, UserExecutor};
pub use asyncio::{AsyncIoConn, AsyncIoListener, AsyncIoReader, AsyncIoSleep, AsyncIoWriter};
#[cfg(feature = "async-std")]
pub use asyncio::{AsyncStdGlobal, AsyncStdRuntime};
#[cfg(feature = "smol")]
pub use asyncio::{SmolGlobal, SmolRuntime};
pub use context::{ContextGuard, Marked, ThreadContext};
pub use dynamic::{BoxConn, BoxListener, BoxReader, BoxSleep, BoxWriter, DynRuntime};
pub use ext::RuntimeExt;
pub use net::{Conn, Endpoint, Listener, ParseEndpointError, SharedSocket};
pub use owned::{OwnedConn, OwnedExecutor, OwnedListener, OwnedReader, OwnedSleep, OwnedWriter};
pub use runtime::{BlockOn, BlockOnError, BoxFuture, BoxJob, Closed, Runtime, Spawn, TaskMeta};
pub use task::{JoinError, Task};
pub use time::{Instant, Sleep};
pub use timeout::{Elapsed, Timeout};
#[cfg(feature = "tokio")]
pub use tokio_rt::{TokioConn, TokioListener, TokioReader, TokioRuntime, TokioSetupError};
#[cfg(feature = "tokio")]
pub use tokio_rt::{TokioSleep, TokioWriter};
pub use unobserved::{PanicObserver, UnobservedPanic, observe_panics};

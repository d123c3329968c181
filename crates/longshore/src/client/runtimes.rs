//! Clients by the name of their runtime.
use super::{Client, ClientBuilder};
use crate::error::Error;
use longshore_rt::{BlockOn, DynRuntime, ExecutorRuntime, Runtime, UserExecutor};

/// A client of a program on tokio.
#[cfg(feature = "tokio")]
pub type TokioClient = Client<longshore_rt::TokioRuntime>;
/// A client of a program on smol.
#[cfg(feature = "smol")]
pub type SmolClient = Client<longshore_rt::SmolRuntime>;
/// A client of a program on async-std.
#[cfg(feature = "async-std")]
pub type AsyncStdClient = Client<longshore_rt::AsyncStdRuntime>;
/// A client of a program with an `async_executor::Executor` of its own, which the program drives.
pub type ExecutorClient = Client<ExecutorRuntime>;

/// A builder whose client's futures know when blocking would hang.
pub(crate) fn builder<R: BlockOn>(rt: R) -> ClientBuilder<R> {
    let erased = DynRuntime::new(rt.clone());
    ClientBuilder::new(rt, erased)
}

#[cfg(any(feature = "tokio", feature = "smol", feature = "async-std"))]
macro_rules! ambient {
    ($runtime:ty, $current:expr) => {
        impl Client<$runtime> {
            /// Starts a cluster in this process, on this runtime, and connects to it. The cluster ends with the client.
            ///
            /// # Errors
            /// The cluster could not be started.
            ///
            /// # Cancel safety
            /// Dropping it ends what was started.
            pub async fn local() -> Result<Self, Error> {
                builder($current?).local().await
            }

            /// Connects to the scheduler at this address: `tcp://host:port`, `host:port`, `unix://path` or `inproc://name`.
            ///
            /// # Errors
            /// The scheduler could not be reached or refused this client.
            ///
            /// # Cancel safety
            /// Dropping it gives up the connection.
            pub async fn connect(address: impl ToString) -> Result<Self, Error> {
                builder($current?).address(address).connect().await
            }
        }
    };
}

#[cfg(feature = "tokio")]
ambient!(longshore_rt::TokioRuntime, longshore_rt::TokioRuntime::current().map_err(Error::runtime));
#[cfg(feature = "smol")]
ambient!(longshore_rt::SmolRuntime, Ok::<_, Error>(longshore_rt::SmolRuntime::new()));
#[cfg(feature = "async-std")]
ambient!(longshore_rt::AsyncStdRuntime, Ok::<_, Error>(longshore_rt::AsyncStdRuntime::new()));

impl Client<ExecutorRuntime> {
    /// Starts a cluster in this process, on an executor that the program drives, and connects to it. The cluster ends with the
    /// client.
    ///
    /// # Errors
    /// The cluster could not be started.
    ///
    /// # Cancel safety
    /// Dropping it ends what was started.
    pub async fn local(executor: UserExecutor) -> Result<Self, Error> {
        builder(ExecutorRuntime::new(executor)).local().await
    }

    /// Connects to the scheduler at this address, on an executor that the program drives.
    ///
    /// # Errors
    /// The scheduler could not be reached or refused this client.
    ///
    /// # Cancel safety
    /// Dropping it gives up the connection.
    pub async fn connect(executor: UserExecutor, address: impl ToString) -> Result<Self, Error> {
        builder(ExecutorRuntime::new(executor)).address(address).connect().await
    }
}

/// A client on a runtime whose type is forgotten.
pub(crate) fn forget<R: Runtime>(client: &Client<R>) -> Client<DynRuntime> {
    Client { inner: client.inner.clone(), rt: client.session().rt().clone() }
}

impl<R: Runtime> Client<R> {
    /// The same client without the type of its runtime.
    #[must_use]
    pub fn erased(&self) -> Client<DynRuntime> {
        forget(self)
    }
}

//! Putting values into the cluster and waiting for that.
use super::block;
use crate::client;
use crate::error::Error;
use crate::future::TaskFuture;
use crate::value::Value;
use longshore_rt::DynRuntime;
use std::future::IntoFuture;

macro_rules! scatter {
    ($(#[$doc:meta])* $name:ident, $output:ty) => {
        $(#[$doc])*
        #[derive(Debug)]
        #[must_use = "nothing is scattered before wait() or send()"]
        pub struct $name<T> {
            rt: DynRuntime,
            inner: client::$name<T>,
        }

        impl<T: Value> $name<T> {
            pub(super) fn new(rt: DynRuntime, inner: client::$name<T>) -> Self {
                $name { rt, inner }
            }

            /// Places a copy on every worker.
            pub fn broadcast(self) -> Self {
                $name { inner: self.inner.broadcast(), ..self }
            }

            /// Places it on these workers only, by name or address.
            pub fn workers(self, workers: impl IntoIterator<Item = impl Into<String>>) -> Self {
                $name { inner: self.inner.workers(workers), ..self }
            }

            /// Lets equal values share one place in the cluster, at the price of hashing them.
            pub fn hash(self) -> Self {
                $name { inner: self.inner.hash(), ..self }
            }

            /// Sends it and returns at once.
            pub fn send(self) -> $output {
                self.inner.send()
            }

            /// Sends it and waits until the cluster knows of it.
            ///
            /// # Errors
            /// The value cannot be encoded, the session is over, or waiting here would hang.
            pub fn wait(self) -> Result<$output, Error> {
                block(&self.rt, self.inner.into_future())?
            }
        }
    };
}

scatter! {
    /// A value on its way into the cluster. From [`Client::scatter`](super::Client::scatter).
    ScatterOne, TaskFuture<T>
}
scatter! {
    /// Values on their way into the cluster. From [`Client::scatter_all`](super::Client::scatter_all).
    ScatterAll, Vec<TaskFuture<T>>
}

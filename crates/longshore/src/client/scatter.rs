//! Putting values into the cluster.
use super::content_hash::ContentHash;
use super::session::Session;
use crate::error::{Error, TaskError, TaskErrorKind};
use crate::function::type_signature;
use crate::future::{CellRef, Group, TaskFuture};
use crate::value::{StoredValue, Value};
use longshore_proto::client::Scatter;
use longshore_proto::{Payload, TaskId};
use longshore_rt::BoxFuture;
use std::fmt;
use std::future::IntoFuture;
use std::sync::Arc;

/// How a value is placed.
#[derive(Clone, Debug, Default)]
struct Options {
    broadcast: bool,
    workers: Vec<String>,
    hash: bool,
}

macro_rules! options {
    () => {
        /// Places a copy on every worker.
        pub fn broadcast(mut self) -> Self {
            self.options.broadcast = true;
            self
        }

        /// Places it on these workers only, by name or address.
        pub fn workers(mut self, workers: impl IntoIterator<Item = impl Into<String>>) -> Self {
            self.options.workers = workers.into_iter().map(Into::into).collect();
            self
        }

        /// Lets equal values share one place in the cluster, at the price of hashing them.
        pub fn hash(mut self) -> Self {
            self.options.hash = true;
            self
        }
    };
}

/// A value on its way into the cluster; await it for its future. From [`Client::scatter`](super::Client::scatter).
#[must_use = "nothing is scattered before it is awaited or sent"]
pub struct ScatterOne<T> {
    session: Arc<Session>,
    value: T,
    options: Options,
}

/// Values on their way into the cluster; await it for their futures. From [`Client::scatter_all`](super::Client::scatter_all).
#[must_use = "nothing is scattered before it is awaited or sent"]
pub struct ScatterAll<T> {
    session: Arc<Session>,
    values: Vec<T>,
    options: Options,
}

impl<T: Value> ScatterOne<T> {
    pub(super) fn new(session: Arc<Session>, value: T) -> Self {
        ScatterOne { session, value, options: Options::default() }
    }

    options!();

    /// Sends it and returns at once. Calls may use the future right away.
    pub fn send(self) -> TaskFuture<T> {
        TaskFuture::new(self.session.scatter_value(self.value, &self.options))
    }
}

impl<T: Value> ScatterAll<T> {
    pub(super) fn new(session: Arc<Session>, values: Vec<T>) -> Self {
        ScatterAll { session, values, options: Options::default() }
    }

    options!();

    /// Sends them and returns at once. Calls may use the futures right away.
    pub fn send(self) -> Vec<TaskFuture<T>> {
        let scatter = |value| TaskFuture::new(self.session.scatter_value(value, &self.options));
        self.values.into_iter().map(scatter).collect()
    }
}

impl<T: Value> IntoFuture for ScatterOne<T> {
    type Output = Result<TaskFuture<T>, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        let future = self.send();
        Box::pin(async move {
            placed(std::slice::from_ref(&future)).await?;
            Ok(future)
        })
    }
}

impl<T: Value> IntoFuture for ScatterAll<T> {
    type Output = Result<Vec<TaskFuture<T>>, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        let futures = self.send();
        Box::pin(async move {
            placed(&futures).await?;
            Ok(futures)
        })
    }
}

/// Waits until the cluster knows of the values.
async fn placed<T>(futures: &[TaskFuture<T>]) -> Result<(), Error> {
    let group = Arc::new(Group::all_or_failed());
    for future in futures {
        future.cell().join(&group, 0, false);
    }
    group.done().await;
    match futures.iter().find_map(TaskFuture::error) {
        Some(e) => Err(e.into()),
        None => Ok(()),
    }
}

impl Session {
    fn scatter_value<T: Value>(self: &Arc<Self>, value: T, options: &Options) -> CellRef {
        let stored = StoredValue::from_typed(value);
        let own = self.next_ids(1);
        match self.scatter_payload::<T>(&stored, options) {
            Ok((payload, id)) => {
                let scatter = Scatter {
                    id: id.unwrap_or(own),
                    want: true,
                    value: None,
                    nbytes: 0,
                    broadcast: options.broadcast,
                    eager: true,
                    workers: options.workers.clone(),
                };
                self.scatter(scatter, payload)
            }
            Err(e) => {
                CellRef::failed(own, TaskError::local(TaskErrorKind::Unencodable, "scatter", e.to_string()))
            }
        }
    }

    /// The value as it travels, and its id if that is a hash.
    fn scatter_payload<T: Value>(
        &self,
        stored: &StoredValue,
        options: &Options,
    ) -> Result<(Payload, Option<TaskId>), crate::value::EncodeError> {
        let encoded = if self.is_local() && !options.hash { None } else { Some(stored.payload()?) };
        let id = encoded.as_ref().filter(|_| options.hash).map(|payload| {
            let mut hash = ContentHash::new();
            hash.bytes(b"value");
            hash.number(type_signature::<T>());
            hash.payload(payload);
            let [origin, seq] = hash.finish();
            TaskId { origin, seq }
        });
        let payload = encoded.filter(|_| !self.is_local()).unwrap_or_else(|| stored.local_payload());
        Ok((payload, id))
    }
}

impl<T> fmt::Debug for ScatterOne<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScatterOne").field("options", &self.options).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for ScatterAll<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScatterAll")
            .field("len", &self.values.len())
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

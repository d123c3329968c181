//! How a blocking client is to be.
use super::{Client, block};
use crate::client;
use crate::cluster::LocalCluster;
use crate::error::Error;
use longshore_rt::{BlockOn, DynRuntime};
use std::path::PathBuf;
use std::time::Duration;

/// How a blocking client is to be. From [`Client::with`].
#[derive(Debug)]
#[must_use = "nothing is connected before connect()"]
pub struct ClientBuilder<R> {
    rt: DynRuntime,
    pub(super) inner: client::ClientBuilder<R>,
}

impl<R: BlockOn> ClientBuilder<R> {
    pub(super) fn new(rt: R) -> Self {
        let erased = DynRuntime::new(rt.clone());
        ClientBuilder { rt: erased, inner: client::Client::builder(rt).blocks_by_runtime() }
    }

    fn map(self, f: impl FnOnce(client::ClientBuilder<R>) -> client::ClientBuilder<R>) -> Self {
        ClientBuilder { rt: self.rt, inner: f(self.inner) }
    }

    /// Where the scheduler is: `tcp://host:port`, `host:port`, `unix://path` or `inproc://name`.
    pub fn address(self, address: impl ToString) -> Self {
        self.map(|b| b.address(address))
    }

    /// The scheduler of this cluster, which is in this process.
    pub fn cluster<Q>(self, cluster: &LocalCluster<Q>) -> Self {
        self.map(|b| b.cluster(cluster))
    }

    /// A file in which the scheduler writes where it is. It is waited for until it is there.
    pub fn scheduler_file(self, path: impl Into<PathBuf>) -> Self {
        self.map(|b| b.scheduler_file(path))
    }

    /// What the client is called in logs.
    pub fn name(self, name: impl Into<String>) -> Self {
        self.map(|b| b.name(name))
    }

    /// The cluster's shared secret.
    pub fn token(self, token: impl Into<String>) -> Self {
        self.map(|b| b.token(token))
    }

    /// How long the scheduler may take to be reached. 10 s by default.
    pub fn connect_timeout(self, limit: Duration) -> Self {
        self.map(|b| b.connect_timeout(limit))
    }

    /// How much may wait to be sent before submissions are refused as overloaded. 512 MiB by default.
    pub fn outbox_bytes_max(self, bytes: usize) -> Self {
        self.map(|b| b.outbox_bytes_max(bytes))
    }

    /// Starts a cluster in this process for this client alone. It ends with the client.
    ///
    /// # Errors
    /// The cluster could not be started, or waiting here would hang.
    pub fn local(self) -> Result<Client<R>, Error> {
        Ok(Client::of(block(&self.rt, self.inner.local())??))
    }

    /// Connects.
    ///
    /// # Errors
    /// The scheduler could not be reached or refused this client, or waiting here would hang.
    pub fn connect(self) -> Result<Client<R>, Error> {
        Ok(Client::of(block(&self.rt, self.inner.connect())??))
    }
}

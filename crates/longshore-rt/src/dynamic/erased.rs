//! The object-safe twin of [`Runtime`].
use super::stream::{BoxConn, BoxListener, BoxSleep};
use crate::{BlockOnError, BoxFuture, BoxJob, Closed, Endpoint, Instant, Runtime, TaskMeta};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::time::Duration;

pub(super) trait Erased: Send + Sync + 'static {
    fn name(&self) -> &'static str;
    fn spawn_raw(&self, meta: TaskMeta, fut: BoxFuture<'static, ()>) -> Result<(), Closed>;
    fn spawn_blocking_raw(&self, meta: TaskMeta, job: BoxJob) -> Result<(), Closed>;
    fn now(&self) -> Instant;
    fn unix_now(&self) -> Duration;
    fn sleep_until(&self, at: Instant) -> BoxSleep;
    fn entropy(&self) -> u64;
    fn connect(&self, to: &Endpoint) -> BoxFuture<'static, io::Result<BoxConn>>;
    fn listen(&self, on: &Endpoint) -> BoxFuture<'static, io::Result<BoxListener>>;
    fn block_on_unit(&self, fut: Pin<&mut dyn Future<Output = ()>>) -> Result<(), BlockOnError>;
    fn may_block(&self) -> Result<(), BlockOnError>;
}

/// A runtime, and how to block on it if that is possible. A function pointer rather than a bound,
/// so that a runtime without `block_on` can be wrapped as well.
pub(super) struct Wrapped<R> {
    pub(super) runtime: R,
    pub(super) block_on: fn(&R, Pin<&mut (dyn Future<Output = ()> + '_)>) -> Result<(), BlockOnError>,
    pub(super) may_block: fn(&R) -> Result<(), BlockOnError>,
}

impl<R: Runtime> Erased for Wrapped<R> {
    fn name(&self) -> &'static str {
        self.runtime.name()
    }

    fn spawn_raw(&self, meta: TaskMeta, fut: BoxFuture<'static, ()>) -> Result<(), Closed> {
        self.runtime.spawn_raw(meta, fut)
    }

    fn spawn_blocking_raw(&self, meta: TaskMeta, job: BoxJob) -> Result<(), Closed> {
        self.runtime.spawn_blocking_raw(meta, job)
    }

    fn now(&self) -> Instant {
        self.runtime.now()
    }

    fn unix_now(&self) -> Duration {
        self.runtime.unix_now()
    }

    fn sleep_until(&self, at: Instant) -> BoxSleep {
        BoxSleep::new(self.runtime.sleep_until(at))
    }

    fn entropy(&self) -> u64 {
        self.runtime.entropy()
    }

    fn connect(&self, to: &Endpoint) -> BoxFuture<'static, io::Result<BoxConn>> {
        let connect = self.runtime.connect(to);
        Box::pin(async move { connect.await.map(BoxConn::new) })
    }

    fn listen(&self, on: &Endpoint) -> BoxFuture<'static, io::Result<BoxListener>> {
        let listen = self.runtime.listen(on);
        Box::pin(async move { listen.await.map(BoxListener::new) })
    }

    fn block_on_unit(&self, fut: Pin<&mut dyn Future<Output = ()>>) -> Result<(), BlockOnError> {
        (self.block_on)(&self.runtime, fut)
    }

    fn may_block(&self) -> Result<(), BlockOnError> {
        (self.may_block)(&self.runtime)
    }
}

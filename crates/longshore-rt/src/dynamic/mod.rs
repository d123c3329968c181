//! The same contract behind one vtable, so that a generic program can be compiled once, in the
//! crate that defines it.
//!
//! Streams and timers are boxed once each; the cost per operation is an indirect call.
mod erased;
mod stream;

pub use stream::{BoxConn, BoxListener, BoxReader, BoxSleep, BoxWriter};

use crate::{BlockOn, BlockOnError, BoxFuture, BoxJob, Closed, Endpoint, Instant, Runtime, TaskMeta};
use erased::{Erased, Wrapped};
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

/// A [`Runtime`] of a type that is chosen when the program runs.
#[derive(Clone)]
pub struct DynRuntime(Arc<dyn Erased>);

impl DynRuntime {
    /// Wraps a runtime.
    pub fn new<R: BlockOn>(runtime: R) -> Self {
        DynRuntime(Arc::new(Wrapped {
            runtime,
            block_on: |runtime: &R, fut| runtime.block_on(fut),
            may_block: R::may_block,
        }))
    }

    /// Wraps a runtime that has no `block_on`. That of the wrapper then returns
    /// [`BlockOnError::Unsupported`].
    pub fn without_block_on<R: Runtime>(runtime: R) -> Self {
        DynRuntime(Arc::new(Wrapped {
            runtime,
            block_on: |_: &R, _| Err(BlockOnError::Unsupported),
            may_block: |_| Err(BlockOnError::Unsupported),
        }))
    }
}

impl fmt::Debug for DynRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DynRuntime").field(&self.name()).finish()
    }
}

impl Runtime for DynRuntime {
    type Sleep = BoxSleep;
    type Conn = BoxConn;
    type Listener = BoxListener;

    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn spawn_raw(&self, meta: TaskMeta, fut: BoxFuture<'static, ()>) -> Result<(), Closed> {
        self.0.spawn_raw(meta, fut)
    }

    fn spawn_blocking_raw(&self, meta: TaskMeta, job: BoxJob) -> Result<(), Closed> {
        self.0.spawn_blocking_raw(meta, job)
    }

    fn now(&self) -> Instant {
        self.0.now()
    }

    fn unix_now(&self) -> Duration {
        self.0.unix_now()
    }

    fn sleep_until(&self, at: Instant) -> BoxSleep {
        self.0.sleep_until(at)
    }

    fn entropy(&self) -> u64 {
        self.0.entropy()
    }

    fn connect(&self, to: &Endpoint) -> impl Future<Output = io::Result<BoxConn>> + Send + 'static + use<> {
        self.0.connect(to)
    }

    fn listen(
        &self,
        on: &Endpoint,
    ) -> impl Future<Output = io::Result<BoxListener>> + Send + 'static + use<> {
        self.0.listen(on)
    }
}

impl BlockOn for DynRuntime {
    fn block_on<F: Future>(&self, fut: F) -> Result<F::Output, BlockOnError> {
        // Through a vtable without boxing: the output stays in this stack frame.
        let mut output = None;
        {
            let root = pin!(async { output = Some(fut.await) });
            self.0.block_on_unit(root)?;
        }
        Ok(output.expect("a runtime's block_on returned Ok before its future was done"))
    }

    fn may_block(&self) -> Result<(), BlockOnError> {
        self.0.may_block()
    }
}

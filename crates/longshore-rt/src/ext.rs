//! What every runtime can do because of what [`Runtime`] asks. A blanket implementation, so nobody
//! can override it and no two runtimes can differ in it.
use crate::task::{Runner, job};
use crate::{Runtime, Task, TaskMeta, Timeout};
use std::future::Future;
use std::panic::Location;
use std::time::Duration;

/// Spawning with a handle, relative sleeps and timeouts.
pub trait RuntimeExt: Runtime {
    /// Runs a future as a task. A panic in it ends the task, not the executor.
    #[track_caller]
    fn spawn<F>(&self, name: &'static str, fut: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let meta = TaskMeta { name, location: Location::caller() };
        let (runner, task) = Runner::new(meta, fut);
        // On Err the runner is dropped, and so tells the task that the runtime is gone.
        let _ = self.spawn_raw(meta, Box::pin(runner));
        task
    }

    /// Runs a short, rare blocking call off the async threads.
    #[track_caller]
    fn spawn_blocking<T, J>(&self, name: &'static str, call: J) -> Task<T>
    where
        T: Send + 'static,
        J: FnOnce() -> T + Send + 'static,
    {
        let meta = TaskMeta { name, location: Location::caller() };
        let (run, task) = job(meta, call);
        let _ = self.spawn_blocking_raw(meta, Box::new(run));
        task
    }

    /// A timer that fires after `d`.
    fn sleep(&self, d: Duration) -> Self::Sleep {
        self.sleep_until(self.now() + d)
    }

    /// Gives `fut` until `d` from now. A result that is ready beats a deadline that is ready.
    ///
    /// # Cancel safety
    /// That of `fut`, which is dropped with the timeout.
    fn timeout<F: Future>(&self, d: Duration, fut: F) -> Timeout<F, Self::Sleep> {
        Timeout::new(fut, self.sleep(d))
    }
}

impl<R: Runtime> RuntimeExt for R {}

//! Clients for tasks: a task submits work to the cluster it runs in.
use super::Client;
use crate::context::{Home, TaskContext};
use longshore_rt::DynRuntime;
use std::sync::OnceLock;

/// The client that all tasks of one worker share, connected when the first of them asks for it.
#[derive(Debug, Default)]
pub(crate) struct ClientOfWorker(OnceLock<Client>);

impl ClientOfWorker {
    fn of(&self, home: &Home) -> Client {
        let connect = || {
            let builder = Client::builder(home.rt.clone()).name(format!("tasks of {}", home.name));
            builder.token(home.token.clone()).start_at(home.scheduler.clone(), None)
        };
        self.0.get_or_init(connect).clone()
    }
}

impl TaskContext {
    /// A client of the cluster that the task runs in. All tasks of a worker share one.
    ///
    /// A plain function waits with `.result()`, or through `.blocking()`; an `async fn` awaits. Either way its slot is another
    /// task's meanwhile, so tasks that wait for tasks cannot starve each other. While an `async fn` awaits something else, a timer
    /// or a socket, it keeps its slot; if that may take long, it says [`secede`](Self::secede) first. What a task submits runs
    /// before work that was submitted after the task.
    ///
    /// ```no_run
    /// # use longshore::{context, task};
    /// #[task]
    /// fn fib(n: u64) -> Result<u64, longshore::Error> {
    ///     if n < 2 {
    ///         return Ok(n);
    ///     }
    ///     let client = context().client();
    ///     let (a, b) = (client.submit(fib(n - 1)), client.submit(fib(n - 2)));
    ///     Ok(a.result()? + b.result()?)
    /// }
    /// ```
    #[must_use]
    pub fn client(&self) -> Client<DynRuntime> {
        self.home().client.of(self.home())
    }
}

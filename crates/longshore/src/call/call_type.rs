//! The description of one call, with the type of its result.
use super::{CallNode, CallOptions, Description, FunctionHandle, Rerun};
use crate::function::Function;
use crate::future::FutureRef;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

/// A call that has been described and not run: a function, its arguments, and options.
///
/// Calling a `#[task]` function gives one. `client.submit(call)` runs it on a cluster, [`run`](Call::run) here and now; as an
/// argument of another call it makes a graph. A clone is the same task: used twice within a graph it runs once.
///
/// ```
/// use longshore::task;
///
/// #[task]
/// fn add(x: i64, y: i64) -> i64 {
///     x + y
/// }
///
/// let call = add(add(1, 2), 3).priority(5);
/// assert_eq!(call.run().unwrap(), 6);
/// ```
#[must_use = "a call describes work; submit it to a client, or run() it here"]
pub struct Call<T> {
    body: CallBody,
    value: PhantomData<fn() -> T>,
}

/// What a call stands for.
#[derive(Clone, Debug)]
pub(crate) enum CallBody {
    /// Work to be done.
    Node(Arc<CallNode>),
    /// Work under way or done, whose result stays on the cluster (`persist`).
    Held(FutureRef),
}

impl<T> Call<T> {
    /// A call of a registered function.
    #[doc(hidden)]
    pub fn of<const N: usize>(function: &'static Function, args: [Description; N]) -> Self {
        Self::describe(FunctionHandle::Registered(function), args)
    }

    pub(crate) fn describe<const N: usize>(function: FunctionHandle, args: [Description; N]) -> Self {
        let args = args.into_iter().map(|arg| arg.0).collect();
        Self::from_body(CallBody::Node(Arc::new(CallNode::new(function, args))))
    }

    /// A call whose result is on the cluster already.
    pub(crate) fn held(future: FutureRef) -> Self {
        Self::from_body(CallBody::Held(future))
    }

    fn from_body(body: CallBody) -> Self {
        Call { body, value: PhantomData }
    }

    pub(crate) fn body(&self) -> &CallBody {
        &self.body
    }

    pub(crate) fn into_body(self) -> CallBody {
        self.body
    }

    /// The function that is called, unless the call is a persisted one.
    #[doc(hidden)]
    #[must_use]
    pub fn function(&self) -> Option<&'static Function> {
        match &self.body {
            CallBody::Node(node) => Some(node.function().declared()),
            CallBody::Held(_) => None,
        }
    }

    /// What is said of a persisted call comes too late and changes nothing.
    fn change(mut self, change: impl FnOnce(&mut CallNode)) -> Self {
        if let CallBody::Node(node) = &mut self.body {
            change(Arc::make_mut(node));
        }
        self
    }

    fn say(self, say: impl FnOnce(&mut CallOptions)) -> Self {
        self.change(|node| say(node.options_mut()))
    }

    /// Names the task. The same key used again with the same call is the same task; with another call it is an error.
    pub fn key(self, key: impl Into<String>) -> Self {
        let key = key.into();
        self.say(|options| options.key = Some(key))
    }

    /// Whether equal calls may share one run and one result. Unless the function says otherwise they may not.
    pub fn pure(self, pure: bool) -> Self {
        self.say(|options| options.pure = Some(pure))
    }

    /// Greater runs earlier; 0 is usual.
    pub fn priority(self, priority: i32) -> Self {
        self.change(|node| node.set_priority(priority))
    }

    /// How often a run that failed is tried again.
    pub fn retries(self, retries: u32) -> Self {
        self.say(|options| options.retries = Some(retries))
    }

    /// Workers that may run it, by name or address.
    pub fn workers(self, workers: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let workers = workers.into_iter().map(Into::into).collect();
        self.say(|options| options.workers = workers)
    }

    /// Makes [`workers`](Self::workers) a wish instead of a condition.
    pub fn allow_other_workers(self) -> Self {
        self.say(|options| options.allow_other_workers = true)
    }

    /// An amount of a worker's resource that a run occupies.
    pub fn resource(self, name: impl Into<String>, amount: f64) -> Self {
        let name = name.into();
        self.say(|options| {
            options.resources.retain(|(other, _)| *other != name);
            options.resources.push((name, amount));
        })
    }

    /// Longest run; one that takes longer fails.
    pub fn timeout(self, timeout: Duration) -> Self {
        self.say(|options| options.timeout = Some(timeout))
    }

    /// Whether the task may be run again after its worker was lost.
    pub fn rerun(self, rerun: Rerun) -> Self {
        self.say(|options| options.rerun = rerun)
    }
}

/// The same task once more.
impl<T> Clone for Call<T> {
    fn clone(&self) -> Self {
        Self::from_body(self.body.clone())
    }
}

impl<T> fmt::Debug for Call<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Call");
        match &self.body {
            CallBody::Node(node) => {
                debug.field("function", &node.function().name()).field("args", &node.args().len())
            }
            CallBody::Held(future) => debug.field("held", future),
        };
        debug.finish()
    }
}

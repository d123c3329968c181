//! Running calls here and now, without a cluster.
use super::{Args, Call, CallBody, CallGraph, CallNode, Dependencies};
use crate::error::TaskError;
use crate::function::{Run, RunResult};
use crate::future::FutureRef;
use crate::value::{ReturnValue, StoredValue, Value};
use longshore_proto::{FailureKind, TaskId};
use std::sync::Arc;

impl<T: Value> Call<T> {
    /// Runs the call and all calls among its arguments on this thread and gives the result.
    ///
    /// For unit tests and for small work: no cluster is involved, options are not looked at, and a panic is the caller's.
    ///
    /// # Errors
    /// When one of the functions fails; when one is an `async fn` (use [`run_async`](Self::run_async)); when an argument is a
    /// future that has no result yet.
    pub fn run(self) -> Result<T, TaskError> {
        let name = self.name();
        self.evaluate(|call, args, inputs| match call.function().declared().run() {
            Run::Sync(run) => Ok(run(&args, &inputs)),
            Run::Async(_) => {
                let message = "it is an async fn; write `call.run_async().await`";
                Err(TaskError::simple(FailureKind::Refused, &call.function().name(), message))
            }
        })
        .and_then(|value| take(value, &name))
    }

    /// Runs the call and all calls among its arguments, one after the other, and gives the result.
    ///
    /// Like [`run`](Self::run), for graphs with an `async fn` in them. Plain functions run within the poll.
    ///
    /// # Errors
    /// When one of the functions fails, or when an argument is a future that has no result yet.
    ///
    /// # Cancel safety
    /// Dropping the future drops the run that is under way; those before it have had their effects.
    pub async fn run_async(self) -> Result<T, TaskError> {
        let name = self.name();
        let graph = match self.into_body() {
            CallBody::Held(future) => return settled(&future).and_then(|value| take(value, &name)),
            CallBody::Node(node) => CallGraph::new(node),
        };
        let mut results = Vec::with_capacity(graph.calls().len());
        for call in graph.calls() {
            let (args, inputs) = resolve(call, &graph, &results)?;
            let outcome = match call.function().declared().run() {
                Run::Sync(run) => run(&args, &inputs),
                Run::Async(run) => run(args, inputs).await,
            };
            results.push(checked(call, outcome)?);
        }
        last(results, &name).and_then(|value| take(value, &name))
    }

    fn evaluate(
        self,
        run: impl Fn(&CallNode, Args, Vec<StoredValue>) -> Result<RunResult, TaskError>,
    ) -> Result<StoredValue, TaskError> {
        let name = self.name();
        let graph = match self.into_body() {
            CallBody::Held(future) => return settled(&future),
            CallBody::Node(node) => CallGraph::new(node),
        };
        let mut results = Vec::with_capacity(graph.calls().len());
        for call in graph.calls() {
            let (args, inputs) = resolve(call, &graph, &results)?;
            results.push(checked(call, run(call, args, inputs)?)?);
        }
        last(results, &name)
    }

    fn name(&self) -> String {
        match self.body() {
            CallBody::Node(node) => node.function().name().into_owned(),
            CallBody::Held(_) => "persisted call".to_owned(),
        }
    }
}

fn last(mut results: Vec<StoredValue>, name: &str) -> Result<StoredValue, TaskError> {
    results.pop().ok_or_else(|| TaskError::simple(FailureKind::Lost, name, "the call gave no result"))
}

fn take<T: Value>(value: StoredValue, name: &str) -> Result<T, TaskError> {
    let typed = value.typed::<T>();
    drop(value);
    typed.map(Arc::unwrap_or_clone).map_err(|error| {
        TaskError::simple(FailureKind::UndecodableArgument, name, format!("its result: {error}"))
    })
}

fn checked(call: &CallNode, outcome: RunResult) -> Result<StoredValue, TaskError> {
    outcome.map(ReturnValue::store).map_err(|failure| {
        let mut record = failure.into_record(TaskId { origin: 0, seq: 0 }, &call.function().name());
        record.attempts = 1;
        TaskError::with_key(Arc::new(record), call.options().and_then(|options| options.key.clone()))
    })
}

fn settled(future: &FutureRef) -> Result<StoredValue, TaskError> {
    future.outcome().unwrap_or_else(|| {
        let message =
            "an argument is a future that is not done; submit the call to the client that made the future";
        Err(TaskError::simple(FailureKind::Refused, "run", message))
    })
}

fn resolve(
    call: &CallNode,
    graph: &CallGraph,
    results: &[StoredValue],
) -> Result<(Args, Vec<StoredValue>), TaskError> {
    let mut inputs = Inputs { graph, results, inputs: Vec::new(), error: None };
    let args = call.local_args(&mut inputs);
    match inputs.error {
        Some(error) => Err(error),
        None => Ok((args, inputs.inputs)),
    }
}

/// Inputs of a run that are results of the runs before it.
struct Inputs<'a> {
    graph: &'a CallGraph,
    results: &'a [StoredValue],
    inputs: Vec<StoredValue>,
    error: Option<TaskError>,
}

impl Inputs<'_> {
    fn push(&mut self, value: StoredValue) -> u32 {
        self.inputs.push(value);
        self.inputs.len() as u32 - 1
    }
}

impl Dependencies for Inputs<'_> {
    fn future(&mut self, future: &FutureRef) -> u32 {
        match settled(future) {
            Ok(value) => self.push(value),
            Err(error) => {
                self.error.get_or_insert(error);
                0
            }
        }
    }

    fn call(&mut self, call: &Arc<CallNode>) -> u32 {
        let result = self.graph.place(call).and_then(|place| self.results.get(place as usize));
        // Inputs come first in the graph, so the result is there; were it not, the run would report a missing input.
        result.cloned().map_or(u32::MAX, |value| self.push(value))
    }

    fn object(&mut self, value: StoredValue) -> u32 {
        self.push(value)
    }
}

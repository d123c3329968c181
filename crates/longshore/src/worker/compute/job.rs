//! One run of a plain `fn`, and what becomes of its result.
use super::panic::{catch, drop_quietly};
use crate::call::Args;
use crate::context::Home;
use crate::function::{Function, Run as HowToRun, RunFailureKind, RunResult};
use crate::value::{ReturnValue, StoredValue};
use crate::worker::inbox::Ended;
use longshore_core::worker::{Outcome, Run};
use longshore_proto::limit::{CHUNK_BYTES, INLINE_RESULT_BYTES_MAX};
use longshore_proto::{FailureKind, Payload, TaskFailure, TaskId};
use std::sync::Arc;

/// A run, ready to go.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) run: Run,
    pub(crate) function: &'static Function,
}

/// What a result has to be to reach the scheduler.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Shipping {
    /// As it is, unless it is large: the scheduler is in this process.
    AsIs,
    /// Encoded, if it is small.
    Encoded,
}

/// Results up to this estimate are encoded to see whether they are small.
const SMALL_ESTIMATE_BYTES_MAX: usize = 4 * INLINE_RESULT_BYTES_MAX;
/// The first large result of a function is encoded once, to see whether its type can be; up to this estimate.
const PROOF_ESTIMATE_BYTES_MAX: usize = 64 << 20;

impl Job {
    /// Runs the function on this thread.
    pub(super) fn execute(self, home: &Home) -> (Run, Outcome) {
        let Job { mut run, function } = self;
        let id = run.id;
        if home.cancelled.contains(run.task, run.attempt) {
            let failure = TaskFailure::new(FailureKind::Cancelled, id, function.name(), "it was cancelled");
            return (run, Outcome::Failed(Arc::new(failure)));
        }
        let args = Args::from_payload(std::mem::replace(&mut run.args, Payload::empty()));
        let inputs = std::mem::take(&mut run.inputs);
        let ran = catch(|| {
            let inputs: Vec<_> = inputs.into_iter().map(StoredValue::from_payload).collect();
            let result = match function.run() {
                HowToRun::Sync(function) => function(&args, &inputs),
                // The driver sends those elsewhere.
                HowToRun::Async(_) => {
                    Err(crate::function::RunFailure::refused("an async fn was run as a plain fn"))
                }
            };
            if !(args.is_encoded() && inputs.is_empty()) {
                drop_quietly((args, inputs));
            }
            result
        });
        let outcome = match ran {
            Ok(Ok(ReturnValue::Scalar(scalar))) => small(scalar),
            Ok(result) => outcome(result, id, function, home),
            Err(panic) => Outcome::Failed(panic.into_failure(id, function.name())),
        };
        (run, outcome)
    }
}

/// What the driver is told of a run that took so long.
pub(super) fn ended(run: &Run, duration_ns: u64, outcome: Outcome) -> Ended {
    Ended { task: run.task, attempt: run.attempt, duration_ns, outcome }
}

/// What a function's result is to the worker. Values of the user's are encoded and dropped here, so panics are caught.
pub(super) fn outcome(result: RunResult, id: TaskId, function: &'static Function, home: &Home) -> Outcome {
    let judged = catch(|| judge(result, id, function, home));
    judged.unwrap_or_else(|panic| Outcome::Failed(panic.into_failure(id, function.name())))
}

fn judge(result: RunResult, id: TaskId, function: &'static Function, home: &Home) -> Outcome {
    let failure = match result {
        Ok(value) => match ship(&value, function, home) {
            Ok(outcome) => return outcome,
            Err(words) => TaskFailure::new(FailureKind::UnencodableResult, id, function.name(), words),
        },
        Err(failure) if failure.kind == RunFailureKind::Reschedule => return Outcome::Rescheduled,
        // The scheduler knows the function's name.
        Err(failure) => failure.into_record(id, ""),
    };
    Outcome::Failed(Arc::new(failure))
}

/// A result that travels with the message that announces it.
fn small(value: Payload) -> Outcome {
    Outcome::Value { value: value.clone(), inline: Some(value) }
}

fn ship(value: &ReturnValue, function: &'static Function, home: &Home) -> Result<Outcome, String> {
    let value = match value {
        ReturnValue::Scalar(scalar) => return Ok(small(scalar.clone())),
        ReturnValue::Value(value) => value,
    };
    if home.shipping == Shipping::AsIs {
        let is_large = value.nbytes_hint() > CHUNK_BYTES;
        let value = value.local_payload();
        // A large one stays here: not all who want it may be in this process, and no message has room for it.
        let inline = if is_large { None } else { Some(value.clone()) };
        return Ok(Outcome::Value { inline, value });
    }
    let estimate = value.nbytes_hint();
    let is_maybe_small = estimate <= SMALL_ESTIMATE_BYTES_MAX;
    if is_maybe_small || (estimate <= PROOF_ESTIMATE_BYTES_MAX && home.proofs.is_needed(function)) {
        // User code: the type's own Serialize.
        let encoded = catch(|| value.payload());
        let encoded = encoded.map_err(|_| "its Serialize implementation panicked".to_owned())?;
        let encoded = encoded.map_err(|e| format!("the result cannot leave the worker: {e}"))?;
        if encoded.nbytes() <= INLINE_RESULT_BYTES_MAX {
            return Ok(small(encoded));
        }
    }
    Ok(Outcome::Value { value: value.local_payload(), inline: None })
}

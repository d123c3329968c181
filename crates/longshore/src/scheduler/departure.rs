//! Runs on their way to a worker of another process: their values are encoded here, and what cannot leave fails its task alone.
use crate::link::Carrier;
use crate::worker::encode_here;
use longshore_proto::{
    Assign, FailureKind, InputSource, Payload, Piece, SchedulerToWorker, TaskFailure, TaskHandle, TaskId,
    WorkerToScheduler,
};
use longshore_proto::{Attempt, frame::EncodeError};
use std::sync::Arc;

/// Which run a message hands over, if it hands one over.
#[derive(Copy, Clone)]
pub(super) struct Run {
    task: TaskHandle,
    attempt: Attempt,
    id: TaskId,
}

/// The run that this message hands over.
pub(super) fn run_of(message: &SchedulerToWorker) -> Option<Run> {
    match message {
        SchedulerToWorker::Assign(Assign { task, attempt, id, .. }) => {
            Some(Run { task: *task, attempt: *attempt, id: *id })
        }
        _ => None,
    }
}

/// Encodes values that clients of this process handed over as they are.
///
/// # Errors
/// In words, why one of them cannot leave the process.
pub(super) fn encode_values(message: &mut SchedulerToWorker) -> Result<(), String> {
    let SchedulerToWorker::Assign(assign) = message else { return encode_chunk(message) };
    let inputs = assign.inputs.iter_mut().filter_map(|input| match &mut input.source {
        InputSource::Inline(value) => Some(value),
        _ => None,
    });
    for value in std::iter::once(&mut assign.args).chain(inputs) {
        if matches!(value, Payload::Local(_)) {
            *value = encode_here(std::mem::replace(value, Payload::empty()))?.into();
        }
    }
    Ok(())
}

/// Encodes the value that a message carries, if it is one of this process. The link cuts it into pieces.
///
/// # Errors
/// In words, why it cannot leave the process.
pub(super) fn encode_chunk(message: &mut impl Carrier) -> Result<(), String> {
    let Some(chunk) = message.chunk().filter(|chunk| chunk.bytes.is_local()) else { return Ok(()) };
    let value = encode_here(std::mem::replace(&mut chunk.bytes, Piece::empty()).into_payload())?;
    chunk.total = value.nbytes() as u64;
    chunk.bytes = Payload::from(value).into();
    Ok(())
}

/// Why a run whose message no frame can carry does not begin.
pub(super) fn unsent(error: &EncodeError) -> String {
    format!("{error}; scatter large values and pass their futures")
}

impl Run {
    /// The run has failed before it began: what its worker would say.
    pub(super) fn failed(self, words: &str) -> WorkerToScheduler {
        let words = format!("the call cannot be sent to a worker of another process: {words}");
        // Named by the machine, which knows the function.
        let failure = Arc::new(TaskFailure::new(FailureKind::UnencodableResult, self.id, "", words));
        WorkerToScheduler::Failed { task: self.task, attempt: self.attempt, duration_ns: 0, failure }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use longshore_proto::{FunctionIndex, Input, LocalValue, Rope};
    use std::any::Any;
    use std::sync::Arc;

    struct Given(Result<&'static [u8], &'static str>);

    impl LocalValue for Given {
        fn encode(&self) -> Result<Rope, String> {
            self.0.map(|bytes| bytes::Bytes::from_static(bytes).into()).map_err(str::to_owned)
        }
        fn nbytes(&self) -> usize {
            1
        }
        fn as_any(&self) -> &(dyn Any + Send + Sync) {
            self
        }
    }

    fn assign(args: Given, input: Given) -> SchedulerToWorker {
        let task = TaskHandle { slot: 1, generation: 2 };
        let source = InputSource::Inline(Payload::Local(Arc::new(input)));
        SchedulerToWorker::Assign(Assign {
            task,
            attempt: Attempt(3),
            id: TaskId { origin: 4, seq: 5 },
            function: FunctionIndex(0),
            order: (0, 0),
            args: Payload::Local(Arc::new(args)),
            inputs: vec![Input { task, source }],
            timeout_ms: None,
        })
    }

    #[test]
    fn values_of_this_process_leave_as_bytes() {
        let mut message = assign(Given(Ok(b"args")), Given(Ok(b"input")));
        assert_eq!(encode_values(&mut message), Ok(()));
        let SchedulerToWorker::Assign(assign) = message else { unreachable!() };
        assert_eq!(assign.args.as_bytes(), Some(&b"args"[..]));
        let InputSource::Inline(input) = &assign.inputs[0].source else { panic!("{assign:?}") };
        assert_eq!(input.as_bytes(), Some(&b"input"[..]));
    }

    #[test]
    fn what_cannot_leave_says_why() {
        let mut message = assign(Given(Ok(b"args")), Given(Err("a closure stays")));
        let run = run_of(&message).expect("it hands over a run");
        let words = encode_values(&mut message).unwrap_err();
        let WorkerToScheduler::Failed { attempt, failure, .. } = run.failed(&words) else { unreachable!() };
        assert!(attempt == Attempt(3) && failure.message.contains("a closure stays"), "{failure:?}");
    }
}

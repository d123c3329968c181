//! One run of an `async fn`, on the worker's runtime.
use super::job::{ended, outcome};
use super::panic::{Panic, catch, drop_quietly};
use crate::call::Args;
use crate::context::{Home, TaskContext};
use crate::function::{Function, RunFuture, RunResult};
use crate::value::StoredValue;
use longshore_core::worker::{Outcome, Run};
use longshore_proto::{FailureKind, Payload, TaskFailure};
use longshore_rt::{Instant, Runtime};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// What an `async fn` is run by.
pub(crate) type Begin = fn(Args, Vec<StoredValue>) -> RunFuture;

/// The run. Tells the driver of its end however it ends: dropped unfinished, it was cancelled.
pub(crate) struct AsyncRun {
    home: Arc<Home>,
    function: &'static Function,
    run: Run,
    context: TaskContext,
    state: State,
    begun: Option<Instant>,
}

enum State {
    NotBegun(Begin),
    Running(RunFuture),
    Ended,
}

impl AsyncRun {
    pub(crate) fn new(home: Arc<Home>, function: &'static Function, begin: Begin, run: Run) -> Self {
        let context = TaskContext::asynchronous(home.clone(), &run);
        AsyncRun { home, function, run, context, state: State::NotBegun(begin), begun: None }
    }

    fn poll_task(&mut self, cx: &mut Context<'_>) -> Result<Poll<RunResult>, Panic> {
        let AsyncRun { run, state, context, .. } = self;
        let _here = context.enter();
        catch(|| {
            if let State::NotBegun(begin) = state {
                let args = Args::from_payload(std::mem::replace(&mut run.args, Payload::empty()));
                let inputs =
                    std::mem::take(&mut run.inputs).into_iter().map(StoredValue::from_payload).collect();
                *state = State::Running(begin(args, inputs));
            }
            match state {
                State::Running(future) => future.as_mut().poll(cx),
                State::NotBegun(_) | State::Ended => Poll::Pending,
            }
        })
    }

    fn end(&mut self, outcome: Outcome) {
        let state = std::mem::replace(&mut self.state, State::Ended);
        {
            // What the task captured is dropped as the task's own doing.
            let _here = self.context.enter();
            drop_quietly(state);
        }
        let began = self.begun.unwrap_or_else(|| self.home.rt.now());
        let duration_ns = self.home.rt.now().duration_since(began).as_nanos();
        let ended = ended(&self.run, u64::try_from(duration_ns).unwrap_or(u64::MAX), outcome);
        self.home.inbox.post(|mail| {
            mail.ended_async.push((ended.task, ended.attempt));
            mail.ended.push(ended);
        });
    }
}

impl Future for AsyncRun {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if this.begun.is_none() {
            this.begun = Some(this.home.rt.now());
        }
        let ended = match this.poll_task(cx) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(result)) => outcome(result, this.run.id, this.function, &this.home),
            Err(panic) => Outcome::Failed(panic.into_failure(this.run.id, this.function.name())),
        };
        this.end(ended);
        Poll::Ready(())
    }
}

impl Drop for AsyncRun {
    fn drop(&mut self) {
        if !matches!(self.state, State::Ended) {
            let name = self.function.name();
            let failure = TaskFailure::new(FailureKind::Cancelled, self.run.id, name, "it was cancelled");
            self.end(Outcome::Failed(Arc::new(failure)));
        }
    }
}

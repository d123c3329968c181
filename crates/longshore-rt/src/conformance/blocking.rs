//! Rules on blocking jobs.
use super::tasks::Count;
use super::{eventually, in_time};
use crate::{JoinError, Runtime, RuntimeExt, ThreadContext};

pub(super) async fn jobs<R: Runtime>(rt: &R) {
    let job = rt.spawn_blocking("value", || 7);
    assert_eq!(in_time(rt, "a job's value can be joined", job).await, Ok(7));

    let job = rt.spawn_blocking("mark", ThreadContext::current);
    let mark = in_time(rt, "a job runs", job).await;
    assert_eq!(mark, Ok(ThreadContext::Blocking), "jobs are marked as code that may block");
    assert_eq!(rt.spawn("after", async { ThreadContext::current() }).await, Ok(ThreadContext::Async));

    let job = rt.spawn_blocking("panics", || panic!("expected by the conformance suite"));
    let error = in_time(rt, "a panicking job ends", job).await.unwrap_err();
    let text = "expected by the conformance suite".to_owned();
    assert_eq!(error, JoinError::Panicked(text), "a panic arrives at the joiner with its text");

    let done = Count::default();
    let inner = done.clone();
    rt.spawn_blocking("detached", move || inner.add()).detach();
    eventually(rt, "a detached job runs", || done.now() == 1).await;
}

pub(super) async fn many<R: Runtime>(rt: &R) {
    let jobs: Vec<_> = (0..100).map(|n| rt.spawn_blocking("many", move || n)).collect();
    for (n, job) in jobs.into_iter().enumerate() {
        let value = in_time(rt, "every job runs, however many wait", job).await;
        assert_eq!(value, Ok(n), "each job's value arrives at its own joiner");
    }
}

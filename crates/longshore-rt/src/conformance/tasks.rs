//! Rules on tasks.
use super::{eventually, in_time};
use crate::{JoinError, Runtime, RuntimeExt, ThreadContext};
use futures_lite::future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Counts drops.
#[derive(Clone, Default)]
pub(super) struct Count(Arc<AtomicU32>);

impl Count {
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn now(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }

    pub(super) fn on_drop(&self) -> OnDrop {
        OnDrop(self.clone())
    }
}

pub(super) struct OnDrop(Count);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.add();
    }
}

pub(super) async fn join<R: Runtime>(rt: &R) {
    let task = rt.spawn("value", async { 42 });
    assert_eq!(in_time(rt, "a task's value can be joined", task).await, Ok(42));

    let dropped = Count::default();
    let held = dropped.on_drop();
    let task = rt.spawn("capture", async move { drop(held) });
    in_time(rt, "a task ends", task).await.expect("the task did not fail");
    assert_eq!(dropped.now(), 1, "what a task captured is gone before its end is seen");

    let mut task = rt.spawn("finished", async { 7 });
    eventually(rt, "is_finished becomes true", || task.is_finished()).await;
    task.abort();
    assert_eq!((&mut task).await, Ok(7), "aborting a finished task leaves its result");

    let mark = rt.spawn("mark", async { ThreadContext::current() }).await;
    assert_eq!(mark, Ok(ThreadContext::Async), "tasks are marked as async code");
}

pub(super) async fn panics<R: Runtime>(rt: &R) {
    let dropped = Count::default();
    let held = dropped.on_drop();
    let task = rt.spawn("panics", async move {
        let _held = held;
        panic!("expected by the conformance suite, {}", 1);
    });
    let error = in_time(rt, "a panicking task ends", task).await.unwrap_err();
    let text = "expected by the conformance suite, 1".to_owned();
    assert_eq!(error, JoinError::Panicked(text), "a panic arrives at the joiner with its text");
    assert_eq!(dropped.now(), 1, "a panic drops what the task captured");
    let next = in_time(rt, "the executor survives a panic", rt.spawn("next", async { 1 })).await;
    assert_eq!(next, Ok(1));
}

pub(super) async fn abort<R: Runtime>(rt: &R) {
    let (started, dropped) = (Count::default(), Count::default());
    let forever = |started: Count| {
        let held = dropped.on_drop();
        async move {
            let _held = held;
            started.add();
            future::pending::<()>().await;
        }
    };
    let task = rt.spawn("running", forever(started.clone()));
    eventually(rt, "a task starts", || started.now() == 1).await;
    task.abort();
    let end = in_time(rt, "abort ends a running task", task).await;
    assert_eq!(end, Err(JoinError::Aborted), "the joiner of an aborted task is told");
    assert_eq!(dropped.now(), 1, "abort drops what the task captured");

    let task = rt.spawn("new", forever(started.clone()));
    task.abort();
    let end = in_time(rt, "abort ends a new task", task).await;
    assert_eq!(end, Err(JoinError::Aborted), "a task can be aborted before it has run");

    let before = started.now();
    let task = rt.spawn("dropped", forever(started.clone()));
    eventually(rt, "a task starts", || started.now() == before + 1).await;
    drop(task);
    eventually(rt, "dropping the handle aborts a running task", || dropped.now() == 3).await;

    let child = rt.spawn("child", forever(started.clone()));
    let parent = rt.spawn("parent", child);
    eventually(rt, "a task starts", || started.now() == before + 2).await;
    drop(parent);
    eventually(rt, "aborting a task aborts the tasks it holds", || dropped.now() == 4).await;
}

pub(super) async fn detach<R: Runtime>(rt: &R) {
    let done = Count::default();
    let (inner, rt2) = (done.clone(), rt.clone());
    rt.spawn("detached", async move {
        for _ in 0..3 {
            rt2.sleep(std::time::Duration::from_millis(1)).await;
        }
        inner.add();
    })
    .detach();
    eventually(rt, "a detached task runs to its end", || done.now() == 1).await;
}

pub(super) async fn scheduling<R: Runtime>(rt: &R) {
    // A task that always yields must not keep others from running.
    let spinner = rt.spawn("spinner", async {
        loop {
            future::yield_now().await;
        }
    });
    let other = rt.spawn("other", async { 1 });
    assert_eq!(in_time(rt, "a task that yields lets others run", other).await, Ok(1));
    spinner.abort();
    assert_eq!(in_time(rt, "abort ends a spinning task", spinner).await, Err(JoinError::Aborted));

    let rt2 = rt.clone();
    let sum = rt.spawn("outer", async move {
        let tasks: Vec<_> = (0..200).map(|n| rt2.spawn("inner", async move { n })).collect();
        let mut sum = 0;
        for task in tasks {
            sum += task.await.expect("no inner task fails");
        }
        sum
    });
    assert_eq!(in_time(rt, "tasks can spawn and join tasks", sum).await, Ok(199 * 100));
}

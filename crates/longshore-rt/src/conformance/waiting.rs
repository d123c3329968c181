//! Rules on blocking a thread.
use crate::{BlockOn, BlockOnError, RuntimeExt, ThreadContext};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Checks the rules on [`BlockOn`]: what works on a plain thread, and that misuse is answered rather
/// than punished. Call it on a thread that runs no async code.
///
/// # Panics
/// If the runtime breaks a rule.
pub fn block_on_rules<R: BlockOn>(rt: &R) {
    plain(rt);
    misuse(rt);
    panics(rt);
}

fn plain<R: BlockOn>(rt: &R) {
    let local = Cell::new(1);
    let value = rt.block_on(async {
        local.set(local.get() + 1); // neither Send nor 'static
        local.get()
    });
    assert_eq!(value, Ok(2), "block_on returns what the future does");
    let task = rt.spawn("task", async { 3 });
    assert_eq!(rt.block_on(task), Ok(Ok(3)), "block_on joins a task");
    let mark = rt.block_on(async { ThreadContext::current() });
    assert_eq!(mark, Ok(ThreadContext::Async), "the root future is marked as async code");
    assert_eq!(ThreadContext::current(), ThreadContext::Foreign, "the mark ends with block_on");
}

fn misuse<R: BlockOn>(rt: &R) {
    let rule = "block_on in async code is an error, neither a panic nor a hang";
    let nested = rt.block_on(async { rt.block_on(async {}) });
    assert_eq!(nested, Ok(Err(BlockOnError::InsideAsync)), "{rule} (root future)");

    let rt2 = rt.clone();
    let task = rt.block_on(rt.spawn("task", async move { rt2.block_on(async {}) }));
    assert_eq!(task, Ok(Ok(Err(BlockOnError::InsideAsync))), "{rule} (task)");

    let rt2 = rt.clone();
    let job = rt.block_on(rt.spawn_blocking("job", move || rt2.block_on(rt2.spawn("inner", async { 4 }))));
    assert_eq!(job, Ok(Ok(Ok(Ok(4)))), "block_on works in a blocking job");
}

fn panics<R: BlockOn>(rt: &R) {
    let quiet = || async { resume_unwind(Box::new("expected by the conformance suite")) };
    let caught = catch_unwind(AssertUnwindSafe(|| rt.block_on::<_>(async { quiet().await })));
    let caught = caught.map(|r: Result<(), _>| r.is_ok());
    assert!(caught.is_err(), "a panic of the root future reaches the caller");
    assert_eq!(ThreadContext::current(), ThreadContext::Foreign, "a panic ends the mark");
    assert_eq!(rt.block_on(async { 5 }), Ok(5), "block_on works after a panic");
}

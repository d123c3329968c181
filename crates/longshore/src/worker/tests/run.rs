//! What becomes of calls: values, failures of every kind, cancellation.
use super::stage::{handle, held, inline, plain};
use super::{Stage, args, input, real, simulated};
use crate as longshore;
use crate::Reschedule;
use longshore_proto::{
    Assign, Attempt, FailureKind, FunctionId, FunctionSpec, Payload, SchedulerToWorker, WorkerToScheduler,
};
use longshore_rt::DynRuntime;
use serde::{Deserialize, Serialize};

#[longshore::task]
fn add_one(x: i64) -> i64 {
    x + 1
}

#[longshore::task]
fn explode(x: i64) -> i64 {
    panic!("cannot stand {x}")
}

#[longshore::task]
fn refuse(x: i64) -> Result<i64, std::num::ParseIntError> {
    format!("{x}!").parse()
}

#[longshore::task]
fn not_here() -> Result<i64, Reschedule> {
    Err(Reschedule)
}

#[longshore::task]
async fn add_two(x: i64) -> i64 {
    futures_lite::future::yield_now().await;
    x + 2
}

#[longshore::task]
async fn explode_later(x: i64) -> i64 {
    futures_lite::future::yield_now().await;
    panic!("cannot await {x}")
}

#[longshore::task]
async fn never() -> i64 {
    std::future::pending().await
}

#[longshore::task]
fn until_cancelled() -> u64 {
    let context = longshore::context();
    while !context.is_cancelled() {
        std::thread::yield_now();
    }
    7
}

#[longshore::task]
fn who_am_i() -> (String, u32, String) {
    let context = longshore::context();
    (context.worker().name().to_owned(), context.attempt(), context.key())
}

#[longshore::task]
async fn who_am_i_later() -> (String, u32, String) {
    futures_lite::future::yield_now().await;
    let context = longshore::context();
    (context.worker().name().to_owned(), context.attempt(), context.key())
}

/// Its `Serialize` always refuses.
#[derive(Clone, Debug, Deserialize)]
struct Stubborn;

impl Serialize for Stubborn {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("I would rather not"))
    }
}

#[longshore::task]
fn stubborn() -> Stubborn {
    Stubborn
}

#[test]
fn calls_run_in_the_process() {
    real(|rt| async move {
        let mut stage = Stage::inproc(&rt).await;
        let (worker, mut actor) = stage.worker(&rt, 1).await;
        actor.call(1, "add_one", args(&10i64), vec![]);
        actor.call(2, "add_one", input(), vec![held(1)]);
        actor.expect(1, &11i64).await;
        actor.expect(2, &12i64).await;
        drop(worker);
    });
}

#[test]
fn calls_run_over_sockets() {
    real(|rt| async move {
        let mut stage = Stage::tcp(&rt).await;
        let (_worker, mut actor) = stage.worker(&rt, 2).await;
        assert_eq!((actor.hello.nthreads, &*actor.hello.name), (2, "w"));
        for slot in 0..500 {
            actor.call(slot, "add_one", args(&i64::from(slot)), vec![]);
        }
        let mut sum = 0;
        for _ in 0..500 {
            match actor.hear().await {
                WorkerToScheduler::Finished { task, .. } => sum += task.slot,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(sum, 499 * 500 / 2);
        actor.call(1000, "add_one", input(), vec![inline(7, &41i64)]);
        actor.expect(1000, &42i64).await;
    });
}

#[test]
fn calls_run_in_the_simulator() {
    simulated(|sim, node| async move {
        let mut stage = Stage::new(DynRuntime::without_block_on(node), "tcp://scheduler:1").await;
        let (_worker, mut actor) = stage.simulated_worker(&sim, "w1").await;
        actor.call(1, "add_one", args(&10i64), vec![]);
        actor.expect(1, &11i64).await;
        actor.call(2, "add_two", args(&10i64), vec![]);
        actor.expect(2, &12i64).await;
    });
}

#[test]
fn async_functions_run_on_the_workers_runtime() {
    real(|rt| async move {
        let mut stage = Stage::tcp(&rt).await;
        let (_worker, mut actor) = stage.worker(&rt, 1).await;
        actor.call(1, "add_two", args(&10i64), vec![]);
        actor.expect(1, &12i64).await;
        actor.call(2, "explode_later", args(&10i64), vec![]);
        let failure = actor.expect_failure(2).await;
        assert_eq!((failure.kind, &*failure.message), (FailureKind::Panicked, "cannot await 10"));
        assert!(failure.location.unwrap().contains("run.rs"));
    });
}

#[test]
fn a_panic_fails_its_task_and_nothing_else() {
    real(|rt| async move {
        let mut stage = Stage::inproc(&rt).await;
        let (_worker, mut actor) = stage.worker(&rt, 1).await;
        actor.call(1, "explode", args(&3i64), vec![]);
        actor.call(2, "add_one", args(&1i64), vec![]);
        let failure = actor.expect_failure(1).await;
        assert_eq!((failure.kind, &*failure.message), (FailureKind::Panicked, "cannot stand 3"));
        assert!(failure.function.ends_with("::explode"));
        assert!(failure.location.unwrap().contains("run.rs"));
        actor.expect(2, &2i64).await;
    });
}

#[test]
fn errors_and_reschedules_are_told_apart() {
    real(|rt| async move {
        let mut stage = Stage::inproc(&rt).await;
        let (_worker, mut actor) = stage.worker(&rt, 1).await;
        actor.call(1, "refuse", args(&3i64), vec![]);
        let failure = actor.expect_failure(1).await;
        assert_eq!((failure.kind, &*failure.message), (FailureKind::Failed, "invalid digit found in string"));
        actor.call(2, "not_here", Payload::empty(), vec![]);
        let expected = WorkerToScheduler::Rescheduled { task: handle(2), attempt: Attempt(1) };
        assert_eq!(actor.hear().await, expected);
    });
}

#[test]
fn a_function_this_binary_lacks_is_named_with_its_likes() {
    real(|rt| async move {
        let mut stage = Stage::inproc(&rt).await;
        let (_worker, mut actor) = stage.worker(&rt, 1).await;
        let name = "elsewhere::add_one".to_owned();
        let function = actor.introduce(FunctionSpec { id: FunctionId(1), name, signature: 2 });
        actor.assign(Assign { function, ..plain(1) });
        let failure = actor.expect_failure(1).await;
        assert_eq!(failure.kind, FailureKind::UnknownFunction);
        assert!(failure.message.contains("run::add_one"), "{}", failure.message);

        let known = crate::function::registry();
        let known = known.functions().iter().find(|f| f.name().ends_with("run::add_one")).unwrap();
        let spec = FunctionSpec { id: FunctionId(2), ..known.spec().clone() };
        let function = actor.introduce(spec);
        actor.assign(Assign { function, ..plain(2) });
        assert_eq!(actor.expect_failure(2).await.kind, FailureKind::SignatureMismatch);
    });
}

#[test]
fn arguments_that_are_none_fail_the_task_and_name_the_parameter() {
    real(|rt| async move {
        let mut stage = Stage::inproc(&rt).await;
        let (_worker, mut actor) = stage.worker(&rt, 1).await;
        actor.call(1, "add_one", Payload::copy_from(&[0xff; 9]), vec![]);
        let failure = actor.expect_failure(1).await;
        assert_eq!(failure.kind, FailureKind::UndecodableArgument);
        assert!(failure.message.contains("`x`"), "{}", failure.message);
        actor.call(2, "add_one", input(), vec![inline(9, &"text".to_owned())]);
        assert_eq!(actor.expect_failure(2).await.kind, FailureKind::UndecodableArgument);
    });
}

#[test]
fn a_result_that_cannot_be_encoded_fails_the_task() {
    real(|rt| async move {
        let mut stage = Stage::tcp(&rt).await;
        let (_worker, mut actor) = stage.worker(&rt, 1).await;
        actor.call(1, "stubborn", Payload::empty(), vec![]);
        let failure = actor.expect_failure(1).await;
        assert_eq!(failure.kind, FailureKind::UnencodableResult);
        assert!(failure.message.contains("Stubborn"), "{}", failure.message);
    });
}

#[test]
fn a_cancelled_function_sees_it_and_its_slot_serves_the_next() {
    real(|rt| async move {
        let mut stage = Stage::inproc(&rt).await;
        let (_worker, mut actor) = stage.worker(&rt, 1).await;
        actor.call(1, "until_cancelled", Payload::empty(), vec![]);
        actor.call(2, "never", Payload::empty(), vec![]);
        actor.call(3, "add_one", args(&1i64), vec![]);
        actor.cancel(1);
        actor.cancel(2);
        actor.expect(3, &2i64).await;
    });
}

#[test]
fn a_timeout_is_told_when_it_comes() {
    simulated(|sim, node| async move {
        let mut stage = Stage::new(DynRuntime::without_block_on(node), "tcp://scheduler:1").await;
        let (_worker, mut actor) = stage.simulated_worker(&sim, "w1").await;
        let function = actor.function("add_one");
        let call = Assign { function, args: args(&1i64), timeout_ms: Some(30), ..plain(1) };
        actor.assign(call);
        let began = sim.elapsed();
        assert_eq!(actor.expect_failure(1).await.kind, FailureKind::TimedOut);
        assert!((sim.elapsed() - began).as_millis() < 50, "{:?}", sim.elapsed() - began);
        // The slot is free once the job has ended; an async fn is dropped at once.
        let function = actor.function("never");
        actor.assign(Assign { function, timeout_ms: Some(30), ..plain(2) });
        assert_eq!(actor.expect_failure(2).await.kind, FailureKind::TimedOut);
        actor.call(3, "add_one", args(&1i64), vec![]);
        actor.expect(3, &2i64).await;
    });
}

#[test]
fn the_context_tells_who_runs_what() {
    real(|rt| async move {
        let mut stage = Stage::inproc(&rt).await;
        let (_worker, mut actor) = stage.worker(&rt, 1).await;
        for (slot, function) in [(1, "who_am_i"), (2, "who_am_i_later")] {
            actor.call(slot, function, Payload::empty(), vec![]);
            let key = format!("0000000000000005-{slot}");
            actor.expect(slot, &("w".to_owned(), 1u32, key)).await;
        }
        assert!(longshore::try_context().is_none());
    });
}

#[test]
fn what_was_not_started_is_given_back() {
    real(|rt| async move {
        let mut stage = Stage::inproc(&rt).await;
        let (_worker, mut actor) = stage.worker(&rt, 1).await;
        actor.call(1, "until_cancelled", Payload::empty(), vec![]);
        actor.call(2, "add_one", args(&1i64), vec![]);
        let attempt = Attempt(1);
        actor.say(SchedulerToWorker::Retract { task: handle(2), attempt });
        let back = WorkerToScheduler::Retracted { task: handle(2), attempt, given_back: true };
        assert_eq!(actor.hear().await, back);
        actor.cancel(1);
    });
}

#[test]
#[should_panic(expected = "outside of a task")]
fn there_is_no_context_outside_of_a_task() {
    let _ = longshore::context();
}

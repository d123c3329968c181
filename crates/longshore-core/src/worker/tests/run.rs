//! Running: order, slots, cancellation, timeouts, the end.
use super::*;
use longshore_proto::{FailureKind, TaskFailure};
use std::sync::Arc;

fn cancel(slot: u32) -> SchedulerToWorker {
    SchedulerToWorker::Cancel { task: handle(slot), attempt: Attempt(1) }
}

fn retract(slot: u32) -> SchedulerToWorker {
    SchedulerToWorker::Retract { task: handle(slot), attempt: Attempt(1) }
}

fn retracted(slot: u32, given_back: bool) -> Action {
    up(WorkerToScheduler::Retracted { task: handle(slot), attempt: Attempt(1), given_back })
}

fn cancel_run(slot: u32) -> Action {
    Action::CancelRun { task: handle(slot), attempt: Attempt(1) }
}

#[test]
fn a_call_runs_and_only_a_value_that_is_not_told_whole_is_kept() {
    let mut b = Bench::new(1);
    assert_eq!(b.assign(1, vec![inline(5)]), [start(1, vec![value(5)])]);
    let small = Outcome::Value { value: value(1), inline: Some(value(1)) };
    let told = up(WorkerToScheduler::Finished {
        task: handle(1),
        attempt: Attempt(1),
        duration_ns: 10,
        value: Produced::Inline(value(1)),
    });
    assert_eq!(b.end(1, 10, small), [told]);
    assert_eq!(b.machine.stored(), (0, 0), "the scheduler keeps it");
    b.assign(2, vec![]);
    assert_eq!(b.finish(2), [stored(2)]);
    assert_eq!(b.machine.stored(), (3, 1));
    b.say(SchedulerToWorker::Release { tasks: vec![handle(2)] });
    assert_eq!(b.machine.stored(), (0, 0));
}

#[test]
fn one_run_a_slot_and_the_rest_by_order() {
    let mut b = Bench::new(2);
    assert_eq!(b.assign(4, vec![]), [start(4, vec![])]);
    assert_eq!(b.assign(3, vec![]), [start(3, vec![])]);
    assert_eq!(b.assign(7, vec![]), []);
    assert_eq!(b.assign(5, vec![]), []);
    let urgent = Assign { order: (1, 9), ..assign(9, vec![]) };
    assert_eq!(b.say(SchedulerToWorker::Assign(urgent)), []);
    assert_eq!(b.finish(4), [stored(4), start(9, vec![])]);
    assert_eq!(b.finish(9), [stored(9), start(5, vec![])]);
    assert_eq!(b.finish(3), [stored(3), start(7, vec![])]);
}

#[test]
fn tiny_tasks_run_ahead_once_they_are_known_to_be_tiny() {
    let mut b = Bench::new(1);
    b.assign(1, vec![]);
    for slot in 2..1_000 {
        assert_eq!(b.assign(slot, vec![]), []);
    }
    let outcome = Outcome::Value { value: value(1), inline: None };
    let starts = b.end(1, 500, outcome).into_iter().filter(|a| matches!(a, Action::Start(_))).count();
    assert_eq!(starts, 256);
    assert_eq!(b.say(retract(2)), [retracted(2, false)]);
    assert_eq!(b.say(retract(900)), [retracted(900, true)]);
}

#[test]
fn what_has_not_started_is_given_back() {
    let mut b = Bench::new(1);
    b.assign(1, vec![]);
    b.assign(2, vec![]);
    assert_eq!(b.say(retract(1)), [retracted(1, false)]);
    assert_eq!(b.say(retract(2)), [retracted(2, true)]);
    assert_eq!(b.say(retract(2)), [retracted(2, false)]);
    assert_eq!(b.finish(1), [stored(1)]);
}

#[test]
fn a_cancelled_run_keeps_its_slot_until_it_ends_and_its_value_is_dropped() {
    let mut b = Bench::new(1);
    b.assign(1, vec![]);
    b.assign(2, vec![]);
    b.assign(3, vec![]);
    assert_eq!(b.say(cancel(1)), [cancel_run(1)]);
    assert_eq!(b.say(cancel(2)), []);
    assert_eq!(b.finish(1), [start(3, vec![])]);
    assert_eq!(b.machine.stored(), (0, 0));
    assert_eq!((b.machine.stats().discarded, b.machine.stats().finished), (1, 0));
}

#[test]
fn a_later_attempt_replaces_the_run_of_an_earlier_one() {
    let mut b = Bench::new(2);
    b.assign(1, vec![]);
    let again = Assign { attempt: Attempt(2), ..assign(1, vec![]) };
    let out = b.say(SchedulerToWorker::Assign(again.clone()));
    assert!(matches!(&out[..], [Action::CancelRun { .. }, Action::Start(run)] if run.attempt == Attempt(2)));
    assert_eq!(b.say(SchedulerToWorker::Assign(again)), [], "the same attempt twice is one");
    assert_eq!(b.finish(1), [], "the first attempt's value is nobody's");
    assert_eq!(b.machine.stats().stale, 1);
    let outcome = Outcome::Value { value: value(1), inline: None };
    let ended = Event::RunEnded { task: handle(1), attempt: Attempt(2), duration_ns: 0, outcome };
    let out = b.event(ended);
    assert!(matches!(
        &out[..],
        [Action::ToScheduler(WorkerToScheduler::Finished { attempt: Attempt(2), .. })]
    ));
}

#[test]
fn a_failure_is_told_as_that_of_its_task_and_cut() {
    let mut b = Bench::new(1);
    b.assign(1, vec![]);
    let failure = TaskFailure::new(FailureKind::Panicked, id(0), "f", "x".repeat(1 << 20));
    let out = b.end(1, 5, Outcome::Failed(Arc::new(failure)));
    let [Action::ToScheduler(WorkerToScheduler::Failed { failure, duration_ns: 5, .. })] = &out[..] else {
        panic!("{out:?}")
    };
    assert_eq!(failure.root, id(1));
    assert!(failure.message.len() < 20_000, "a huge message is cut");
}

#[test]
fn a_reschedule_is_passed_on() {
    let mut b = Bench::new(1);
    b.assign(1, vec![]);
    let told = up(WorkerToScheduler::Rescheduled { task: handle(1), attempt: Attempt(1) });
    assert_eq!(b.end(1, 5, Outcome::Rescheduled), [told]);
}

#[test]
fn a_seceded_task_gives_its_slot_away_and_takes_one_back() {
    let mut b = Bench::new(1);
    b.assign(1, vec![]);
    b.assign(2, vec![]);
    b.assign(3, vec![]);
    let (task, attempt) = (handle(1), Attempt(1));
    let told = up(WorkerToScheduler::Seceded { task, attempt });
    assert_eq!(b.event(Event::Seceded { task, attempt }), [told, start(2, vec![])]);
    assert_eq!(b.event(Event::Rejoined { task, attempt }), []);
    assert_eq!(b.finish(2), [stored(2)], "the rejoined task has the only slot");
    assert_eq!(b.finish(1), [stored(1), start(3, vec![])]);
}

#[test]
fn a_timeout_fails_the_task_at_once_and_its_slot_stays_taken() {
    let mut b = Bench::new(1);
    let timed = Assign { timeout_ms: Some(50), ..assign(1, vec![]) };
    assert_eq!(b.say(SchedulerToWorker::Assign(timed)), [start(1, vec![])]);
    b.assign(2, vec![]);
    let out = b.advance_to_deadline();
    assert_eq!(b.now, Time(50_000_000));
    let [Action::ToScheduler(WorkerToScheduler::Failed { failure, .. }), Action::CancelRun { .. }] = &out[..]
    else {
        panic!("{out:?}")
    };
    assert_eq!((failure.kind, &*failure.function), (FailureKind::TimedOut, "f"));
    assert_eq!(b.finish(1), [start(2, vec![])]);
}

#[test]
fn an_unintroduced_function_fails_the_task() {
    let mut b = Bench::new(1);
    let unknown = Assign { function: FunctionIndex(77), ..assign(1, vec![]) };
    let out = b.say(SchedulerToWorker::Assign(unknown));
    assert!(matches!(&out[..], [Action::ToScheduler(WorkerToScheduler::Failed { failure, .. })]
        if failure.kind == FailureKind::UnknownFunction));
}

#[test]
fn silence_of_the_scheduler_ends_the_worker_and_nothing_wakes_it_before() {
    let mut b = Bench::new(1);
    b.assign(1, vec![]);
    let out = format!("{:?}", b.advance_to_deadline());
    assert_eq!(b.now, Time(15_000_000_000));
    assert!(out.contains("CancelRun") && out.contains("SchedulerSilent { silence_ms: 15000 }"), "{out}");
    assert_eq!(b.machine.deadline(), None);
    assert_eq!(b.finish(1), [], "nothing after the end");
}

#[test]
fn a_word_of_the_scheduler_renews_the_lease() {
    let mut b = Bench::new(1);
    for _ in 0..40 {
        b.now = b.now + Duration::from_secs(14);
        assert_eq!(
            b.say(SchedulerToWorker::Heartbeat),
            [up(WorkerToScheduler::Heartbeat { stored_bytes: 0 })]
        );
        assert_eq!(b.machine.deadline(), Some(b.now + Duration::from_secs(15)));
    }
}

#[test]
fn closing_says_goodbye_and_being_sent_away_does_not() {
    let mut b = Bench::new(1);
    b.assign(1, vec![]);
    let goodbye = up(WorkerToScheduler::Goodbye);
    assert_eq!(b.event(Event::Close), [goodbye, cancel_run(1), Action::Exit(Exit::Closed)]);
    let mut b = Bench::new(1);
    let exit = Action::Exit(Exit::Shutdown { reason: "retired".into() });
    assert_eq!(b.say(SchedulerToWorker::Shutdown { reason: "retired".into() }), [exit]);
    let mut b = Bench::new(1);
    assert_eq!(b.event(Event::SchedulerLost), [Action::Exit(Exit::SchedulerLost)]);
}

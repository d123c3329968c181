//! Results, several futures of one task, questions, heartbeats and the end.
use super::*;
use longshore_proto::{FailureKind, TaskFailure};
use std::sync::Arc;
use std::time::Duration;

#[test]
fn a_small_result_settles_its_future_at_once() {
    let mut b = Bench::up();
    let f = b.want(1);
    assert_eq!(b.hear(done(1, b"x")), [value(&f, b"x")]);
    assert_eq!(b.machine.stale(), 0);
}

#[test]
fn results_in_a_row_settle_their_futures_but_for_those_gone_or_of_a_life_before() {
    let mut b = Bench::up();
    let [first, gone, fenced, last] = [1, 2, 3, 4].map(|n| b.want(n));
    b.event(Event::Dropped(gone));
    b.event(Event::Fence { request: 70, id: Some(fenced.id()) });
    let values = [b"a", b"b", b"c", b"d"].map(|bytes| Payload::copy_from(bytes)).into();
    let told = b.hear(SchedulerToClient::DoneRun { first: id(1), values });
    assert_eq!(told, [value(&first, b"a"), value(&last, b"d")]);
    assert_eq!(b.machine.stale(), 2);
    let values = vec![Payload::empty(); 2];
    let beyond = TaskId { origin: 1, seq: u64::MAX };
    assert_eq!(b.hear(SchedulerToClient::DoneRun { first: beyond, values }), []);
}

#[test]
fn a_result_that_nobody_wants_any_more_is_counted() {
    let mut b = Bench::up();
    let f = b.want(1);
    b.event(Event::Dropped(f));
    assert_eq!(b.hear(done(1, b"x")), []);
    assert_eq!(b.machine.stale(), 1);
    assert_eq!(b.machine.futures_len(), 0);
}

#[test]
fn all_futures_of_a_task_are_told_and_a_later_one_shares() {
    let mut b = Bench::up();
    let (f, g) = (b.want(1), T(id(1), 1));
    let shared = b.event(Event::Shared(g.clone()));
    assert_eq!(shared, [Action::Share { from: f.clone(), to: g.clone() }]);
    let told = b.hear(done(1, b"x"));
    assert_eq!(told.len(), 2);
    assert!(told.contains(&value(&f, b"x")) && told.contains(&value(&g, b"x")));
    b.event(Event::Dropped(f));
    assert_eq!(b.hear(done(1, b"y")), [value(&g, b"y")], "the other future still listens");
}

#[test]
fn a_failure_and_a_second_life_are_passed_on() {
    let mut b = Bench::up();
    let f = b.want(1);
    let failure = Arc::new(TaskFailure::new(FailureKind::Failed, id(1), "f", "no"));
    let told = b.hear(SchedulerToClient::Failed { id: id(1), failure: failure.clone() });
    assert_eq!(told, [settled(&f, Outcome::Failed(failure))]);
    assert_eq!(b.hear(SchedulerToClient::Pending { id: id(1) }), [settled(&f, Outcome::Pending)]);
    assert_eq!(b.hear(done(1, b"x")), [value(&f, b"x")]);
}

#[test]
fn an_answer_finds_its_question_and_a_late_one_is_counted() {
    let mut b = Bench::up();
    assert_eq!(b.event(Event::Asked { request: 7, until: Some(ms(500)) }), []);
    assert_eq!(b.event(Event::Asked { request: 8, until: None }), []);
    assert_eq!(b.machine.deadline(), Some(ms(500)));
    let late = b.at(ms(500)).event(Event::Tick);
    assert_eq!(late, [Action::Answered { request: 7, answer: None }]);
    assert_eq!(b.hear(SchedulerToClient::Answer { request: 7, answer: Answer::Flushed }), []);
    assert_eq!(b.machine.stale(), 1);
    let answered = b.hear(SchedulerToClient::Answer { request: 8, answer: Answer::Flushed });
    assert_eq!(answered, [Action::Answered { request: 8, answer: Some(Answer::Flushed) }]);
}

#[test]
fn a_heartbeat_is_answered_and_none_is_sent_unasked() {
    let mut b = Bench::up();
    assert_eq!(b.machine.deadline(), Some(ms(15_000)), "nothing but the end of the scheduler's lease");
    let answer = [Action::Send(ClientToScheduler::Heartbeat)];
    assert_eq!(b.at(ms(5_000)).hear(SchedulerToClient::Heartbeat), answer);
    assert_eq!(b.machine.deadline(), Some(ms(20_000)));
    assert_eq!(b.at(ms(15_000)).event(Event::Tick), [], "a timer that fires early");
}

#[test]
fn silence_ends_the_session_and_says_so() {
    let mut b = Bench::up();
    let f = b.want(1);
    let mut last = vec![];
    while !b.machine.is_over() {
        let due = b.machine.deadline().expect("a session that is up has a deadline");
        assert!(due <= ms(15_000), "{due}");
        last = b.at(due).event(Event::Tick);
    }
    assert_eq!(b.now, ms(15_000));
    let Action::End(Ending::Lost { reason }) = &last[0] else { panic!("{last:?}") };
    assert!(reason.contains("15 s"), "{reason}");
    assert_eq!(last[1..], [settled(&f, Outcome::Over)]);
}

#[test]
fn a_pause_of_this_process_is_not_the_schedulers_silence() {
    let mut b = Bench::up();
    assert_eq!(b.at(ms(60_000)).event(Event::Tick), []);
    assert_eq!(b.machine.deadline(), Some(ms(66_000)));
    b.at(ms(61_000)).hear(SchedulerToClient::Heartbeat);
    b.at(ms(66_000)).event(Event::Tick);
    assert!(!b.machine.is_over());
    assert_eq!(b.machine.deadline(), Some(ms(76_000)));
}

#[test]
fn the_end_answers_everybody_once() {
    let mut b = Bench::up();
    let (f, g) = (b.want(2), b.want(1));
    b.event(Event::Asked { request: 3, until: None });
    let out = b.event(Event::LinkLost { reason: "cut".into() });
    let reason = "cut".to_owned();
    let expected = [
        Action::End(Ending::Lost { reason }),
        settled(&g, Outcome::Over),
        settled(&f, Outcome::Over),
        Action::Answered { request: 3, answer: None },
    ];
    assert_eq!(out, expected);
    assert_eq!(b.event(Event::LinkLost { reason: "again".into() }), []);
    assert_eq!(b.hear(done(1, b"x")), []);
    assert_eq!(b.machine.deadline(), None);
    let late = T(id(9), 0);
    assert_eq!(b.event(Event::Wanted(late.clone())), [settled(&late, Outcome::Over)]);
    let asked = b.event(Event::Asked { request: 4, until: None });
    assert_eq!(asked, [Action::Answered { request: 4, answer: None }]);
}

#[test]
fn closing_says_goodbye_and_before_the_link_is_up_just_ends() {
    let mut b = Bench::up();
    let out = b.event(Event::Close);
    assert_eq!(out, [Action::Send(ClientToScheduler::Goodbye), Action::End(Ending::Closed)]);
    let mut b = Bench::dialling();
    let f = b.want(1);
    assert_eq!(b.event(Event::Close), [Action::End(Ending::Closed), settled(&f, Outcome::Over)]);
}

#[test]
fn a_goodbye_of_the_scheduler_is_a_loss_in_its_words() {
    let mut b = Bench::up();
    let out = b.hear(SchedulerToClient::Goodbye { reason: "maintenance".into() });
    assert_eq!(out, [Action::End(Ending::Lost { reason: "maintenance".into() })]);
}

#[test]
fn a_dialling_session_waits_for_nothing() {
    let b = Bench::dialling();
    assert_eq!(b.machine.deadline(), None);
    assert_eq!(Config::default().silence_max, Duration::from_secs(15));
}

#[test]
fn what_is_said_before_the_fence_belongs_to_the_life_before() {
    let mut b = Bench::up();
    let cancelled = b.want(1);
    let f = T(id(1), 1);
    b.event(Event::Wanted(f.clone()));
    b.event(Event::Fence { request: 70, id: Some(id(1)) });
    assert_eq!(b.hear(done(1, b"old")), []);
    assert_eq!(b.hear(stored(1, 4, &[10])), []);
    b.event(Event::Fence { request: 71, id: Some(id(1)) });
    assert_eq!(b.hear(SchedulerToClient::Answer { request: 70, answer: Answer::Flushed }), []);
    assert_eq!(b.hear(done(1, b"older")), [], "a second fence stands behind the first");
    assert_eq!(b.hear(SchedulerToClient::Answer { request: 71, answer: Answer::Flushed }), []);
    let told = b.hear(done(1, b"new"));
    assert!(told.contains(&value(&f, b"new")) && told.contains(&value(&cancelled, b"new")), "{told:?}");
    assert_eq!(b.machine.stale(), 3);
    b.event(Event::Fence { request: 72, id: None });
    let known = b.hear(SchedulerToClient::Answer { request: 72, answer: Answer::Flushed });
    assert_eq!(known, [Action::PastIsKnown]);
}

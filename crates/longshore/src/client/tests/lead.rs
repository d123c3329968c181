//! Threads that submit send themselves, and threads that block read themselves: nothing here needs the runtime's thread,
//! which is held up meanwhile.
use super::number;
use super::played::Played;
use crate::error::{Error, TaskErrorKind};
use crate::future::TaskFuture;
use longshore_proto::TaskId;
use longshore_rt::RuntimeExt;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Holds the only thread of the client's runtime until it is dropped.
struct HeldUp(#[allow(dead_code, reason = "held for its destructor")] mpsc::Sender<()>);

impl HeldUp {
    fn of(played: &Played) -> Self {
        let (hold, held) = mpsc::channel();
        let (begin, began) = mpsc::channel();
        let hold_up = async move {
            begin.send(()).unwrap();
            let _ = held.recv();
        };
        played.rt.spawn("held-up", hold_up).detach();
        began.recv_timeout(super::DEADLINE).unwrap();
        HeldUp(hold)
    }
}

/// A played scheduler that is done with what the client says first.
fn ready() -> Played {
    let mut played = Played::remote();
    played.settle();
    played
}

fn waits(future: &TaskFuture<u64>) -> JoinHandle<Result<u64, Error>> {
    let future = future.clone();
    thread::spawn(move || future.result())
}

/// Waits until so many threads block, one of them in the lead.
fn until_they_wait(played: &Played, threads: usize) {
    let end = Instant::now() + super::DEADLINE;
    while played.client.session().blocked_len() != threads {
        assert!(Instant::now() < end, "{} threads wait", played.client.session().blocked_len());
        thread::yield_now();
    }
}

#[test]
fn who_submits_sends_and_who_blocks_reads() {
    let mut played = ready();
    let held_up = HeldUp::of(&played);
    let future = played.client.submit(number(1));
    let id = played.hear_submit().id;
    let waiting = waits(&future);
    until_they_wait(&played, 1);
    assert!(!played.client.session().sends_next(), "who submits much lets the driver send");
    played.done(id, 7);
    assert_eq!(waiting.join().unwrap().unwrap(), 7);
    assert!(played.client.session().sends_next(), "who waits between calls has but one at a time");
    drop(held_up);
}

#[test]
fn who_has_its_result_lets_another_read() {
    let mut played = ready();
    let futures: Vec<_> = (0..8).map(|x| played.client.submit(number(x))).collect();
    let ids: Vec<TaskId> = futures.iter().map(|_| played.hear_submit().id).collect();
    let _held_up = HeldUp::of(&played);
    let waiting: Vec<_> = futures.iter().map(waits).collect();
    until_they_wait(&played, 8);
    for (left, (waiting, id)) in waiting.into_iter().zip(ids).enumerate() {
        played.done(id, left as u64);
        assert_eq!(waiting.join().unwrap().unwrap(), left as u64);
        until_they_wait(&played, 7 - left);
    }
}

#[test]
fn the_runtime_reads_when_nobody_leads() {
    let mut played = ready();
    let mut kept = Vec::new();
    for x in 0..20 {
        let [led, other] = [0, 1].map(|_| played.client.submit(number(x)));
        let ids = [played.hear_submit().id, played.hear_submit().id];
        let waiting = waits(&led);
        until_they_wait(&played, 1);
        played.done(ids[0], x);
        assert_eq!(waiting.join().unwrap().unwrap(), x);
        kept.extend([led, other.clone()]);
        // Nobody blocks for the other one.
        let (tell, told) = mpsc::channel();
        if x % 2 == 0 {
            played.rt.spawn("awaits", async move { tell.send(other.await.unwrap()).unwrap() }).detach();
        } else {
            other.on_done(move |other| tell.send(other.result().unwrap()).unwrap());
        }
        played.done(ids[1], x);
        assert_eq!(told.recv_timeout(super::DEADLINE).unwrap(), x);
    }
}

#[test]
fn a_leader_is_interrupted_by_what_does_not_come_over_the_link() {
    let mut played = ready();
    let future = played.client.submit(number(1));
    played.hear_submit();
    let waiting = waits(&future);
    until_they_wait(&played, 1);
    future.cancel();
    let cancelled = waiting.join().unwrap().unwrap_err();
    assert!(matches!(&cancelled, Error::Task(e) if e.kind() == TaskErrorKind::Cancelled), "{cancelled:?}");

    let future = played.client.submit(number(2));
    let late = future.result_timeout(Duration::from_millis(20)).unwrap_err();
    assert!(matches!(late, Error::TimedOut { .. }), "{late:?}");

    let waiting = waits(&future);
    until_they_wait(&played, 1);
    played.hang_up();
    let lost = waiting.join().unwrap().unwrap_err();
    assert!(matches!(&lost, Error::Task(e) if e.kind() == TaskErrorKind::SchedulerLost), "{lost:?}");
}

#[test]
fn what_is_released_is_said_before_long_though_nothing_else_is() {
    let mut played = ready();
    let future = played.client.submit(number(1));
    let id = played.hear_submit().id;
    let waiting = waits(&future);
    until_they_wait(&played, 1);
    played.done(id, 7);
    waiting.join().unwrap().unwrap();
    drop(future);
    assert!(matches!(
        played.hear(),
        longshore_proto::ClientToScheduler::Release { ids } if ids == [id]
    ));
}

#[test]
fn a_link_that_breaks_is_noticed_while_the_leader_is_busy_with_a_callback() {
    let mut played = ready();
    let [led, told] = [1, 2].map(|x| played.client.submit(number(x)));
    let ids = [played.hear_submit().id, played.hear_submit().id];
    let waiting = waits(&led);
    until_they_wait(&played, 1);
    let (begin, began) = mpsc::channel();
    let (hold, held) = mpsc::channel::<()>();
    told.on_done(move |_| {
        begin.send(()).unwrap();
        let _ = held.recv();
    });
    played.done(ids[1], 2);
    began.recv_timeout(super::DEADLINE).unwrap();
    played.hang_up();
    // Much earlier than the scheduler's lease would end it.
    let end = Instant::now() + Duration::from_secs(8);
    // Over TCP the first words may seem to be taken.
    let lost = loop {
        match played.client.submit(number(3)).result_timeout(Duration::from_millis(20)) {
            Err(Error::TimedOut { .. }) if Instant::now() < end => {}
            other => break other.unwrap_err(),
        }
    };
    assert!(matches!(&lost, Error::Task(e) if e.kind() == TaskErrorKind::SchedulerLost), "{lost:?}");
    drop(hold);
    let lost = waiting.join().unwrap().unwrap_err();
    assert!(matches!(&lost, Error::Task(e) if e.kind() == TaskErrorKind::SchedulerLost), "{lost:?}");
}

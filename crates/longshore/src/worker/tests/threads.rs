//! Compute threads: how many, and what happens when they wait.
use super::{Stage, args, real};
use crate as longshore;
use crate::context::while_waiting;
use longshore_proto::{Attempt, Payload, WorkerToScheduler};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

/// Two tasks of one test meet here.
static MEETING: LazyLock<(Sender<u64>, Mutex<Receiver<u64>>)> = LazyLock::new(|| {
    let (sender, receiver) = channel();
    (sender, Mutex::new(receiver))
});

#[longshore::task]
fn wait_for_the_other(by_hand: bool) -> u64 {
    let receiver = MEETING.1.lock().unwrap();
    if by_hand {
        let context = longshore::context();
        context.secede();
        context.secede();
        let got = receiver.recv_timeout(Duration::from_secs(20)).unwrap();
        context.rejoin();
        got
    } else {
        let _waiting = while_waiting();
        receiver.recv_timeout(Duration::from_secs(20)).unwrap()
    }
}

#[longshore::task]
fn be_the_other(x: u64) -> u64 {
    MEETING.0.send(x).unwrap();
    x
}

#[longshore::task]
fn thread_name() -> String {
    std::thread::current().name().unwrap_or_default().to_owned()
}

#[test]
fn a_task_that_waits_makes_room_for_another() {
    real(|rt| async move {
        let mut stage = Stage::inproc(&rt).await;
        let (_worker, mut actor) = stage.worker(&rt, 1).await;
        for (slot, by_hand) in [(1, true), (3, false), (5, true)] {
            actor.call(slot, "wait_for_the_other", args(&by_hand), vec![]);
            actor.call(slot + 1, "be_the_other", args(&u64::from(slot)), vec![]);
            let mut finished = vec![];
            let mut seceded = 0;
            while finished.len() < 2 {
                match actor.hear().await {
                    WorkerToScheduler::Seceded { attempt: Attempt(1), task } => {
                        assert_eq!(task.slot, slot);
                        seceded += 1;
                    }
                    WorkerToScheduler::Finished { task, .. } => finished.push(task.slot),
                    other => panic!("{other:?}"),
                }
            }
            finished.sort_unstable();
            assert_eq!((finished, seceded), (vec![slot, slot + 1], 1));
        }
    });
}

#[test]
fn threads_have_names() {
    real(|rt| async move {
        let mut stage = Stage::inproc(&rt).await;
        let (_worker, mut actor) = stage.worker(&rt, 1).await;
        actor.call(1, "thread_name", Payload::empty(), vec![]);
        actor.expect(1, &"longshore-compute-0".to_owned()).await;
    });
}

//! Compute threads: how many, and what happens when they wait.
use super::stage::handle;
use super::{Stage, args, real};
use crate as longshore;
use crate::context::while_waiting;
use longshore_proto::{Attempt, Payload, SchedulerToWorker, WorkerToScheduler};
use std::sync::atomic::{AtomicU32, Ordering};
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

/// How far the async task below has come, and may go.
static STEP: AtomicU32 = AtomicU32::new(0);

async fn until(step: u32) {
    while STEP.load(Ordering::SeqCst) < step {
        futures_lite::future::yield_now().await;
    }
}

#[longshore::task]
async fn give_way() -> u64 {
    let context = longshore::context();
    context.secede();
    until(1).await;
    context.rejoin();
    STEP.store(2, Ordering::SeqCst);
    until(3).await;
    9
}

#[test]
fn an_async_task_gives_way_and_comes_back() {
    real(|rt| async move {
        let mut stage = Stage::inproc(&rt).await;
        let (_worker, mut actor) = stage.worker(&rt, 1).await;
        actor.call(1, "give_way", Payload::empty(), vec![]);
        actor.call(2, "thread_name", Payload::empty(), vec![]);
        assert!(matches!(actor.hear().await, WorkerToScheduler::Seceded { .. }));
        actor.expect(2, &"longshore-compute-0".to_owned()).await;
        STEP.store(1, Ordering::SeqCst);
        until(2).await;
        actor.call(3, "thread_name", Payload::empty(), vec![]);
        let (task, attempt) = (handle(3), Attempt(1));
        actor.say(SchedulerToWorker::Retract { task, attempt });
        let back = WorkerToScheduler::Retracted { task, attempt, given_back: true };
        assert_eq!(actor.hear().await, back, "the only slot is taken again");
        STEP.store(3, Ordering::SeqCst);
        actor.expect(1, &9u64).await;
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

//! Calls that were sent ahead of their inputs, results that gather, and a worker that goes while a run lasts.
use super::stage::{handle, held, input};
use super::{Stage, args, real, simulated};
use crate as longshore;
use longshore_proto::{Attempt, Payload, SchedulerToWorker, WorkerToScheduler};
use longshore_rt::{DynRuntime, RuntimeExt};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

type Gate = LazyLock<(Sender<()>, Mutex<Receiver<()>>)>;

fn gate() -> (Sender<()>, Mutex<Receiver<()>>) {
    let (sender, receiver) = channel();
    (sender, Mutex::new(receiver))
}

fn pass(gate: &Gate) {
    gate.1.lock().unwrap().recv_timeout(Duration::from_secs(20)).unwrap();
}

static OFTEN_QUICK: Gate = LazyLock::new(gate);
static LONG: Gate = LazyLock::new(gate);

/// Quick but for one argument, with which it waits at the gate.
#[longshore::task]
fn often_quick(x: i64) -> i64 {
    if x == 99 {
        pass(&OFTEN_QUICK);
    }
    x + 1
}

#[longshore::task]
fn long(x: i64) -> i64 {
    pass(&LONG);
    x
}

/// Calls of which each needs the one before it.
fn follow(actor: &mut super::stage::Actor, slots: std::ops::Range<u32>) {
    for slot in slots {
        actor.call(slot, "often_quick", input(), vec![held(slot - 1)]);
    }
}

#[test]
fn a_chain_runs_without_a_word_from_the_scheduler() {
    real(|rt| async move {
        let mut stage = Stage::tcp(&rt).await;
        let (_worker, mut actor) = stage.worker(&rt, 1).await;
        actor.call(1, "often_quick", args(&0i64), vec![]);
        follow(&mut actor, 2..50);
        for slot in 1..50 {
            actor.expect(slot, &i64::from(slot)).await;
        }
    });
}

#[test]
fn a_chain_runs_in_the_simulator() {
    simulated(|sim, node| async move {
        let mut stage = Stage::new(DynRuntime::without_block_on(node), "tcp://scheduler:1").await;
        let (_worker, mut actor) = stage.simulated_worker(&sim, "w1").await;
        actor.call(1, "often_quick", args(&0i64), vec![]);
        follow(&mut actor, 2..20);
        for slot in 1..20 {
            actor.expect(slot, &i64::from(slot)).await;
        }
    });
}

#[test]
fn results_of_quick_runs_are_sent_although_the_next_run_takes_long_for_once() {
    real(|rt| async move {
        let mut stage = Stage::tcp(&rt).await;
        let (_worker, mut actor) = stage.worker(&rt, 1).await;
        // now the function is known to be quick
        actor.call(1, "often_quick", args(&0i64), vec![]);
        actor.expect(1, &1i64).await;
        actor.call(2, "often_quick", args(&98i64), vec![]);
        follow(&mut actor, 3..4);
        // before the next sign of life, with which it would be sent in any case
        let sent = rt.timeout(Duration::from_millis(600), actor.expect(2, &99i64)).await;
        sent.expect("the first result waits for the second run");
        OFTEN_QUICK.0.send(()).unwrap();
        actor.expect(3, &100i64).await;
    });
}

#[test]
fn what_lacks_an_input_that_was_made_and_let_go_is_asked_for() {
    real(|rt| async move {
        let mut stage = Stage::tcp(&rt).await;
        let (_worker, mut actor) = stage.worker(&rt, 1).await;
        actor.call(1, "often_quick", args(&0i64), vec![]);
        actor.expect(1, &1i64).await;
        follow(&mut actor, 2..3);
        assert_eq!(actor.hear().await, WorkerToScheduler::Missing { task: handle(1), tried: vec![] });
        let bytes = Payload::copy_from(&postcard::to_stdvec(&1i64).unwrap());
        let chunk = longshore_proto::client::Chunk {
            task: handle(1),
            total: bytes.nbytes() as u64,
            offset: 0,
            bytes: bytes.into(),
        };
        actor.say(SchedulerToWorker::Store { relay: None, chunk });
        assert!(matches!(actor.hear().await, WorkerToScheduler::Replicas { .. }));
        actor.expect(2, &2i64).await;
    });
}

#[test]
fn a_worker_that_is_dropped_hangs_up_although_a_run_lasts() {
    real(|rt| async move {
        let mut stage = Stage::tcp(&rt).await;
        let (worker, mut actor) = stage.worker(&rt, 1).await;
        actor.call(1, "often_quick", args(&0i64), vec![]);
        actor.expect(1, &1i64).await;
        actor.call(2, "long", args(&0i64), vec![]);
        // a cancelled call that was given back shows that the one before it runs
        actor.call(3, "often_quick", args(&0i64), vec![]);
        actor.say(SchedulerToWorker::Retract { task: handle(3), attempt: Attempt(1) });
        assert!(matches!(actor.hear().await, WorkerToScheduler::Retracted { given_back: true, .. }));
        drop(worker);
        rt.timeout(Duration::from_secs(20), actor.hung_up_on()).await.expect("it hangs up at once");
        LONG.0.send(()).unwrap();
    });
}

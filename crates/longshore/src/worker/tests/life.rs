//! Joining, signs of life, and the several ways to end.
use super::{Stage, args, real, simulated};
use crate::address::Address;
use crate::link::ConnectError;
use crate::worker::{Compute, Worker, WorkerError, WorkerExit};
use longshore_proto::{Reject, SchedulerToWorker, WorkerToScheduler};
use longshore_rt::{DynRuntime, RuntimeExt};
use longshore_sim::Kill;
use std::time::Duration;

#[test]
fn closing_says_goodbye() {
    real(|rt| async move {
        let mut stage = Stage::tcp(&rt).await;
        let (worker, mut actor) = stage.worker(&rt, 1).await;
        let close = worker.close();
        let goodbye = async {
            assert_eq!(actor.hear().await, WorkerToScheduler::Goodbye);
            actor.hung_up_on().await;
        };
        let (exit, ()) = futures_lite::future::zip(close, goodbye).await;
        assert_eq!(exit, WorkerExit::Closed);
    });
}

#[test]
fn it_leaves_when_it_is_sent_away_or_left_alone() {
    real(|rt| async move {
        let mut stage = Stage::inproc(&rt).await;
        let (mut worker, mut actor) = stage.worker(&rt, 1).await;
        actor.say(SchedulerToWorker::Shutdown { reason: "enough".to_owned() });
        actor.hung_up_on().await;
        assert_eq!(worker.finished().await, WorkerExit::Shutdown { reason: "enough".to_owned() });
        assert_eq!(worker.finished().await, WorkerExit::Shutdown { reason: "enough".to_owned() });

        let (mut worker, actor) = stage.worker(&rt, 1).await;
        actor.vanish();
        assert_eq!(worker.finished().await, WorkerExit::SchedulerLost);
    });
}

#[test]
fn a_scheduler_that_falls_silent_is_given_up() {
    simulated(|sim, node| async move {
        let mut stage = Stage::new(DynRuntime::without_block_on(node), "tcp://scheduler:1").await;
        let (mut worker, mut actor) = stage.simulated_worker(&sim, "w1").await;
        actor.call(1, "add_one", args(&1i64), vec![]);
        actor.expect(1, &2i64).await;
        let exit = worker.finished().await;
        assert_eq!(exit, WorkerExit::SchedulerSilent { silence_ms: 15_000 }, "{exit}");
    });
}

#[test]
fn a_worker_that_gave_up_waiting_is_not_refused_because_of_its_own_name() {
    for refusals in [1, 2] {
        simulated(|sim, node| async move {
            let mut stage = Stage::new(DynRuntime::without_block_on(node), "tcp://scheduler:1").await;
            let builder = Worker::builder(sim.node("w1"), stage.address()).name("w1").nthreads(1);
            let started =
                builder.listen(Address::tcp("w1", 7)).compute(Compute::Runtime).validate(true).start();
            let busy = async {
                let silent = stage.caller().await;
                for _ in 0..refusals {
                    stage.caller().await.reject(Reject::NameTaken { name: "w1".to_owned() });
                }
                drop(silent);
                if refusals == 1 {
                    stage.admit().await.vanish();
                }
            };
            let (worker, ()) = futures_lite::future::zip(started, busy).await;
            assert_eq!(worker.is_ok(), refusals == 1, "the name is that of another when it is still there");
        });
    }
}

#[test]
fn a_worker_dies_with_its_machine_and_is_not_missed() {
    simulated(|sim, node| async move {
        let mut stage = Stage::new(DynRuntime::without_block_on(node), "tcp://scheduler:1").await;
        let (mut worker, mut actor) = stage.simulated_worker(&sim, "w1").await;
        sim.kill("w1", Kill::Process);
        actor.hung_up_on().await;
        assert!(matches!(worker.finished().await, WorkerExit::Aborted { .. }));
    });
}

#[test]
fn a_scheduler_that_is_not_there_is_an_error_that_names_it() {
    real(|rt| async move {
        let scheduler: Address = "inproc://nobody-is-here".parse().unwrap();
        let error = Worker::builder(rt, scheduler).start().await.unwrap_err();
        let WorkerError::Connect(ConnectError::NotFound { address }) = error else { panic!("{error}") };
        assert_eq!(address.to_string(), "inproc://nobody-is-here");
    });
}

#[test]
fn a_scheduler_that_comes_later_is_waited_for() {
    simulated(|sim, node| async move {
        let rt = DynRuntime::without_block_on(node);
        let early = Worker::builder(sim.node("w1"), Address::tcp("scheduler", 1));
        let early = early.listen(Address::tcp("w1", 7)).connect_timeout(Duration::from_secs(2));
        let error = early.start().await.unwrap_err();
        assert!(matches!(error, WorkerError::Connect(ConnectError::Refused { .. })), "{error}");
        assert!(sim.elapsed() > Duration::from_secs(1));

        let patient = Worker::builder(sim.node("w2"), Address::tcp("scheduler", 1));
        let patient = rt.spawn("start", patient.listen(Address::tcp("w2", 7)).start());
        rt.sleep(Duration::from_secs(3)).await;
        let mut stage = Stage::new(rt, "tcp://scheduler:1").await;
        let actor = stage.admit().await;
        assert_eq!(actor.hello.runtime, "sim");
        let worker = patient.await.unwrap().unwrap();
        assert!(worker.name().starts_with("worker-"));
    });
}

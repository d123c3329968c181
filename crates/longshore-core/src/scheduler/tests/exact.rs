//! One situation each, and exactly what follows from it.
use super::world::{End, F, World, call, inline, spec};
use crate::scheduler::{Action, CloseReason, Config};
use longshore_proto::client::{Key, Scatter};
use longshore_proto::worker::{Assign, Produced};
use longshore_proto::{
    ClientToScheduler, FailureKind, Grant, InputSource, Payload, PeerId, RelayId, SchedulerToClient,
    SchedulerToWorker, Submit, SubmitOptions, TaskFailure, TaskId, WorkerToScheduler,
};
use std::sync::Arc;
use std::time::Duration;

const STORED: Produced = Produced::Stored(1 << 20);

fn with(mut submit: Submit, options: SubmitOptions) -> ClientToScheduler {
    submit.options = Some(Box::new(options));
    ClientToScheduler::Submit(submit)
}

#[test]
fn a_call_runs_and_its_value_reaches_the_client() {
    let mut w = World::new();
    let (c, worker) = (w.client(), w.worker(1));
    let id = w.submit(c, &[], true);
    assert_eq!(w.assigned(worker), [id]);
    w.log.clear();
    w.finish(worker, 0, inline());
    let value = Payload::copy_from(&[1]);
    assert_eq!(w.log, [Action::ToClient { peer: c, message: SchedulerToClient::Done { id, value } }]);
    w.asks(c, ClientToScheduler::Release { ids: vec![id] });
    assert_eq!(w.machine.tasks_len(), 0);
}

#[test]
fn tasks_of_unknown_duration_are_not_hoarded_and_measured_tiny_ones_are_prefetched() {
    let mut w = World::new();
    let (c, a, b) = (w.client(), w.worker(1), w.worker(1));
    for _ in 0..100 {
        w.submit(c, &[], true);
    }
    assert_eq!((w.assigned(a).len(), w.assigned(b).len()), (2, 2));
    w.finish(a, 0, inline());
    w.finish(a, 0, inline());
    assert!(w.assigned(a).len() + w.assigned(b).len() > 50, "a microsecond task is sent far ahead");
}

#[test]
fn a_run_that_failed_tells_how_long_the_next_one_takes_too() {
    let mut w = World::new();
    let (c, a) = (w.client(), w.worker(1));
    let ids: Vec<_> = (0..100).map(|_| w.submit(c, &[], true)).collect();
    assert_eq!(w.assigned(a).len(), 2);
    w.fail(a, 0);
    w.fail(a, 0);
    assert!(w.assigned(a).len() > 50, "tasks that fail quickly are sent ahead as others are");
    assert_eq!(w.end(c, ids[0]), End::Failed(FailureKind::Failed));
}

#[test]
fn the_scheduler_says_which_function_failed_and_where() {
    let mut w = World::new();
    let (c, a) = (w.client(), w.worker(1));
    w.submit(c, &[], true);
    let Assign { task, attempt, id, .. } = w.workers.get_mut(&a).unwrap().assigned.remove(0);
    let failure = Arc::new(TaskFailure::new(FailureKind::Failed, id, "", "no"));
    w.says(a, WorkerToScheduler::Failed { task, attempt, duration_ns: 1, failure });
    let Some(Action::ToClient { message: SchedulerToClient::Failed { failure, .. }, .. }) = w.log.last()
    else {
        panic!("{:?}", w.log.last())
    };
    assert_eq!((&*failure.function, failure.attempts), ("f", 1));
    assert!(failure.worker.is_some());
}

#[test]
fn a_dependent_gets_small_inputs_inline_and_large_ones_by_name() {
    let mut w = World::new();
    let (c, a) = (w.client(), w.worker(1));
    let (x, y) = (w.submit(c, &[], true), w.submit(c, &[], true));
    w.finish(a, 0, inline());
    w.finish(a, 0, STORED);
    let b = w.worker(1);
    w.submit(c, &[x, y], true);
    let assign = &w.workers[&a].assigned[0];
    assert!(matches!(assign.inputs[0].source, InputSource::Inline(_)), "small values are with the scheduler");
    assert!(matches!(assign.inputs[1].source, InputSource::Held), "the task went to the data");
    assert!(w.assigned(b).is_empty());
}

#[test]
fn a_worker_without_the_input_is_told_who_has_it() {
    let mut w = World { duration_ns: 20_000_000, ..World::new() };
    let (c, a) = (w.client(), w.worker(1));
    let x = w.submit(c, &[], true);
    w.finish(a, 0, STORED);
    let b = w.worker(1);
    // The holder is full, so the other worker gets one of these.
    for _ in 0..4 {
        w.submit(c, &[x], true);
    }
    let source = &w.workers[&b].assigned[0].inputs[0].source;
    assert!(matches!(source, InputSource::Peers { holders, .. } if holders == &[a]), "{source:?}");
    let introduced = |action: &Action| matches!(action, Action::ToWorker { peer, message: SchedulerToWorker::Peer { peer: other, .. } } if *peer == b && *other == a);
    assert_eq!(w.log.iter().filter(|x| introduced(x)).count(), 1);
}

#[test]
fn priorities_come_before_order_of_submission() {
    let mut w = World::new();
    let c = w.client();
    let low = w.submit(c, &[], true);
    let high = w.id();
    w.clients.get_mut(&c).unwrap().ends.insert(high, End::Pending);
    w.asks(c, ClientToScheduler::Submit(Submit { priority: 5, ..call(high, &[], true) }));
    let a = w.worker(1);
    assert_eq!(w.assigned(a), [high, low]);
}

#[test]
fn an_error_reaches_all_dependents_with_the_way_it_took() {
    let mut w = World::new();
    let (c, a) = (w.client(), w.worker(1));
    let x = w.submit(c, &[], true);
    let y = w.submit(c, &[x], true);
    let z = w.submit(c, &[y], true);
    w.fail(a, 0);
    for id in [x, y, z] {
        assert_eq!(w.end(c, id), End::Failed(FailureKind::Failed));
    }
    let late = w.submit(c, &[z], true);
    assert_eq!(w.end(c, late), End::Failed(FailureKind::Failed), "a late dependent fails at once");
    for (task, len) in [(x, 0), (y, 1), (z, 2), (late, 3)] {
        let failure = w.log.iter().find_map(|a| match a {
            Action::ToClient { message: SchedulerToClient::Failed { id, failure }, .. } if *id == task => {
                Some(failure)
            }
            _ => None,
        });
        assert_eq!(failure.map(|f| (f.root, f.path.len())), Some((x, len)));
    }
}

#[test]
fn retries_are_used_up_one_by_one() {
    let mut w = World::new();
    let (c, a) = (w.client(), w.worker(1));
    let id = w.id();
    w.clients.get_mut(&c).unwrap().ends.insert(id, End::Pending);
    w.asks(c, with(call(id, &[], true), SubmitOptions { retries: 2, ..Default::default() }));
    for attempt in 1..=3 {
        assert_eq!(w.workers[&a].assigned[0].attempt.0, attempt);
        assert_eq!(w.end(c, id), End::Pending);
        w.fail(a, 0);
    }
    assert_eq!(w.end(c, id), End::Failed(FailureKind::Failed));
}

#[test]
fn a_failed_graph_can_be_retried_from_its_root() {
    let mut w = World::new();
    let (c, a) = (w.client(), w.worker(1));
    let x = w.submit(c, &[], true);
    let y = w.submit(c, &[x], true);
    w.fail(a, 0);
    w.asks(c, ClientToScheduler::Retry { ids: vec![y] });
    assert_eq!((w.end(c, x), w.end(c, y)), (End::Pending, End::Pending));
    w.finish(a, 0, inline());
    w.finish(a, 0, inline());
    assert_eq!((w.end(c, x), w.end(c, y)), (End::Value, End::Value));
}

#[test]
fn a_late_result_of_an_earlier_attempt_is_ignored() {
    let mut w = World::new();
    let (c, a) = (w.client(), w.worker(1));
    let id = w.submit(c, &[], true);
    let old = w.workers[&a].assigned[0].clone();
    w.fail(a, 0);
    w.asks(c, ClientToScheduler::Retry { ids: vec![id] });
    let late =
        WorkerToScheduler::Finished { task: old.task, attempt: old.attempt, duration_ns: 1, value: inline() };
    w.says(a, late);
    assert_eq!(w.end(c, id), End::Pending);
    assert_eq!(w.machine.stale().attempts, 1);
}

#[test]
fn work_of_a_dead_worker_runs_elsewhere_and_suspects_run_alone() {
    let mut w = World::new();
    let (c, a) = (w.client(), w.worker(1));
    let (x, y) = (w.submit(c, &[], true), w.submit(c, &[], true));
    assert_eq!(w.assigned(a), [x, y]);
    w.die(a);
    let b = w.worker(4);
    assert_eq!(w.assigned(b), [x], "one suspect at a time, and nothing beside it");
    w.finish(b, 0, inline());
    assert_eq!(w.assigned(b), [y]);
    w.finish(b, 0, inline());
    assert_eq!((w.end(c, x), w.end(c, y)), (End::Value, End::Value));
}

#[test]
fn a_task_that_kills_three_workers_fails_and_an_innocent_does_not() {
    let mut w = World::new();
    let c = w.client();
    let (bad, good) = (w.submit(c, &[], true), w.submit(c, &[], true));
    for round in 0..3 {
        let worker = w.worker(1);
        assert!(w.assigned(worker).contains(&bad), "round {round}");
        w.die(worker);
    }
    assert_eq!(w.end(c, bad), End::Failed(FailureKind::Killed));
    let worker = w.worker(1);
    assert_eq!(w.assigned(worker), [good]);
    w.finish(worker, 0, inline());
    assert_eq!(w.end(c, good), End::Value);
}

#[test]
fn a_worker_that_leaves_is_no_suspicion() {
    let mut w = World::new();
    let (c, a) = (w.client(), w.worker(1));
    for _ in 0..2 {
        w.submit(c, &[], true);
    }
    w.says(a, WorkerToScheduler::Goodbye);
    let b = w.worker(1);
    assert_eq!(w.assigned(b).len(), 2, "not alone");
}

#[test]
fn a_lost_value_is_made_again_with_the_inputs_it_needs() {
    let mut w = World::new();
    let (c, a) = (w.client(), w.worker(1));
    let x = w.submit(c, &[], false);
    let y = w.submit(c, &[x], true);
    w.finish(a, 0, STORED);
    w.finish(a, 0, STORED);
    assert!(w.workers[&a].values.len() == 1, "the input was released once its only user was done");
    let b = w.worker(1);
    w.die(a);
    assert_eq!(w.end(c, y), End::Pending);
    assert_eq!(w.assigned(b), [x, y]);
    w.finish(b, 0, STORED);
    w.finish(b, 0, STORED);
    assert_eq!(w.end(c, y), End::Value);
}

#[test]
fn an_input_that_cannot_be_had_sends_the_task_back() {
    let mut w = World { duration_ns: 20_000_000, ..World::new() };
    let (c, a) = (w.client(), w.worker(1));
    let x = w.submit(c, &[], true);
    w.finish(a, 0, STORED);
    let b = w.worker(1);
    for _ in 0..4 {
        w.submit(c, &[x], true);
    }
    let task = w.workers[&b].assigned[0].inputs[0].task;
    w.says(b, WorkerToScheduler::Missing { task, tried: vec![a] });
    assert_eq!(w.end(c, x), End::Pending, "its only holder is out of reach, so it is made again");
    w.machine.validate();
}

#[test]
fn nothing_is_kept_for_a_client_that_is_gone_except_what_it_detached() {
    let mut w = World::new();
    let (c, a) = (w.client(), w.worker(1));
    let x = w.submit(c, &[], true);
    let kept = w.submit(c, &[], true);
    w.submit(c, &[x], false);
    w.asks(c, ClientToScheduler::Detach { ids: vec![kept] });
    w.asks(c, ClientToScheduler::Goodbye);
    assert_eq!(w.machine.tasks_len(), 1);
    let at = w.workers[&a].assigned.iter().position(|t| t.id == kept).unwrap();
    w.finish(a, at, inline());
    assert_eq!(w.machine.tasks_len(), 0);
}

#[test]
fn releasing_what_runs_cancels_it() {
    let mut w = World::new();
    let (c, a) = (w.client(), w.worker(1));
    let x = w.submit(c, &[], true);
    w.asks(c, ClientToScheduler::Release { ids: vec![x] });
    assert_eq!(w.assigned(a), []);
    assert_eq!(w.machine.tasks_len(), 0);
}

#[test]
fn cancelling_reaches_dependents_but_not_what_others_want() {
    let mut w = World::new();
    let (c, d, _a) = (w.client(), w.client(), w.worker(1));
    let x = w.submit(c, &[], true);
    let y = w.submit(c, &[x], true);
    w.clients.get_mut(&d).unwrap().ends.insert(x, End::Pending);
    w.asks(d, ClientToScheduler::Want { id: x });
    w.asks(c, ClientToScheduler::Cancel { ids: vec![x], force: false });
    assert_eq!((w.end(d, x), w.end(c, y)), (End::Pending, End::Pending));
    w.asks(d, ClientToScheduler::Cancel { ids: vec![x], force: true });
    assert_eq!(w.end(c, y), End::Failed(FailureKind::Cancelled));
}

#[test]
fn a_key_used_for_another_call_is_an_error_and_for_the_same_call_one_run() {
    let mut w = World::new();
    let (c, d, a) = (w.client(), w.client(), w.worker(1));
    let id = w.id();
    let keyed =
        |hash| SubmitOptions { key: Some(Key { text: "k".into(), call_hash: hash }), ..Default::default() };
    for client in [c, d] {
        w.clients.get_mut(&client).unwrap().ends.insert(id, End::Pending);
        w.asks(client, with(call(id, &[], true), keyed(1)));
    }
    assert_eq!(w.assigned(a), [id]);
    let e = w.client();
    w.clients.get_mut(&e).unwrap().ends.insert(id, End::Pending);
    w.asks(e, with(call(id, &[], true), keyed(2)));
    assert_eq!(w.end(e, id), End::Failed(FailureKind::KeyConflict));
    w.finish(a, 0, inline());
    assert_eq!((w.end(c, id), w.end(d, id)), (End::Value, End::Value));
}

#[test]
fn an_unknown_function_waits_then_fails_with_near_names() {
    let mut w = World::new();
    let (c, _a) = (w.client(), w.worker(1));
    let index = longshore_proto::FunctionIndex(1);
    w.asks(c, ClientToScheduler::Function { index, spec: spec("ff") });
    let id = w.id();
    w.clients.get_mut(&c).unwrap().ends.insert(id, End::Pending);
    w.asks(c, ClientToScheduler::Submit(Submit { function: index, ..call(id, &[], true) }));
    let other = w.submit(c, &[], true);
    assert_eq!(w.assigned(_a), [other], "it does not stand in the way");
    w.says(_a, WorkerToScheduler::Heartbeat { stored_bytes: 0 });
    (0..7).for_each(|_| w.pass(Duration::from_secs(1)));
    assert_eq!(w.end(c, id), End::Failed(FailureKind::UnknownFunction));
}

#[test]
fn a_function_that_only_one_worker_has_runs_there() {
    let mut w = World::new();
    let (c, _plain) = (w.client(), w.worker(1));
    let special = w.worker_with(1, 2, vec![spec("f"), spec("g")]);
    let index = longshore_proto::FunctionIndex(1);
    w.asks(c, ClientToScheduler::Function { index, spec: spec("g") });
    let ids: Vec<_> = (0..2).map(|_| w.id()).collect();
    for id in &ids {
        w.asks(c, ClientToScheduler::Submit(Submit { function: index, ..call(*id, &[], true) }));
    }
    assert_eq!(w.assigned(special), ids);
}

#[test]
fn resources_are_never_given_twice() {
    let mut w = World::new();
    let (c, a) = (w.client(), w.worker(8));
    for _ in 0..5 {
        let id = w.id();
        let resources = vec![("gpu".to_owned(), 1.0)];
        w.asks(c, with(call(id, &[], true), SubmitOptions { resources, ..Default::default() }));
    }
    let free = w.submit(c, &[], true);
    assert_eq!(w.assigned(a).len(), 3, "two with a gpu, and what needs none is not held up");
    assert!(w.assigned(a).contains(&free));
    w.finish(a, 0, inline());
    assert_eq!(w.assigned(a).len(), 3);
}

#[test]
fn no_workers_is_said_once_and_the_work_waits() {
    let mut w = World::new();
    let c = w.client();
    let id = w.submit(c, &[], true);
    for _ in 0..10 {
        w.pass(Duration::from_secs(1));
        w.asks(c, ClientToScheduler::Heartbeat);
    }
    assert_eq!(w.clients[&c].notices.len(), 1);
    let a = w.worker(1);
    assert_eq!(w.assigned(a), [id]);
}

/// A call for a worker of this name.
fn for_worker(w: &mut World, client: PeerId, name: &str) -> TaskId {
    let id = w.id();
    w.clients.get_mut(&client).unwrap().ends.insert(id, End::Pending);
    let workers = vec![name.to_owned()];
    w.asks(client, with(call(id, &[], true), SubmitOptions { workers, ..Default::default() }));
    id
}

fn heartbeats(w: &mut World, client: PeerId, worker: PeerId, seconds: u32) {
    for _ in 0..seconds {
        w.pass(Duration::from_secs(1));
        w.asks(client, ClientToScheduler::Heartbeat);
        w.says(worker, WorkerToScheduler::Heartbeat { stored_bytes: 0 });
    }
}

#[test]
fn work_that_no_worker_may_run_waits_and_that_is_said_once() {
    let mut w = World::new();
    let (c, a) = (w.client(), w.worker(1));
    let id = for_worker(&mut w, c, "w3");
    heartbeats(&mut w, c, a, 60);
    assert_eq!(w.end(c, id), End::Pending);
    assert_eq!(w.clients[&c].notices.len(), 1);
    assert!(w.clients[&c].notices[0].contains("one would have to be w3"), "{:?}", w.clients[&c].notices);
    let b = w.worker(1);
    assert_eq!(w.assigned(b), [id]);
    let again = for_worker(&mut w, c, "w9");
    heartbeats(&mut w, c, a, 10);
    assert_eq!((w.end(c, again), w.clients[&c].notices.len()), (End::Pending, 2));
}

#[test]
fn with_a_limit_work_that_no_worker_may_run_fails() {
    let mut w = World::with(Config { no_worker_timeout: Some(Duration::from_secs(10)), ..Config::default() });
    let c = w.client();
    let id = w.submit(c, &[], true);
    w.pass(Duration::from_secs(1));
    let a = w.worker(1);
    assert_eq!(w.assigned(a), [id]);
    let late = for_worker(&mut w, c, "w9");
    let dependent = w.submit(c, &[late], true);
    heartbeats(&mut w, c, a, 9);
    assert_eq!(w.end(c, late), End::Pending);
    heartbeats(&mut w, c, a, 3);
    assert_eq!(w.end(c, late), End::Failed(FailureKind::NoWorker));
    assert_eq!(w.end(c, dependent), End::Failed(FailureKind::NoWorker));
    assert_eq!(w.end(c, id), End::Pending, "what a worker has is not concerned");
}

/// What the machine says of itself until a time: when, to whom.
fn beats(w: &mut World, until: Duration) -> Vec<(u64, usize)> {
    let mut beats = Vec::new();
    let end = w.now + until;
    while let Some(due) = w.machine.deadline().filter(|due| *due <= end) {
        let said = w.log.len();
        w.pass(due.since(w.now));
        beats.push((w.now.0 / 1_000_000, w.log.len() - said));
    }
    beats
}

#[test]
fn a_silent_worker_is_given_up_when_its_lease_ends() {
    let mut w = World::new();
    let (c, a) = (w.client(), w.worker(1));
    let id = w.submit(c, &[], true);
    let begin = w.now;
    w.pass(Duration::from_millis(900));
    w.says(a, WorkerToScheduler::Heartbeat { stored_bytes: 0 });
    while w.workers.contains_key(&a) {
        w.pass(w.machine.deadline().unwrap().since(w.now));
        w.asks(c, ClientToScheduler::Heartbeat);
    }
    assert_eq!(w.now, begin + Duration::from_millis(15_900));
    let reason = CloseReason::Silent(Duration::from_secs(15));
    assert!(w.log.contains(&Action::Close { peer: a, reason }));
    let b = w.worker(1);
    assert_eq!(w.assigned(b), [id]);
}

#[test]
fn a_worker_alone_is_never_looked_at_for_what_another_could_run() {
    for (nthreads, duration_ns) in [(1, 1_000), (1, 100_000), (1, 10_000_000), (4, 1_000), (4, 10_000_000)] {
        let mut w = World { duration_ns, ..World::new() };
        let (c, a) = (w.client(), w.worker(nthreads));
        for burst in [1, 40, 100] {
            for _ in 0..burst {
                w.submit(c, &[], true);
            }
            while !w.assigned(a).is_empty() {
                assert_eq!(w.machine.rebalance_at, None);
                w.now = w.now + Duration::from_micros(1);
                w.finish(a, 0, inline());
            }
            assert_eq!(w.machine.rebalance_at, None);
        }
    }
}

#[test]
fn all_peers_are_asked_for_a_sign_of_life_at_once_and_seldom() {
    let mut w = World::new();
    let peers = [w.worker(1), w.worker(1)];
    let c = w.client();
    for second in [5, 10, 15, 20] {
        assert_eq!(beats(&mut w, Duration::from_secs(5)), [(second * 1000, 3)]);
        peers.iter().for_each(|a| w.says(*a, WorkerToScheduler::Heartbeat { stored_bytes: 0 }));
        w.asks(c, ClientToScheduler::Heartbeat);
    }
    let mut w = World::with(Config { lease: Duration::from_secs(3), ..Config::default() });
    w.client();
    assert_eq!(beats(&mut w, Duration::from_secs(2)), [(1000, 1), (2000, 1)], "a third of the lease");
    assert_eq!(beats(&mut w, Duration::from_secs(60)), [(3000, 2)], "nobody is left to look after");
}

#[test]
fn a_call_of_a_function_never_introduced_costs_the_client_its_connection() {
    let mut w = World::new();
    let c = w.client();
    let id = w.id();
    let function = longshore_proto::FunctionIndex(77);
    w.asks(c, ClientToScheduler::Submit(Submit { function, ..call(id, &[], true) }));
    assert!(!w.clients.contains_key(&c));
    assert_ne!(function, F);
}

#[test]
fn an_idle_worker_takes_over_what_another_has_not_begun() {
    let mut w = World::new();
    let (c, a) = (w.client(), w.worker(1));
    for _ in 0..40 {
        w.submit(c, &[], true);
    }
    w.finish(a, 0, inline());
    w.finish(a, 0, inline());
    assert_eq!(w.assigned(a).len(), 38, "a microsecond each, so all were sent");
    let b = w.worker(1);
    w.pass(Duration::from_millis(20));
    let asked = std::mem::take(&mut w.workers.get_mut(&a).unwrap().retractions);
    assert!(asked.len() >= 15, "{}", asked.len());
    for (task, attempt) in asked {
        w.workers.get_mut(&a).unwrap().assigned.retain(|x| x.task != task);
        w.says(a, WorkerToScheduler::Retracted { task, attempt, given_back: true });
    }
    assert!(w.assigned(b).len() >= 15);
}

#[test]
fn scattered_data_is_pushed_by_its_client_and_then_belongs_to_the_worker() {
    let mut w = World::new();
    let (c, a) = (w.client(), w.worker(1));
    let id = w.id();
    let c_state = w.clients.get_mut(&c).unwrap();
    c_state.ends.insert(id, End::Pending);
    c_state.sources.insert(id);
    let scatter = Scatter {
        id,
        want: true,
        value: None,
        nbytes: 1 << 20,
        broadcast: false,
        eager: true,
        workers: vec![],
    };
    w.asks(c, ClientToScheduler::Scatter(scatter));
    let push = w.log.iter().find_map(|x| match x {
        Action::ToClient { message: SchedulerToClient::Push { task, worker, .. }, .. } => {
            Some((*task, *worker))
        }
        _ => None,
    });
    let (task, target) = push.unwrap();
    assert_eq!(target, a);
    w.workers.get_mut(&a).unwrap().values.insert(task);
    w.says(a, WorkerToScheduler::Replicas { tasks: vec![(task, 1 << 20)] });
    assert_eq!(w.end(c, id), End::Value);
    assert!(w.clients[&c].sources.is_empty(), "the client may drop its copy");
    w.die(a);
    assert_eq!(w.end(c, id), End::Failed(FailureKind::Lost), "nobody can compute it again");
}

#[test]
fn a_worker_that_misses_what_a_client_is_handing_to_it_waits_for_that() {
    let mut w = World::new();
    let (c, d, a) = (w.client(), w.client(), w.worker(1));
    let id = w.id();
    let scatter = Scatter {
        id,
        want: true,
        value: None,
        nbytes: 1 << 20,
        broadcast: false,
        eager: false,
        workers: vec![],
    };
    w.asks(c, ClientToScheduler::Scatter(scatter));
    let user = w.submit(d, &[id], true);
    assert_eq!(w.assigned(a), [user]);
    let (task, _) = w.clients[&c].pushes[0];
    w.says(a, WorkerToScheduler::Missing { task, tried: vec![] });
    assert_eq!((w.assigned(a), w.clients[&c].pushes.len()), (vec![user], 1), "it is on its way");
    w.asks(c, ClientToScheduler::Goodbye);
    assert!(w.assigned(a).is_empty(), "now it is not");
    assert_eq!(w.end(d, user), End::Failed(FailureKind::Lost));
}

/// A call that must not run twice.
fn submit_once(w: &mut World, c: PeerId, inputs: &[TaskId]) -> TaskId {
    let id = w.id();
    w.clients.get_mut(&c).unwrap().ends.insert(id, End::Pending);
    let options = SubmitOptions { no_rerun: true, ..Default::default() };
    w.asks(c, with(call(id, inputs, true), options));
    id
}

#[test]
fn what_must_not_run_twice_is_not_run_again_when_its_worker_dies() {
    let mut w = World::new();
    let (c, a) = (w.client(), w.worker(1));
    let once = submit_once(&mut w, c, &[]);
    let b = w.worker(1);
    w.die(a);
    assert_eq!(w.end(c, once), End::Failed(FailureKind::OutcomeUnknown));
    assert!(w.assigned(b).is_empty());
}

#[test]
fn what_must_not_run_twice_and_may_be_running_is_asked_back_when_its_input_is_gone() {
    let mut w = World { duration_ns: 20_000_000, ..World::new() };
    let (c, a) = (w.client(), w.worker(1));
    let x = w.submit(c, &[], true);
    let task = w.workers[&a].assigned[0].task;
    w.finish(a, 0, STORED);
    let once = submit_once(&mut w, c, &[x]);
    let other = w.submit(c, &[x], true);
    let b = w.worker(1);
    w.says(a, WorkerToScheduler::Missing { task, tried: vec![a] });
    assert_eq!(w.assigned(a), [once], "it may be running with the input in hand");
    assert_eq!(w.workers[&a].retractions.len(), 1);
    let (task, attempt) = w.workers[&a].retractions[0];
    w.says(a, WorkerToScheduler::Retracted { task, attempt, given_back: false });
    w.finish(a, 0, inline());
    assert_eq!((w.end(c, once), w.end(c, other)), (End::Value, End::Pending));
    assert_eq!(w.assigned(b).first(), Some(&x), "for the other one it is made again");
}

#[test]
fn scattered_data_stays_with_its_client_while_it_is_on_its_way_to_another_worker() {
    let mut w = World { duration_ns: 20_000_000, ..World::new() };
    let (c, a, b) = (w.client(), w.worker(1), w.worker(1));
    let id = w.id();
    w.clients.get_mut(&c).unwrap().sources.insert(id);
    let scatter = Scatter {
        id,
        want: true,
        value: None,
        nbytes: 1 << 20,
        broadcast: false,
        eager: false,
        workers: vec![],
    };
    w.asks(c, ClientToScheduler::Scatter(scatter));
    // more than the first worker has room for
    for _ in 0..4 {
        w.submit(c, &[id], true);
    }
    let pushes = w.clients[&c].pushes.clone();
    assert_eq!(pushes.iter().map(|(_, worker)| *worker).collect::<Vec<_>>(), [a, b]);
    let task = pushes[0].0;
    w.workers.get_mut(&a).unwrap().values.insert(task);
    w.says(a, WorkerToScheduler::Replicas { tasks: vec![(task, 1 << 20)] });
    assert!(!w.clients[&c].sources.is_empty(), "the other worker waits for it");
    w.asks(c, ClientToScheduler::PushFailed { task, worker: b, relay: None });
    let grant = Some(Grant { relay: RelayId(1), until: 1 << 20 });
    let relayed = SchedulerToClient::Push { id, task, worker: b, relay: grant };
    assert!(w.log.contains(&Action::ToClient { peer: c, message: relayed }), "it goes another way");
    w.says(b, WorkerToScheduler::Replicas { tasks: vec![(task, 1 << 20)] });
    assert!(w.clients[&c].sources.is_empty(), "now the client may drop its copy");
}

#[test]
fn a_shutdown_is_told_to_everybody_and_then_the_end() {
    let mut w = World::new();
    let (worker, client, other) = (w.worker(1), w.client(), w.client());
    w.submit(client, &[], true);
    w.log.clear();
    w.asks(client, ClientToScheduler::Shutdown);
    let told = |action: &Action| match action {
        Action::ToWorker { peer, message: SchedulerToWorker::End { reason } } => {
            Some((*peer, reason.clone()))
        }
        Action::ToClient { peer, message: SchedulerToClient::Goodbye { reason } } => {
            Some((*peer, reason.clone()))
        }
        _ => None,
    };
    let reason = "a client shut the cluster down".to_owned();
    let (last, before) = w.log.split_last().unwrap();
    assert_eq!(
        before.iter().filter_map(told).collect::<Vec<_>>(),
        [worker, client, other].map(|peer| (peer, reason.clone()))
    );
    assert_eq!(*last, Action::End);
}

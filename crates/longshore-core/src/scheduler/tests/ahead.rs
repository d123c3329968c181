//! Tasks that are sent ahead of their inputs, and what becomes of them when an input comes about otherwise.
use super::world::{End, World, call, inline};
use crate::scheduler::{Action, Config};
use longshore_proto::worker::Produced;
use longshore_proto::{
    ClientToScheduler, FailureKind, InputSource, PeerId, SchedulerToWorker, SubmitOptions, TaskId,
    WorkerToScheduler,
};

const STORED: Produced = Produced::Stored(1 << 20);

/// A client and two workers that have learned that tasks take a microsecond.
fn measured() -> (World, PeerId, PeerId, PeerId) {
    measured_in(World::new())
}

fn measured_in(mut w: World) -> (World, PeerId, PeerId, PeerId) {
    let c = w.client();
    let a = w.worker(1);
    let known = w.submit(c, &[], true);
    w.finish(a, 0, inline());
    w.asks(c, ClientToScheduler::Release { ids: vec![known] });
    let b = w.worker(1);
    w.log.clear();
    (w, c, a, b)
}

/// Tasks of which each needs the one before it.
fn chain(w: &mut World, c: PeerId, len: usize) -> Vec<TaskId> {
    let mut ids = vec![w.submit(c, &[], true)];
    for _ in 1..len {
        ids.push(w.submit(c, &[*ids.last().unwrap()], true));
    }
    ids
}

fn told(w: &World, peer: PeerId, is_it: impl Fn(&SchedulerToWorker) -> bool) -> usize {
    let to_peer =
        |a: &&Action| matches!(a, Action::ToWorker { peer: p, message } if *p == peer && is_it(message));
    w.log.iter().filter(to_peer).count()
}

#[test]
fn a_chain_goes_to_one_worker_at_once() {
    let (mut w, c, a, b) = measured();
    let ids = chain(&mut w, c, 50);
    assert_eq!((w.assigned(a), w.assigned(b)), (ids.clone(), vec![]));
    let last = &w.workers[&a].assigned[49].inputs[0];
    assert!(matches!(last.source, InputSource::Held));
    for id in &ids {
        w.finish(a, 0, inline());
        assert_eq!(w.end(c, *id), End::Value);
    }
    assert_eq!(told(&w, a, |m| matches!(m, SchedulerToWorker::Assign(_))), 50, "each was sent once");
}

#[test]
fn a_long_chain_goes_on_before_the_worker_has_come_to_its_end() {
    let room = 16;
    let (mut w, c, a, _) = measured_in(World::with(Config { assigned_len_max: room, ..Config::default() }));
    let ids = chain(&mut w, c, 2 * room);
    assert_eq!(w.assigned(a), ids[..room]);
    for _ in 1..room / 2 {
        w.finish(a, 0, inline());
    }
    assert_eq!(w.assigned(a), ids[room / 2 - 1..room], "a little room is not worth a message");
    w.finish(a, 0, inline());
    assert_eq!(w.assigned(a), ids[room / 2..3 * room / 2]);
    for id in &ids[room / 2..] {
        w.finish(a, 0, inline());
        assert_eq!(w.end(c, *id), End::Value);
    }
    assert_eq!(told(&w, a, |m| matches!(m, SchedulerToWorker::Assign(_))), 2 * room, "each was sent once");
}

#[test]
fn what_needs_two_workers_waits_here() {
    let (mut w, c, a, b) = measured();
    let x = w.submit(c, &[], true);
    let far = w.id();
    w.clients.get_mut(&c).unwrap().ends.insert(far, End::Pending);
    let mut elsewhere = call(far, &[], true);
    let name = format!("w{}", b.0);
    elsewhere.options = Some(Box::new(SubmitOptions { workers: vec![name], ..Default::default() }));
    w.asks(c, ClientToScheduler::Submit(elsewhere));
    let both = w.submit(c, &[x, far], true);
    assert_eq!((w.assigned(a), w.assigned(b)), (vec![x], vec![far]));
    w.finish(a, 0, inline());
    assert_eq!(w.assigned(b), [far, both], "only what b makes is lacking now");
}

#[test]
fn an_unmeasured_chain_is_sent_one_step_ahead() {
    let mut w = World::new();
    let (c, a) = (w.client(), w.worker(1));
    let ids = chain(&mut w, c, 10);
    assert_eq!(w.assigned(a), ids[..2]);
}

#[test]
fn a_retry_calls_the_rest_of_the_chain_back_and_sends_it_again() {
    let (mut w, c, a, b) = measured();
    let x = w.id();
    w.clients.get_mut(&c).unwrap().ends.insert(x, End::Pending);
    let mut first = call(x, &[], true);
    first.options = Some(Box::new(SubmitOptions { retries: 1, ..Default::default() }));
    w.asks(c, ClientToScheduler::Submit(first));
    let y = w.submit(c, &[x], true);
    let z = w.submit(c, &[y], true);
    let maker = if w.assigned(a).is_empty() { b } else { a };
    w.fail(maker, 0);
    assert_eq!(told(&w, maker, |m| matches!(m, SchedulerToWorker::Cancel { .. })), 2);
    let again = if w.assigned(a).is_empty() { b } else { a };
    assert_eq!(w.assigned(again), [x, y, z]);
    for id in [x, y, z] {
        w.finish(again, 0, inline());
        assert_eq!(w.end(c, id), End::Value);
    }
}

#[test]
fn a_failure_ends_what_was_sent_ahead() {
    let (mut w, c, a, _) = measured();
    let ids = chain(&mut w, c, 3);
    w.fail(a, 0);
    assert!(w.assigned(a).is_empty(), "the worker was told to drop the rest");
    assert!(ids.iter().all(|id| w.end(c, *id) == End::Failed(FailureKind::Failed)));
}

#[test]
fn cancelling_the_first_cancels_what_was_sent_ahead() {
    let (mut w, c, a, _) = measured();
    let ids = chain(&mut w, c, 3);
    w.asks(c, ClientToScheduler::Cancel { ids: vec![ids[0]], force: false });
    assert!(w.assigned(a).is_empty());
    assert!(ids.iter().all(|id| w.end(c, *id) == End::Failed(FailureKind::Cancelled)));
}

#[test]
fn a_chain_whose_worker_died_runs_on_link_by_link() {
    let (mut w, c, a, b) = measured();
    let ids = chain(&mut w, c, 4);
    w.die(a);
    for id in &ids {
        // each of them may have been running, whatever was heard, so each is alone
        assert_eq!(w.assigned(b), [*id]);
        w.finish(b, 0, inline());
        assert_eq!(w.end(c, *id), End::Value);
    }
}

#[test]
fn a_link_that_kills_workers_fails_and_the_links_before_it_do_not() {
    let (mut w, c, a, b) = measured();
    let ids = chain(&mut w, c, 3);
    // the news of the first two died with the worker
    w.die(a);
    let mut at = b;
    for _ in 0..3 {
        while w.assigned(at)[0] != ids[2] {
            w.finish(at, 0, inline());
        }
        let next = w.worker(1);
        w.die(at);
        at = next;
    }
    assert_eq!(w.end(c, ids[2]), End::Failed(FailureKind::Killed));
    assert_eq!((w.end(c, ids[0]), w.end(c, ids[1])), (End::Value, End::Value));
}

#[test]
fn what_was_sent_ahead_takes_no_room_from_what_can_run() {
    let mut w = World { duration_ns: 20_000_000, ..World::new() };
    let (c, a) = (w.client(), w.worker(2));
    let long = w.submit(c, &[], true);
    for _ in 0..10 {
        w.submit(c, &[long], true);
    }
    let other = w.submit(c, &[], true);
    assert!(w.assigned(a).contains(&other), "a thread is free: {:?}", w.assigned(a));
}

#[test]
fn what_a_waiting_task_submits_finds_room_although_others_were_sent_after_that_task() {
    let (mut w, c, a, b) = measured();
    w.die(b);
    let parent = w.submit(c, &[], true);
    let slow = w.submit(c, &[parent], true);
    let quick = w.submit(c, &[parent], true);
    assert_eq!(w.assigned(a), [parent, slow, quick]);
    let (task, attempt) = (w.workers[&a].assigned[0].task, w.workers[&a].assigned[0].attempt);
    w.says(a, WorkerToScheduler::Seceded { task, attempt });
    assert_eq!(w.assigned(a), [parent], "the others wait here, for as long as that takes");
    let child = w.submit(c, &[], true);
    assert_eq!(w.assigned(a), [parent, child]);
    w.finish(a, 0, inline());
    assert!(w.assigned(a).contains(&slow) && w.assigned(a).contains(&quick));
}

#[test]
fn a_task_that_is_run_again_and_again_is_known_to_its_followers_once() {
    let (mut w, c, a, _) = measured();
    let ids = chain(&mut w, c, 2);
    for _ in 0..50 {
        let (task, attempt) = (w.workers[&a].assigned[0].task, w.workers[&a].assigned[0].attempt);
        w.workers.get_mut(&a).unwrap().assigned.remove(0);
        w.says(a, WorkerToScheduler::Rescheduled { task, attempt });
        if w.assigned(a).is_empty() {
            break;
        }
    }
    let found = w.machine.tasks.find(ids[0]).unwrap();
    assert_eq!(w.machine.tasks[found].waiters.len(), 1);
}

#[test]
fn a_task_goes_to_its_large_input_and_not_after_its_small_one() {
    let (mut w, c, a, b) = measured();
    let large = w.submit(c, &[], true);
    let holder = if w.assigned(a).is_empty() { b } else { a };
    w.finish(holder, 0, STORED);
    let other = if holder == a { b } else { a };
    let small = w.id();
    w.clients.get_mut(&c).unwrap().ends.insert(small, End::Pending);
    let mut elsewhere = call(small, &[], true);
    let name = format!("w{}", other.0);
    elsewhere.options = Some(Box::new(SubmitOptions { workers: vec![name], ..Default::default() }));
    w.asks(c, ClientToScheduler::Submit(elsewhere));
    let both = w.submit(c, &[large, small], true);
    assert_eq!(w.assigned(other), [small]);
    w.finish(other, 0, inline());
    assert_eq!(w.assigned(holder), [both]);
}

#[test]
fn a_worker_that_had_let_go_of_the_input_is_given_it_again() {
    let (mut w, c, a, _) = measured();
    let ids = chain(&mut w, c, 2);
    let input = w.workers[&a].assigned[1].inputs[0].task;
    w.finish(a, 0, inline());
    w.says(a, WorkerToScheduler::Missing { task: input, tried: vec![] });
    assert_eq!(
        told(&w, a, |m| matches!(m, SchedulerToWorker::Store { relay: None, chunk } if chunk.task == input)),
        1
    );
    assert_eq!(w.assigned(a), ids[1..], "and it keeps the task");
    // it says that it has the value now, which nobody needs to know
    w.says(a, WorkerToScheduler::Replicas { tasks: vec![(input, 1)] });
    assert_eq!(told(&w, a, |m| matches!(m, SchedulerToWorker::Release { tasks } if *tasks == [input])), 1);
}

#[test]
fn what_must_not_run_twice_is_never_sent_ahead() {
    let (mut w, c, a, _) = measured();
    let x = w.submit(c, &[], true);
    let id = w.id();
    let mut once = call(id, &[x], true);
    once.options = Some(Box::new(SubmitOptions { no_rerun: true, ..Default::default() }));
    w.asks(c, ClientToScheduler::Submit(once));
    assert_eq!(w.assigned(a), [x]);
}

#[test]
fn what_is_urgent_is_not_kept_waiting_by_what_was_sent_ahead() {
    let mut w = World::new();
    let (c, a) = (w.client(), w.worker(1));
    let x = w.submit(c, &[], true);
    let first = w.submit(c, &[], true);
    let urgent = w.id();
    let mut call_of_urgent = call(urgent, &[], true);
    call_of_urgent.priority = 1;
    w.asks(c, ClientToScheduler::Submit(call_of_urgent));
    w.submit(c, &[x], true);
    assert_eq!(w.assigned(a), [x, first], "there is no room yet");
    w.finish(a, 0, STORED);
    assert_eq!(w.assigned(a)[..2], [first, urgent]);
}

#[test]
fn an_input_asked_back_takes_its_followers_along() {
    let (mut w, c, a, b) = measured();
    // so many that some are surplus; the other worker has nothing to do
    w.die(b);
    let x = chain(&mut w, c, 1)[0];
    let others: Vec<_> = (0..4).map(|_| w.submit(c, &[], true)).collect();
    let y = w.submit(c, &[others[3]], true);
    let idle = w.worker(1);
    w.pass(std::time::Duration::from_millis(20));
    let (task, attempt) = *w.workers[&a].retractions.first().expect("something was asked back");
    let asked = w.workers[&a].assigned.iter().find(|t| t.task == task).unwrap().id;
    assert_eq!(asked, others[3], "the newest that could run");
    w.workers.get_mut(&a).unwrap().assigned.retain(|t| t.task != task);
    w.says(a, WorkerToScheduler::Retracted { task, attempt, given_back: true });
    assert_eq!(w.assigned(idle), [others[3], y]);
    assert_eq!(w.assigned(a)[0], x);
}

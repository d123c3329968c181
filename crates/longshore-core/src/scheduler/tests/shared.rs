//! Tasks that several clients or several tasks have to do with. Each of these was found by the simulated workload.
use super::world::{End, World, call, inline};
use crate::scheduler::Action;
use longshore_proto::client::Key;
use longshore_proto::worker::Produced;
use longshore_proto::{
    ClientToScheduler, FailureKind, PeerId, SchedulerToClient, Submit, SubmitOptions, TaskFailure, TaskId,
    WorkerToScheduler,
};

fn keyed(id: TaskId, call_hash: u64, want: bool) -> Submit {
    let key = Some(Key { text: "k".into(), call_hash });
    let options = SubmitOptions { key, ..Default::default() };
    Submit { options: Some(Box::new(options)), ..call(id, &[], want) }
}

fn submit(w: &mut World, client: PeerId, submit: Submit) {
    if submit.want {
        w.clients.get_mut(&client).unwrap().ends.insert(submit.id, End::Pending);
    }
    w.asks(client, ClientToScheduler::Submit(submit));
}

fn failure(w: &World, client: PeerId, task: TaskId) -> &TaskFailure {
    let told = w.log.iter().rev().find_map(|action| match action {
        Action::ToClient { peer, message: SchedulerToClient::Failed { id, failure } }
            if (*peer, *id) == (client, task) =>
        {
            Some(&**failure)
        }
        _ => None,
    });
    told.expect("the client was told of a failure")
}

#[test]
fn what_is_built_on_a_refused_key_does_not_get_the_value_of_the_other_call() {
    let mut w = World::new();
    let (c, d, a) = (w.client(), w.client(), w.worker(1));
    let k = w.id();
    submit(&mut w, c, keyed(k, 1, true));
    submit(&mut w, d, keyed(k, 2, true));
    let y = w.submit(d, &[k], true);
    let z = w.submit(d, &[y], true);
    for (task, path_len) in [(k, 0), (y, 1), (z, 2)] {
        let failure = failure(&w, d, task);
        assert_eq!((failure.kind, failure.root), (FailureKind::KeyConflict, k));
        assert_eq!(failure.path.len(), path_len);
    }
    assert_eq!(w.assigned(a), [k], "only the call that has the key runs");
    // The future of the refused call is not one of the other's: neither cancelling nor releasing it does anything to that.
    w.asks(d, ClientToScheduler::Cancel { ids: vec![k], force: true });
    w.asks(d, ClientToScheduler::Release { ids: vec![k, y, z] });
    w.finish(a, 0, inline());
    assert_eq!(w.end(c, k), End::Value);
    submit(&mut w, d, keyed(k, 1, true));
    assert_eq!(w.end(d, k), End::Value, "the same call, after the refused one was given up");
}

#[test]
fn cancelling_spares_what_the_task_of_another_client_waits_for() {
    let mut w = World::new();
    let (c, d, a) = (w.client(), w.client(), w.worker(1));
    let x = w.id();
    submit(&mut w, c, keyed(x, 1, true));
    submit(&mut w, d, keyed(x, 1, true));
    let y = w.submit(d, &[x], true);
    w.asks(d, ClientToScheduler::Release { ids: vec![x] });
    w.asks(c, ClientToScheduler::Cancel { ids: vec![x], force: false });
    w.asks(c, ClientToScheduler::Release { ids: vec![x] });
    assert_eq!(w.end(d, y), End::Pending);
    w.finish(a, 0, inline());
    w.finish(a, 0, inline());
    assert_eq!(w.end(d, y), End::Value);
}

#[test]
fn a_client_that_cancels_one_of_two_futures_hears_of_the_other() {
    let mut w = World::new();
    let (c, d, a) = (w.client(), w.client(), w.worker(1));
    let x = w.id();
    submit(&mut w, c, keyed(x, 1, true));
    submit(&mut w, d, keyed(x, 1, true));
    // Its other future still wants the task, so that no release follows.
    w.asks(c, ClientToScheduler::Cancel { ids: vec![x], force: false });
    w.finish(a, 0, inline());
    assert_eq!(w.end(c, x), End::Value);
}

#[test]
fn what_waited_for_a_cancelled_task_says_which_it_was() {
    let mut w = World::new();
    let (c, _a) = (w.client(), w.worker(1));
    let x = w.submit(c, &[], true);
    let y = w.submit(c, &[x], true);
    let z = w.submit(c, &[y], true);
    w.asks(c, ClientToScheduler::Cancel { ids: vec![x], force: false });
    for (task, path_len) in [(x, 0), (y, 1), (z, 2)] {
        let failure = failure(&w, c, task);
        assert_eq!((failure.kind, failure.root, failure.path.len()), (FailureKind::Cancelled, x, path_len));
    }
}

#[test]
fn a_key_within_a_graph_stays_until_the_call_that_names_it_is_here() {
    let mut w = World::new();
    let (c, d, a) = (w.client(), w.client(), w.worker(1));
    let x = w.id();
    submit(&mut w, c, keyed(x, 1, true));
    submit(&mut w, d, keyed(x, 1, false));
    w.asks(c, ClientToScheduler::Release { ids: vec![x] });
    let y = w.submit(d, &[x], true);
    w.finish(a, 0, inline());
    w.finish(a, 0, inline());
    assert_eq!(w.end(d, y), End::Value);
    w.asks(d, ClientToScheduler::Release { ids: vec![y] });
    assert_eq!(w.machine.tasks_len(), 0);
}

#[test]
fn a_suspect_that_waits_for_another_task_does_not_keep_it_from_running() {
    let mut w = World::new();
    let (c, a) = (w.client(), w.worker(1));
    let x = w.submit(c, &[], true);
    w.die(a);
    let b = w.worker(1);
    assert_eq!(w.assigned(b), [x]);
    let (task, attempt) = (w.workers[&b].assigned[0].task, w.workers[&b].assigned[0].attempt);
    let y = w.submit(c, &[], true);
    assert_eq!(w.assigned(b), [x], "a suspect runs alone");
    w.says(b, WorkerToScheduler::Seceded { task, attempt });
    assert_eq!(w.assigned(b), [x, y], "what it waits for may be this");
}

#[test]
fn a_task_that_must_not_run_twice_does_not_when_its_value_is_lost() {
    let mut w = World::new();
    let (c, a) = (w.client(), w.worker(1));
    let x = w.id();
    let options = SubmitOptions { no_rerun: true, ..Default::default() };
    submit(&mut w, c, Submit { options: Some(Box::new(options)), ..call(x, &[], true) });
    w.finish(a, 0, Produced::Stored(1 << 20));
    assert_eq!(w.end(c, x), End::Value);
    w.die(a);
    let b = w.worker(1);
    assert_eq!((w.assigned(b), w.end(c, x)), (vec![], End::Failed(FailureKind::Lost)));
}

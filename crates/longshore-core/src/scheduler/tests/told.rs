//! Small values of tasks that follow one another share a message.
use super::world::{World, inline};
use crate::scheduler::{Action, Event};
use longshore_proto::limit::DONE_RUN_LEN_MAX;
use longshore_proto::worker::Produced;
use longshore_proto::{LocalValue, Payload, PeerId, Rope, SchedulerToClient, TaskId, WorkerToScheduler};
use std::any::Any;
use std::sync::Arc;

/// A world in which a worker has so many tasks of each of these clients, and their ids in the order it has them.
fn busy(clients: usize, tasks: usize) -> (World, Vec<PeerId>, PeerId) {
    let mut w = World::new();
    let clients: Vec<_> = (0..clients).map(|_| w.client()).collect();
    let worker = w.worker(u32::try_from(tasks * clients.len()).unwrap());
    for _ in 0..tasks {
        for client in &clients {
            w.submit(*client, &[], true);
        }
    }
    (w, clients, worker)
}

/// All of the worker's tasks end in one batch; what the clients are told then, and by how many values.
fn told(w: &mut World, worker: PeerId, value: impl Fn(usize) -> Produced) -> Vec<(PeerId, TaskId, usize)> {
    let mut out = Vec::new();
    let assigned = w.workers[&worker].assigned.clone();
    for (place, run) in assigned.iter().enumerate() {
        let (task, attempt, value) = (run.task, run.attempt, value(place));
        let message = WorkerToScheduler::Finished { task, attempt, duration_ns: 1, value };
        w.machine.handle(w.now, Event::FromWorker { peer: worker, message }, &mut out);
    }
    let heard = |action| match action {
        Action::ToClient { peer, message: SchedulerToClient::Done { id, .. } } => Some((peer, id, 1)),
        Action::ToClient { peer, message: SchedulerToClient::DoneRun { first, values } } => {
            Some((peer, first, values.len()))
        }
        _ => None,
    };
    out.into_iter().filter_map(heard).collect()
}

fn id(seq: u64) -> TaskId {
    TaskId { origin: 1, seq }
}

#[test]
fn values_in_a_row_are_one_message() {
    let (mut w, clients, worker) = busy(1, 5);
    assert_eq!(told(&mut w, worker, |_| inline()), [(clients[0], id(1), 5)]);
}

#[test]
fn a_run_ends_at_its_bound() {
    let (mut w, clients, worker) = busy(1, DONE_RUN_LEN_MAX + 2);
    let next = id(1 + DONE_RUN_LEN_MAX as u64);
    let expected = [(clients[0], id(1), DONE_RUN_LEN_MAX), (clients[0], next, 2)];
    assert_eq!(told(&mut w, worker, |_| inline()), expected);
}

#[test]
fn each_client_is_told_of_its_own() {
    let (mut w, clients, worker) = busy(2, 2);
    let (a, b) = (clients[0], clients[1]);
    assert_eq!(
        told(&mut w, worker, |_| inline()),
        [(a, id(1), 1), (b, id(2), 1), (a, id(3), 1), (b, id(4), 1)]
    );
}

#[test]
fn a_value_that_is_not_encoded_yet_goes_alone() {
    struct Refuses;
    impl LocalValue for Refuses {
        fn encode(&self) -> Result<Rope, String> {
            Err("it will not".into())
        }
        fn nbytes(&self) -> usize {
            1
        }
        fn as_any(&self) -> &(dyn Any + Send + Sync) {
            self
        }
    }
    let (mut w, clients, worker) = busy(1, 5);
    let second = |place| match place {
        1 => Produced::Inline(Payload::Local(Arc::new(Refuses))),
        _ => inline(),
    };
    let c = clients[0];
    assert_eq!(told(&mut w, worker, second), [(c, id(1), 1), (c, id(2), 1), (c, id(3), 3)]);
}

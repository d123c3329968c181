//! Random lives of a cluster, with every invariant checked after every event, then a peaceful end in which all must finish.
use super::world::{End, World, inline};
use crate::scheduler::Config;
use longshore_proto::client::Scatter;
use longshore_proto::worker::Produced;
use longshore_proto::{ClientToScheduler, InputSource, PeerId, RelayId, TaskId, WorkerToScheduler};
use proptest::prelude::*;
use std::time::Duration;

const RECEIVER_WINDOW_BYTES: u64 = 2_500_000;

/// Something that happens; numbers pick among what is there.
#[derive(Clone, Debug)]
enum Op {
    Submit { client: usize, inputs: Vec<usize>, want: bool },
    Release { client: usize, which: usize },
    Cancel { client: usize, which: usize, force: bool },
    Retry { client: usize, which: usize },
    Detach { client: usize, which: usize },
    Want { client: usize, which: usize },
    Scatter { client: usize, eager: bool, broadcast: bool },
    Finish { worker: usize, nth: usize, stored: bool },
    Fail { worker: usize, nth: usize },
    Reschedule { worker: usize, nth: usize },
    Secede { worker: usize, nth: usize },
    Missing { worker: usize, nth: usize },
    Arrive { worker: usize },
    Answer { worker: usize, yes: bool },
    Join { threads: u32 },
    Leave { worker: usize },
    Die { worker: usize },
    ClientJoin,
    ClientGone { client: usize },
    Fetch { client: usize, which: usize },
    PushFailed { client: usize, which: usize },
    Forgotten { which: usize },
    Send { which: usize },
    Take { which: usize },
    NoData { which: usize },
    Pass { ms: u64 },
}

fn op() -> impl Strategy<Value = Op> {
    let n = 0usize..64;
    let bit = any::<bool>();
    prop_oneof![
        12 => (n.clone(), prop::collection::vec(0usize..64, 0..4), prop::bool::weighted(0.8))
            .prop_map(|(client, inputs, want)| Op::Submit { client, inputs, want }),
        4 => (n.clone(), n.clone()).prop_map(|(client, which)| Op::Release { client, which }),
        1 => (n.clone(), n.clone(), bit).prop_map(|(client, which, force)| Op::Cancel { client, which, force }),
        2 => (n.clone(), n.clone()).prop_map(|(client, which)| Op::Retry { client, which }),
        1 => (n.clone(), n.clone()).prop_map(|(client, which)| Op::Detach { client, which }),
        1 => (n.clone(), n.clone()).prop_map(|(client, which)| Op::Want { client, which }),
        2 => (n.clone(), bit, bit).prop_map(|(client, eager, broadcast)| Op::Scatter { client, eager, broadcast }),
        12 => (n.clone(), n.clone(), bit).prop_map(|(worker, nth, stored)| Op::Finish { worker, nth, stored }),
        1 => (n.clone(), n.clone()).prop_map(|(worker, nth)| Op::Fail { worker, nth }),
        1 => (n.clone(), n.clone()).prop_map(|(worker, nth)| Op::Reschedule { worker, nth }),
        1 => (n.clone(), n.clone()).prop_map(|(worker, nth)| Op::Secede { worker, nth }),
        2 => (n.clone(), n.clone()).prop_map(|(worker, nth)| Op::Missing { worker, nth }),
        2 => n.clone().prop_map(|worker| Op::Arrive { worker }),
        2 => (n.clone(), bit).prop_map(|(worker, yes)| Op::Answer { worker, yes }),
        2 => (1u32..4).prop_map(|threads| Op::Join { threads }),
        1 => n.clone().prop_map(|worker| Op::Leave { worker }),
        1 => n.clone().prop_map(|worker| Op::Die { worker }),
        1 => Just(Op::ClientJoin),
        1 => n.clone().prop_map(|client| Op::ClientGone { client }),
        4 => (n.clone(), n.clone()).prop_map(|(client, which)| Op::Fetch { client, which }),
        1 => (n.clone(), n.clone()).prop_map(|(client, which)| Op::PushFailed { client, which }),
        1 => n.clone().prop_map(|which| Op::Forgotten { which }),
        6 => n.clone().prop_map(|which| Op::Send { which }),
        4 => n.clone().prop_map(|which| Op::Take { which }),
        1 => n.prop_map(|which| Op::NoData { which }),
        3 => (0u64..3000).prop_map(|ms| Op::Pass { ms }),
    ]
}

fn pick<T: Copy>(from: &[T], n: usize) -> Option<T> {
    (!from.is_empty()).then(|| from[n % from.len()])
}

fn workers(w: &World) -> Vec<PeerId> {
    w.workers.keys().copied().collect()
}

fn clients(w: &World) -> Vec<PeerId> {
    w.clients.keys().copied().collect()
}

/// Ids the client holds a future of.
fn held(w: &World, client: PeerId) -> Vec<TaskId> {
    w.clients[&client].ends.keys().copied().collect()
}

/// A worker and the place of one of its tasks.
fn running(w: &World, worker: usize, nth: usize) -> Option<(PeerId, usize)> {
    let worker = pick(&workers(w), worker)?;
    let len = w.workers[&worker].assigned.len();
    (len > 0).then(|| (worker, nth % len))
}

fn client_op(w: &mut World, op: &Op) -> Option<()> {
    match op {
        Op::Submit { client, inputs, want } => {
            let client = pick(&clients(w), *client)?;
            let known = held(w, client);
            let inputs: Vec<_> = inputs.iter().filter_map(|i| pick(&known, *i)).collect();
            let id = w.submit(client, &inputs, *want);
            if !want {
                w.submit(client, &[id], true);
            }
        }
        Op::Release { client, which } => {
            let client = pick(&clients(w), *client)?;
            let id = pick(&held(w, client), *which)?;
            w.clients.get_mut(&client)?.ends.remove(&id);
            w.asks(client, ClientToScheduler::Release { ids: vec![id] });
        }
        Op::Cancel { client, which, force } => {
            let client = pick(&clients(w), *client)?;
            let id = pick(&held(w, client), *which)?;
            w.clients.get_mut(&client)?.ends.remove(&id);
            w.asks(client, ClientToScheduler::Cancel { ids: vec![id], force: *force });
            w.asks(client, ClientToScheduler::Release { ids: vec![id] });
        }
        Op::Retry { client, which } => {
            let client = pick(&clients(w), *client)?;
            let ids = vec![pick(&held(w, client), *which)?];
            w.asks(client, ClientToScheduler::Retry { ids });
        }
        Op::Detach { client, which } => {
            let client = pick(&clients(w), *client)?;
            let ids = vec![pick(&held(w, client), *which)?];
            w.asks(client, ClientToScheduler::Detach { ids });
        }
        Op::Want { client, which } => {
            let client = pick(&clients(w), *client)?;
            let other = pick(&clients(w), *which)?;
            let id = pick(&held(w, other), *which)?;
            w.clients.get_mut(&client)?.ends.entry(id).or_insert(End::Pending);
            w.asks(client, ClientToScheduler::Want { id });
        }
        Op::Scatter { client, eager, broadcast } => {
            let client = pick(&clients(w), *client)?;
            let id = w.id();
            w.clients.get_mut(&client)?.sources.insert(id);
            if *eager {
                w.clients.get_mut(&client)?.ends.insert(id, End::Pending);
            }
            let scatter = Scatter {
                id,
                want: *eager,
                value: None,
                nbytes: 1 << 20,
                broadcast: *broadcast,
                eager: *eager,
                workers: vec![],
            };
            w.asks(client, ClientToScheduler::Scatter(scatter));
            if !eager {
                w.submit(client, &[id], true);
            }
        }
        Op::Fetch { client, which } => {
            let client = pick(&clients(w), *client)?;
            let id = pick(&held(w, client), *which)?;
            w.asks(client, ClientToScheduler::Fetch { id });
        }
        Op::PushFailed { client, which } => {
            let client = pick(&clients(w), *client)?;
            let (task, worker) = pick(&w.clients[&client].pushes, *which)?;
            w.asks(client, ClientToScheduler::PushFailed { task, worker, relay: None });
        }
        Op::Forgotten { which } => {
            let of_clients = |(from, _): &&(PeerId, RelayId)| w.clients.contains_key(from);
            let sent: Vec<_> = w.traffic.sending.keys().filter(of_clients).copied().collect();
            let (client, relay) = pick(&sent, *which)?;
            let task = w.traffic.sending[&(client, relay)].task();
            let (_, worker) =
                w.clients[&client].pushes.iter().rfind(|(pushed, _)| *pushed == task).copied()?;
            w.asks(client, ClientToScheduler::PushFailed { task, worker, relay: Some(relay) });
        }
        Op::ClientJoin => {
            w.client();
        }
        Op::ClientGone { client } => {
            let client = pick(&clients(w), *client)?;
            w.clients.remove(&client);
            w.traffic.forget(client);
            w.event(crate::scheduler::Event::PeerLost { peer: client, reason: "gone".into() });
        }
        _ => {}
    }
    Some(())
}

fn worker_op(w: &mut World, op: &Op) -> Option<()> {
    match op {
        Op::Finish { worker, nth, stored } => {
            let (worker, nth) = running(w, *worker, *nth)?;
            w.finish(worker, nth, if *stored { Produced::Stored(100_000) } else { inline() });
        }
        Op::Fail { worker, nth } => {
            let (worker, nth) = running(w, *worker, *nth)?;
            w.fail(worker, nth);
        }
        Op::Reschedule { worker, nth } => {
            let (worker, nth) = running(w, *worker, *nth)?;
            let a = w.workers.get_mut(&worker)?.assigned.remove(nth);
            w.says(worker, WorkerToScheduler::Rescheduled { task: a.task, attempt: a.attempt });
        }
        Op::Secede { worker, nth } => {
            let (worker, nth) = running(w, *worker, *nth)?;
            let a = w.workers[&worker].assigned[nth].clone();
            w.says(worker, WorkerToScheduler::Seceded { task: a.task, attempt: a.attempt });
        }
        Op::Missing { worker, nth } => {
            let (worker, nth) = running(w, *worker, *nth)?;
            let inputs = w.workers[&worker].assigned[nth].inputs.clone();
            let missing = inputs.into_iter().find_map(|i| match i.source {
                InputSource::Peers { holders, .. } => Some((i.task, holders)),
                _ => None,
            });
            let (task, tried) = missing?;
            w.says(worker, WorkerToScheduler::Missing { task, tried });
        }
        Op::Arrive { worker } => {
            // All that was fetched, or handed over by clients, is here now.
            let worker = pick(&workers(w), *worker)?;
            let tasks = w.workers[&worker].assigned.iter().flat_map(|a| &a.inputs);
            let tasks: Vec<_> = tasks
                .filter(|i| !matches!(i.source, InputSource::Inline(_)))
                .map(|i| (i.task, 100_000))
                .collect();
            w.workers.get_mut(&worker)?.values.extend(tasks.iter().map(|t| t.0));
            w.says(worker, WorkerToScheduler::Replicas { tasks });
        }
        Op::Answer { worker, yes } => {
            let worker = pick(&workers(w), *worker)?;
            let asked = std::mem::take(&mut w.workers.get_mut(&worker)?.retractions);
            for (task, attempt) in asked {
                let list = &mut w.workers.get_mut(&worker)?.assigned;
                let at = list.iter().position(|a| (a.task, a.attempt) == (task, attempt));
                if let (true, Some(at)) = (*yes, at) {
                    list.remove(at);
                }
                w.says(
                    worker,
                    WorkerToScheduler::Retracted { task, attempt, given_back: *yes && at.is_some() },
                );
            }
        }
        // One in three can be reached through the scheduler only.
        Op::Join { threads: 3 } => drop(w.hidden_worker()),
        Op::Join { threads } => {
            w.worker(*threads);
        }
        Op::Leave { worker } => {
            let worker = pick(&workers(w), *worker)?;
            w.workers.remove(&worker);
            w.traffic.forget(worker);
            w.says(worker, WorkerToScheduler::Goodbye);
        }
        Op::Die { worker } => {
            let worker = pick(&workers(w), *worker)?;
            w.die(worker);
        }
        Op::Send { which } => drop(w.send_piece(*which)),
        Op::Take { which } => drop(w.take_pieces(*which)),
        Op::NoData { which } => {
            let uploads = w.traffic.sending.keys().copied().filter(|(from, _)| w.workers.contains_key(from));
            let (worker, relay) = pick(&uploads.collect::<Vec<_>>(), *which)?;
            let task = w.traffic.sending.remove(&(worker, relay))?.task();
            w.says(worker, WorkerToScheduler::NoData { relay, task });
        }
        Op::Pass { ms } => {
            w.pass(Duration::from_millis(*ms));
            for peer in workers(w) {
                w.says(peer, WorkerToScheduler::Heartbeat { stored_bytes: 0 });
            }
            for peer in clients(w) {
                w.asks(peer, ClientToScheduler::Heartbeat);
            }
        }
        _ => {}
    }
    Some(())
}

/// What clients were told to hand to workers arrives there.
fn deliver_pushes(w: &mut World) {
    for client in clients(w) {
        for (task, worker) in std::mem::take(&mut w.clients.get_mut(&client).unwrap().pushes) {
            if w.workers.contains_key(&worker) {
                w.says(worker, WorkerToScheduler::Replicas { tasks: vec![(task, 100_000)] });
            }
        }
    }
}

/// However little is taken in, no more than the windows is on its way to anybody.
fn check_traffic(w: &World) {
    for peer in workers(w).into_iter().chain(clients(w)) {
        let (untaken, known) = (w.traffic.untaken(peer), w.machine.relays.in_flight(peer));
        // The end of a value is sent with what stands before it.
        let bound = RECEIVER_WINDOW_BYTES + 64 * 1024;
        assert!(untaken <= known && known <= bound, "{untaken} of {known} bytes to {peer:?}");
    }
}

/// From here on nothing goes wrong: all that is wanted must end, and nothing may be left when nobody wants anything.
fn calm_down(w: &mut World) {
    w.worker(2);
    deliver_pushes(w);
    for _ in 0..10_000 {
        let busy: Vec<PeerId> =
            workers(w).into_iter().filter(|p| !w.workers[p].assigned.is_empty()).collect();
        let Some(worker) = busy.first() else { break };
        w.finish(*worker, 0, inline());
    }
    w.pass(Duration::from_secs(1));
    while w.send_piece(0) || w.take_pieces(0) {
        check_traffic(w);
    }
    assert!(w.machine.relays.is_empty(), "a value is stuck: {:?}", w.traffic);
    for client in clients(w) {
        for (id, end) in w.clients[&client].ends.clone() {
            assert!(end != End::Pending, "{id} never ended; story:\n{}", w.machine.story().join("\n"));
        }
        let ids = held(w, client);
        w.asks(client, ClientToScheduler::Release { ids });
    }
    for worker in workers(w) {
        while !w.workers[&worker].assigned.is_empty() {
            w.finish(worker, 0, inline());
        }
    }
    assert_eq!(w.machine.tasks_len(), 0, "something is kept for nobody");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]
    #[test]
    fn no_life_of_a_cluster_breaks_an_invariant(ops in prop::collection::vec(op(), 0..150)) {
        let (relay_window_bytes, receiver_window_bytes) = (1_500_000, RECEIVER_WINDOW_BYTES);
        let mut w = World::with(Config { relay_window_bytes, receiver_window_bytes, ..Config::default() });
        w.client();
        w.worker(1);
        for op in &ops {
            let _ = client_op(&mut w, op);
            let _ = worker_op(&mut w, op);
            check_traffic(&w);
        }
        calm_down(&mut w);
    }
}

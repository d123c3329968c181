//! Values between workers, from clients, and up to the scheduler.
use super::stage::{Actor, at, handle, held};
use super::{Stage, args, input, real, simulated};
use crate as longshore;
use crate::address::Address;
use crate::link::{ConnectError, Link, dial};
use longshore_proto::client::Chunk;
use longshore_proto::handshake::{PeerHello, Role};
use longshore_proto::limit::CHUNK_BYTES;
use longshore_proto::{
    Grant, Hello, Payload, PeerId, PeerReply, PeerRequest, Reject, RelayId, SchedulerToWorker, Taken,
    WorkerToScheduler,
};
use longshore_rt::{DynRuntime, RuntimeExt};
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

#[longshore::task]
fn many(n: u64) -> Vec<u64> {
    (0..n).collect()
}

#[longshore::task]
fn total(numbers: &[u64]) -> u64 {
    numbers.iter().sum()
}

/// Tells a worker how to reach another one.
fn tell_of(actor: &mut Actor, other: &Actor) {
    actor.say(SchedulerToWorker::Peer { peer: other.peer, address: other.hello.address.clone() });
}

/// One worker makes a large value, another one uses it.
async fn pass_on(one: &mut Actor, two: &mut Actor, n: u64) {
    tell_of(two, one);
    one.call(1, "many", args(&n), vec![]);
    let nbytes = one.expect_stored(1).await;
    two.call(2, "total", input(), vec![at(1, nbytes, one.peer)]);
    let WorkerToScheduler::Replicas { tasks } = two.hear().await else { panic!("no replica") };
    assert_eq!(tasks[0].0, handle(1));
    two.expect(2, &(n * (n - 1) / 2)).await;
    // Now it is here, and needs no fetching.
    two.call(3, "total", input(), vec![held(1)]);
    two.expect(3, &(n * (n - 1) / 2)).await;
}

#[test]
fn a_large_value_goes_from_worker_to_worker() {
    real(|rt| async move {
        let mut stage = Stage::tcp(&rt).await;
        let (_one, mut one) = stage.worker(&rt, 1).await;
        let (_two, mut two) = stage.worker(&rt, 1).await;
        pass_on(&mut one, &mut two, 2_000_000).await;
    });
}

#[test]
fn a_large_value_goes_from_worker_to_worker_in_the_simulator() {
    simulated(|sim, node| async move {
        let mut stage = Stage::new(DynRuntime::without_block_on(node), "tcp://scheduler:1").await;
        let (_one, mut one) = stage.simulated_worker(&sim, "w1").await;
        let (_two, mut two) = stage.simulated_worker(&sim, "w2").await;
        pass_on(&mut one, &mut two, 300_000).await;
    });
}

#[test]
fn an_unreachable_worker_is_reported_and_the_next_holder_asked() {
    simulated(|sim, node| async move {
        let mut stage = Stage::new(DynRuntime::without_block_on(node), "tcp://scheduler:1").await;
        let (_one, mut one) = stage.simulated_worker(&sim, "w1").await;
        let (_two, mut two) = stage.simulated_worker(&sim, "w2").await;
        one.call(1, "many", args(&100_000u64), vec![]);
        let nbytes = one.expect_stored(1).await;
        let nobody = PeerId(77);
        two.say(SchedulerToWorker::Peer { peer: nobody, address: Some("tcp://w9:7".to_owned()) });
        two.call(2, "total", input(), vec![at(1, nbytes, nobody)]);
        let missing = WorkerToScheduler::Missing { task: handle(1), tried: vec![nobody] };
        assert_eq!(two.hear().await, missing);
        tell_of(&mut two, &one);
        two.say(SchedulerToWorker::Holders { task: handle(1), holders: vec![one.peer] });
        assert!(matches!(two.hear().await, WorkerToScheduler::Replicas { .. }));
        two.expect(2, &(100_000u64 * 99_999 / 2)).await;
    });
}

/// A caller's link to a worker.
async fn call_on(
    rt: &DynRuntime,
    actor: &Actor,
    incarnation: u64,
) -> Result<Link<PeerReply, PeerRequest>, ConnectError> {
    let address: Address = actor.hello.address.as_ref().unwrap().parse().unwrap();
    let role = Role::Peer(PeerHello { incarnation, name: "client".to_owned() });
    let (link, _) = dial(rt, &address, Hello { token: String::new(), role }).await?;
    Ok(link)
}

async fn reply(rt: &DynRuntime, link: &mut Link<PeerReply, PeerRequest>, replies: usize) -> Vec<PeerReply> {
    let mut got = vec![];
    let all = poll_fn(|cx| {
        let _ = link.poll_flush(cx);
        let polled = link.poll_recv(cx, &mut |reply| got.push(reply));
        match polled {
            _ if got.len() >= replies => Poll::Ready(()),
            Poll::Ready(Err(e)) => panic!("hung up: {e}"),
            Poll::Ready(Ok(())) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Poll::Pending => Poll::Pending,
        }
    });
    rt.timeout(Duration::from_secs(30), all).await.expect("no reply");
    got
}

#[test]
fn a_client_brings_a_value_and_fetches_one() {
    real(|rt| async move {
        let mut stage = Stage::tcp(&rt).await;
        let (_worker, mut actor) = stage.worker(&rt, 1).await;
        let dynamic = DynRuntime::new(rt.clone());
        let mut link = call_on(&dynamic, &actor, 11).await.unwrap();
        let bytes = bytes::Bytes::from(vec![1u8; CHUNK_BYTES + 10_000]);
        let total = bytes.len() as u64;
        for (offset, piece) in
            [(0, bytes.slice(..CHUNK_BYTES)), (CHUNK_BYTES as u64, bytes.slice(CHUNK_BYTES..))]
        {
            let chunk = Chunk { task: handle(5), total, offset, bytes: Payload::from(piece).into() };
            link.send(PeerRequest::Put(chunk)).unwrap();
        }
        let stored = PeerReply::Stored { task: handle(5) };
        assert_eq!(reply(&dynamic, &mut link, 1).await, [stored]);
        assert_eq!(actor.hear().await, WorkerToScheduler::Replicas { tasks: vec![(handle(5), total)] });

        link.send(PeerRequest::Fetch { tasks: vec![handle(5), handle(6)] }).unwrap();
        let mut replies = reply(&dynamic, &mut link, 3).await;
        let at = replies.iter().position(|r| *r == PeerReply::Absent { task: handle(6) });
        replies.remove(at.expect("one is absent"));
        let sizes = replies.iter().map(|r| match r {
            PeerReply::Data(chunk) => (chunk.offset, chunk.bytes.nbytes()),
            other => panic!("{other:?}"),
        });
        assert_eq!(sizes.collect::<Vec<_>>(), [(0, CHUNK_BYTES), (CHUNK_BYTES as u64, 10_000)]);
    });
}

#[test]
fn callers_of_another_cluster_stay_out() {
    real(|rt| async move {
        let mut stage = Stage::tcp(&rt).await;
        let (_worker, actor) = stage.worker(&rt, 1).await;
        let refused = call_on(&DynRuntime::new(rt.clone()), &actor, 12).await.unwrap_err();
        assert!(
            matches!(
                refused,
                ConnectError::Rejected { reason: Reject::Incarnation { theirs: 12, ours: 11 }, .. }
            ),
            "{refused}"
        );
    });
}

#[test]
fn a_stored_value_goes_up_and_a_value_comes_down_in_pieces() {
    real(|rt| async move {
        let mut stage = Stage::tcp(&rt).await;
        let (_worker, mut actor) = stage.worker(&rt, 1).await;
        actor.call(1, "many", args(&1_000_000u64), vec![]);
        actor.expect_stored(1).await;
        let grant = |relay, until| Grant { relay: RelayId(relay), until };
        actor.say(SchedulerToWorker::Upload { task: handle(1), grant: grant(7, 64 * 1024) });
        actor.say(SchedulerToWorker::Upload { task: handle(2), grant: grant(8, 64 * 1024) });
        let (mut got, mut total, mut until) = (vec![], u64::MAX, 64 * 1024);
        while (got.len() as u64) < total {
            match actor.hear().await {
                WorkerToScheduler::Data { relay, chunk } => {
                    let place = (relay, chunk.task, chunk.offset);
                    assert_eq!(place, (RelayId(7), handle(1), got.len() as u64));
                    got.extend_from_slice(chunk.bytes.into_payload().as_bytes().unwrap());
                    total = chunk.total;
                    assert!(got.len() as u64 <= until, "no more than was granted");
                    if got.len() as u64 == until {
                        until = total.min(until + CHUNK_BYTES as u64);
                        actor.say(SchedulerToWorker::Grant(grant(7, until)));
                    }
                }
                WorkerToScheduler::NoData { relay, task } => {
                    assert_eq!((relay, task), (RelayId(8), handle(2)));
                }
                other => panic!("{other:?}"),
            }
        }
        for (offset, piece) in (0u64..).step_by(CHUNK_BYTES).zip(got.chunks(CHUNK_BYTES)) {
            let bytes = Payload::copy_from(piece).into();
            let (relay, until) = (RelayId(9), offset + piece.len() as u64);
            let chunk = Chunk { task: handle(3), total, offset, bytes };
            actor.say(SchedulerToWorker::Store { relay: Some(relay), chunk });
            let taken = Taken { relay, until, is_all: until == total };
            assert_eq!(actor.hear().await, WorkerToScheduler::Taken(taken));
        }
        assert_eq!(actor.hear().await, WorkerToScheduler::Replicas { tasks: vec![(handle(3), total)] });
        actor.call(4, "total", input(), vec![held(3)]);
        actor.expect(4, &(1_000_000u64 * 999_999 / 2)).await;
    });
}

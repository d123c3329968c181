//! A hub with many spokes: dialling, letting in, sets and losses together, as a scheduler and its workers use them.
use super::{flush, hello, simulated, welcome};
use crate::address::Address;
use crate::link::{Accepted, Acceptor, BACKLOG_BYTES_MAX, ConnectError, Link, LinkEvent, LinkSet, dial};
use atomic_waker::AtomicWaker;
use longshore_proto::PeerId;
use longshore_rt::{DynRuntime, Endpoint, Runtime, RuntimeExt};
use longshore_sim::{Kill, Sim, SimConfig};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

type Number = (u32, Vec<u8>);

#[derive(Default)]
struct Inbox {
    callers: Mutex<Vec<Accepted>>,
    task: AtomicWaker,
    lost: Mutex<u32>,
}

/// Lets everybody in and sends every message back.
struct Hub {
    inbox: Arc<Inbox>,
    links: LinkSet<Number, Number>,
    echoes: Vec<(PeerId, Number)>,
    next_peer: u32,
}

impl Future for Hub {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Hub { inbox, links, echoes, next_peer } = &mut *self;
        inbox.task.register(cx.waker());
        for caller in inbox.callers.lock().unwrap().drain(..) {
            *next_peer += 1;
            links.insert(PeerId(*next_peer), caller.welcome(welcome()));
        }
        links.poll(cx, &mut |peer, event| match event {
            LinkEvent::Message(message) => echoes.push((peer, message)),
            LinkEvent::Lost(_) => *inbox.lost.lock().unwrap() += 1,
        });
        echoes.drain(..).for_each(|(peer, message)| links.send(peer, message).unwrap());
        links.flush(cx, &mut |peer, e| panic!("{peer:?}: {e}"));
        Poll::Pending
    }
}

async fn hub(rt: &DynRuntime) -> (Acceptor, Arc<Inbox>) {
    let inbox = Arc::<Inbox>::default();
    let sink = inbox.clone();
    let take = move |caller| {
        sink.callers.lock().unwrap().push(caller);
        sink.task.wake();
    };
    let door = Acceptor::bind(rt, &Address::tcp("hub", 8786), take).await.unwrap();
    let links = LinkSet::new(rt, BACKLOG_BYTES_MAX);
    let hub = Hub { inbox: inbox.clone(), links, echoes: vec![], next_peer: 0 };
    rt.spawn("hub", hub).detach();
    (door, inbox)
}

/// Sends `count` numbers and checks that they come back in order. How many did, before the link was lost.
async fn spoke(rt: DynRuntime, count: u32) -> Result<u32, ConnectError> {
    let to = Address::tcp("hub", 8786);
    let (mut link, _): (Link<Number, Number>, _) = dial(&rt, &to, hello("spoke")).await?;
    let mut back = 0;
    for n in 0..count {
        link.send((n, vec![7; n as usize % 500])).unwrap();
        let turn = poll_fn(|cx| {
            let _ = link.poll_flush(cx);
            let mut in_order = |(got, _): Number| {
                assert_eq!(got, back, "in order, none twice");
                back += 1;
            };
            match link.poll_recv(cx, &mut in_order) {
                Poll::Ready(Err(e)) => Poll::Ready(Err(e)),
                // A few may be on their way at any time.
                _ if n < back + 5 => Poll::Ready(Ok(())),
                _ => Poll::Pending,
            }
        });
        if turn.await.is_err() {
            return Ok(back);
        }
    }
    while back < count {
        if poll_fn(|cx| link.poll_recv(cx, &mut |_| back += 1)).await.is_err() {
            break;
        }
    }
    Ok(back)
}

const SPOKES: u32 = 20;
const NUMBERS: u32 = 100;

fn node(sim: &Sim, name: &str) -> DynRuntime {
    DynRuntime::without_block_on(sim.node(name))
}

fn spokes(sim: &Sim) -> Vec<longshore_rt::Task<Result<u32, ConnectError>>> {
    let nodes = (0..SPOKES).map(|n| node(sim, &format!("spoke-{n}")));
    nodes.map(|rt| rt.clone().spawn("spoke", spoke(rt, NUMBERS))).collect()
}

#[test]
fn everything_comes_back_to_everybody() {
    for seed in 0..20 {
        let sim = Sim::new(SimConfig::seed(seed));
        let at_hub = node(&sim, "hub");
        sim.run(async {
            let (door, inbox) = hub(&at_hub).await;
            for spoke in spokes(&sim) {
                assert_eq!(spoke.await.unwrap().unwrap(), NUMBERS);
            }
            at_hub.sleep(Duration::from_secs(1)).await;
            assert_eq!((*inbox.lost.lock().unwrap(), door.strangers_len()), (SPOKES, 0));
        })
        .unwrap();
    }
}

#[test]
fn losses_are_seen_on_both_sides_and_harm_nobody_else() {
    for seed in 0..20 {
        let sim = Sim::new(SimConfig::seed(seed));
        let at_hub = node(&sim, "hub");
        sim.at(Duration::from_millis(3 + seed % 5), |sim| sim.reset_between("hub", "spoke-3"));
        sim.at(Duration::from_millis(2 + seed % 7), |sim| sim.kill("spoke-5", Kill::Process));
        sim.run(async {
            let (_door, inbox) = hub(&at_hub).await;
            for (n, spoke) in spokes(&sim).into_iter().enumerate() {
                match (n, spoke.await) {
                    (3, Ok(Ok(back))) => assert!(back <= NUMBERS),
                    (3 | 5, _) => {}
                    (_, back) => assert_eq!(back.unwrap().unwrap(), NUMBERS),
                }
            }
            at_hub.sleep(Duration::from_secs(1)).await;
            assert!(*inbox.lost.lock().unwrap() >= SPOKES - 2, "all that came in are gone again");
        })
        .unwrap();
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let fingerprint = |seed| {
        let sim = Sim::new(SimConfig::seed(seed));
        let at_hub = node(&sim, "hub");
        sim.run(async {
            let _hub = hub(&at_hub).await;
            for spoke in spokes(&sim) {
                spoke.await.unwrap().unwrap();
            }
        })
        .unwrap();
        sim.fingerprint()
    };
    assert_eq!(fingerprint(11), fingerprint(11));
    assert_ne!(fingerprint(11), fingerprint(12));
}

#[test]
fn a_flood_of_strangers_does_not_disturb_who_is_in() {
    let sim = Sim::new(SimConfig::seed(1));
    let (at_hub, flooder, friend) = (node(&sim, "hub"), node(&sim, "flooder"), node(&sim, "friend"));
    sim.run(async {
        let (door, _) = hub(&at_hub).await;
        let working = friend.spawn("spoke", spoke(friend.clone(), 1_000));
        let mut silent = vec![];
        for _ in 0..1_500 {
            silent.push(flooder.connect(&Endpoint::tcp("hub", 8786)).await);
            assert!(door.strangers_len() <= 256);
        }
        assert_eq!(working.await.unwrap().unwrap(), 1_000);
        at_hub.sleep(Duration::from_secs(6)).await;
        let counts = door.counts();
        assert_eq!((counts.crowded_out + counts.timed_out, door.strangers_len()), (1_500, 0), "{counts:?}");
        assert!(counts.crowded_out >= 1_000, "{counts:?}");
        assert_eq!(spoke(friend.clone(), 10).await.unwrap(), 10, "the next friend comes in");
        drop(silent);
    })
    .unwrap();
}

#[test]
fn a_welcome_is_flushed_with_the_first_messages() {
    simulated(1, |rt| async move {
        let inbox = Arc::<Inbox>::default();
        let sink = inbox.clone();
        let on = Address::tcp("127.0.0.1", 0);
        let door = Acceptor::bind(&rt, &on, move |c| sink.callers.lock().unwrap().push(c)).await.unwrap();
        let (dialler, to) = (rt.clone(), door.local().clone());
        let dialled =
            rt.spawn("dial", async move { dial::<Number, Number>(&dialler, &to, hello("me")).await });
        rt.sleep(Duration::from_secs(1)).await;
        let mut link: Link<Number, Number> = inbox.callers.lock().unwrap().pop().unwrap().welcome(welcome());
        assert!(link.backlog_bytes() > 0 && !link.is_flushed());
        link.send((1, vec![])).unwrap();
        flush(&mut link).await.unwrap();
        let (mut near, said) = dialled.await.unwrap().unwrap();
        assert_eq!(said.peer, welcome().peer);
        assert_eq!(super::receive(&mut near, 1).await.0, [(1, vec![])]);
    });
}

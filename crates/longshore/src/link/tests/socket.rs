//! Links on sockets: what the simulator's network and the operating system's do to them.
use super::{Text, close, flush, real, receive, receive_all, simulated};
use crate::link::{Link, LinkError};
use futures_lite::future::zip;
use longshore_rt::{Conn, DynRuntime, Endpoint, Listener, Runtime, RuntimeExt};
use longshore_sim::{Kill, Sim, SimConfig};
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

type TextLink = Link<Text, Text>;

fn link(conn: <DynRuntime as Runtime>::Conn) -> TextLink {
    let peer = conn.peer();
    let (reader, writer) = conn.split();
    Link::stream(Box::new(reader), Box::new(writer), peer)
}

/// Two links over a socket.
async fn joined(a: &DynRuntime, b: &DynRuntime, b_host: &str) -> (TextLink, TextLink) {
    let mut listener = b.listen(&Endpoint::tcp(b_host, 0)).await.unwrap();
    let Endpoint::Tcp { port, .. } = listener.local() else { unreachable!() };
    let at = Endpoint::tcp(b_host, port);
    let (near, far) = zip(a.connect(&at), listener.accept()).await;
    (link(near.unwrap()), link(far.unwrap()))
}

fn text(n: u32) -> Text {
    (n, "x".repeat(n as usize % 1000))
}

async fn much_goes_both_ways(rt: DynRuntime) {
    const COUNT: u32 = 3_000;
    let (mut a, mut b) = joined(&rt, &rt, "127.0.0.1").await;
    (0..COUNT).for_each(|n| a.send(text(n)).unwrap());
    (0..COUNT).for_each(|n| b.send(text(n)).unwrap());
    let (at_a, at_b) = zip(exchange(&mut a, COUNT), exchange(&mut b, COUNT)).await;
    let all: Vec<Text> = (0..COUNT).map(text).collect();
    assert!(at_a == all && at_b == all, "{} and {} messages", at_a.len(), at_b.len());
    close(&mut a).await.unwrap();
    assert!(matches!(receive_all(&mut b).await, (rest, LinkError::Closed) if rest.is_empty()));
    drop(b);
    assert!(matches!(receive_all(&mut a).await, (rest, LinkError::Closed) if rest.is_empty()));
}

/// Sends what waits and receives `count` messages, both at once: a peer that only sends would wait for ever.
async fn exchange(link: &mut TextLink, count: u32) -> Vec<Text> {
    let mut got = vec![];
    poll_fn(|cx| {
        let flushed = link.poll_flush(cx).map(Result::unwrap).is_ready();
        let _ = link.poll_recv(cx, &mut |m| got.push(m)).map(Result::unwrap);
        if flushed && got.len() == count as usize { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    got
}

#[test]
fn much_goes_through_simulated_sockets() {
    (0..5).for_each(|seed| simulated(seed, much_goes_both_ways));
}

#[test]
fn much_goes_through_tcp() {
    real(much_goes_both_ways);
}

#[test]
fn a_killed_peer_is_noticed_after_what_it_said() {
    for seed in 0..20 {
        let sim = Sim::new(SimConfig::seed(seed));
        let here = DynRuntime::without_block_on(sim.node("here"));
        let there = DynRuntime::without_block_on(sim.node("there"));
        let (got, lost) = sim
            .run(async {
                let (mut a, mut b) = joined(&here, &there, "there").await;
                (0..100).for_each(|n| b.send(text(n)).unwrap());
                flush(&mut b).await.unwrap();
                here.sleep(Duration::from_secs(1)).await;
                sim.kill("there", Kill::Process);
                receive_all(&mut a).await
            })
            .unwrap();
        assert_eq!(got, (0..100).map(text).collect::<Vec<_>>());
        assert!(matches!(lost, LinkError::Closed | LinkError::Reset(_)), "{lost}");
    }
}

#[test]
fn a_reset_is_an_error() {
    let sim = Sim::new(SimConfig::seed(1));
    let here = DynRuntime::without_block_on(sim.node("here"));
    let there = DynRuntime::without_block_on(sim.node("there"));
    let lost = sim
        .run(async {
            let (mut a, mut b) = joined(&here, &there, "there").await;
            b.send(text(1)).unwrap();
            flush(&mut b).await.unwrap();
            assert_eq!(receive(&mut a, 1).await.0, [text(1)]);
            sim.reset_between("here", "there");
            receive_all(&mut a).await.1
        })
        .unwrap();
    assert!(matches!(lost, LinkError::Reset(_)), "{lost}");
}

#[test]
fn ending_gently_destroys_nothing_that_was_said() {
    for seed in 0..20 {
        let (lost, got) = simulated(seed, |rt| async move {
            let (mut a, mut b) = joined(&rt, &rt, "127.0.0.1").await;
            (0..500).for_each(|n| a.send(text(n)).unwrap());
            (0..500).for_each(|n| b.send(text(n)).unwrap());
            // What `b` says is never read by `a`, which ends while it comes in.
            let ending = poll_fn(|cx| a.poll_end(cx));
            let hearing = async {
                let mut got = vec![];
                let lost = poll_fn(|cx| {
                    let _ = b.poll_flush(cx);
                    match b.poll_recv(cx, &mut |m| got.push(m)) {
                        Poll::Ready(Err(e)) => Poll::Ready(e),
                        _ => Poll::Pending,
                    }
                });
                (lost.await, got)
            };
            zip(ending, hearing).await.1
        });
        assert_eq!(got, (0..500).map(text).collect::<Vec<_>>());
        assert!(matches!(lost, LinkError::Closed), "{lost}");
    }
}

//! Processor time: a process with one core can be too busy, and says how busy it was.

use std::time::Duration;

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use longshore_rt::{Endpoint, Listener, Runtime, RuntimeExt};
use longshore_sim::{PollCost, Sim, SimConfig, SimRuntime};

const BODY_LEN: usize = 1000;

/// Answers each connection with what it said.
async fn echo(rt: SimRuntime) {
    let mut listener = rt.listen(&Endpoint::tcp("srv", 1)).await.unwrap();
    while let Ok(mut conn) = listener.accept().await {
        let session = async move {
            let mut body = [0; BODY_LEN];
            conn.read_exact(&mut body).await.unwrap();
            conn.write_all(&body).await.unwrap();
        };
        rt.spawn("session", session).detach();
    }
}

async fn call(rt: SimRuntime) {
    let mut conn = rt.connect(&Endpoint::tcp("srv", 1)).await.unwrap();
    conn.write_all(&[7; BODY_LEN]).await.unwrap();
    conn.read_to_end(&mut Vec::new()).await.unwrap();
}

/// So many calls at once: the time until all have an answer, what the server's core took for it, and the fingerprint.
fn calls(clients: usize, cost: PollCost) -> (Duration, Duration, u64) {
    let latency = Duration::from_micros(100)..=Duration::from_micros(100);
    let sim = Sim::new(SimConfig { short_io: false, latency, ..SimConfig::seed(1) });
    sim.process("srv", echo);
    sim.set_poll_cost("srv", cost);
    let calls: Vec<_> = (0..clients)
        .map(|i| {
            let rt = sim.node(&format!("client-{i}"));
            rt.spawn("call", call(rt.clone()))
        })
        .collect();
    sim.run(async {
        for call in calls {
            call.await.unwrap();
        }
    })
    .unwrap();
    assert_eq!(sim.written_bytes("srv"), (clients * BODY_LEN) as u64, "it answers what it was told");
    (sim.elapsed(), sim.processor_time("srv"), sim.fingerprint())
}

#[test]
fn a_core_does_one_thing_after_another() {
    let cost = PollCost { byte_ps: 1_000_000, ..PollCost::default() };
    let (free, none, _) = calls(4, PollCost::default());
    let (one, took_one, _) = calls(1, cost);
    let (four, took_four, _) = calls(4, cost);
    let each = Duration::from_millis(2);
    assert_eq!((none, took_one, took_four), (Duration::ZERO, each, each * 4));
    assert!(free < Duration::from_millis(1), "it takes time although it costs nothing: {free:?}");
    assert!(one >= each && one < each + free * 2, "one call takes {one:?}");
    assert!(four >= each * 4 && four < each * 4 + free * 2, "four calls take {four:?}");
}

#[test]
fn polls_and_calls_of_sockets_cost_too() {
    let (_, polls, _) = calls(1, PollCost { poll_ns: 1_000, ..PollCost::default() });
    let (_, socket, _) = calls(1, PollCost { call_ns: 1_000, ..PollCost::default() });
    // One read and one write; at least the listener's first poll, its second and the session's.
    assert_eq!(socket, Duration::from_micros(2));
    assert!(polls >= Duration::from_micros(3), "{polls:?}");
}

#[test]
fn the_same_seed_is_the_same_run_on_a_busy_core() {
    let cost = PollCost { poll_ns: 500, call_ns: 2_000, byte_ps: 10_000 };
    assert_eq!(calls(16, cost), calls(16, cost));
}

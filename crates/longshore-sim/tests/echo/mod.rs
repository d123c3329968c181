//! The workload of these tests: clients that keep one connection to a server, echo about once a second, and dial
//! again whenever that fails.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use futures_lite::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use longshore_rt::{Conn, Endpoint, Listener, Runtime, RuntimeExt};
use longshore_sim::{Sim, SimRuntime};

pub(crate) const PORT: u16 = 8786;
const BODY_LEN: usize = 64;

pub(crate) fn secs(s: u64) -> Duration {
    Duration::from_secs(s)
}

pub(crate) fn millis(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

async fn send(w: &mut (impl AsyncWrite + Unpin), body: &[u8]) -> io::Result<()> {
    let mut frame = (body.len() as u32).to_le_bytes().to_vec();
    frame.extend_from_slice(body);
    w.write_all(&frame).await?;
    w.flush().await
}

async fn recv(r: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let mut head = [0; 4];
    r.read_exact(&mut head).await?;
    let mut body = vec![0; u32::from_le_bytes(head) as usize];
    r.read_exact(&mut body).await?;
    Ok(body)
}

async fn session(conn: impl Conn) -> io::Result<()> {
    let (mut r, mut w) = conn.split();
    loop {
        let body = recv(&mut r).await?;
        send(&mut w, &body).await?;
    }
}

/// Accepts for ever.
pub(crate) async fn server<R: Runtime>(rt: R) {
    let mut listener = rt.listen(&Endpoint::tcp("0.0.0.0", PORT)).await.expect("the port is free");
    let mut sessions = Vec::new();
    while let Ok(conn) = listener.accept().await {
        sessions.retain(|task: &longshore_rt::Task<_>| !task.is_finished());
        sessions.push(rt.spawn("session", session(conn)));
    }
}

/// What the clients have come to.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) echoes: AtomicU64,
    pub(crate) failures: AtomicU64,
    pub(crate) done: AtomicU64,
}

async fn converse<R: Runtime>(rt: &R, left: &mut u64, tally: &Tally, leak: bool) -> io::Result<()> {
    let conn = rt.timeout(secs(5), rt.connect(&Endpoint::tcp("server", PORT))).await??;
    let (mut r, mut w) = conn.split();
    while *left > 0 {
        let mut pause = 500_000_000 + rt.entropy() % 1_000_000_000;
        if leak {
            pause ^= u64::from(std::process::id() ^ LEAKS.fetch_add(1, Relaxed) as u32) % 1000;
        }
        rt.sleep(Duration::from_nanos(pause)).await;
        let body = vec![*left as u8; BODY_LEN];
        rt.timeout(secs(3), async {
            send(&mut w, &body).await?;
            assert_eq!(recv(&mut r).await?, body);
            io::Result::Ok(())
        })
        .await??;
        tally.echoes.fetch_add(1, Relaxed);
        *left -= 1;
    }
    Ok(())
}

/// Something that does not follow from any seed.
static LEAKS: AtomicU64 = AtomicU64::new(0);

async fn client(rt: SimRuntime, rounds: u64, tally: Arc<Tally>, leak: bool) {
    let mut left = rounds;
    while left > 0 {
        if converse(&rt, &mut left, &tally, leak).await.is_err() {
            tally.failures.fetch_add(1, Relaxed);
            rt.sleep(millis(200 + rt.entropy() % 300)).await;
        }
    }
    tally.done.fetch_add(1, Relaxed);
}

/// Adds `server` and the clients `w0`, `w1`, …; a client that is restarted starts its rounds again.
pub(crate) fn populate(sim: &Sim, clients: usize, rounds: u64, leak: bool) -> Arc<Tally> {
    let tally = Arc::new(Tally::default());
    sim.process("server", server);
    for i in 0..clients {
        let tally = Arc::clone(&tally);
        sim.process(&format!("w{i}"), move |rt| client(rt, rounds, Arc::clone(&tally), leak));
    }
    tally
}

/// Runs until that many clients are done.
pub(crate) fn finish(sim: &Sim, tally: &Tally, clients: u64) {
    let driver = sim.node("driver");
    sim.run(async {
        while tally.done.load(Relaxed) < clients {
            driver.sleep(secs(1)).await;
        }
    })
    .expect("not inside async code");
}

//! Tests of the link layer: on a scripted pipe where single calls count, in the simulator where time does, and over
//! loopback sockets for what only an operating system does.
mod dial;
mod hub;
mod local;
mod misuse;
mod piece;
mod pipe;
mod set;
mod socket;
mod stream;

use super::carrier::Carrier;
use super::{Incoming, Link, LinkError, Outgoing};
use longshore_proto::handshake::{ClientHello, Role};
use longshore_proto::{Hello, PeerId, SessionId, Welcome};
use longshore_rt::{BlockOn, DynRuntime, OwnedExecutor};
use longshore_sim::{Sim, SimConfig};
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// A message of the tests: a number and some weight.
type Text = (u32, String);

impl Carrier for Text {}
impl Carrier for (u32, Vec<u8>) {}
impl Carrier for u64 {}
impl Carrier for u32 {}
impl Carrier for longshore_proto::Payload {}

/// Runs a test in the simulator, where waiting takes no time.
fn simulated<F: Future>(seed: u64, test: impl FnOnce(DynRuntime) -> F) -> F::Output {
    let sim = Sim::new(SimConfig::seed(seed));
    let rt = DynRuntime::without_block_on(sim.node("here"));
    sim.run(test(rt)).unwrap()
}

/// Runs a test on the operating system's sockets, on each kind of reactor that is there.
fn real<F: Future<Output = ()>>(test: impl Fn(DynRuntime) -> F) {
    let rt = DynRuntime::new(OwnedExecutor::new().unwrap());
    rt.block_on(test(rt.clone())).unwrap();
    #[cfg(feature = "tokio")]
    {
        let rt = DynRuntime::new(longshore_rt::TokioRuntime::new(2).unwrap());
        rt.block_on(test(rt.clone())).unwrap();
    }
}

fn hello(name: &str) -> Hello {
    let client = ClientHello { session: SessionId(7), name: name.into(), runtime: "test".into(), pid: 1 };
    Hello { token: "secret".into(), role: Role::Client(client) }
}

fn welcome() -> Welcome {
    Welcome { version: 0, incarnation: 9, peer: PeerId(3), registry_wanted: false }
}

/// Receives until `wanted` messages are there or the link is lost.
async fn receive<In: Incoming, Out: Outgoing>(
    link: &mut Link<In, Out>,
    wanted: usize,
) -> (Vec<In>, Option<LinkError>) {
    let mut got = vec![];
    while got.len() < wanted {
        if let Err(e) = poll_fn(|cx| link.poll_recv(cx, &mut |m| got.push(m))).await {
            return (got, Some(e));
        }
    }
    (got, None)
}

/// Receives until the link is lost.
async fn receive_all<In: Incoming, Out: Outgoing>(link: &mut Link<In, Out>) -> (Vec<In>, LinkError) {
    let (got, lost) = receive(link, usize::MAX).await;
    (got, lost.unwrap())
}

async fn flush<In: Incoming, Out: Outgoing>(link: &mut Link<In, Out>) -> Result<(), LinkError> {
    poll_fn(|cx| link.poll_flush(cx)).await
}

async fn close<In: Incoming, Out: Outgoing>(link: &mut Link<In, Out>) -> Result<(), LinkError> {
    poll_fn(|cx| link.poll_close(cx)).await
}

/// A task whose wake-ups are counted.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

struct CountedTask {
    wakes: Arc<Wakes>,
    waker: Waker,
}

impl CountedTask {
    fn new() -> Self {
        let wakes = Arc::<Wakes>::default();
        CountedTask { waker: wakes.clone().into(), wakes }
    }
    fn cx(&self) -> Context<'_> {
        Context::from_waker(&self.waker)
    }
    /// Wake-ups since the last time.
    fn wakes(&self) -> usize {
        self.wakes.0.swap(0, Ordering::SeqCst)
    }
}

/// What one poll of a link gives.
fn recv_once<In: Incoming, Out: Outgoing>(
    link: &mut Link<In, Out>,
    task: &CountedTask,
) -> (Vec<In>, Poll<Result<(), LinkError>>) {
    let mut got = vec![];
    let polled = link.poll_recv(&mut task.cx(), &mut |m| got.push(m));
    (got, polled)
}

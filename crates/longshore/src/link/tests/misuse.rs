//! Strangers at the door, with raw bytes. Whatever they do, the next proper caller is let in.
use super::{Text, flush, hello, real, simulated, welcome};
use crate::address::Address;
use crate::link::accept::AcceptorCounts;
use crate::link::{Accepted, Acceptor, Link, dial};
use atomic_waker::AtomicWaker;
use futures_lite::future::zip;
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use longshore_proto::Reject;
use longshore_proto::handshake::{
    self, HandshakeError, MAGIC, PREFIX_BYTES, Reply, VERSION_MAX, VERSION_MIN,
};
use longshore_proto::limit::HANDSHAKE_BYTES_MAX;
use longshore_rt::{
    BoxConn, BoxFuture, BoxJob, Closed, DynRuntime, Endpoint, Instant, Listener, Runtime, RuntimeExt,
    TaskMeta,
};
use longshore_sim::{Sim, SimConfig, SimConn, SimListener, SimRuntime, SimSleep};
use std::future::{Future, poll_fn};
use std::io;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

/// Callers at a door that nobody has answered yet.
#[derive(Default)]
struct Inbox {
    callers: Mutex<Vec<Accepted>>,
    task: AtomicWaker,
}

impl Inbox {
    /// The next caller.
    async fn next(&self) -> Accepted {
        poll_fn(|cx| {
            self.task.register(cx.waker());
            self.callers.lock().unwrap().pop().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

struct Host {
    rt: DynRuntime,
    door: Acceptor,
    inbox: Arc<Inbox>,
}

impl Host {
    async fn new(rt: &DynRuntime) -> Host {
        let inbox = Arc::<Inbox>::default();
        let sink = inbox.clone();
        let take = move |caller| {
            sink.callers.lock().unwrap().push(caller);
            sink.task.wake();
        };
        let door = Acceptor::bind(rt, &Address::tcp("127.0.0.1", 0), take).await.unwrap();
        Host { rt: rt.clone(), door, inbox }
    }

    async fn connect(&self) -> BoxConn {
        self.rt.connect(&self.door.local().endpoint().unwrap()).await.unwrap()
    }

    /// Waits until the door's state is as it should be.
    async fn until(&self, done: impl Fn(&Acceptor) -> bool) {
        let polled = async {
            while !done(&self.door) {
                self.rt.sleep(Duration::from_millis(1)).await;
            }
        };
        let within = self.rt.timeout(Duration::from_secs(20), polled).await;
        within.unwrap_or_else(|_| panic!("{:?}", self.door));
    }

    async fn counted(&self, done: impl Fn(AcceptorCounts) -> bool) {
        self.until(|door| done(door.counts())).await;
    }

    /// A proper caller is let in.
    async fn still_works(&self) {
        let dialling = dial::<Text, Text>(&self.rt, self.door.local(), hello("me"));
        let letting_in = async {
            let mut link: Link<Text, Text> = self.inbox.next().await.welcome(welcome());
            flush(&mut link).await.unwrap();
            link
        };
        let both = self.rt.timeout(Duration::from_secs(20), zip(dialling, letting_in)).await;
        both.expect("in time").0.expect("let in");
    }
}

/// Everything that comes until the other side ends.
async fn answer(conn: &mut BoxConn) -> Vec<u8> {
    let mut answer = vec![];
    let _ = conn.read_to_end(&mut answer).await;
    answer
}

fn rejected(answer: &[u8]) -> Reject {
    let (prefix, body) = answer.split_first_chunk::<PREFIX_BYTES>().expect("an answer");
    assert_eq!(handshake::read_prefix(prefix).unwrap().0, body.len());
    match handshake::decode::<Reply>(body).unwrap() {
        Reply::Reject(reason) => reason,
        Reply::Welcome(welcome) => panic!("{welcome:?}"),
    }
}

fn proper() -> Vec<u8> {
    handshake::encode(&hello("raw")).unwrap()
}

/// Sends `bytes` and gives what comes back, and the host for further looks.
async fn say(rt: DynRuntime, bytes: Vec<u8>) -> (Vec<u8>, Host) {
    let host = Host::new(&rt).await;
    let mut conn = host.connect().await;
    let _ = conn.write_all(&bytes).await;
    let answer = answer(&mut conn).await;
    (answer, host)
}

macro_rules! both {
    ($($name:ident),* $(,)?) => {
        mod in_the_simulator {
            $(#[test] fn $name() { (0..10).for_each(|seed| super::simulated(seed, super::$name)) })*
        }
        mod over_tcp {
            $(#[test] fn $name() { super::real(super::$name) })*
        }
    };
}

both!(
    a_browser_is_hung_up_on,
    a_future_version_is_told_ours,
    a_giant_is_refused_before_it_arrives,
    a_body_that_is_no_hello_is_refused,
    trailing_bytes_in_the_body_are_refused,
    random_bytes_are_hung_up_on,
    half_a_hello_and_a_hang_up_is_counted,
    a_crowd_is_turned_away_at_once,
    a_hello_in_single_bytes_is_fine,
    a_caller_nobody_answers_holds_its_place,
);

async fn a_browser_is_hung_up_on(rt: DynRuntime) {
    let (answer, host) = say(rt, b"GET / HTTP/1.1\r\nHost: scheduler\r\n\r\n".to_vec()).await;
    assert_eq!(answer, b"");
    host.counted(|c| c.foreign == 1).await;
    host.still_works().await;
}

async fn a_future_version_is_told_ours(rt: DynRuntime) {
    let mut bytes = proper();
    bytes[4..8].copy_from_slice(&[9, 0, 12, 0]);
    let (answer, host) = say(rt, bytes).await;
    assert_eq!(rejected(&answer), Reject::Version { min: VERSION_MIN, max: VERSION_MAX });
    host.counted(|c| c.other_version == 1).await;
    host.still_works().await;
}

async fn a_giant_is_refused_before_it_arrives(rt: DynRuntime) {
    let mut bytes = proper();
    bytes[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
    // It goes on talking; the answer is not lost for that.
    bytes.resize(100_000, b'x');
    let (answer, host) = say(rt, bytes).await;
    let expected = HandshakeError::TooLong { bytes: u32::MAX as usize }.to_string();
    assert_eq!(rejected(&answer), Reject::Malformed { reason: expected });
    host.counted(|c| c.malformed == 1).await;
    host.still_works().await;
}

fn with_body(body: &[u8]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(VERSION_MIN.to_le_bytes());
    bytes.extend(VERSION_MAX.to_le_bytes());
    bytes.extend(u32::try_from(body.len()).unwrap().to_le_bytes());
    bytes.extend(body);
    bytes
}

async fn a_body_that_is_no_hello_is_refused(rt: DynRuntime) {
    let (answer, host) = say(rt, with_body(&[0xff; HANDSHAKE_BYTES_MAX - PREFIX_BYTES])).await;
    assert!(matches!(rejected(&answer), Reject::Malformed { .. }));
    host.counted(|c| c.malformed == 1).await;
    host.still_works().await;
}

async fn trailing_bytes_in_the_body_are_refused(rt: DynRuntime) {
    let mut body = proper()[PREFIX_BYTES..].to_vec();
    body.push(0);
    let (answer, host) = say(rt, with_body(&body)).await;
    assert!(matches!(rejected(&answer), Reject::Malformed { .. }));
    host.counted(|c| c.malformed == 1).await;
}

async fn random_bytes_are_hung_up_on(rt: DynRuntime) {
    let host = Host::new(&rt).await;
    let mut state = rt.entropy() | 1;
    for _ in 0..50 {
        let mut conn = host.connect().await;
        let bytes: Vec<u8> = (0..64)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                state.to_be_bytes()[0]
            })
            .collect();
        let _ = conn.write_all(&bytes).await;
        assert_eq!(answer(&mut conn).await, b"");
    }
    host.counted(|c| c.foreign == 50).await;
    host.still_works().await;
}

async fn half_a_hello_and_a_hang_up_is_counted(rt: DynRuntime) {
    let host = Host::new(&rt).await;
    for part in [0, 1, PREFIX_BYTES - 1, PREFIX_BYTES, PREFIX_BYTES + 1, proper().len() - 1] {
        let mut conn = host.connect().await;
        conn.write_all(&proper()[..part]).await.unwrap();
        drop(conn);
    }
    host.counted(|c| c.hung_up == 6).await;
    assert_eq!(host.door.counts().introduced, 0);
    host.still_works().await;
}

async fn a_crowd_is_turned_away_at_once(rt: DynRuntime) {
    let host = Host::new(&rt).await;
    let mut silent = vec![];
    for _ in 0..256 {
        silent.push(host.connect().await);
    }
    host.counted(|c| c.connections == 256).await;
    assert_eq!((host.door.strangers_len(), host.door.counts().crowded_out), (256, 0));
    for _ in 0..20 {
        let mut conn = host.connect().await;
        assert_eq!(answer(&mut conn).await, b"", "dropped at once");
    }
    assert_eq!(host.door.counts().crowded_out, 20);
    drop(silent);
    host.counted(|c| c.hung_up == 256).await;
    host.still_works().await;
}

async fn a_hello_in_single_bytes_is_fine(rt: DynRuntime) {
    let host = Host::new(&rt).await;
    let mut conn = host.connect().await;
    for byte in proper() {
        conn.write_all(&[byte]).await.unwrap();
        conn.flush().await.unwrap();
    }
    host.counted(|c| c.introduced == 1).await;
    assert_eq!(host.inbox.next().await.hello(), &hello("raw"));
}

async fn a_caller_nobody_answers_holds_its_place(rt: DynRuntime) {
    let host = Host::new(&rt).await;
    let mut conn = host.connect().await;
    conn.write_all(&proper()).await.unwrap();
    host.counted(|c| c.introduced == 1).await;
    assert_eq!(host.door.strangers_len(), 1);
    let caller = host.inbox.next().await;
    caller.reject(Reject::NameTaken { name: "raw".into() });
    assert_eq!(rejected(&answer(&mut conn).await), Reject::NameTaken { name: "raw".into() });
    drop(conn);
    host.until(|door| door.strangers_len() == 0).await;
}

/// A network whose listeners fail a few times before they accept: out of file descriptors, say.
#[derive(Clone)]
struct Exhausted {
    rt: SimRuntime,
    failures: u32,
}

struct ExhaustedListener {
    listener: SimListener,
    failures: u32,
}

impl Listener for ExhaustedListener {
    type Conn = SimConn;
    async fn accept(&mut self) -> io::Result<SimConn> {
        if self.failures > 0 {
            self.failures -= 1;
            return Err(io::Error::other("too many open files"));
        }
        self.listener.accept().await
    }
    fn local(&self) -> Endpoint {
        self.listener.local()
    }
}

impl Runtime for Exhausted {
    type Sleep = SimSleep;
    type Conn = SimConn;
    type Listener = ExhaustedListener;
    fn name(&self) -> &'static str {
        "exhausted"
    }
    fn spawn_raw(&self, meta: TaskMeta, fut: BoxFuture<'static, ()>) -> Result<(), Closed> {
        self.rt.spawn_raw(meta, fut)
    }
    fn spawn_blocking_raw(&self, meta: TaskMeta, job: BoxJob) -> Result<(), Closed> {
        self.rt.spawn_blocking_raw(meta, job)
    }
    fn now(&self) -> Instant {
        self.rt.now()
    }
    fn unix_now(&self) -> Duration {
        self.rt.unix_now()
    }
    fn sleep_until(&self, at: Instant) -> SimSleep {
        self.rt.sleep_until(at)
    }
    fn entropy(&self) -> u64 {
        self.rt.entropy()
    }
    fn connect(&self, to: &Endpoint) -> impl Future<Output = io::Result<SimConn>> + Send + 'static + use<> {
        self.rt.connect(to)
    }
    fn listen(
        &self,
        on: &Endpoint,
    ) -> impl Future<Output = io::Result<ExhaustedListener>> + Send + 'static + use<> {
        let (listening, failures) = (self.rt.listen(on), self.failures);
        async move { Ok(ExhaustedListener { listener: listening.await?, failures }) }
    }
}

#[test]
fn a_listener_that_fails_is_tried_again_ever_more_rarely() {
    let sim = Sim::new(SimConfig::seed(5));
    let rt = DynRuntime::without_block_on(Exhausted { rt: sim.node("here"), failures: 10 });
    sim.run(async {
        let begin = rt.now();
        let host = Host::new(&rt).await;
        host.still_works().await;
        assert_eq!(host.door.counts().accept_errors, 10);
        // 5 ms, doubled eight times to beyond a second, and then a second each.
        let expected = Duration::from_millis(5 + 10 + 20 + 40 + 80 + 160 + 320 + 640 + 2 * 1000);
        let took = rt.now() - begin;
        assert!(took >= expected && took < expected + Duration::from_millis(100), "{took:?}");
    })
    .unwrap();
}

#[test]
fn a_door_that_closes_leaves_nobody_standing() {
    simulated(6, |rt| async move {
        let host = Host::new(&rt).await;
        let mut silent = host.connect().await;
        host.counted(|c| c.connections == 1).await;
        let begin = rt.now();
        drop(host);
        assert_eq!(answer(&mut silent).await, b"");
        assert!(rt.now() - begin < Duration::from_millis(100), "not only when its time is up");
    });
}

#[test]
fn silence_and_trickles_are_closed_after_five_seconds() {
    simulated(3, |rt| async move {
        let host = Host::new(&rt).await;
        let begin = rt.now();
        let mut silent = host.connect().await;
        let (trickle_rt, mut trickle) = (rt.clone(), host.connect().await);
        rt.spawn("trickle", async move {
            for byte in proper() {
                trickle_rt.sleep(Duration::from_secs(1)).await;
                if trickle.write_all(&[byte]).await.is_err() {
                    return;
                }
            }
        })
        .detach();
        assert_eq!(answer(&mut silent).await, b"");
        let took = rt.now() - begin;
        assert!(took >= Duration::from_secs(5) && took < Duration::from_secs(6), "{took:?}");
        host.counted(|c| c.timed_out == 2).await;
        assert_eq!(host.door.strangers_len(), 0);
        host.still_works().await;
    });
}

#[test]
fn a_refused_caller_that_does_not_leave_is_left() {
    simulated(4, |rt| async move {
        let host = Host::new(&rt).await;
        let mut conn = host.connect().await;
        let mut bytes = proper();
        bytes[4..8].copy_from_slice(&[9, 0, 12, 0]);
        conn.write_all(&bytes).await.unwrap();
        host.counted(|c| c.other_version == 1).await;
        rt.sleep(Duration::from_secs(2)).await;
        assert_eq!(host.door.strangers_len(), 0);
        assert!(matches!(rejected(&answer(&mut conn).await), Reject::Version { .. }));
    });
}

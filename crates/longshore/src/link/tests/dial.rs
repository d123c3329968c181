//! Dialling and being let in, on simulated sockets, real ones and names of this process.
use super::{Text, close, flush, hello, real, receive, receive_all, simulated, welcome};
use crate::address::Address;
use crate::link::{
    Accepted, Acceptor, ConnectError, Link, LinkError, ListenError, dial, dial_to_attend, pair,
};
use longshore_proto::handshake::{HandshakeError, VERSION_MAX};
use longshore_proto::limit::HANDSHAKE_BYTES_MAX;
use longshore_proto::{PeerId, Reject, Role};
use longshore_rt::{Conn, DynRuntime, Endpoint, Listener, Runtime, RuntimeExt};
use rustix::event::{PollFd, PollFlags};
use std::future::{Future, poll_fn};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

type TextLink = Link<Text, Text>;

/// A role that answers every caller by name: "no" is refused, "mute" hung up on, everybody else let in and echoed.
async fn doorkeeper(rt: &DynRuntime, on: &Address) -> Acceptor {
    let tasks = rt.clone();
    let answer = move |caller: Accepted| {
        let Role::Client(client) = &caller.hello().role else { return caller.reject(Reject::Closing) };
        match &*client.name {
            "no" => caller.reject(Reject::Token),
            "mute" => drop(caller),
            _ => tasks.spawn("echo", echo(caller.welcome(welcome()))).detach(),
        }
    };
    Acceptor::bind(rt, on, answer).await.unwrap()
}

async fn echo(mut link: TextLink) {
    flush(&mut link).await.unwrap(); // the welcome
    loop {
        let (got, lost) = receive(&mut link, 1).await;
        got.into_iter().for_each(|m| link.send(m).unwrap());
        if flush(&mut link).await.is_err() || lost.is_some() {
            let _ = close(&mut link).await;
            return;
        }
    }
}

async fn everybody_gets_their_answer(rt: DynRuntime, on: Address) {
    let door = doorkeeper(&rt, &on).await;
    let (mut link, said) = dial::<Text, Text>(&rt, door.local(), hello("yes")).await.unwrap();
    assert_eq!((said.peer, said.incarnation, said.version), (PeerId(3), 9, VERSION_MAX));
    assert_eq!(link.is_local(), on.is_inproc());
    let sent: Vec<Text> = (0..5000).map(|n| (n, "x".repeat(n as usize % 300))).collect();
    sent.iter().for_each(|m| link.send(m.clone()).unwrap());
    // The echo stops reading while it cannot write, so both directions go on at once.
    let mut got = vec![];
    poll_fn(|cx| {
        let _ = link.poll_flush(cx).map(Result::unwrap);
        let _ = link.poll_recv(cx, &mut |m| got.push(m)).map(Result::unwrap);
        if got.len() == sent.len() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    assert_eq!(got, sent);
    close(&mut link).await.unwrap();
    assert!(matches!(receive_all(&mut link).await, (rest, LinkError::Closed) if rest.is_empty()));

    let refused = dial::<Text, Text>(&rt, door.local(), hello("no")).await.unwrap_err();
    assert!(matches!(&refused, ConnectError::Rejected { reason: Reject::Token, .. }), "{refused}");
    assert!(refused.to_string().contains("token"), "{refused}");
    let hung_up = dial::<Text, Text>(&rt, door.local(), hello("mute")).await.unwrap_err();
    assert!(matches!(&hung_up, ConnectError::HungUp { .. }), "{hung_up}");
    // Who is hung up on over the shortcut tries the port too.
    let has_shortcut = cfg!(target_os = "linux") && rt.name() != "sim" && on == loopback();
    let again = u64::from(has_shortcut);
    assert_eq!((door.counts().connections, door.counts().introduced), (3 + again, 3 + again));
    assert_eq!(door.counts().malformed + door.counts().hung_up, 0);

    let local = door.local().clone();
    door.close().await;
    let late = dial::<Text, Text>(&rt, &local, hello("late")).await.unwrap_err();
    assert!(matches!(&late, ConnectError::Refused { .. } | ConnectError::NotFound { .. }), "{late}");
}

fn loopback() -> Address {
    Address::tcp("127.0.0.1", 0)
}

#[test]
fn answers_over_simulated_sockets() {
    for seed in 0..20 {
        simulated(seed, |rt| everybody_gets_their_answer(rt, loopback()));
    }
}

#[test]
fn answers_over_tcp() {
    real(|rt| everybody_gets_their_answer(rt, loopback()));
}

/// How a caller of this address is seen from the other side.
async fn seen_as(rt: &DynRuntime, has_shortcut: bool) -> String {
    let seen = Arc::new(Mutex::new(String::new()));
    let (tasks, name) = (rt.clone(), seen.clone());
    let answer = move |caller: Accepted| {
        *name.lock().unwrap() = caller.peer().to_owned();
        tasks.spawn("echo", echo(caller.welcome(welcome()))).detach();
    };
    let door = Acceptor::bind_with(rt, &loopback(), has_shortcut, answer).await.unwrap();
    dial::<Text, Text>(rt, door.local(), hello("yes")).await.unwrap();
    let local = door.local().clone();
    door.close().await;
    let late = dial::<Text, Text>(rt, &local, hello("late")).await.unwrap_err();
    assert!(matches!(&late, ConnectError::Refused { .. }), "{late}");
    seen.lock().unwrap().clone()
}

#[test]
#[cfg(target_os = "linux")]
fn callers_of_this_machine_take_the_shortcut_where_there_is_one() {
    real(|rt| async move {
        assert_eq!(seen_as(&rt, true).await, "unix");
        assert!(seen_as(&rt, false).await.starts_with("127.0.0.1:"));
    });
}

#[test]
#[cfg(target_os = "linux")]
fn a_shortcut_that_cannot_be_had_is_done_without() {
    real(|rt| async move {
        let first = doorkeeper(&rt, &loopback()).await;
        let Address::Tcp { port, .. } = *first.local() else { panic!("not TCP") };
        first.close().await;
        // The name is still that of somebody who is going.
        let name = Endpoint::abstract_name(format!("longshore/127.0.0.1/{port}"));
        let other = rt.listen(&name).await.unwrap();
        let door = doorkeeper(&rt, &Address::tcp("127.0.0.1", port)).await;
        drop(other);
        dial::<Text, Text>(&rt, door.local(), hello("yes")).await.unwrap();
        assert_eq!(door.counts().introduced, 1);
    });
}

/// Takes callers of the shortcut to a door, does something with each, and dials the door meanwhile.
#[cfg(target_os = "linux")]
async fn dial_beside<F>(rt: DynRuntime, answer: impl Fn(<DynRuntime as Runtime>::Conn) -> F + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    let (tasks, on) = (rt.clone(), loopback());
    let answer_calls = move |caller: Accepted| {
        tasks.spawn("echo", echo(caller.welcome(welcome()))).detach();
    };
    let door = Acceptor::bind_with(&rt, &on, false, answer_calls).await.unwrap();
    let Address::Tcp { port, .. } = *door.local() else { panic!("not TCP") };
    let name = Endpoint::abstract_name(format!("longshore/127.0.0.1/{port}"));
    let mut other = rt.listen(&name).await.unwrap();
    let was_asked = Arc::new(AtomicBool::new(false));
    let is_asked = was_asked.clone();
    let stranger = rt.spawn("stranger", async move {
        let conn = other.accept().await.unwrap();
        is_asked.store(true, Ordering::Relaxed);
        answer(conn).await;
    });
    dial::<Text, Text>(&rt, door.local(), hello("yes")).await.unwrap();
    assert_eq!(door.counts().introduced, 1);
    assert!(was_asked.load(Ordering::Relaxed), "the shortcut is tried first");
    stranger.abort();
}

#[test]
#[cfg(target_os = "linux")]
fn the_port_is_dialled_when_the_shortcut_leads_to_somebody_else() {
    use futures_lite::{AsyncReadExt, AsyncWriteExt};
    real(|rt| dial_beside(rt, |conn| async move { drop(conn) }));
    real(|rt| {
        dial_beside(rt, |mut conn| async move {
            let _ = conn.read(&mut [0; 1024]).await;
            let _ = conn.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        })
    });
}

#[test]
#[cfg(target_os = "linux")]
fn who_is_silent_on_the_shortcut_is_not_met_a_second_time_at_the_port() {
    real(|rt| async move {
        let (tasks, on) = (rt.clone(), loopback());
        let answer = move |caller: Accepted| {
            tasks.spawn("echo", echo(caller.welcome(welcome()))).detach();
        };
        let door = Acceptor::bind_with(&rt, &on, false, answer).await.unwrap();
        let Address::Tcp { port, .. } = *door.local() else { panic!("not TCP") };
        let name = Endpoint::abstract_name(format!("longshore/127.0.0.1/{port}"));
        // Its kernel takes the call and the hello.
        let _busy = rt.listen(&name).await.unwrap();
        let error = dial::<Text, Text>(&rt, door.local(), hello("yes")).await.unwrap_err();
        assert!(matches!(&error, ConnectError::TimedOut { .. }), "{error}");
        assert_eq!(door.counts().connections, 0);
    });
}

/// The link's attendance is there only for who wants it, and goes when the link is cut.
#[test]
fn only_a_link_that_is_to_be_attended_keeps_its_socket_for_others() {
    real(|rt| async move {
        let door = doorkeeper(&rt, &loopback()).await;
        let (link, _) = dial::<Text, Text>(&rt, door.local(), hello("yes")).await.unwrap();
        assert!(link.attendance().is_none());
        let (mut link, _) = dial_to_attend::<Text, Text>(&rt, door.local(), hello("yes")).await.unwrap();
        let attendance = Arc::downgrade(link.attendance().unwrap());
        link.cut();
        assert!(link.attendance().is_none() && attendance.upgrade().is_none());
    });
}

/// What comes is heard by whoever reads, thread or runtime, each time the other takes over.
#[test]
fn a_thread_and_the_runtime_take_turns_at_reading() {
    real(|rt| async move {
        let door = doorkeeper(&rt, &loopback()).await;
        let (mut link, _) = dial_to_attend::<Text, Text>(&rt, door.local(), hello("yes")).await.unwrap();
        for n in 0..50 {
            let attended = n % 3 != 0;
            link.attend(attended);
            link.send((n, "x".into())).unwrap();
            flush(&mut link).await.unwrap();
            if !attended {
                assert_eq!(receive(&mut link, 1).await.0, [(n, "x".into())]);
                continue;
            }
            let mut got = vec![];
            while got.is_empty() {
                let attendance = link.attendance().unwrap();
                let socket = attendance.socket();
                rustix::event::poll(&mut [PollFd::new(&socket, PollFlags::IN)], None).unwrap();
                attendance.is_readable();
                link.attend(true);
                poll_fn(|cx| {
                    let _ = link.poll_recv(cx, &mut |m| got.push(m)).map(Result::unwrap);
                    Poll::Ready(())
                })
                .await;
            }
            assert_eq!(got, [(n, "x".into())]);
        }
    });
}

#[test]
fn answers_over_a_unix_socket() {
    let name = format!("longshore-link-{}.sock", std::process::id());
    let path = std::env::temp_dir().join(name);
    real(|rt| everybody_gets_their_answer(rt, Address::unix(&path)));
    assert!(!path.exists());
}

#[test]
fn answers_in_process() {
    real(|rt| everybody_gets_their_answer(rt, Address::unique_inproc("dial")));
    simulated(1, |rt| everybody_gets_their_answer(rt, Address::unique_inproc("dial")));
}

#[test]
fn a_name_is_taken_once() {
    simulated(1, |rt| async move {
        let on = Address::unique_inproc("taken");
        let first = doorkeeper(&rt, &on).await;
        let second = Acceptor::bind(&rt, &on, |_| {}).await.unwrap_err();
        assert!(matches!(&second, ListenError::InUse { .. }));
        assert!(second.to_string().contains(&on.to_string()), "{second}");
        drop(first);
        doorkeeper(&rt, &on).await;
    });
}

#[test]
fn a_port_is_taken_once() {
    real(|rt| async move {
        let first = doorkeeper(&rt, &loopback()).await;
        let second = Acceptor::bind(&rt, first.local(), |_| {}).await.unwrap_err();
        assert!(matches!(&second, ListenError::InUse { .. }), "{second}");
        let strange = Acceptor::bind(&rt, &Address::tcp("192.0.2.1", 0), |_| {}).await.unwrap_err();
        assert!(matches!(&strange, ListenError::Unavailable { .. }), "{strange}");
    });
}

/// Dials somebody who takes one connection and does `answer` with it.
async fn dial_a_stranger<F>(
    rt: DynRuntime,
    answer: impl FnOnce(<DynRuntime as Runtime>::Conn) -> F,
) -> ConnectError
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut listener = rt.listen(&Endpoint::tcp("127.0.0.1", 0)).await.unwrap();
    let address = Address::from(listener.local());
    let stranger = async {
        let conn = listener.accept().await.unwrap();
        rt.spawn("stranger", answer(conn)).detach();
    };
    let dialling = dial::<Text, Text>(&rt, &address, hello("me"));
    let ((), dialled) = futures_lite::future::zip(stranger, dialling).await;
    let error = dialled.unwrap_err();
    assert!(error.to_string().contains(&address.to_string()), "names the address: {error}");
    error
}

#[test]
fn a_web_server_is_recognised() {
    use futures_lite::{AsyncReadExt, AsyncWriteExt};
    let error = simulated(1, |rt| {
        dial_a_stranger(rt, |mut conn| async move {
            let _ = conn.read(&mut [0; 1024]).await;
            let _ = conn.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        })
    });
    assert!(matches!(&error, ConnectError::Protocol { reason: HandshakeError::Magic { .. }, .. }), "{error}");
    assert!(!error.is_transient());
}

#[test]
fn silence_is_given_up() {
    let begin = Duration::ZERO;
    let (error, took) = simulated(1, |rt| async move {
        let clock = rt.clone();
        let before = clock.now();
        let error = dial_a_stranger(rt.clone(), move |conn| async move {
            rt.sleep(Duration::from_secs(60)).await;
            drop(conn);
        })
        .await;
        (error, clock.now() - before)
    });
    assert!(matches!(&error, ConnectError::TimedOut { .. }), "{error}");
    assert!(took > begin && took <= Duration::from_millis(5_001), "{took:?}");
    assert!(error.is_transient());
}

#[test]
fn half_an_answer_is_a_hang_up() {
    use futures_lite::AsyncWriteExt;
    let error = simulated(1, |rt| {
        dial_a_stranger(rt, |conn| async move {
            let (_reader, mut writer) = conn.split();
            let _ = writer.write_all(b"LSHR\x01\x00").await;
        })
    });
    assert!(matches!(&error, ConnectError::HungUp { .. }), "{error}");
}

#[test]
fn nobody_at_the_port_is_refused() {
    real(|rt| async move {
        let listener = rt.listen(&Endpoint::tcp("127.0.0.1", 0)).await.unwrap();
        let address = Address::from(listener.local());
        drop(listener);
        let error = dial::<Text, Text>(&rt, &address, hello("me")).await.unwrap_err();
        assert!(matches!(&error, ConnectError::Refused { .. }), "{error}");
    });
}

#[test]
fn a_closed_door_can_be_opened_again_at_once() {
    real(|rt| async move {
        let door = doorkeeper(&rt, &loopback()).await;
        let (at, name) = (door.local().clone(), Address::unique_inproc("again"));
        door.close().await;
        doorkeeper(&rt, &at).await.close().await;
        doorkeeper(&rt, &name).await.close().await;
        doorkeeper(&rt, &name).await.close().await;
    });
}

#[test]
fn an_unknown_name_or_path_is_not_found() {
    real(|rt| async move {
        for address in ["inproc://nobody-is-called-that", "unix:///nonexistent/longshore.sock"] {
            let error = dial::<Text, Text>(&rt, &address.parse().unwrap(), hello("me")).await.unwrap_err();
            assert!(matches!(&error, ConnectError::NotFound { .. }), "{error}");
        }
    });
}

#[test]
fn a_hello_too_long_to_send_is_the_callers_fault() {
    let error = simulated(1, |rt| async move {
        let door = doorkeeper(&rt, &loopback()).await;
        dial::<Text, Text>(&rt, door.local(), hello(&"x".repeat(HANDSHAKE_BYTES_MAX))).await.unwrap_err()
    });
    assert!(matches!(&error, ConnectError::Hello { .. }), "{error}");
}

#[test]
fn local_callers_with_other_messages_are_hung_up_on() {
    simulated(1, |rt| async move {
        let on = Address::unique_inproc("mistaken");
        let door = doorkeeper(&rt, &on).await;
        let error = dial::<u64, u64>(&rt, door.local(), hello("yes")).await.unwrap_err();
        assert!(matches!(&error, ConnectError::HungUp { .. }), "{error}");
    });
}

#[test]
fn a_local_caller_waits_until_the_role_answers() {
    simulated(1, |rt| async move {
        let on = Address::unique_inproc("slow");
        let waiting = Arc::new(Mutex::new(vec![]));
        let inbox = waiting.clone();
        let door = Acceptor::bind(&rt, &on, move |caller| inbox.lock().unwrap().push(caller)).await.unwrap();
        let dialler = rt.clone();
        let task = rt.spawn("dial", async move { dial::<Text, Text>(&dialler, &on, hello("me")).await });
        rt.sleep(Duration::from_secs(1)).await;
        let caller: Accepted = waiting.lock().unwrap().pop().unwrap();
        assert!(caller.is_local() && caller.peer().contains("client \"me\""), "{}", caller.peer());
        assert!(!format!("{caller:?}").contains("secret"), "the token is not logged");
        let mut near: TextLink = caller.welcome(welcome());
        let (mut far, _) = task.await.unwrap().unwrap();
        far.send((1, "a".into())).unwrap();
        flush(&mut far).await.unwrap();
        assert_eq!(receive(&mut near, 1).await.0.len(), 1);
        assert_eq!(door.counts().introduced, 1);
    });
}

#[test]
fn local_ends_know_each_other_by_name() {
    let (a, b) = pair::<u8, u8>("scheduler", "worker");
    assert_eq!((a.peer(), b.peer()), ("worker", "scheduler"));
}

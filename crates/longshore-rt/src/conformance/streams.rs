//! Rules on byte streams.
use super::in_time;
use crate::{Conn, Endpoint, Listener, Runtime, RuntimeExt};
use futures_lite::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, future};
use std::io::{ErrorKind, IoSlice};
use std::pin::pin;
use std::time::Duration;

/// Bytes whose order shows.
fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n * 31 + n / 251) as u8).collect()
}

async fn listen<R: Runtime>(rt: &R, on: &Endpoint) -> R::Listener {
    in_time(rt, "listen returns", rt.listen(on)).await.expect("the endpoint can be listened on")
}

/// A connected pair, and the listener that must not be dropped before its connections are done.
async fn pair<R: Runtime>(rt: &R, on: &Endpoint) -> (R::Conn, R::Conn, R::Listener) {
    let mut listener = listen(rt, on).await;
    let near = in_time(rt, "connect needs no accept", rt.connect(&listener.local())).await;
    let far = in_time(rt, "accept returns", listener.accept()).await;
    (near.expect("a listener can be connected to"), far.expect("a connection can be accepted"), listener)
}

async fn read_all<R: Runtime>(rt: &R, rule: &str, reader: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut bytes = Vec::new();
    in_time(rt, rule, reader.read_to_end(&mut bytes)).await.expect("reading does not fail");
    bytes
}

async fn write<R: Runtime>(rt: &R, writer: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) {
    in_time(rt, "writing makes progress", writer.write_all(bytes)).await.expect("writing does not fail");
}

pub(super) async fn local<R: Runtime>(rt: &R, on: &Endpoint) {
    let listener = listen(rt, on).await;
    match (on, listener.local()) {
        (Endpoint::Tcp { .. }, Endpoint::Tcp { port, .. }) => assert_ne!(port, 0, "the chosen port is told"),
        (on, local) => assert_eq!(on, &local, "the local endpoint is the one that was asked for"),
    }
    let again = in_time(rt, "listen returns", rt.listen(&listener.local())).await;
    let kind = again.err().map(|e| e.kind());
    assert_eq!(kind, Some(ErrorKind::AddrInUse), "an endpoint can be listened on once");
    drop(listener);

    let (near, far, _listener) = pair(rt, on).await;
    assert!(!near.peer().is_empty() && !far.peer().is_empty(), "a connection's peer has a name");
}

pub(super) async fn half_close<R: Runtime>(rt: &R, on: &Endpoint) {
    let (near, far, _listener) = pair(rt, on).await;
    let sent = pattern(100_000);
    let rt2 = rt.clone();
    let echo = rt.spawn("echo", async move {
        let (mut reader, mut writer) = far.split();
        let bytes = read_all(&rt2, "close ends the peer's reads", &mut reader).await;
        write(&rt2, &mut writer, &bytes).await;
    });
    let (mut reader, mut writer) = near.split();
    write(rt, &mut writer, &sent).await;
    in_time(rt, "close returns", writer.close()).await.expect("closing does not fail");
    let back = read_all(rt, "reads go on after close", &mut reader).await;
    assert!(back == sent, "bytes arrive unchanged and in order");
    in_time(rt, "the echo ends", echo).await.expect("the echo does not fail");
}

pub(super) async fn writer_drop<R: Runtime>(rt: &R, on: &Endpoint) {
    let (near, far, _listener) = pair(rt, on).await;
    let (mut near_reader, mut near_writer) = near.split();
    let (mut far_reader, mut far_writer) = far.split();
    write(rt, &mut near_writer, b"to far").await;
    drop(near_writer);
    // Both readers live, so nothing but the dropped writers can end the streams.
    let rule = "dropping a connector's writer sends FIN while its reader lives";
    assert_eq!(read_all(rt, rule, &mut far_reader).await, b"to far");
    write(rt, &mut far_writer, b"to near").await;
    drop(far_writer);
    let rule = "dropping an acceptor's writer sends FIN while its reader lives";
    assert_eq!(read_all(rt, rule, &mut near_reader).await, b"to near");
    drop((near_reader, far_reader));
}

pub(super) async fn unsplit<R: Runtime>(rt: &R, on: &Endpoint) {
    let (mut near, mut far, _listener) = pair(rt, on).await;
    write(rt, &mut near, b"ping").await;
    let mut buf = [0; 4];
    in_time(rt, "bytes arrive without a split", far.read_exact(&mut buf))
        .await
        .expect("reading does not fail");
    assert_eq!(&buf, b"ping");
    write(rt, &mut far, b"pong").await;
    in_time(rt, "close returns", far.close()).await.expect("closing does not fail");
    assert_eq!(read_all(rt, "close ends the peer's reads without a split", &mut near).await, b"pong");
    drop(near);
}

/// Writes everything and reads everything at once, as no side could do alone once buffers are full.
async fn exchange<R: Runtime>(rt: R, conn: R::Conn, sent: Vec<u8>) -> Vec<u8> {
    let (mut reader, mut writer) = conn.split();
    let rt2 = rt.clone();
    let writing = rt.spawn("writing", async move {
        for chunk in sent.chunks(1_000) {
            write(&rt2, &mut writer, chunk).await;
        }
        in_time(&rt2, "close returns", writer.close()).await.expect("closing does not fail");
    });
    let received = read_all(&rt, "both directions flow at once", &mut reader).await;
    in_time(&rt, "the writer ends", writing).await.expect("the writer does not fail");
    received
}

pub(super) async fn both_ways<R: Runtime>(rt: &R, on: &Endpoint) {
    let (near, far, _listener) = pair(rt, on).await;
    let (down, up) = (pattern(400_000), pattern(300_000));
    let there = rt.spawn("far", exchange(rt.clone(), far, up.clone()));
    let here = exchange(rt.clone(), near, down.clone()).await;
    let there = in_time(rt, "the far side ends", there).await.expect("the far side does not fail");
    assert!(here == up && there == down, "bytes arrive unchanged and in order, both ways");
}

pub(super) async fn vectored<R: Runtime>(rt: &R, on: &Endpoint) {
    let (near, far, _listener) = pair(rt, on).await;
    let sent = pattern(50_000);
    let expected = sent.clone();
    let rt2 = rt.clone();
    let writing = rt.spawn("vectored", async move {
        let (_reader, mut writer) = near.split();
        let mut at = 0;
        while at < sent.len() {
            let slices: Vec<_> = sent[at..].chunks(700).take(16).map(IoSlice::new).collect();
            let n = in_time(&rt2, "vectored writes make progress", writer.write_vectored(&slices)).await;
            at += n.expect("a vectored write does not fail");
        }
    });
    let (mut reader, _writer) = far.split();
    let received = read_all(rt, "the end of a vectored stream arrives", &mut reader).await;
    assert!(received == expected, "a vectored write counts what it has sent");
    in_time(rt, "the writer ends", writing).await.expect("the writer does not fail");
}

pub(super) async fn accept_is_cancel_safe<R: Runtime>(rt: &R, on: &Endpoint) {
    let mut listener = listen(rt, on).await;
    assert!(future::poll_once(pin!(listener.accept())).await.is_none(), "accept waits for a connection");
    let to = listener.local();
    let mut near = in_time(rt, "connect needs no accept", rt.connect(&to)).await.expect("connect works");
    let mut far =
        in_time(rt, "a cancelled accept loses no connection", listener.accept()).await.expect("accept works");
    write(rt, &mut near, b"x").await;
    in_time(rt, "bytes arrive", far.read_exact(&mut [0])).await.expect("reading does not fail");
    drop(rt.connect(&to)); // a connect that is never polled is nothing at all
    assert!(future::poll_once(pin!(listener.accept())).await.is_none(), "one connect is one accept");
}

pub(super) async fn peer_gone<R: Runtime>(rt: &R, on: &Endpoint) {
    let (near, far, _listener) = pair(rt, on).await;
    let (mut reader, mut writer) = near.split();
    drop(far);
    let rest = read_all(rt, "reading from a peer that is gone ends", &mut reader).await;
    assert!(rest.is_empty(), "a peer that wrote nothing has sent nothing");
    let chunk = [0; 1024];
    let until_error = async {
        loop {
            if let Err(error) = writer.write(&chunk).await {
                break error;
            }
            rt.sleep(Duration::from_millis(1)).await;
        }
    };
    let kind = in_time(rt, "writing to a peer that is gone fails", until_error).await.kind();
    let expected = [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset, ErrorKind::ConnectionAborted];
    assert!(expected.contains(&kind), "writing to a peer that is gone fails as {kind:?}");
}

/// A writer waits while its peer does not read. All flow control above rests on this.
pub(super) async fn backpressure<R: Runtime>(rt: &R, on: &Endpoint) {
    const MORE_THAN_BUFFERS_HOLD: usize = 256 << 20;
    let (near, far, _listener) = pair(rt, on).await;
    let (_near_reader, mut writer) = near.split();
    let (mut reader, _far_writer) = far.split();
    let mut chunk = vec![0; 64 << 10];
    let mut sent = 0;
    while let Ok(written) = rt.timeout(Duration::from_millis(50), writer.write(&chunk)).await {
        sent += written.expect("writing does not fail");
        assert!(sent < MORE_THAN_BUFFERS_HOLD, "a writer waits while its peer does not read");
    }
    let read_sent = async {
        while sent > 0 {
            let most = sent.min(chunk.len());
            sent -= reader.read(&mut chunk[..most]).await.expect("reading does not fail");
        }
    };
    in_time(rt, "a write that was given up has sent nothing more or less", read_sent).await;
    write(rt, &mut writer, b"on").await;
    let mut buf = [0; 2];
    in_time(rt, "bytes flow again", reader.read_exact(&mut buf)).await.expect("reading does not fail");
    assert_eq!(&buf, b"on", "a write that was given up has sent nothing more or less");
}

pub(super) async fn refused<R: Runtime>(rt: &R, on: &Endpoint) {
    let expected = match on {
        Endpoint::Tcp { .. } | Endpoint::Abstract(_) => ErrorKind::ConnectionRefused,
        Endpoint::Unix(_) => ErrorKind::NotFound, // the file goes with its listener
    };
    // Somebody else on this machine may take a port the moment it is free, but not each time.
    let mut seen = None;
    for _ in 0..5 {
        let listener = listen(rt, on).await;
        let gone = listener.local();
        drop(listener);
        seen = in_time(rt, "connecting to nobody returns", rt.connect(&gone)).await.err().map(|e| e.kind());
        let again = in_time(rt, "listen returns", rt.listen(&gone)).await;
        if seen == Some(expected) && again.is_ok() {
            return;
        }
    }
    panic!(
        "rule broken on {}: a closed listener refuses, as {expected:?} and not {seen:?}, and can be reopened",
        rt.name()
    );
}

//! mio's sockets behind [`Conn`] and [`Listener`].
use super::reactor::Reactor;
use super::source::{Kind, Registered, Way};
use crate::halves::{self, Duplex};
use crate::socket_file::SocketFile;
use crate::{Endpoint, Listener, SharedSocket, abstract_socket};
use mio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use std::future::poll_fn;
use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::task::{Context, Poll};

#[derive(Clone, Debug)]
pub(super) enum Socket {
    Tcp(Arc<Registered<TcpStream>>),
    Unix(Arc<Registered<UnixStream>>),
}

/// Does the same with either kind.
macro_rules! each {
    ($socket:expr, $s:ident => $call:expr) => {
        match $socket {
            Socket::Tcp($s) => $call,
            Socket::Unix($s) => $call,
        }
    };
}

impl Socket {
    pub(super) fn tcp(stream: Registered<TcpStream>) -> Self {
        Socket::Tcp(Arc::new(stream))
    }

    pub(super) fn unix(stream: Registered<UnixStream>) -> Self {
        Socket::Unix(Arc::new(stream))
    }
}

impl Duplex for Socket {
    fn poll_read(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let room = buf.len();
        each!(self, s => s.poll_with(Way::In, cx, |mut s| s.read(buf), |n| (1..room).contains(n)))
    }

    fn poll_write(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        each!(self, s => s.poll_with(Way::Out, cx, |mut s| s.write(buf), |n| *n < buf.len()))
    }

    fn poll_write_vectored(&self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let total = bufs.iter().map(|buf| buf.len()).sum::<usize>();
        // Of more slices than the kernel takes at once, less than all does not mean that it is full.
        const SLICES_LEN_MAX: usize = 1024;
        let is_drained = |n: &usize| *n < total && bufs.len() <= SLICES_LEN_MAX;
        each!(self, s => s.poll_with(Way::Out, cx, |mut s| s.write_vectored(bufs), is_drained))
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        each!(self, s => s.socket().shutdown(how))
    }

    fn peer(&self) -> String {
        match self {
            Socket::Tcp(s) => {
                s.socket().peer_addr().map_or_else(|_| "disconnected".into(), |a| a.to_string())
            }
            Socket::Unix(_) => "unix".into(),
        }
    }

    fn shared(&self) -> Option<Box<dyn SharedSocket>> {
        Some(Box::new(self.clone()))
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        each!(self, s => s.socket().as_fd())
    }
}

impl SharedSocket for Socket {
    fn unwatch(&self) {
        each!(self, s => s.unwatch());
    }
}

halves::conn! {
    Socket,
    /// A connection of an [`OwnedExecutor`](super::OwnedExecutor).
    OwnedConn,
    /// The read half of an [`OwnedConn`].
    OwnedReader,
    /// The write half of an [`OwnedConn`]. Sends FIN when dropped.
    OwnedWriter
}

/// A listening socket of an [`OwnedExecutor`](super::OwnedExecutor).
#[derive(Debug)]
pub struct OwnedListener {
    socket: Bound,
    local: Endpoint,
    reactor: Arc<Reactor>,
}

#[derive(Debug)]
pub(super) enum Bound {
    Tcp(Registered<TcpListener>),
    Unix(Registered<UnixListener>, #[allow(dead_code, reason = "held for its destructor")] SocketFile),
    Abstract(Registered<UnixListener>),
}

impl OwnedListener {
    pub(super) fn new(socket: Bound, local: Endpoint, reactor: Arc<Reactor>) -> Self {
        OwnedListener { socket, local, reactor }
    }
}

impl Listener for OwnedListener {
    type Conn = OwnedConn;

    async fn accept(&mut self) -> io::Result<OwnedConn> {
        let socket = match &self.socket {
            Bound::Tcp(listener) => {
                let accept = poll_fn(|cx| listener.poll_with(Way::In, cx, TcpListener::accept, |_| false));
                let (stream, _) = accept.await?;
                // Fails only when the peer is gone already, which the first read will tell.
                let _ = stream.set_nodelay(true);
                Socket::tcp(self.reactor.register(stream, Kind::Tcp)?)
            }
            Bound::Unix(listener, _) => {
                let stream = next_on(listener).await?;
                Socket::unix(self.reactor.register(stream, Kind::Unix)?)
            }
            Bound::Abstract(listener) => loop {
                let stream = next_on(listener).await?;
                if abstract_socket::same_user(&stream).is_ok() {
                    break Socket::unix(self.reactor.register(stream, Kind::Unix)?);
                }
            },
        };
        Ok(OwnedConn::new(socket))
    }

    fn local(&self) -> Endpoint {
        self.local.clone()
    }
}

async fn next_on(listener: &Registered<UnixListener>) -> io::Result<UnixStream> {
    let accept = |cx: &mut Context<'_>| listener.poll_with(Way::In, cx, UnixListener::accept, |_| false);
    Ok(poll_fn(accept).await?.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BlockOn, Conn, OwnedExecutor, Runtime};
    use futures_lite::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
    use mio::Interest;
    use std::os::fd::OwnedFd;
    use std::pin::Pin;

    fn pair_on(rt: &OwnedExecutor, on: Endpoint) -> (OwnedConn, OwnedConn) {
        let connect = async {
            let mut listener = rt.listen(&on).await.unwrap();
            let near = rt.connect(&listener.local()).await.unwrap();
            (near, listener.accept().await.unwrap())
        };
        rt.block_on(connect).unwrap()
    }

    fn pair(rt: &OwnedExecutor) -> (OwnedConn, OwnedConn) {
        pair_on(rt, Endpoint::tcp("127.0.0.1", 0))
    }

    fn watched(conn: &OwnedConn) -> Option<Interest> {
        each!(&conn.socket, s => s.watched())
    }

    #[test]
    fn both_sides_set_nodelay() {
        let rt = OwnedExecutor::new().unwrap();
        let (near, far) = pair(&rt);
        for conn in [near, far] {
            let Socket::Tcp(socket) = &conn.socket else { panic!("not TCP: {conn:?}") };
            assert!(socket.socket().nodelay().unwrap());
        }
    }

    /// Reads a byte from the socket itself, not through the runtime.
    fn read_here(mut socket: &std::net::TcpStream) -> u8 {
        let mut byte = [0];
        loop {
            match socket.read(&mut byte) {
                Ok(_) => return byte[0],
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => std::thread::yield_now(),
                Err(e) => panic!("{e}"),
            }
        }
    }

    #[test]
    fn what_a_thread_waits_for_itself_is_not_watched_until_somebody_waits_again() {
        let rt = OwnedExecutor::new().unwrap();
        let (mut near, mut far) = pair(&rt);
        let shared = near.socket().unwrap();
        let here: OwnedFd = shared.as_fd().try_clone_to_owned().unwrap();
        let here = std::net::TcpStream::from(here);
        for _ in 0..3 {
            shared.unwatch();
            assert_eq!(watched(&near), None);
            rt.block_on(far.write_all(b"a")).unwrap().unwrap();
            assert_eq!(read_here(&here), b'a');
            // What comes before somebody waits is heard as well as what comes while somebody does.
            rt.block_on(far.write_all(b"b")).unwrap().unwrap();
            let hear = async {
                let mut bytes = [0; 2];
                near.read_exact(&mut bytes).await.map(|()| bytes)
            };
            let say = async {
                // The other has its turn, and waits.
                futures_lite::future::yield_now().await;
                far.write_all(b"c").await
            };
            let (heard, said) = rt.block_on(futures_lite::future::zip(hear, say)).unwrap();
            said.unwrap();
            assert_eq!(&heard.unwrap(), b"bc");
            assert!(watched(&near).is_some_and(Interest::is_readable));
        }
    }

    /// Fills the socket until it takes no more.
    fn fill(rt: &OwnedExecutor, conn: &mut OwnedConn) -> usize {
        let mut sent = 0;
        let fill = poll_fn(|cx| {
            while let Poll::Ready(n) = Pin::new(&mut *conn).poll_write(cx, &[7; 4096]) {
                sent += n.unwrap();
            }
            Poll::Ready(())
        });
        rt.block_on(fill).unwrap();
        sent
    }

    #[test]
    fn room_is_watched_only_once_somebody_waits_for_it() {
        let file = tempfile::tempdir().unwrap();
        let unix = Endpoint::unix(file.path().join("socket"));
        for (on, is_unix) in [(Endpoint::tcp("127.0.0.1", 0), false), (unix, true)] {
            let rt = OwnedExecutor::new().unwrap();
            let (near, mut far) = pair_on(&rt, on);
            assert!(is_unix || watched(&near).is_some_and(Interest::is_writable), "to see that it connects");
            assert_eq!(watched(&far), Some(Interest::READABLE));
            let (mut reader, writer) = near.split();
            for _ in 0..3 {
                let sent = fill(&rt, &mut far);
                assert!(watched(&far).is_some_and(Interest::is_writable));
                let drain = async {
                    let mut bytes = vec![0; sent + 1];
                    reader.read_exact(&mut bytes).await
                };
                // It was full, so this waits for the reader.
                let (said, drained) =
                    rt.block_on(futures_lite::future::zip(far.write_all(b"x"), drain)).unwrap();
                said.and(drained).unwrap();
            }
            drop(writer);
        }
    }

    #[test]
    fn a_peer_that_reads_does_not_wake_who_wrote_for_ever() {
        let file = tempfile::tempdir().unwrap();
        let rt = OwnedExecutor::new().unwrap();
        let (mut near, mut far) = pair_on(&rt, Endpoint::unix(file.path().join("socket")));
        let sent = fill(&rt, &mut far);
        let mut bytes = vec![0; sent];
        rt.block_on(near.read_exact(&mut bytes)).unwrap().unwrap();
        while watched(&far) != Some(Interest::READABLE) {
            rt.block_on(far.write_all(b"x")).unwrap().unwrap();
            rt.block_on(near.read_exact(&mut bytes[..1])).unwrap().unwrap();
            std::thread::yield_now();
        }
    }

    /// A waker whose drop uses the socket that it waited for.
    struct Meddling(Socket);

    impl std::task::Wake for Meddling {
        fn wake(self: Arc<Self>) {}
    }

    impl Drop for Meddling {
        fn drop(&mut self) {
            let _ = self.0.poll_read(&mut Context::from_waker(std::task::Waker::noop()), &mut [0; 8]);
        }
    }

    #[test]
    fn a_waker_may_use_the_socket_when_it_is_dropped() {
        let rt = OwnedExecutor::new().unwrap();
        let (near, _far) = pair(&rt);
        let socket = near.socket.clone();
        for replace in [true, false] {
            let waker = std::task::Waker::from(Arc::new(Meddling(socket.clone())));
            assert!(socket.poll_read(&mut Context::from_waker(&waker), &mut [0; 8]).is_pending());
            drop(waker);
            if replace {
                let noop = std::task::Waker::noop();
                assert!(socket.poll_read(&mut Context::from_waker(noop), &mut [0; 8]).is_pending());
            } else {
                near.socket().unwrap().unwatch();
            }
        }
    }

    #[test]
    fn vectored_writes_reach_the_socket_whole() {
        let rt = OwnedExecutor::new().unwrap();
        let (near, far) = pair(&rt);
        let (_reader, writer) = far.split();
        let ends: [Box<dyn AsyncWrite + Unpin>; 2] = [Box::new(near), Box::new(writer)];
        for mut conn in ends {
            let slices = [IoSlice::new(b"one"), IoSlice::new(b"two"), IoSlice::new(b"three")];
            assert_eq!(rt.block_on(conn.write_vectored(&slices)).unwrap().unwrap(), 11);
        }
    }
}

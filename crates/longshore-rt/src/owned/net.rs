//! mio's sockets behind [`Conn`] and [`Listener`].
use super::reactor::Reactor;
use super::source::{Registered, Way};
use crate::socket_file::SocketFile;
use crate::{Conn, Endpoint, Listener, abstract_socket};
use futures_lite::{AsyncRead, AsyncWrite};
use mio::Interest;
use mio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use std::future::poll_fn;
use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

#[derive(Clone, Debug)]
pub(super) enum Socket {
    Tcp(Arc<Registered<TcpStream>>),
    Unix(Arc<Registered<UnixStream>>),
}

/// Does the same with either kind.
macro_rules! each {
    ($socket:expr, $way:expr, $cx:expr, $attempt:expr, $is_drained:expr) => {
        match $socket {
            Socket::Tcp(s) => s.poll_with($way, $cx, $attempt, $is_drained),
            Socket::Unix(s) => s.poll_with($way, $cx, $attempt, $is_drained),
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

    fn poll_read(&self, cx: &Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let room = buf.len();
        each!(self, Way::In, cx, |mut s| s.read(buf), |n| (1..room).contains(n))
    }

    fn poll_write(&self, cx: &Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        each!(self, Way::Out, cx, |mut s| s.write(buf), |n| *n < buf.len())
    }

    fn poll_write_vectored(&self, cx: &Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let total = bufs.iter().map(|buf| buf.len()).sum::<usize>();
        // Of more slices than the kernel takes at once, less than all does not mean that it is full.
        const SLICES_LEN_MAX: usize = 1024;
        let is_drained = |n: &usize| *n < total && bufs.len() <= SLICES_LEN_MAX;
        each!(self, Way::Out, cx, |mut s| s.write_vectored(bufs), is_drained)
    }

    /// Sends FIN.
    fn shutdown_write(&self) -> io::Result<()> {
        let result = match self {
            Socket::Tcp(s) => s.socket().shutdown(Shutdown::Write),
            Socket::Unix(s) => s.socket().shutdown(Shutdown::Write),
        };
        match result {
            // The peer has reset the connection: there is nothing left to end.
            Err(e) if e.kind() == io::ErrorKind::NotConnected => Ok(()),
            other => other,
        }
    }
}

/// A connection of an [`OwnedExecutor`](super::OwnedExecutor).
#[derive(Debug)]
pub struct OwnedConn(Socket);

/// The read half of an [`OwnedConn`].
#[derive(Debug)]
pub struct OwnedReader(Socket);

/// The write half of an [`OwnedConn`]. Sends FIN when dropped.
#[derive(Debug)]
pub struct OwnedWriter {
    socket: Socket,
    closed: bool,
}

impl OwnedConn {
    pub(super) fn new(socket: Socket) -> Self {
        OwnedConn(socket)
    }
}

impl Conn for OwnedConn {
    type Reader = OwnedReader;
    type Writer = OwnedWriter;

    fn split(self) -> (OwnedReader, OwnedWriter) {
        (OwnedReader(self.0.clone()), OwnedWriter { socket: self.0, closed: false })
    }

    fn peer(&self) -> String {
        match &self.0 {
            Socket::Tcp(s) => {
                s.socket().peer_addr().map_or_else(|_| "disconnected".into(), |a| a.to_string())
            }
            Socket::Unix(_) => "unix".into(),
        }
    }

    fn socket(&self) -> Option<OwnedFd> {
        match &self.0 {
            Socket::Tcp(s) => s.share(),
            Socket::Unix(s) => s.share(),
        }
    }
}

impl Drop for OwnedWriter {
    // While the reader lives the socket stays open, so nothing but this would tell the peer.
    fn drop(&mut self) {
        if !self.closed {
            let _ = self.socket.shutdown_write();
        }
    }
}

impl AsyncRead for OwnedConn {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.0.poll_read(cx, buf)
    }
}

impl AsyncRead for OwnedReader {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.0.poll_read(cx, buf)
    }
}

impl AsyncWrite for OwnedConn {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.0.poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_write_vectored(cx, bufs)
    }

    // The kernel's buffer is the only one.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.0.shutdown_write())
    }
}

impl AsyncWrite for OwnedWriter {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.socket.poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.socket.poll_write_vectored(cx, bufs)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = self.socket.shutdown_write();
        self.closed |= result.is_ok();
        Poll::Ready(result)
    }
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
        const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);
        let socket = match &self.socket {
            Bound::Tcp(listener) => {
                let accept = poll_fn(|cx| listener.poll_with(Way::In, cx, TcpListener::accept, |_| false));
                let (stream, _) = accept.await?;
                // Fails only when the peer is gone already, which the first read will tell.
                let _ = stream.set_nodelay(true);
                Socket::tcp(self.reactor.register(stream, BOTH, true)?)
            }
            Bound::Unix(listener, _) => {
                let stream = next_on(listener).await?;
                Socket::unix(self.reactor.register(stream, BOTH, true)?)
            }
            Bound::Abstract(listener) => loop {
                let stream = next_on(listener).await?;
                if abstract_socket::same_user(&stream).is_ok() {
                    break Socket::unix(self.reactor.register(stream, BOTH, true)?);
                }
            },
        };
        Ok(OwnedConn(socket))
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
    use crate::{BlockOn, OwnedExecutor, Runtime, RuntimeExt};
    use futures_lite::{AsyncReadExt, AsyncWriteExt};

    fn pair(rt: &OwnedExecutor) -> (OwnedConn, OwnedConn) {
        let connect = async {
            let mut listener = rt.listen(&Endpoint::tcp("127.0.0.1", 0)).await.unwrap();
            let near = rt.connect(&listener.local()).await.unwrap();
            (near, listener.accept().await.unwrap())
        };
        rt.block_on(connect).unwrap()
    }

    #[test]
    fn both_sides_set_nodelay() {
        let rt = OwnedExecutor::new().unwrap();
        let (near, far) = pair(&rt);
        for conn in [near, far] {
            let Socket::Tcp(socket) = &conn.0 else { panic!("not TCP: {conn:?}") };
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
    fn a_shared_socket_is_left_in_peace_until_somebody_waits() {
        let rt = OwnedExecutor::new().unwrap();
        let (mut near, mut far) = pair(&rt);
        let shared = near.socket().map(std::net::TcpStream::from).unwrap();
        let Socket::Tcp(socket) = near.0.clone() else { panic!("not TCP: {near:?}") };
        for _ in 0..3 {
            rt.block_on(far.write_all(b"a")).unwrap().unwrap();
            assert_eq!(read_here(&shared), b'a');
            while !socket.is_resting() {
                std::thread::yield_now();
            }
            let heard = rt.spawn("hear", async move {
                let mut byte = [0];
                near.read_exact(&mut byte).await.map(|()| (near, byte))
            });
            while socket.is_resting() {
                std::thread::yield_now();
            }
            rt.block_on(far.write_all(b"b")).unwrap().unwrap();
            let (back, byte) = rt.block_on(heard).unwrap().unwrap().unwrap();
            assert_eq!(byte, [b'b']);
            near = back;
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

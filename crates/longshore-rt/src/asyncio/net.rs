//! async-net's sockets behind [`Conn`] and [`Listener`].
//!
//! async-net dials, binds and resolves. Reading and writing go straight to the `Async` socket
//! inside: it keeps one waker per direction in place, where async-net's own stream types register a
//! new listener each time they wait. One waker is enough, because a split connection has one reader
//! and one writer.
use crate::halves::{self, Duplex};
use crate::socket_file::SocketFile;
use crate::{Endpoint, Listener, SharedSocket, abstract_socket};
use async_io::Async;
use async_net::unix::{UnixListener, UnixStream};
use async_net::{TcpListener, TcpStream};
use futures_lite::{AsyncRead, AsyncWrite};
use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

#[derive(Clone, Debug)]
pub(super) enum Socket {
    Tcp(Arc<Async<std::net::TcpStream>>),
    Unix(Arc<Async<std::os::unix::net::UnixStream>>),
}

impl Socket {
    fn tcp(stream: TcpStream) -> Self {
        Socket::Tcp(stream.into())
    }

    fn unix(stream: UnixStream) -> Self {
        Socket::Unix(stream.into())
    }
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

impl Duplex for Socket {
    fn poll_read(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        each!(self, s => Pin::new(&mut &**s).poll_read(cx, buf))
    }

    fn poll_write(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        each!(self, s => Pin::new(&mut &**s).poll_write(cx, buf))
    }

    fn poll_write_vectored(&self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        each!(self, s => Pin::new(&mut &**s).poll_write_vectored(cx, bufs))
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        each!(self, s => s.get_ref().shutdown(how))
    }

    fn peer(&self) -> String {
        match self {
            Socket::Tcp(s) => {
                s.get_ref().peer_addr().map_or_else(|_| "disconnected".into(), |a| a.to_string())
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
        each!(self, s => s.as_fd())
    }
}

/// async-io watches only while somebody waits.
impl SharedSocket for Socket {}

halves::conn! {
    Socket,
    /// A connection of async-io's reactor.
    AsyncIoConn,
    /// The read half of an [`AsyncIoConn`].
    AsyncIoReader,
    /// The write half of an [`AsyncIoConn`]. Sends FIN when dropped.
    AsyncIoWriter
}

/// A listening socket of async-io's reactor.
#[derive(Debug)]
pub struct AsyncIoListener {
    socket: Bound,
    local: Endpoint,
}

#[derive(Debug)]
enum Bound {
    Tcp(TcpListener),
    Unix(UnixListener, #[allow(dead_code, reason = "held for its destructor")] SocketFile),
    Abstract(UnixListener),
}

impl Listener for AsyncIoListener {
    type Conn = AsyncIoConn;

    async fn accept(&mut self) -> io::Result<AsyncIoConn> {
        let socket = match &self.socket {
            Bound::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                // Fails only when the peer is gone already, which the first read will tell.
                let _ = stream.set_nodelay(true);
                Socket::tcp(stream)
            }
            Bound::Unix(listener, _) => Socket::unix(listener.accept().await?.0),
            Bound::Abstract(listener) => loop {
                let socket: Arc<Async<_>> = listener.accept().await?.0.into();
                if abstract_socket::same_user(socket.get_ref()).is_ok() {
                    break Socket::Unix(socket);
                }
            },
        };
        Ok(AsyncIoConn::new(socket))
    }

    fn local(&self) -> Endpoint {
        self.local.clone()
    }
}

pub(super) async fn connect(to: Endpoint) -> io::Result<AsyncIoConn> {
    let socket = match to {
        Endpoint::Tcp { host, port } => {
            let stream = TcpStream::connect((host, port)).await?;
            stream.set_nodelay(true)?;
            Socket::tcp(stream)
        }
        Endpoint::Unix(path) => Socket::unix(UnixStream::connect(path).await?),
        Endpoint::Abstract(name) => {
            let stream = UnixStream::connect(abstract_socket::path(&name)?).await?;
            let socket: Arc<Async<_>> = stream.into();
            abstract_socket::same_user(socket.get_ref())?;
            Socket::Unix(socket)
        }
    };
    Ok(AsyncIoConn::new(socket))
}

pub(super) async fn listen(on: Endpoint) -> io::Result<AsyncIoListener> {
    match on {
        Endpoint::Tcp { host, port } => {
            let listener = TcpListener::bind((host, port)).await?;
            let bound = listener.local_addr()?;
            let local = Endpoint::tcp(bound.ip().to_string(), bound.port());
            Ok(AsyncIoListener { socket: Bound::Tcp(listener), local })
        }
        Endpoint::Unix(path) => {
            let socket = Bound::Unix(UnixListener::bind(&path)?, SocketFile(path.clone()));
            Ok(AsyncIoListener { socket, local: Endpoint::Unix(path) })
        }
        Endpoint::Abstract(name) => {
            let socket = Bound::Abstract(abstract_socket::listener(&name)?.try_into()?);
            Ok(AsyncIoListener { socket, local: Endpoint::Abstract(name) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Conn;
    use futures_lite::AsyncWriteExt;

    fn pair() -> (AsyncIoConn, AsyncIoConn) {
        async_io::block_on(async {
            let mut listener = listen(Endpoint::tcp("127.0.0.1", 0)).await.unwrap();
            let near = connect(listener.local()).await.unwrap();
            (near, listener.accept().await.unwrap())
        })
    }

    #[test]
    fn both_sides_set_nodelay() {
        let (near, far) = pair();
        for conn in [near, far] {
            let Socket::Tcp(socket) = &conn.socket else { panic!("not TCP: {conn:?}") };
            assert!(socket.get_ref().nodelay().unwrap());
        }
    }

    #[test]
    fn vectored_writes_reach_the_socket_whole() {
        let (near, far) = pair();
        let (_reader, mut writer) = far.split();
        for conn in [&mut (Box::new(near) as Box<dyn AsyncWrite + Unpin>), &mut (Box::new(&mut writer) as _)]
        {
            let slices = [IoSlice::new(b"one"), IoSlice::new(b"two"), IoSlice::new(b"three")];
            assert_eq!(async_io::block_on(conn.write_vectored(&slices)).unwrap(), 11);
        }
    }
}

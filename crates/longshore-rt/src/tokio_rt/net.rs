//! tokio's sockets behind [`Conn`] and [`Listener`].
//!
//! tokio's owned halves share no lock, and its write half sends FIN when dropped.
use super::setup::Entered;
use crate::socket_file::SocketFile;
use crate::{Conn, Endpoint, Listener, SharedSocket, abstract_socket};
use futures_lite::{AsyncRead, AsyncWrite};
use std::future::Future;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream, tcp, unix};
use tokio::runtime::Handle;

#[derive(Debug)]
enum Either<T, U> {
    Tcp(T),
    Unix(U),
}

/// A connection of a tokio runtime.
#[derive(Debug)]
pub struct TokioConn(Either<TcpStream, UnixStream>);

/// The read half of a [`TokioConn`].
#[derive(Debug)]
pub struct TokioReader(Either<tcp::OwnedReadHalf, unix::OwnedReadHalf>);

/// The write half of a [`TokioConn`]. Sends FIN when dropped.
#[derive(Debug)]
pub struct TokioWriter(Either<tcp::OwnedWriteHalf, unix::OwnedWriteHalf>);

/// `match` over the transport with the stream pinned.
macro_rules! each {
    ($self:ident, $stream:ident => $call:expr) => {
        match &mut $self.0 {
            Either::Tcp(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
            Either::Unix(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
        }
    };
}

macro_rules! impl_read {
    ($($name:ident),*) => {$(
        impl AsyncRead for $name {
            fn poll_read(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                // The slice is initialised, so wrapping it costs nothing.
                let mut buf = ReadBuf::new(buf);
                ready!(each!(self, s => s.poll_read(cx, &mut buf)))?;
                Poll::Ready(Ok(buf.filled().len()))
            }
        }
    )*};
}

macro_rules! impl_write {
    ($($name:ident),*) => {$(
        impl AsyncWrite for $name {
            fn poll_write(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                each!(self, s => s.poll_write(cx, buf))
            }

            fn poll_write_vectored(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                each!(self, s => s.poll_write_vectored(cx, bufs))
            }

            fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                each!(self, s => s.poll_flush(cx))
            }

            fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                each!(self, s => s.poll_shutdown(cx))
            }
        }
    )*};
}

impl_read!(TokioConn, TokioReader);
impl_write!(TokioConn, TokioWriter);

impl Conn for TokioConn {
    type Reader = TokioReader;
    type Writer = TokioWriter;

    fn split(self) -> (TokioReader, TokioWriter) {
        match self.0 {
            Either::Tcp(stream) => {
                let (reader, writer) = stream.into_split();
                (TokioReader(Either::Tcp(reader)), TokioWriter(Either::Tcp(writer)))
            }
            Either::Unix(stream) => {
                let (reader, writer) = stream.into_split();
                (TokioReader(Either::Unix(reader)), TokioWriter(Either::Unix(writer)))
            }
        }
    }

    fn peer(&self) -> String {
        match &self.0 {
            Either::Tcp(s) => s.peer_addr().map_or_else(|_| "disconnected".into(), |a| a.to_string()),
            Either::Unix(_) => "unix".into(),
        }
    }

    // Once more: the halves give out no handle of their socket that lives as long as is wanted here.
    fn socket(&self) -> Option<Box<dyn SharedSocket>> {
        let socket: OwnedFd = match &self.0 {
            Either::Tcp(s) => s.as_fd().try_clone_to_owned().ok()?,
            Either::Unix(s) => s.as_fd().try_clone_to_owned().ok()?,
        };
        Some(Box::new(socket))
    }
}

/// A listening socket of a tokio runtime.
#[derive(Debug)]
pub struct TokioListener {
    socket: Bound,
    local: Endpoint,
    handle: Handle,
}

#[derive(Debug)]
enum Bound {
    Tcp(TcpListener),
    Unix(UnixListener, #[allow(dead_code, reason = "held for its destructor")] SocketFile),
    Abstract(UnixListener),
}

impl Listener for TokioListener {
    type Conn = TokioConn;

    fn accept(&mut self) -> impl Future<Output = io::Result<TokioConn>> + Send {
        // An accepted socket registers with the driver of the context, not with its listener's.
        Entered::new(self.handle.clone(), accept(&self.socket))
    }

    fn local(&self) -> Endpoint {
        self.local.clone()
    }
}

async fn accept(on: &Bound) -> io::Result<TokioConn> {
    let stream = match on {
        Bound::Tcp(listener) => {
            let (stream, _) = listener.accept().await?;
            // Fails only when the peer is gone already, which the first read will tell.
            let _ = stream.set_nodelay(true);
            Either::Tcp(stream)
        }
        Bound::Unix(listener, _) => Either::Unix(listener.accept().await?.0),
        Bound::Abstract(listener) => loop {
            let (stream, _) = listener.accept().await?;
            if abstract_socket::same_user(&stream).is_ok() {
                break Either::Unix(stream);
            }
        },
    };
    Ok(TokioConn(stream))
}

pub(super) async fn connect(to: Endpoint) -> io::Result<TokioConn> {
    match to {
        Endpoint::Tcp { host, port } => {
            let stream = TcpStream::connect((host, port)).await?;
            stream.set_nodelay(true)?;
            Ok(TokioConn(Either::Tcp(stream)))
        }
        Endpoint::Unix(path) => Ok(TokioConn(Either::Unix(UnixStream::connect(path).await?))),
        Endpoint::Abstract(name) => {
            let stream = UnixStream::connect(abstract_socket::path(&name)?).await?;
            abstract_socket::same_user(&stream)?;
            Ok(TokioConn(Either::Unix(stream)))
        }
    }
}

/// Polled in the context of `handle`.
pub(super) async fn listen(handle: Handle, on: Endpoint) -> io::Result<TokioListener> {
    match on {
        Endpoint::Tcp { host, port } => {
            let listener = TcpListener::bind((host, port)).await?;
            let bound = listener.local_addr()?;
            let local = Endpoint::tcp(bound.ip().to_string(), bound.port());
            Ok(TokioListener { socket: Bound::Tcp(listener), local, handle })
        }
        Endpoint::Unix(path) => {
            let socket = Bound::Unix(UnixListener::bind(&path)?, SocketFile(path.clone()));
            Ok(TokioListener { socket, local: Endpoint::Unix(path), handle })
        }
        Endpoint::Abstract(name) => {
            let socket = Bound::Abstract(UnixListener::from_std(abstract_socket::listener(&name)?)?);
            Ok(TokioListener { socket, local: Endpoint::Abstract(name), handle })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BlockOn, Runtime, TokioRuntime};
    use futures_lite::AsyncWriteExt;

    fn pair(rt: &TokioRuntime) -> (TokioConn, TokioConn) {
        let connect = async {
            let mut listener = rt.listen(&Endpoint::tcp("127.0.0.1", 0)).await.unwrap();
            let near = rt.connect(&listener.local()).await.unwrap();
            (near, listener.accept().await.unwrap())
        };
        rt.block_on(connect).unwrap()
    }

    #[test]
    fn both_sides_set_nodelay() {
        let rt = TokioRuntime::new(1).unwrap();
        let (near, far) = pair(&rt);
        for conn in [near, far] {
            let Either::Tcp(socket) = &conn.0 else { panic!("not TCP: {conn:?}") };
            assert!(socket.nodelay().unwrap());
        }
    }

    #[test]
    fn vectored_writes_reach_the_socket_whole() {
        let rt = TokioRuntime::new(1).unwrap();
        let (near, far) = pair(&rt);
        let (_reader, writer) = far.split();
        let ends: [Box<dyn AsyncWrite + Unpin>; 2] = [Box::new(near), Box::new(writer)];
        for mut conn in ends {
            let slices = [IoSlice::new(b"one"), IoSlice::new(b"two"), IoSlice::new(b"three")];
            assert_eq!(rt.block_on(conn.write_vectored(&slices)).unwrap().unwrap(), 11);
        }
    }
}

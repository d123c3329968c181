//! Streams, listeners and timers of a type that is chosen when the program runs.
use crate::{BoxFuture, Conn, Endpoint, Instant, Listener, SharedSocket, Sleep};
use futures_lite::{AsyncRead, AsyncWrite};
use std::fmt;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

/// Any timer.
pub struct BoxSleep(Box<dyn Sleep>);

impl BoxSleep {
    pub(super) fn new(sleep: impl Sleep) -> Self {
        BoxSleep(Box::new(sleep))
    }
}

impl Future for BoxSleep {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut *self.0).poll(cx)
    }
}

impl Sleep for BoxSleep {
    fn reset(&mut self, at: Instant) {
        self.0.reset(at);
    }
}

/// The object-safe twin of [`Conn`].
trait ErasedConn: AsyncRead + AsyncWrite + Unpin + Send {
    fn split_boxed(self: Box<Self>) -> (BoxReader, BoxWriter);
    fn peer_boxed(&self) -> String;
    fn socket_boxed(&self) -> Option<Box<dyn SharedSocket>>;
}

impl<C: Conn> ErasedConn for C {
    fn split_boxed(self: Box<Self>) -> (BoxReader, BoxWriter) {
        let (reader, writer) = (*self).split();
        (BoxReader(Box::new(reader)), BoxWriter(Box::new(writer)))
    }

    fn peer_boxed(&self) -> String {
        self.peer()
    }

    fn socket_boxed(&self) -> Option<Box<dyn SharedSocket>> {
        self.socket()
    }
}

/// Any connection.
pub struct BoxConn(Box<dyn ErasedConn>);

/// The read half of any connection.
pub struct BoxReader(Box<dyn AsyncRead + Unpin + Send>);

/// The write half of any connection. Sends FIN when dropped.
pub struct BoxWriter(Box<dyn AsyncWrite + Unpin + Send>);

impl BoxConn {
    /// Boxes a connection.
    pub fn new(conn: impl Conn) -> Self {
        BoxConn(Box::new(conn))
    }
}

impl Conn for BoxConn {
    type Reader = BoxReader;
    type Writer = BoxWriter;

    fn split(self) -> (BoxReader, BoxWriter) {
        self.0.split_boxed()
    }

    fn peer(&self) -> String {
        self.0.peer_boxed()
    }

    fn socket(&self) -> Option<Box<dyn SharedSocket>> {
        self.0.socket_boxed()
    }
}

macro_rules! impl_read {
    ($($name:ident),*) => {$(
        impl AsyncRead for $name {
            fn poll_read(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut *self.0).poll_read(cx, buf)
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
                Pin::new(&mut *self.0).poll_write(cx, buf)
            }

            fn poll_write_vectored(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut *self.0).poll_write_vectored(cx, bufs)
            }

            fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Pin::new(&mut *self.0).poll_flush(cx)
            }

            fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Pin::new(&mut *self.0).poll_close(cx)
            }
        }
    )*};
}

impl_read!(BoxConn, BoxReader);
impl_write!(BoxConn, BoxWriter);

/// The object-safe twin of [`Listener`].
trait ErasedListener: Send {
    fn accept_boxed(&mut self) -> BoxFuture<'_, io::Result<BoxConn>>;
    fn local_boxed(&self) -> Endpoint;
}

impl<L: Listener> ErasedListener for L {
    fn accept_boxed(&mut self) -> BoxFuture<'_, io::Result<BoxConn>> {
        Box::pin(async move { self.accept().await.map(BoxConn::new) })
    }

    fn local_boxed(&self) -> Endpoint {
        self.local()
    }
}

/// Any listening socket.
pub struct BoxListener(Box<dyn ErasedListener>);

impl BoxListener {
    pub(super) fn new(listener: impl Listener) -> Self {
        BoxListener(Box::new(listener))
    }
}

impl Listener for BoxListener {
    type Conn = BoxConn;

    fn accept(&mut self) -> impl Future<Output = io::Result<BoxConn>> + Send {
        self.0.accept_boxed()
    }

    fn local(&self) -> Endpoint {
        self.0.local_boxed()
    }
}

macro_rules! impl_debug {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )*};
}

impl_debug!(BoxSleep, BoxConn, BoxReader, BoxWriter, BoxListener);

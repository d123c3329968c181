//! A connection and its two halves over a socket that is shared and reads and writes through `&self`.
//!
//! Both adapters that have such a socket say what it can do ([`Duplex`]), and [`conn`] makes the three types of it.
//! Deliberately absent: a buffer, so flushing has nothing to do.
use std::io::{self, IoSlice};
use std::task::{Context, Poll};

/// A socket that all its clones read and write.
pub(crate) trait Duplex: Clone {
    fn poll_read(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>>;
    fn poll_write(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>>;
    fn poll_write_vectored(&self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>>;
    fn shutdown(&self, how: std::net::Shutdown) -> io::Result<()>;
    fn peer(&self) -> String;
    fn shared(&self) -> Option<Box<dyn crate::SharedSocket>>;

    /// Sends FIN.
    fn shutdown_write(&self) -> io::Result<()> {
        match self.shutdown(std::net::Shutdown::Write) {
            // The peer has reset the connection: there is nothing left to end.
            Err(e) if e.kind() == io::ErrorKind::NotConnected => Ok(()),
            other => other,
        }
    }
}

/// Reading, for a type whose socket is in `$socket`.
macro_rules! read {
    ($name:ident, $($socket:tt)+) => {
        impl futures_lite::AsyncRead for $name {
            fn poll_read(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
                buf: &mut [u8],
            ) -> std::task::Poll<std::io::Result<usize>> {
                crate::halves::Duplex::poll_read(&self.$($socket)+, cx, buf)
            }
        }
    };
}

/// Writing, for a type whose socket is in `$socket`.
macro_rules! write {
    ($name:ident, $($socket:tt)+) => {
        impl futures_lite::AsyncWrite for $name {
            fn poll_write(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
                buf: &[u8],
            ) -> std::task::Poll<std::io::Result<usize>> {
                crate::halves::Duplex::poll_write(&self.$($socket)+, cx, buf)
            }

            fn poll_write_vectored(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
                bufs: &[std::io::IoSlice<'_>],
            ) -> std::task::Poll<std::io::Result<usize>> {
                crate::halves::Duplex::poll_write_vectored(&self.$($socket)+, cx, bufs)
            }

            // The kernel's buffer is the only one.
            fn poll_flush(
                self: std::pin::Pin<&mut Self>,
                _: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                std::task::Poll::Ready(Ok(()))
            }

            fn poll_close(
                mut self: std::pin::Pin<&mut Self>,
                _: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                let result = crate::halves::Duplex::shutdown_write(&self.$($socket)+);
                self.closed |= result.is_ok();
                std::task::Poll::Ready(result)
            }
        }
    };
}

/// A connection, its read half and its write half over a [`Duplex`].
macro_rules! conn {
    (
        $socket:ty,
        $(#[$conn_doc:meta])* $conn:ident,
        $(#[$reader_doc:meta])* $reader:ident,
        $(#[$writer_doc:meta])* $writer:ident
    ) => {
        $(#[$conn_doc])*
        #[derive(Debug)]
        pub struct $conn {
            socket: $socket,
            closed: bool,
        }

        $(#[$reader_doc])*
        #[derive(Debug)]
        pub struct $reader($socket);

        $(#[$writer_doc])*
        #[derive(Debug)]
        pub struct $writer {
            socket: $socket,
            closed: bool,
        }

        impl $conn {
            pub(super) fn new(socket: $socket) -> Self {
                $conn { socket, closed: false }
            }
        }

        impl crate::Conn for $conn {
            type Reader = $reader;
            type Writer = $writer;

            fn split(self) -> ($reader, $writer) {
                ($reader(self.socket.clone()), $writer { socket: self.socket, closed: self.closed })
            }

            fn peer(&self) -> String {
                crate::halves::Duplex::peer(&self.socket)
            }

            fn socket(&self) -> Option<Box<dyn crate::SharedSocket>> {
                crate::halves::Duplex::shared(&self.socket)
            }
        }

        impl Drop for $writer {
            // While the reader lives the socket stays open, so nothing but this would tell the peer.
            fn drop(&mut self) {
                if !self.closed {
                    let _ = crate::halves::Duplex::shutdown_write(&self.socket);
                }
            }
        }

        crate::halves::read!($conn, socket);
        crate::halves::write!($conn, socket);
        crate::halves::read!($reader, 0);
        crate::halves::write!($writer, socket);
    };
}

pub(crate) use {conn, read, write};

//! What an application holds of a connection.

use std::fmt;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_lite::{AsyncRead, AsyncWrite};
use longshore_rt::{Conn, SharedSocket};

use crate::slab::Key;
use crate::state::State;
use crate::world::World;

use super::conn::Side;
use super::pipe::{Segment, gather};

impl State {
    fn read(&mut self, key: Key, side: Side, cx: &Context<'_>, out: &mut [u8]) -> Poll<io::Result<usize>> {
        let Some(conn) = self.net.conns.get_mut(key).filter(|conn| conn.open[usize::from(side)]) else {
            return Poll::Ready(Err(ErrorKind::NotConnected.into()));
        };
        let (error, pid) = (conn.error[usize::from(side)], conn.ends[usize::from(side)]);
        let pipe = conn.incoming(side);
        if out.is_empty() {
            return Poll::Ready(Ok(0));
        }
        if pipe.arrived.is_empty() {
            return match error {
                Some(kind) => Poll::Ready(Err(kind.into())),
                None if pipe.fin_arrived => Poll::Ready(Ok(0)),
                None => {
                    self.outbox.park(&mut pipe.reader, cx.waker());
                    Poll::Pending
                }
            };
        }
        let mut len = pipe.arrived.len().min(out.len());
        if self.config.short_io && len > 1 && self.rng.network.one_in(4) {
            len = 1 + self.rng.network.index(len - 1);
        }
        pipe.read(&mut out[..len]);
        self.outbox.wake.extend(pipe.writer.take());
        self.charge_call(pid, len);
        Poll::Ready(Ok(len))
    }

    fn write(
        &mut self,
        key: Key,
        side: Side,
        cx: &Context<'_>,
        sources: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Some(conn) = self.net.conns.get_mut(key).filter(|conn| conn.open[usize::from(side)]) else {
            return Poll::Ready(Err(ErrorKind::NotConnected.into()));
        };
        if let Some(kind) = conn.error[usize::from(side)] {
            return Poll::Ready(Err(kind.into()));
        }
        let pid = conn.ends[usize::from(side)];
        let pipe = conn.outgoing(side);
        if pipe.fin_sent {
            return Poll::Ready(Err(ErrorKind::BrokenPipe.into()));
        }
        let wanted: usize = sources.iter().map(|source| source.len()).sum();
        let mut len = wanted.min(pipe.room(self.config.window_len));
        if wanted > 0 && len == 0 {
            self.outbox.park(&mut pipe.writer, cx.waker());
            return Poll::Pending;
        }
        if self.config.short_io && len > 1 && self.rng.network.one_in(8) {
            len = 1 + self.rng.network.index(len - 1);
        }
        if len > 0 {
            pipe.in_flight_len += len;
            self.charge_write(pid, len);
            self.send(key, side, Segment::Data(gather(sources, len)));
        }
        Poll::Ready(Ok(len))
    }
}

/// An end of a connection; dropping it closes it.
struct End {
    world: Arc<World>,
    key: Key,
    side: Side,
}

impl End {
    fn poll_read(&self, cx: &Context<'_>, out: &mut [u8]) -> Poll<io::Result<usize>> {
        self.world.with(|state| state.read(self.key, self.side, cx, out))
    }

    fn poll_write(&self, cx: &Context<'_>, sources: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.world.with(|state| state.write(self.key, self.side, cx, sources))
    }

    fn close_write(&self) {
        self.world.with(|state| state.close_write(self.key, self.side));
    }

    /// The process and port of one side.
    fn address(&self, side: Side) -> String {
        self.world.with(|state| {
            let Some(conn) = state.net.conns.get(self.key) else { return "closed".to_owned() };
            let side = usize::from(side);
            format!("{}:{}", state.processes.get(conn.ends[side]).name, conn.ports[side])
        })
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.world.with(|state| state.close_end(self.key, self.side));
    }
}

impl fmt::Debug for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}", self.address(self.side), self.address(1 - self.side))
    }
}

/// The byte stream of a [`SimRuntime`](crate::SimRuntime).
#[derive(Debug)]
pub struct SimConn(Arc<End>);

/// The read half of a [`SimConn`].
#[derive(Debug)]
pub struct SimReader(Arc<End>);

/// The write half of a [`SimConn`]. Dropping it sends FIN.
#[derive(Debug)]
pub struct SimWriter(Arc<End>);

impl SimConn {
    pub(crate) fn new(world: Arc<World>, key: Key, side: Side) -> Self {
        Self(Arc::new(End { world, key, side }))
    }
}

impl Conn for SimConn {
    type Reader = SimReader;
    type Writer = SimWriter;

    fn split(self) -> (SimReader, SimWriter) {
        (SimReader(Arc::clone(&self.0)), SimWriter(self.0))
    }

    fn peer(&self) -> String {
        self.0.address(1 - self.0.side)
    }

    fn socket(&self) -> Option<Box<dyn SharedSocket>> {
        None
    }
}

impl Drop for SimWriter {
    fn drop(&mut self) {
        self.0.close_write();
    }
}

macro_rules! read_through_end {
    ($type:ty) => {
        impl AsyncRead for $type {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                out: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                self.0.poll_read(cx, out)
            }
        }
    };
}

macro_rules! write_through_end {
    ($type:ty) => {
        impl AsyncWrite for $type {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                self.0.poll_write(cx, &[IoSlice::new(bytes)])
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                sources: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                self.0.poll_write(cx, sources)
            }

            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.0.close_write();
                Poll::Ready(Ok(()))
            }
        }
    };
}

read_through_end!(SimConn);
read_through_end!(SimReader);
write_through_end!(SimConn);
write_through_end!(SimWriter);

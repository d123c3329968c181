//! Links: ordered channels of typed messages to one peer, over a byte stream or within the process.
//!
//! A role (client, scheduler, worker) is one future whose turn polls its links, feeds its machine and flushes. [`Link`] is
//! one channel, [`LinkSet`] many of one kind of which a turn touches only those that are ready. [`dial`] opens a link,
//! an [`Acceptor`] offers one; both do the handshake, so a `Link` begins with the first real message.
//!
//! Nothing here spawns a task per link, waits a fixed time before it sends, or decides what a message means.
//! Deliberately absent: reconnecting, heartbeats and who may come in, which are the roles' own affairs.

mod accept;
mod accepted;
mod attended;
mod carrier;
mod dial;
mod error;
mod gate;
mod greeting;
mod local;
mod name;
mod permit;
mod ready;
mod secret;
mod set;
mod shortcut;
mod stream;
#[cfg(test)]
mod tests;

pub(crate) use accept::Acceptor;
pub(crate) use accepted::Accepted;
pub(crate) use attended::Attendance;
pub(crate) use carrier::Carrier;
pub(crate) use dial::{dial, dial_to_attend};
pub use error::{ConnectError, LinkError, ListenError};
pub(crate) use name::{House, describe, house};
pub(crate) use secret::same_secret;
pub(crate) use set::{BACKLOG_BYTES_MAX, LinkEvent, LinkSet};
pub(crate) use stream::{BoxRead, BoxWrite};

use local::LocalEnd;
use longshore_proto::frame::EncodeError;
use longshore_rt::{BoxConn, Conn};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use stream::Stream;

/// A message as it comes out of a link.
pub(crate) trait Incoming: DeserializeOwned + Carrier + Send + 'static {}
impl<T: DeserializeOwned + Carrier + Send + 'static> Incoming for T {}
/// A message as it goes into a link.
pub(crate) trait Outgoing: Serialize + Carrier + Send + 'static {}
impl<T: Serialize + Carrier + Send + 'static> Outgoing for T {}

/// An ordered channel of `In` from, and `Out` to, one peer.
///
/// Dropping it cuts the link: what was not flushed is lost. See [`poll_close`](Link::poll_close) for a gentle end.
pub(crate) struct Link<In, Out> {
    peer: String,
    wire: Wire<In, Out>,
    /// What a thread needs to know that reads the socket itself.
    attendance: Option<Arc<Attendance>>,
    /// Why reading or writing is of no use any more.
    lost: Option<LinkError>,
}

enum Wire<In, Out> {
    Stream(Box<Stream<In, Out>>),
    Local(LocalEnd<In, Out>),
}

/// A link within the process, seen from both ends. `a` and `b` are the ends' names for logs.
pub(crate) fn pair<A, B>(a: &str, b: &str) -> (Link<A, B>, Link<B, A>) {
    let (left, right) = local::ends();
    (Link::new(b.to_owned(), Wire::Local(left)), Link::new(a.to_owned(), Wire::Local(right)))
}

impl<In, Out> Link<In, Out> {
    fn new(peer: String, wire: Wire<In, Out>) -> Self {
        Link { peer, wire, attendance: None, lost: None }
    }

    /// A link over a byte stream on which the handshake is done. `peer` is for logs.
    pub(crate) fn stream(reader: BoxRead, writer: BoxWrite, peer: String) -> Self {
        Link::stream_after(reader, writer, peer, Vec::new())
    }

    /// Like [`stream`](Self::stream), with bytes that precede the first message.
    fn stream_after(reader: BoxRead, writer: BoxWrite, peer: String, prologue: Vec<u8>) -> Self {
        Link::new(peer, Wire::Stream(Box::new(Stream::new(reader, writer, prologue))))
    }

    /// A link over a connection on which the handshake is done.
    fn dialled(conn: BoxConn, peer: String) -> Self {
        let (reader, writer) = conn.split();
        Link::stream(Box::new(reader), Box::new(writer), peer)
    }

    /// The same, which a thread may read without the runtime's help, if the runtime's connection allows that.
    fn attendable(conn: BoxConn, peer: String) -> Self {
        let Some(attendance) = conn.socket().map(Attendance::new) else { return Link::dialled(conn, peer) };
        let (reader, writer) = conn.split();
        let reader = attended::Reader::new(reader, attendance.clone());
        Link { attendance: Some(attendance), ..Link::stream(Box::new(reader), Box::new(writer), peer) }
    }

    /// What a thread needs that is to read this link itself; `None` if none can.
    pub(crate) fn attendance(&self) -> Option<&Arc<Attendance>> {
        self.attendance.as_ref()
    }

    /// Says whether from now on a thread reads this link, which then waits for the socket itself, or the runtime, which
    /// then wakes whoever polls the link.
    pub(crate) fn attend(&mut self, attended: bool) {
        if let (Some(attendance), Wire::Stream(stream)) = (&self.attendance, &mut self.wire)
            && attendance.attend(attended)
        {
            stream.look_again();
        }
    }

    /// Whether reading or writing has failed. What had come before may still be there to be read.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.is_some()
    }

    /// The other side's address, for logs.
    pub(crate) fn peer(&self) -> &str {
        &self.peer
    }

    /// Whether it stays within the process: messages are moved, nothing is encoded.
    pub(crate) fn is_local(&self) -> bool {
        matches!(self.wire, Wire::Local(_))
    }

    /// Bytes that wait to be written. None on a local link, where nothing has to wait.
    pub(crate) fn backlog_bytes(&self) -> usize {
        match &self.wire {
            Wire::Stream(stream) => stream.backlog_bytes(),
            Wire::Local(_) => 0,
        }
    }

    /// Whether everything sent was handed to the operating system, or to the other end.
    pub(crate) fn is_flushed(&self) -> bool {
        match &self.wire {
            Wire::Stream(stream) => stream.is_flushed(),
            Wire::Local(end) => !end.has_backlog(),
        }
    }

    /// What was received so far, in bytes; local messages count as [`LOCAL_MESSAGE_BYTES`].
    fn received_total(&self) -> u64 {
        match &self.wire {
            Wire::Stream(stream) => stream.read_bytes_total(),
            Wire::Local(end) => LOCAL_MESSAGE_BYTES * end.received_total(),
        }
    }

    /// Cuts it, as dropping it does: what was not flushed is lost, and nothing more comes.
    pub(crate) fn cut(&mut self) {
        self.lose(&LinkError::Closed);
    }

    fn lose(&mut self, error: &LinkError) {
        match &mut self.wire {
            Wire::Stream(stream) => stream.cut(),
            Wire::Local(end) => end.cut(),
        }
        // Whoever waits for the socket just now keeps it open until then.
        self.attendance = None;
        self.lost = Some(error.clone());
    }
}

/// What a message that is not encoded counts for when the work of a turn is bounded.
const LOCAL_MESSAGE_BYTES: u64 = 128;

impl<In: Incoming, Out: Outgoing> Link<In, Out> {
    /// Appends a message. Never waits; [`poll_flush`](Self::poll_flush) sends. On a lost link it does nothing, the
    /// next [`poll_recv`](Self::poll_recv) tells.
    ///
    /// # Errors
    /// The message cannot be encoded or is too long; the link is as before.
    pub(crate) fn send(&mut self, message: Out) -> Result<(), EncodeError> {
        if self.lost.is_some() {
            return Ok(());
        }
        match &mut self.wire {
            Wire::Stream(stream) => stream.send(message),
            Wire::Local(end) => {
                end.send(message);
                Ok(())
            }
        }
    }

    /// Gives out what has come, up to a turn's share.
    ///
    /// `Ready(Ok)` after at least one message, `Pending` after none. Either way the task is woken when there is more, so
    /// one call per turn is enough, and a call without cause costs next to nothing.
    ///
    /// # Errors
    /// The link is lost. All that had come before was given out, in this call or earlier ones. Stays so.
    pub(crate) fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
        each: &mut dyn FnMut(In),
    ) -> Poll<Result<(), LinkError>> {
        let polled = match &mut self.wire {
            Wire::Stream(stream) => stream.poll_recv(cx, each),
            Wire::Local(end) => end.poll_recv(cx, each),
        };
        match polled {
            // Writing failed earlier, and there is no more to read now.
            Poll::Pending if self.lost.is_some() => Poll::Ready(Err(self.fail(LinkError::Closed))),
            Poll::Ready(Err(e)) => Poll::Ready(Err(self.fail(e))),
            Poll::Ready(Ok(())) if self.lost.is_some() => {
                // There was more to read after all; the loss itself is told at the next call.
                cx.waker().wake_by_ref();
                Poll::Ready(Ok(()))
            }
            other => other,
        }
    }

    /// Sends what was gathered, as far as the socket takes it. `Ready(Ok)` when nothing is left; else the task is woken
    /// when the socket has room. Calls in between cost next to nothing.
    ///
    /// # Errors
    /// Writing is not possible any more. Messages may still have come in before that: go on with
    /// [`poll_recv`](Self::poll_recv), which gives them out and then ends with an error too.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        self.poll_out(|wire| match wire {
            Wire::Stream(stream) => stream.poll_flush(cx),
            Wire::Local(end) => Poll::Ready(end.flush()),
        })
    }

    /// Sends what was gathered, then tells the other side that nothing more will come. It sees
    /// [`LinkError::Closed`] after the last message. Receiving goes on until the other side closes too; a caller that
    /// does not want to wait for that, or for a slow peer, drops the link.
    ///
    /// # Errors
    /// As [`poll_flush`](Self::poll_flush).
    pub(crate) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        self.poll_out(|wire| match wire {
            Wire::Stream(stream) => stream.poll_close(cx),
            Wire::Local(end) => Poll::Ready(end.close()),
        })
    }

    /// Ends the link gently: as [`poll_close`](Self::poll_close), then lets what still comes pass by until the other side
    /// has closed too, since a socket that is closed with unread bytes destroys what the other side has not read yet.
    /// `Ready` when there is nothing left to wait for. The caller bounds the time and drops the link.
    pub(crate) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Poll::Ready(Err(_)) = self.poll_close(cx) {
            return Poll::Ready(());
        }
        match self.poll_recv(cx, &mut |_| {}) {
            Poll::Ready(Err(_)) => Poll::Ready(()),
            _ => Poll::Pending,
        }
    }

    fn poll_out(
        &mut self,
        out: impl FnOnce(&mut Wire<In, Out>) -> Poll<Result<(), LinkError>>,
    ) -> Poll<Result<(), LinkError>> {
        if let Some(e) = &self.lost {
            return Poll::Ready(Err(e.clone()));
        }
        let polled = out(&mut self.wire);
        if let Poll::Ready(Err(e)) = &polled {
            self.lost = Some(e.clone());
            // What came in before the failure is to be read, even if the socket has not woken anybody for it yet.
            if let Wire::Stream(stream) = &mut self.wire {
                stream.look_again();
            }
            if let Some(attendance) = &self.attendance {
                attendance.is_readable();
            }
        }
        polled
    }

    /// Lets go of everything and remembers the first reason.
    fn fail(&mut self, error: LinkError) -> LinkError {
        let first = self.lost.take().unwrap_or(error);
        self.lose(&first);
        first
    }
}

impl<In, Out> fmt::Debug for Link<In, Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("peer", &self.peer)
            .field("local", &self.is_local())
            .field("backlog_bytes", &self.backlog_bytes())
            .field("lost", &self.lost)
            .finish()
    }
}

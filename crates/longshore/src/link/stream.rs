//! A link over a byte stream.
//!
//! Reading goes straight into the frame reader's buffer and messages are decoded where they lie; pieces of large values are
//! read into the memory that is to hold the value. Writing hands the kernel whatever has gathered since the socket was last
//! free, pieces from where they lie: that is all the batching there is, no timer takes part.
use super::Incoming;
use super::Outgoing;
use super::error::LinkError;
use super::gate::Gate;
use futures_lite::{AsyncRead, AsyncWrite};
use longshore_proto::frame::{EncodeError, FrameError, FrameReader, FrameWriter};
use longshore_proto::limit::CHUNK_BYTES;
use longshore_proto::piece::end_of_piece;
use longshore_proto::{Payload, Piece};
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// A turn reads at most about so much from one link, so that the runtime's other tasks get their share.
const READ_BYTES_PER_TURN_MAX: usize = 1024 * 1024;
/// And, once it gave out so many messages, no more: what follows from them should still fit the processor's caches.
const MESSAGES_PER_TURN_MAX: usize = 1024;
/// A turn writes at most about so much to one link.
const WRITE_BYTES_PER_TURN_MAX: usize = 4 * 1024 * 1024;

/// Values are cut into pieces until so much waits to be written.
const UNPARK_BACKLOG_BYTES: usize = 4 * CHUNK_BYTES;

pub(crate) type BoxRead = Box<dyn AsyncRead + Send + Unpin>;
pub(crate) type BoxWrite = Box<dyn AsyncWrite + Send + Unpin>;

/// The two halves and what lies between them and the messages.
pub(super) struct Stream<In, Out> {
    input: Input<In>,
    output: Output,
    parked: VecDeque<Parked<Out>>,
}

/// A value that is too large for one piece, handed over whole. What it is cut into enters the frames only as they are
/// written, so that other messages find their way between.
struct Parked<Out> {
    /// The message of all its pieces, in turn.
    message: Out,
    value: Payload,
    /// Where the last piece began, and where the next one will.
    begun: usize,
    next: usize,
}

struct Input<In> {
    /// `None` once the link is lost.
    socket: Option<BoxRead>,
    gate: Gate,
    frames: FrameReader,
    /// A message of whose piece not all has come.
    unfinished: Option<In>,
    bytes_total: u64,
}

struct Output {
    /// `None` once the link is lost or closed.
    socket: Option<BoxWrite>,
    gate: Gate,
    /// Bytes that precede all frames: the answer to the other side's hello.
    prologue: Vec<u8>,
    prologue_sent: usize,
    frames: FrameWriter,
    /// Written, but perhaps still in a buffer of the writer's own.
    unflushed: bool,
}

impl<In, Out> Stream<In, Out> {
    pub(super) fn new(reader: BoxRead, writer: BoxWrite, prologue: Vec<u8>) -> Self {
        let input = Input {
            socket: Some(reader),
            gate: Gate::new(),
            frames: FrameReader::default(),
            unfinished: None,
            bytes_total: 0,
        };
        let output = Output {
            socket: Some(writer),
            gate: Gate::new(),
            prologue,
            prologue_sent: 0,
            frames: FrameWriter::default(),
            unflushed: false,
        };
        Stream { input, output, parked: VecDeque::new() }
    }

    pub(super) fn send(&mut self, mut message: Out) -> Result<(), EncodeError>
    where
        Out: Outgoing,
    {
        // Nothing can be written any more: gathering it would only take memory.
        if self.output.socket.is_none() {
            return Ok(());
        }
        let whole = message.chunk().map(|chunk| &mut chunk.bytes).filter(|bytes| is_parted(bytes));
        if let Some(bytes) = whole {
            let value = std::mem::replace(bytes, Piece::empty()).into_payload();
            self.parked.push_back(Parked { message, value, begun: 0, next: 0 });
            return self.unpark();
        }
        self.output.push(&mut message)
    }

    /// Cuts off pieces of what is parked, as long as little waits to be written.
    fn unpark(&mut self) -> Result<(), EncodeError>
    where
        Out: Outgoing,
    {
        while self.output.frames.len() < UNPARK_BACKLOG_BYTES
            && let Some(Parked { message, value, begun, next }) = self.parked.front_mut()
        {
            let (from, end) = (*next, end_of_piece(*next, value.head_nbytes(), value.nbytes()));
            if let Some(chunk) = message.chunk() {
                chunk.offset += (from - *begun) as u64;
                chunk.bytes = value.slice(from, end).into();
            }
            (*begun, *next) = (from, end);
            let is_last = end == value.nbytes();
            self.output.push(message)?;
            if is_last {
                self.parked.pop_front();
            }
        }
        Ok(())
    }

    /// Whether everything was handed to the operating system.
    pub(super) fn is_flushed(&self) -> bool {
        self.backlog_bytes() == 0 && self.parked.is_empty()
    }

    pub(super) fn backlog_bytes(&self) -> usize {
        self.output.frames.len() + self.output.prologue.len() - self.output.prologue_sent
    }

    /// Bytes read so far.
    pub(super) fn read_bytes_total(&self) -> u64 {
        self.input.bytes_total
    }

    pub(super) fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
        each: &mut dyn FnMut(In),
    ) -> Poll<Result<(), LinkError>>
    where
        In: Incoming,
    {
        self.input.poll_recv(cx, each)
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>>
    where
        Out: Outgoing,
    {
        // Pieces always fit a frame.
        let _ = self.unpark();
        ready!(self.output.poll_flush(cx))?;
        if self.parked.is_empty() {
            return Poll::Ready(Ok(()));
        }
        // The socket takes more, and so does everybody else.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    pub(super) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>>
    where
        Out: Outgoing,
    {
        if self.parked.is_empty() {
            return self.output.poll_close(cx);
        }
        ready!(self.poll_flush(cx))?;
        self.output.poll_close(cx)
    }

    /// Asks the socket at the next receive, whatever it said before.
    pub(super) fn look_again(&mut self) {
        self.input.gate.open();
    }

    /// Lets go of both halves.
    pub(super) fn cut(&mut self) {
        self.input.socket = None;
        self.input.unfinished = None;
        self.input.frames = FrameReader::default();
        self.parked.clear();
        self.output.abandon();
    }
}

impl<In: Incoming> Input<In> {
    fn poll_recv(&mut self, cx: &mut Context<'_>, each: &mut dyn FnMut(In)) -> Poll<Result<(), LinkError>> {
        if !self.gate.pass(cx) {
            return Poll::Pending;
        }
        let (mut messages, mut left) = (0, READ_BYTES_PER_TURN_MAX);
        let polled = |messages| if messages > 0 { Poll::Ready(Ok(())) } else { Poll::Pending };
        while left > 0 && messages < MESSAGES_PER_TURN_MAX {
            let Poll::Ready(read) = self.poll_read() else {
                self.gate.wait();
                return polled(messages);
            };
            left = left.saturating_sub(read?);
            self.take(&mut |message| {
                messages += 1;
                each(message);
            })?;
        }
        // There may be more, and the socket holds no waker of ours.
        cx.waker().wake_by_ref();
        polled(messages)
    }

    /// Gives out the messages that are whole.
    fn take(&mut self, each: &mut dyn FnMut(In)) -> Result<(), FrameError> {
        loop {
            if let Some(message) = self.unfinished.take() {
                let Some(message) = self.finish(message)? else { return Ok(()) };
                each(message);
            }
            let unfinished = &mut self.unfinished;
            let any = self.frames.next_frame(|message, tail_follows| {
                if tail_follows {
                    *unfinished = Some(message);
                } else {
                    each(message);
                }
            })?;
            if let Some(message) = &mut self.unfinished {
                self.frames.expect_tail(message.place());
            } else if !any {
                return Ok(());
            }
        }
    }

    /// Puts the bytes that follow a message into their place in it, once they are there.
    fn finish(&mut self, mut message: In) -> Result<Option<In>, FrameError> {
        let Some(bytes) = self.frames.next_tail()? else {
            self.unfinished = Some(message);
            return Ok(None);
        };
        match message.chunk() {
            Some(chunk) if chunk.bytes == Piece::empty() => chunk.bytes = Piece::Landed(bytes),
            _ => return Err(FrameError::Tail { bytes: bytes.len() }),
        }
        Ok(Some(message))
    }

    fn poll_read(&mut self) -> Poll<Result<usize, LinkError>> {
        let Some(socket) = &mut self.socket else { return Poll::Ready(Err(LinkError::Closed)) };
        loop {
            let mut cx = Context::from_waker(self.gate.arm());
            match ready!(Pin::new(&mut *socket).poll_read(&mut cx, self.frames.space())) {
                Ok(0) if self.frames.is_empty() => return Poll::Ready(Err(LinkError::Closed)),
                // It ended in the middle of a frame.
                Ok(0) => return Poll::Ready(Err(io::Error::from(io::ErrorKind::UnexpectedEof).into())),
                Ok(n) => {
                    self.frames.filled(n);
                    self.bytes_total += n as u64;
                    return Poll::Ready(Ok(n));
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Poll::Ready(Err(e.into())),
            }
        }
    }
}

/// Whether this is more than one piece.
fn is_parted(bytes: &Piece) -> bool {
    !bytes.is_local() && end_of_piece(0, bytes.head_nbytes(), bytes.nbytes()) < bytes.nbytes()
}

impl Output {
    fn push<Out: Outgoing>(&mut self, message: &mut Out) -> Result<(), EncodeError> {
        match message.chunk().and_then(|chunk| chunk.bytes.take_tail()) {
            Some(tail) => self.frames.push_with_tail(message, &tail),
            None => self.frames.push(message),
        }
    }

    fn is_empty(&self) -> bool {
        self.prologue.is_empty() && self.frames.is_empty()
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        if self.is_empty() && !self.unflushed {
            return Poll::Ready(Ok(()));
        }
        if !self.gate.pass(cx) {
            return Poll::Pending;
        }
        let mut left = WRITE_BYTES_PER_TURN_MAX;
        while !self.is_empty() {
            if left == 0 {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let written = ready!(self.poll_write())?;
            left = left.saturating_sub(written);
        }
        self.poll_socket(|socket, cx| socket.poll_flush(cx)).map_ok(|()| self.unflushed = false)
    }

    fn poll_write(&mut self) -> Poll<Result<usize, LinkError>> {
        let Some(socket) = &mut self.socket else { return Poll::Ready(Err(LinkError::Closed)) };
        let greeting = !self.prologue.is_empty();
        let mut cx = Context::from_waker(self.gate.arm());
        let socket = Pin::new(socket);
        let polled = if greeting {
            socket.poll_write(&mut cx, &self.prologue[self.prologue_sent..])
        } else if self.frames.is_contiguous() {
            socket.poll_write(&mut cx, self.frames.pending())
        } else {
            let (slices, len) = self.frames.slices();
            socket.poll_write_vectored(&mut cx, &slices[..len])
        };
        let written = match polled {
            Poll::Pending => {
                self.gate.wait();
                return Poll::Pending;
            }
            Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::Error::from(io::ErrorKind::WriteZero).into())),
            Poll::Ready(Ok(written)) => written,
            Poll::Ready(Err(e)) if e.kind() == io::ErrorKind::Interrupted => return Poll::Ready(Ok(0)),
            Poll::Ready(Err(e)) => return Poll::Ready(Err(e.into())),
        };
        if greeting {
            self.greeted(written);
        } else {
            self.frames.advance(written);
        }
        self.unflushed = true;
        Poll::Ready(Ok(written))
    }

    fn greeted(&mut self, bytes: usize) {
        self.prologue_sent += bytes;
        if self.prologue_sent == self.prologue.len() {
            (self.prologue, self.prologue_sent) = (Vec::new(), 0);
        }
    }

    /// Flushes or closes the writer, waiting at the gate if it must.
    fn poll_socket(
        &mut self,
        ask: impl FnOnce(Pin<&mut BoxWrite>, &mut Context<'_>) -> Poll<io::Result<()>>,
    ) -> Poll<Result<(), LinkError>> {
        let Some(socket) = &mut self.socket else { return Poll::Ready(Ok(())) };
        let polled = ask(Pin::new(socket), &mut Context::from_waker(self.gate.arm()));
        if polled.is_pending() {
            self.gate.wait();
        }
        polled.map_err(LinkError::from)
    }

    /// Writes what is left, then says that nothing more will come.
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        ready!(self.poll_flush(cx))?;
        if self.socket.is_none() {
            return Poll::Ready(Ok(()));
        }
        if !self.gate.pass(cx) {
            return Poll::Pending;
        }
        ready!(self.poll_socket(|socket, cx| socket.poll_close(cx)))?;
        self.socket = None;
        Poll::Ready(Ok(()))
    }

    fn abandon(&mut self) {
        self.socket = None;
        (self.prologue, self.prologue_sent) = (Vec::new(), 0);
        self.frames = FrameWriter::default();
        self.unflushed = false;
    }
}

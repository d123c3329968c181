//! A byte pipe that counts what is asked of it and does as it is told.
use futures_lite::{AsyncRead, AsyncWrite};
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

#[derive(Default)]
struct State {
    bytes: VecDeque<u8>,
    /// Bytes it holds before a writer has to wait.
    capacity: usize,
    /// Sizes of the next reads and writes, used in turn; empty for as much as fits.
    steps: Vec<usize>,
    next_step: usize,
    ended: bool,
    read_error: Option<io::ErrorKind>,
    write_error: Option<io::ErrorKind>,
    reader: Option<Waker>,
    writer: Option<Waker>,
    reads: usize,
    writes: usize,
}

impl State {
    fn step(&mut self) -> usize {
        if self.steps.is_empty() {
            return usize::MAX;
        }
        self.next_step = (self.next_step + 1) % self.steps.len();
        self.steps[self.next_step]
    }
}

/// One direction, seen from outside.
#[derive(Clone, Default)]
pub(super) struct Pipe(Arc<Mutex<State>>);

pub(super) struct PipeReader(Pipe);
pub(super) struct PipeWriter(Pipe);

impl Pipe {
    pub(super) fn new(capacity: usize, steps: Vec<usize>) -> (Pipe, PipeReader, PipeWriter) {
        let pipe = Pipe(Arc::new(Mutex::new(State { capacity, steps, ..State::default() })));
        (pipe.clone(), PipeReader(pipe.clone()), PipeWriter(pipe))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Puts bytes in as if they had been written.
    pub(super) fn feed(&self, bytes: &[u8]) {
        let mut state = self.lock();
        state.bytes.extend(bytes);
        state.reader.take().into_iter().for_each(Waker::wake);
    }

    /// Puts bytes in, and the reader is not told yet.
    pub(super) fn feed_quietly(&self, bytes: &[u8]) {
        self.lock().bytes.extend(bytes);
    }

    /// As if neither half had been dropped, for a direction whose far half is the test itself.
    pub(super) fn revived(self) -> Self {
        let mut state = self.lock();
        (state.ended, state.write_error) = (false, None);
        drop(state);
        self
    }

    /// Takes out what was written and lets the writer go on.
    pub(super) fn drain(&self) -> Vec<u8> {
        let mut state = self.lock();
        state.writer.take().into_iter().for_each(Waker::wake);
        state.bytes.drain(..).collect()
    }

    pub(super) fn end(&self) {
        let mut state = self.lock();
        state.ended = true;
        state.reader.take().into_iter().for_each(Waker::wake);
    }

    pub(super) fn is_ended(&self) -> bool {
        self.lock().ended
    }

    /// Reads fail with this once everything was read.
    pub(super) fn fail_reads(&self, kind: io::ErrorKind) {
        let mut state = self.lock();
        state.read_error = Some(kind);
        state.reader.take().into_iter().for_each(Waker::wake);
    }

    /// Writes fail with this, without waking anybody.
    pub(super) fn fail_writes(&self, kind: io::ErrorKind) {
        self.lock().write_error = Some(kind);
    }

    /// How often it was asked for bytes since the last time.
    pub(super) fn reads(&self) -> usize {
        std::mem::take(&mut self.lock().reads)
    }

    /// How often it was given bytes since the last time.
    pub(super) fn writes(&self) -> usize {
        std::mem::take(&mut self.lock().writes)
    }
}

impl AsyncRead for PipeReader {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut state = self.0.lock();
        state.reads += 1;
        if state.bytes.is_empty() {
            if let Some(kind) = state.read_error {
                return Poll::Ready(Err(kind.into()));
            }
            if state.ended {
                return Poll::Ready(Ok(0));
            }
            state.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let n = state.step().min(state.bytes.as_slices().0.len()).min(into.len());
        into[..n].copy_from_slice(&state.bytes.as_slices().0[..n]);
        state.bytes.drain(..n);
        state.writer.take().into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(n))
    }
}

impl AsyncWrite for PipeWriter {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = self.0.lock();
        state.writes += 1;
        if let Some(kind) = state.write_error {
            return Poll::Ready(Err(kind.into()));
        }
        let room = state.capacity.saturating_sub(state.bytes.len());
        if room == 0 {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let n = state.step().min(room).min(from.len());
        state.bytes.extend(&from[..n]);
        state.reader.take().into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(n))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.end();
        Poll::Ready(Ok(()))
    }
}

impl Drop for PipeWriter {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl Drop for PipeReader {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.write_error.get_or_insert(io::ErrorKind::BrokenPipe);
        state.writer.take().into_iter().for_each(Waker::wake);
    }
}

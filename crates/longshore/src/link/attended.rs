//! A socket that a thread reads itself.
//!
//! A thread that blocks for an answer can wait for the socket as well as the runtime can, and has the answer one change of
//! threads earlier. While the link is *attended*, reading asks the socket directly and leaves no waker with the runtime,
//! which therefore wakes nobody when something comes. Whoever attends waits until the socket is readable; the runtime
//! waits again when nobody attends. Deliberately absent: who attends when, which is the client's affair.
use futures_lite::AsyncRead;
use longshore_rt::{BoxReader, SharedSocket};
use rustix::io::Errno;
use std::io;
use std::os::fd::BorrowedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

/// What the link and the thread that reads it share.
#[derive(Debug)]
pub(crate) struct Attendance {
    socket: Box<dyn SharedSocket>,
    attended: AtomicBool,
    /// The last read left nothing, and nobody has said since that the socket is readable.
    drained: AtomicBool,
}

impl Attendance {
    pub(super) fn new(socket: Box<dyn SharedSocket>) -> Arc<Self> {
        Arc::new(Attendance { socket, attended: AtomicBool::new(false), drained: AtomicBool::new(false) })
    }

    /// What to wait for.
    pub(crate) fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// The socket was found readable.
    pub(crate) fn is_readable(&self) {
        self.drained.store(false, Ordering::Release);
    }

    /// Whether it is worth reading now.
    pub(super) fn attend(&self, attended: bool) -> bool {
        let before = self.attended.swap(attended, Ordering::AcqRel);
        if before != attended {
            self.drained.store(false, Ordering::Release);
            if attended {
                self.socket.unwatch();
            }
        }
        before != attended || (attended && !self.drained.load(Ordering::Acquire))
    }

    fn poll_read(&self, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        if self.drained.load(Ordering::Acquire) {
            return Poll::Pending;
        }
        match rustix::io::read(self.socket.as_fd(), &mut *buf) {
            Ok(read) => {
                // There was no more than that. Should more have come since, the socket is still readable.
                self.drained.store(read > 0 && read < buf.len(), Ordering::Release);
                Poll::Ready(Ok(read))
            }
            Err(Errno::WOULDBLOCK) => {
                self.drained.store(true, Ordering::Release);
                Poll::Pending
            }
            Err(e) => Poll::Ready(Err(e.into())),
        }
    }
}

/// The read half of such a link.
pub(super) struct Reader {
    runtimes: BoxReader,
    attendance: Arc<Attendance>,
}

impl Reader {
    pub(super) fn new(runtimes: BoxReader, attendance: Arc<Attendance>) -> Self {
        Reader { runtimes, attendance }
    }
}

impl AsyncRead for Reader {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        if self.attendance.attended.load(Ordering::Acquire) {
            return self.attendance.poll_read(buf);
        }
        Pin::new(&mut self.runtimes).poll_read(cx, buf)
    }
}

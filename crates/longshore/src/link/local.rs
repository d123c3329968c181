//! A link within the process: two shared queues. Messages are moved, nothing is encoded.
//!
//! Each side gathers messages of its own and hands them over as one batch, so the lock is taken once per turn; the
//! receiver takes the whole queue at once. A receiver that is awake is not woken.
use super::error::LinkError;
use std::collections::VecDeque;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// A turn takes at most so many messages from one link.
const MESSAGES_PER_TURN_MAX: usize = 8 * 1024;
/// Queues that grew beyond this are let go once they are empty.
const KEEP_CAPACITY_LEN: usize = 8 * 1024;

/// One direction.
struct Queue<T> {
    messages: VecDeque<T>,
    /// The receiver, while it waits.
    receiver: Option<Waker>,
    sender_gone: bool,
    receiver_gone: bool,
}

struct Shared<T>(Mutex<Queue<T>>);

impl<T> Shared<T> {
    fn new() -> Arc<Self> {
        let queue =
            Queue { messages: VecDeque::new(), receiver: None, sender_gone: false, receiver_gone: false };
        Arc::new(Shared(Mutex::new(queue)))
    }

    fn lock(&self) -> MutexGuard<'_, Queue<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands over all of `batch`.
    fn push(&self, batch: &mut VecDeque<T>) -> Result<(), LinkError> {
        let waker = {
            let mut queue = self.lock();
            if queue.receiver_gone {
                return Err(LinkError::Closed);
            }
            if queue.messages.is_empty() {
                mem::swap(&mut queue.messages, batch);
            } else {
                queue.messages.append(batch);
            }
            queue.receiver.take()
        };
        waker.into_iter().for_each(Waker::wake);
        Ok(())
    }

    /// Takes everything that is there; registers the receiver if nothing is. `Err` once nothing will ever come.
    fn take(&self, into: &mut VecDeque<T>, receiver: &Waker) -> Poll<Result<(), LinkError>> {
        let mut queue = self.lock();
        if !queue.messages.is_empty() {
            mem::swap(&mut queue.messages, into);
            return Poll::Ready(Ok(()));
        }
        if queue.sender_gone {
            return Poll::Ready(Err(LinkError::Closed));
        }
        match &mut queue.receiver {
            Some(waker) => waker.clone_from(receiver),
            none => *none = Some(receiver.clone()),
        }
        Poll::Pending
    }

    fn sender_goes(&self) {
        let waker = {
            let mut queue = self.lock();
            queue.sender_gone = true;
            queue.receiver.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }

    fn receiver_goes(&self) {
        // Dropped outside the lock: a message may hold anything, even the other end of this link.
        let _unread = {
            let mut queue = self.lock();
            queue.receiver_gone = true;
            queue.receiver = None;
            mem::take(&mut queue.messages)
        };
    }
}

/// One end.
pub(super) struct LocalEnd<In, Out> {
    incoming: Arc<Shared<In>>,
    outgoing: Arc<Shared<Out>>,
    /// Taken from `incoming`, not given out yet.
    taken: VecDeque<In>,
    /// Not handed over to `outgoing` yet.
    gathered: VecDeque<Out>,
    received_total: u64,
}

/// Two ends of one link.
pub(super) fn ends<A, B>() -> (LocalEnd<A, B>, LocalEnd<B, A>) {
    let (a, b) = (Shared::new(), Shared::new());
    (LocalEnd::new(a.clone(), b.clone()), LocalEnd::new(b, a))
}

impl<In, Out> LocalEnd<In, Out> {
    fn new(incoming: Arc<Shared<In>>, outgoing: Arc<Shared<Out>>) -> Self {
        let (taken, gathered) = (VecDeque::new(), VecDeque::new());
        LocalEnd { incoming, outgoing, taken, gathered, received_total: 0 }
    }

    pub(super) fn send(&mut self, message: Out) {
        self.gathered.push_back(message);
    }

    pub(super) fn has_backlog(&self) -> bool {
        !self.gathered.is_empty()
    }

    /// Messages received so far.
    pub(super) fn received_total(&self) -> u64 {
        self.received_total
    }

    pub(super) fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
        each: &mut dyn FnMut(In),
    ) -> Poll<Result<(), LinkError>> {
        let mut any = false;
        for _ in 0..MESSAGES_PER_TURN_MAX {
            if self.taken.is_empty() {
                if self.taken.capacity() > KEEP_CAPACITY_LEN {
                    self.taken = VecDeque::new();
                }
                match self.incoming.take(&mut self.taken, cx.waker()) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Pending if any => return Poll::Ready(Ok(())),
                    other => return other,
                }
            }
            if let Some(message) = self.taken.pop_front() {
                self.received_total += 1;
                any = true;
                each(message);
            }
        }
        cx.waker().wake_by_ref();
        Poll::Ready(Ok(()))
    }

    /// Never waits: the queue has room for everything.
    pub(super) fn flush(&mut self) -> Result<(), LinkError> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        self.outgoing.push(&mut self.gathered).inspect_err(|_| self.gathered = VecDeque::new())
    }

    /// Hands over what is left, then says that nothing more will come.
    pub(super) fn close(&mut self) -> Result<(), LinkError> {
        let flushed = self.flush();
        self.outgoing.sender_goes();
        flushed
    }

    /// The other side sees the end at once.
    pub(super) fn cut(&mut self) {
        self.outgoing.sender_goes();
        self.incoming.receiver_goes();
        (self.taken, self.gathered) = (VecDeque::new(), VecDeque::new());
    }
}

impl<In, Out> Drop for LocalEnd<In, Out> {
    fn drop(&mut self) {
        self.cut();
    }
}

//! Many links of one kind, keyed by peer. A turn touches only those that are ready or were sent to.
use super::error::LinkError;
use super::ready::{ReadyList, Side, Signal};
use super::{Incoming, Link, Outgoing};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use longshore_proto::PeerId;
use longshore_proto::frame::EncodeError;
use longshore_rt::{BoxSleep, DynRuntime, Instant, Runtime, Sleep};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// A turn reads at most about so much from all links together.
const READ_BYTES_PER_TURN_MAX: u64 = 8 * 1024 * 1024;
/// How long a closed link may take to be flushed and to be closed by the other side too.
const CLOSE_MS_MAX: u64 = 5_000;
/// What may wait for one slow peer by default. Values that go through the scheduler do not come near it, because they wait at
/// their senders; whoever is cut by it takes in nothing while messages pile up.
pub(crate) const BACKLOG_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What a set reports about one of its links.
#[derive(Debug)]
pub(crate) enum LinkEvent<In> {
    /// It said something.
    Message(In),
    /// It is gone and no longer in the set.
    Lost(LinkError),
}

/// The links.
pub(crate) struct LinkSet<In, Out> {
    links: HashMap<PeerId, Entry<In, Out>, FixedState>,
    ready: Arc<ReadyList>,
    /// What fired and was not looked at yet.
    turn: VecDeque<Arc<Signal>>,
    spare: Vec<Arc<Signal>>,
    /// Links that were sent to since the last flush, each once.
    dirty: Vec<PeerId>,
    /// Links not flushed completely.
    unflushed: usize,
    closing: Closing,
    backlog_bytes_max: usize,
}

struct Entry<In, Out> {
    link: Link<In, Out>,
    read: Arc<Signal>,
    /// The same signals as wakers, made once.
    read_waker: Waker,
    write_waker: Waker,
    dirty: bool,
    unflushed: bool,
    /// Flush, close and then wait for the other side, until then; report nothing.
    closing_until: Option<Instant>,
}

/// Closing links in the order in which their time is up. May name links that are gone.
struct Closing {
    rt: DynRuntime,
    queue: VecDeque<(Instant, PeerId)>,
    sleep: Option<BoxSleep>,
    /// Links that are closing.
    len: usize,
}

impl<In: Incoming, Out: Outgoing> LinkSet<In, Out> {
    /// No links yet. A link for which more than `backlog_bytes_max` wait is dropped.
    pub(crate) fn new(rt: &DynRuntime, backlog_bytes_max: usize) -> Self {
        LinkSet {
            links: HashMap::with_hasher(FixedState::default()),
            ready: Arc::default(),
            turn: VecDeque::new(),
            spare: Vec::new(),
            dirty: Vec::new(),
            unflushed: 0,
            closing: Closing { rt: rt.clone(), queue: VecDeque::new(), sleep: None, len: 0 },
            backlog_bytes_max,
        }
    }

    /// Takes a link in. One of the same peer that is still there is cut and not reported.
    pub(crate) fn insert(&mut self, peer: PeerId, link: Link<In, Out>) {
        self.remove(peer);
        let (read, write) =
            (Signal::new(&self.ready, peer, Side::Read), Signal::new(&self.ready, peer, Side::Write));
        let (read_waker, write_waker) = (read.waker(), write.waker());
        let unflushed = !link.is_flushed();
        let closing_until = None;
        let entry = Entry { link, read, read_waker, write_waker, dirty: true, unflushed, closing_until };
        // The first look registers the wakers with the socket.
        entry.read.wake_by_ref();
        self.unflushed += usize::from(unflushed);
        self.links.insert(peer, entry);
        self.dirty.push(peer);
    }

    /// The link to a peer. Messages sent through it directly are flushed with the next [`send`](Self::send).
    pub(crate) fn get(&self, peer: PeerId) -> Option<&Link<In, Out>> {
        self.links.get(&peer).filter(|e| e.closing_until.is_none()).map(|e| &e.link)
    }

    /// Whether there is a link to this peer that is not closing.
    pub(crate) fn contains(&self, peer: PeerId) -> bool {
        self.get(peer).is_some()
    }

    /// Appends a message to a peer's link. [`flush`](Self::flush) sends. A peer that is unknown or closing is ignored.
    ///
    /// # Errors
    /// The message cannot be encoded or is too long; the link is as before.
    pub(crate) fn send(&mut self, peer: PeerId, message: Out) -> Result<(), EncodeError> {
        let Some(entry) = self.links.get_mut(&peer).filter(|e| e.closing_until.is_none()) else {
            return Ok(());
        };
        entry.link.send(message)?;
        if !entry.dirty {
            entry.dirty = true;
            self.dirty.push(peer);
        }
        if !entry.unflushed {
            entry.unflushed = true;
            self.unflushed += 1;
        }
        Ok(())
    }

    /// Ends a link gently: what was sent is flushed, the other side sees the end and may close too. Nothing more is
    /// reported about it. What takes longer than 5 s is cut.
    pub(crate) fn close(&mut self, peer: PeerId) {
        let Some(entry) = self.links.get_mut(&peer).filter(|e| e.closing_until.is_none()) else { return };
        let until = self.closing.rt.now() + Duration::from_millis(CLOSE_MS_MAX);
        entry.closing_until = Some(until);
        self.closing.queue.push_back((until, peer));
        self.closing.len += 1;
        if !entry.dirty {
            entry.dirty = true;
            self.dirty.push(peer);
        }
    }

    /// Ends all links gently.
    pub(crate) fn close_all(&mut self) {
        let mut peers: Vec<PeerId> = self.links.keys().copied().collect();
        peers.sort_unstable();
        peers.into_iter().for_each(|peer| self.close(peer));
    }

    /// Takes a link out; dropping it cuts it. Nothing more is reported about it.
    pub(crate) fn remove(&mut self, peer: PeerId) -> Option<Link<In, Out>> {
        let entry = self.links.remove(&peer)?;
        self.unflushed -= usize::from(entry.unflushed);
        self.closing.len -= usize::from(entry.closing_until.is_some());
        Some(entry.link)
    }

    /// Links that are not closing.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.links.len() - self.closing.len
    }

    /// Links that are closing.
    pub(crate) fn closing_len(&self) -> usize {
        self.closing.len
    }

    /// Whether everything sent, on closing links too, was handed to the operating system.
    pub(crate) fn is_flushed(&self) -> bool {
        self.unflushed == 0
    }

    /// Gives out what has come on the links that are ready, up to a turn's share, and goes on writing where a socket
    /// has room again. Whether anything was given out. The task is woken when there is more.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, each: &mut dyn FnMut(PeerId, LinkEvent<In>)) -> bool {
        self.ready.register(cx);
        self.expire(cx);
        self.ready.take(&mut self.turn, &mut self.spare);
        let (mut any, mut left) = (false, READ_BYTES_PER_TURN_MAX);
        while let Some(signal) = self.turn.pop_front() {
            signal.clear();
            match signal.side {
                Side::Read => left = left.saturating_sub(self.read_one(signal.peer, &mut any, each)),
                Side::Write => {
                    if let Err(e) = self.flush_one(signal.peer) {
                        any = true;
                        self.remove(signal.peer);
                        each(signal.peer, LinkEvent::Lost(e));
                    }
                }
            }
            if left == 0 && !self.turn.is_empty() {
                cx.waker().wake_by_ref();
                break;
            }
        }
        any
    }

    /// Sends what was gathered since the last flush, each link once. Links over the bound on what may wait are removed
    /// and given to `lost`; one that breaks is reported by the next [`poll`](Self::poll), after what it had sent.
    pub(crate) fn flush(&mut self, cx: &mut Context<'_>, lost: &mut dyn FnMut(PeerId, LinkError)) {
        self.ready.register(cx);
        let mut dirty = std::mem::take(&mut self.dirty);
        for peer in dirty.drain(..) {
            if let Err(e) = self.flush_one(peer) {
                self.remove(peer);
                lost(peer, e);
            }
        }
        self.dirty = dirty;
    }

    /// Reads one link and says how much came.
    fn read_one(&mut self, peer: PeerId, any: &mut bool, each: &mut dyn FnMut(PeerId, LinkEvent<In>)) -> u64 {
        let Some(entry) = self.links.get_mut(&peer) else { return 0 };
        let before = entry.link.received_total();
        let mut cx = Context::from_waker(&entry.read_waker);
        let reported = entry.closing_until.is_none();
        let polled = entry.link.poll_recv(&mut cx, &mut |message| {
            if reported {
                *any = true;
                each(peer, LinkEvent::Message(message));
            }
        });
        let bytes = entry.link.received_total() - before;
        if let Poll::Ready(Err(e)) = polled {
            tracing::debug!(peer = entry.link.peer(), reason = %e, "link lost");
            self.remove(peer);
            if reported {
                *any = true;
                each(peer, LinkEvent::Lost(e));
            }
        }
        bytes
    }

    /// Writes to one link what its socket takes.
    ///
    /// # Errors
    /// Too much waits for it.
    fn flush_one(&mut self, peer: PeerId) -> Result<(), LinkError> {
        let Some(entry) = self.links.get_mut(&peer) else { return Ok(()) };
        entry.dirty = false;
        let mut cx = Context::from_waker(&entry.write_waker);
        let closing = entry.closing_until.is_some();
        let polled = if closing { entry.link.poll_close(&mut cx) } else { entry.link.poll_flush(&mut cx) };
        match polled {
            Poll::Ready(Ok(())) => {
                self.unflushed -= usize::from(std::mem::take(&mut entry.unflushed));
            }
            // Reading tells, after what had come before.
            Poll::Ready(Err(_)) => entry.read.wake_by_ref(),
            Poll::Pending => {
                let (bytes, bytes_max) = (entry.link.backlog_bytes(), self.backlog_bytes_max);
                if bytes > bytes_max {
                    tracing::warn!(peer = entry.link.peer(), bytes, bytes_max, "cutting a slow peer");
                    return Err(LinkError::Backlog { bytes, bytes_max });
                }
            }
        }
        Ok(())
    }

    /// Cuts closing links whose time is up and has `cx` woken for the next.
    fn expire(&mut self, cx: &mut Context<'_>) {
        while let Some(&(until, peer)) = self.closing.queue.front() {
            let gone = self.links.get(&peer).is_none_or(|e| e.closing_until != Some(until));
            if !gone && self.closing.poll_until(until, cx).is_pending() {
                return;
            }
            self.closing.queue.pop_front();
            self.cut_if_closing(peer, until);
        }
        self.closing.sleep = None;
    }

    fn cut_if_closing(&mut self, peer: PeerId, until: Instant) {
        if self.links.get(&peer).is_some_and(|e| e.closing_until == Some(until)) {
            self.remove(peer);
        }
    }
}

impl Closing {
    fn poll_until(&mut self, until: Instant, cx: &mut Context<'_>) -> Poll<()> {
        if self.rt.now() >= until {
            return Poll::Ready(());
        }
        let rt = &self.rt;
        let sleep = self.sleep.get_or_insert_with(|| rt.sleep_until(until));
        sleep.reset(until);
        Pin::new(sleep).poll(cx)
    }
}

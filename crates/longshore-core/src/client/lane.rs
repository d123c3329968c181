//! One way by which values come and go: a data link to a worker, or through the scheduler.
use longshore_proto::client::Chunk;
use longshore_proto::piece::end_of_granted_piece;
use longshore_proto::{Grant, Payload, PeerId, TaskHandle, TaskId, Time};
use std::collections::{BTreeMap, VecDeque};

/// Whether a worker can be talked to.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Reach {
    /// Nobody needed it yet, or the link was lost after it had worked.
    Idle,
    /// Being dialled.
    Dialling,
    /// There is a link.
    Up,
    /// It could not be reached; not to be tried again before this time.
    Unreachable(Time),
}

/// A worker that the scheduler named.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) address: Option<String>,
    pub(super) reach: Reach,
}

impl Peer {
    /// Whether it is worth trying.
    pub(super) fn is_promising(&self, now: Time) -> bool {
        self.address.is_some() && !matches!(self.reach, Reach::Unreachable(until) if now < until)
    }
}

/// Transfers on one way.
#[derive(Debug, Default)]
pub(super) struct Lane {
    /// Values to ask for, once there is room.
    pub(super) queue: VecDeque<TaskId>,
    /// Values asked for, and the bytes they were said to have.
    pub(super) asked: BTreeMap<TaskHandle, (TaskId, u64)>,
    pub(super) asked_bytes: u64,
    /// Values being handed over.
    pub(super) puts: VecDeque<Put>,
    /// Values handed over whole, not yet confirmed.
    pub(super) unconfirmed: BTreeMap<TaskHandle, PeerId>,
    /// When something last moved.
    pub(super) moved_at: Time,
}

impl Lane {
    pub(super) fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.puts.is_empty() && !self.awaits_peer()
    }

    /// Whether the other side owes something.
    pub(super) fn awaits_peer(&self) -> bool {
        !self.asked.is_empty() || !self.unconfirmed.is_empty()
    }

    /// Notes that a value was asked for.
    pub(super) fn ask(&mut self, now: Time, task: TaskHandle, id: TaskId, nbytes: u64) {
        if !self.awaits_peer() {
            self.moved_at = now;
        }
        if let Some((_, before)) = self.asked.insert(task, (id, nbytes)) {
            self.asked_bytes -= before;
        }
        self.asked_bytes += nbytes;
    }

    /// The next piece to send, of the first value of which more may be sent; and whose piece it is.
    pub(super) fn next_piece(&mut self) -> Option<(Chunk, Sent)> {
        let at = self.puts.iter().position(|put| put.next_end().is_some())?;
        let mut put = self.puts.remove(at)?;
        let chunk = put.next()?;
        let sent = Sent { task: put.task, worker: put.worker, grant: put.grant, is_last: put.is_sent() };
        match (sent.is_last, put.grant) {
            (true, _) => {}
            // Those that go through the scheduler take turns: they have different receivers.
            (false, Some(_)) => self.puts.push_back(put),
            (false, None) => self.puts.insert(at, put),
        }
        Some((chunk, sent))
    }

    /// Whether [`next_piece`](Self::next_piece) would give something.
    pub(super) fn has_piece(&self) -> bool {
        self.puts.iter().any(|put| put.next_end().is_some())
    }

    /// Nothing more is expected of this value; whose it was.
    pub(super) fn settle(&mut self, task: TaskHandle) -> Option<TaskId> {
        let (id, nbytes) = self.asked.remove(&task)?;
        self.asked_bytes -= nbytes;
        Some(id)
    }
}

/// A value on its way to a worker.
#[derive(Debug)]
pub(super) struct Put {
    pub(super) task: TaskHandle,
    pub(super) worker: PeerId,
    pub(super) value: Payload,
    /// How much of it may be sent, if it goes through the scheduler.
    pub(super) grant: Option<Grant>,
    /// Where the next piece begins; `None` once there is none.
    next: Option<usize>,
}

/// Whose piece was sent.
#[derive(Copy, Clone, Debug)]
pub(super) struct Sent {
    pub(super) task: TaskHandle,
    pub(super) worker: PeerId,
    pub(super) grant: Option<Grant>,
    pub(super) is_last: bool,
}

impl Put {
    pub(super) fn new(task: TaskHandle, worker: PeerId, value: Payload, grant: Option<Grant>) -> Self {
        Put { task, worker, value, grant, next: Some(0) }
    }

    fn is_sent(&self) -> bool {
        self.next.is_none()
    }

    /// Where the next piece begins and ends, if it may be sent.
    fn next_end(&self) -> Option<(usize, usize)> {
        let (from, total) = (self.next?, self.value.nbytes());
        if matches!(self.value, Payload::Local(_)) {
            return Some((from, total));
        }
        let until = self.grant.map_or(usize::MAX, |grant| usize::try_from(grant.until).unwrap_or(usize::MAX));
        let end = end_of_granted_piece(from, self.value.head_nbytes(), total, until)?;
        Some((from, end))
    }

    /// The next piece.
    fn next(&mut self) -> Option<Chunk> {
        let ((from, end), total) = (self.next_end()?, self.value.nbytes());
        let bytes = self.value.slice(from, end).into();
        self.next = (end < total).then_some(end);
        Some(Chunk { task: self.task, total: total as u64, offset: from as u64, bytes })
    }
}

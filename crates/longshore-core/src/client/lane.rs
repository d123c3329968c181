//! One way by which values come and go: a data link to a worker, or through the scheduler.
use longshore_proto::client::Chunk;
use longshore_proto::piece::end_of_piece;
use longshore_proto::{Payload, PeerId, TaskHandle, TaskId, Time};
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
    pub(super) offset: usize,
}

impl Put {
    /// The next piece, and whether it is the last.
    pub(super) fn next(&mut self) -> (Chunk, bool) {
        let total = self.value.nbytes();
        let is_whole = matches!(self.value, Payload::Local(_));
        let end = if is_whole { total } else { end_of_piece(self.offset, self.value.head_nbytes(), total) };
        let bytes = self.value.slice(self.offset, end).into();
        let chunk = Chunk { task: self.task, total: total as u64, offset: self.offset as u64, bytes };
        self.offset = end;
        (chunk, end == total)
    }
}

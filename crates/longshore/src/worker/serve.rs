//! Values on their way out, in pieces of about [`CHUNK_BYTES`] and only while the link has little to write.
//!
//! A large value that is still typed is encoded off the driver, which goes on with other things meanwhile.
use super::compute::drop_quietly;
use longshore_proto::client::Chunk;
use longshore_proto::limit::CHUNK_BYTES;
use longshore_proto::piece::end_of_granted_piece;
use longshore_proto::{Payload, Piece as Bytes, Rope, TaskHandle};
use std::collections::VecDeque;

/// Pieces are added to a link until so much waits there.
const LINK_BACKLOG_BYTES: usize = 4 * CHUNK_BYTES;
/// Typed values up to this estimate are encoded on the spot.
const ENCODE_HERE_BYTES_MAX: usize = 64 * 1024;

/// Values that go to one receiver, one after the other.
#[derive(Debug, Default)]
pub(super) struct Sender {
    queue: VecDeque<(TaskHandle, Form)>,
}

/// A value that is to be sent, as it is now.
#[derive(Debug)]
pub(super) enum Form {
    /// Being encoded, under this number.
    Encoding(u64),
    /// Encoded.
    Bytes(Pieces),
    /// It cannot be encoded.
    Failed,
}

/// What is left of an encoded value.
#[derive(Debug)]
pub(super) struct Pieces {
    bytes: Rope,
    /// Where the next piece begins; `None` once there is none.
    next: Option<usize>,
}

/// What to send next.
#[derive(Debug)]
pub(super) enum Piece {
    Data(Chunk),
    /// The value cannot be had after all.
    Unavailable(TaskHandle),
}

impl Sender {
    /// Adds a value. `encode` starts encoding one elsewhere and says under which number its result will come.
    pub(super) fn push(&mut self, task: TaskHandle, value: Payload, encode: &mut dyn FnMut(Payload) -> u64) {
        self.queue.push_back((task, Form::begin(task, value, encode)));
    }

    /// An encoding is done. Whether it was one of these.
    pub(super) fn encoded(&mut self, number: u64, result: &Result<Rope, String>) -> bool {
        self.queue.iter_mut().any(|(task, form)| form.encoded(*task, number, result))
    }

    /// The next piece, if there is one and the link, for which so much waits, has room.
    pub(super) fn next(&mut self, backlog_bytes: usize) -> Option<Piece> {
        if backlog_bytes >= LINK_BACKLOG_BYTES {
            return None;
        }
        let (task, form) = self.queue.front_mut()?;
        let task = *task;
        let Form::Bytes(bytes) = form else {
            let is_failed = matches!(form, Form::Failed);
            return is_failed.then(|| {
                self.queue.pop_front();
                Piece::Unavailable(task)
            });
        };
        let (offset, piece, total) = bytes.next(usize::MAX)?;
        if bytes.is_sent() {
            self.queue.pop_front();
        }
        Some(Piece::Data(Chunk { task, total, offset, bytes: piece }))
    }

    /// Whether [`next`](Self::next) would give something.
    pub(super) fn has_room(&self, backlog_bytes: usize) -> bool {
        let is_ready = self.queue.front().is_some_and(|(_, form)| !matches!(form, Form::Encoding(_)));
        is_ready && backlog_bytes < LINK_BACKLOG_BYTES
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

impl Form {
    /// A value to be sent. `encode` starts encoding one elsewhere and says under which number its result will come.
    pub(super) fn begin(task: TaskHandle, value: Payload, encode: &mut dyn FnMut(Payload) -> u64) -> Form {
        let is_large = matches!(value, Payload::Local(_)) && value.nbytes() > ENCODE_HERE_BYTES_MAX;
        if is_large { Form::Encoding(encode(value)) } else { Form::of(task, &encode_here(value)) }
    }

    /// An encoding is done. Whether it was this one.
    pub(super) fn encoded(&mut self, task: TaskHandle, number: u64, result: &Result<Rope, String>) -> bool {
        let is_this = matches!(self, Form::Encoding(n) if *n == number);
        if is_this {
            *self = Form::of(task, result);
        }
        is_this
    }

    fn of(task: TaskHandle, encoded: &Result<Rope, String>) -> Form {
        match encoded {
            Ok(bytes) => Form::Bytes(Pieces { bytes: bytes.clone(), next: Some(0) }),
            Err(reason) => {
                tracing::error!(?task, reason, "a stored value cannot be sent");
                Form::Failed
            }
        }
    }
}

impl Pieces {
    /// Where the next piece begins and ends, if it may be sent when nothing beyond `until` may.
    pub(super) fn next_end(&self, until: usize) -> Option<(usize, usize)> {
        let from = self.next?;
        let end = end_of_granted_piece(from, self.bytes.head_nbytes(), self.bytes.nbytes(), until)?;
        Some((from, end))
    }

    /// The next piece: where it begins, its bytes, and the size of the whole value.
    pub(super) fn next(&mut self, until: usize) -> Option<(u64, Bytes, u64)> {
        let ((from, end), total) = (self.next_end(until)?, self.bytes.nbytes());
        self.next = (end < total).then_some(end);
        Some((from as u64, Payload::from(self.bytes.slice(from, end)).into(), total as u64))
    }

    pub(super) fn is_sent(&self) -> bool {
        self.next.is_none()
    }
}

/// Encodes a value whose type's `Serialize` may do anything.
pub(crate) fn encode_here(value: Payload) -> Result<Rope, String> {
    let encoded = super::compute::catch_quietly(|| value.to_rope());
    drop_quietly(value);
    encoded.unwrap_or_else(|| Err("its Serialize implementation panicked".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn handle(slot: u32) -> TaskHandle {
        TaskHandle { slot, generation: 0 }
    }

    #[test]
    fn values_go_out_in_pieces_one_after_the_other() {
        let mut sender = Sender::default();
        let more = 10_000;
        let big = Bytes::from(vec![7; CHUNK_BYTES + more]);
        let mut never = |_| unreachable!("nothing is typed");
        sender.push(handle(1), Payload::from(big), &mut never);
        sender.push(handle(2), Payload::empty(), &mut never);
        let mut seen = vec![];
        while let Some(Piece::Data(chunk)) = sender.next(0) {
            seen.push((chunk.task.slot, chunk.total, chunk.offset, chunk.bytes.nbytes()));
        }
        let (size, total) = (CHUNK_BYTES as u64, (CHUNK_BYTES + more) as u64);
        assert_eq!(seen, [(1, total, 0, CHUNK_BYTES), (1, total, size, more), (2, 0, 0, 0)]);
        assert!(sender.is_empty());
    }

    #[test]
    fn what_stands_before_a_large_buffer_goes_ahead() {
        let mut sender = Sender::default();
        let parts = vec![Bytes::from_static(b"head"), vec![7; CHUNK_BYTES + 10_000].into()];
        sender.push(handle(1), Rope::new(parts).into(), &mut |_| 0);
        let mut seen = vec![];
        while let Some(Piece::Data(chunk)) = sender.next(0) {
            seen.push((chunk.offset, chunk.bytes.nbytes()));
        }
        assert_eq!(seen, [(0, 4), (4, CHUNK_BYTES), (4 + CHUNK_BYTES as u64, 10_000)]);
    }

    #[test]
    fn a_few_bytes_beyond_a_piece_belong_to_it() {
        let mut sender = Sender::default();
        sender.push(handle(1), Payload::from(vec![7; CHUNK_BYTES + 5]), &mut |_| 0);
        let Some(Piece::Data(chunk)) = sender.next(0) else { panic!("nothing to send") };
        assert_eq!(chunk.bytes.nbytes(), CHUNK_BYTES + 5);
        assert!(sender.is_empty());
    }

    #[test]
    fn a_link_with_much_to_write_gets_no_more() {
        let mut sender = Sender::default();
        sender.push(handle(1), Payload::copy_from(b"abc"), &mut |_| 0);
        assert!(sender.next(LINK_BACKLOG_BYTES).is_none() && !sender.has_room(LINK_BACKLOG_BYTES));
        assert!(sender.has_room(0) && sender.next(0).is_some());
    }

    #[test]
    fn an_encoding_that_failed_is_said() {
        let mut sender = Sender::default();
        sender.queue.push_back((handle(1), Form::Encoding(5)));
        assert!(sender.next(0).is_none() && !sender.has_room(0));
        assert!(!sender.encoded(6, &Ok(Bytes::new().into())));
        assert!(sender.encoded(5, &Err("no".to_owned())));
        assert!(matches!(sender.next(0), Some(Piece::Unavailable(task)) if task == handle(1)));
    }
}

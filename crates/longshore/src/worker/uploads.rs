//! Values on their way up through the scheduler, each as far as it was granted.
//!
//! They have different receivers, so one that waits for leave to go on keeps no other from going on, and those that may take
//! turns. Deliberately absent: links to peers and clients, where each link has its own queue; see [`Sender`](super::serve).
use super::serve::Form;
use longshore_proto::client::Chunk;
use longshore_proto::limit::CHUNK_BYTES;
use longshore_proto::{Grant, Payload, RelayId, Rope, TaskHandle, WorkerToScheduler};
use std::collections::VecDeque;

/// Pieces are added to the link until so much waits there. What is said of runs waits behind it.
const LINK_BACKLOG_BYTES: usize = 2 * CHUNK_BYTES;

/// All that goes up.
#[derive(Debug, Default)]
pub(super) struct Uploads {
    queue: VecDeque<Upload>,
}

#[derive(Debug)]
struct Upload {
    grant: Grant,
    task: TaskHandle,
    form: Form,
}

impl Uploads {
    /// Adds a value. `encode` starts encoding one elsewhere and says under which number its result will come.
    pub(super) fn push(
        &mut self,
        grant: Grant,
        task: TaskHandle,
        value: Payload,
        encode: &mut dyn FnMut(Payload) -> u64,
    ) {
        let form = Form::begin(task, value, encode);
        self.queue.push_back(Upload { grant, task, form });
    }

    /// More of a value may be sent.
    pub(super) fn grant(&mut self, grant: Grant) {
        if let Some(upload) = self.queue.iter_mut().find(|upload| upload.grant.relay == grant.relay) {
            upload.grant = grant;
        }
    }

    /// Nothing more of a value is to be sent.
    pub(super) fn end(&mut self, relay: RelayId) {
        self.queue.retain(|upload| upload.grant.relay != relay);
    }

    /// An encoding is done. Whether it was one of these.
    pub(super) fn encoded(&mut self, number: u64, result: &Result<Rope, String>) -> bool {
        self.queue.iter_mut().any(|upload| upload.form.encoded(upload.task, number, result))
    }

    /// The next piece, if one may be sent and the link, for which so much waits, has room.
    pub(super) fn next(&mut self, backlog_bytes: usize) -> Option<WorkerToScheduler> {
        if backlog_bytes >= LINK_BACKLOG_BYTES {
            return None;
        }
        let at = self.queue.iter().position(Upload::is_ready)?;
        let mut upload = self.queue.remove(at)?;
        let Upload { grant: Grant { relay, .. }, task, .. } = upload;
        let until = upload.until();
        let Form::Bytes(bytes) = &mut upload.form else {
            return Some(WorkerToScheduler::NoData { relay, task });
        };
        let (offset, piece, total) = bytes.next(until)?;
        if !bytes.is_sent() {
            self.queue.push_back(upload);
        }
        let chunk = Box::new(Chunk { task, total, offset, bytes: piece });
        Some(WorkerToScheduler::Data { relay, chunk })
    }

    /// Whether [`next`](Self::next) would give something.
    pub(super) fn has_room(&self, backlog_bytes: usize) -> bool {
        backlog_bytes < LINK_BACKLOG_BYTES && self.queue.iter().any(Upload::is_ready)
    }
}

impl Upload {
    fn until(&self) -> usize {
        usize::try_from(self.grant.until).unwrap_or(usize::MAX)
    }

    fn is_ready(&self) -> bool {
        match &self.form {
            Form::Encoding(_) => false,
            Form::Bytes(bytes) => bytes.next_end(self.until()).is_some(),
            Form::Failed => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = CHUNK_BYTES as u64;

    fn push(uploads: &mut Uploads, number: u32, until: u64, nbytes: usize) {
        let task = TaskHandle { slot: number, generation: 0 };
        let grant = Grant { relay: RelayId(u64::from(number)), until };
        uploads.push(grant, task, Payload::from(vec![7; nbytes]), &mut |_| unreachable!("nothing is typed"));
    }

    /// All that goes up now: whose piece, where it begins, and how long it is.
    fn all(uploads: &mut Uploads) -> Vec<(u64, u64, usize)> {
        let mut all = vec![];
        while uploads.has_room(0) {
            match uploads.next(0) {
                Some(WorkerToScheduler::Data { relay, chunk }) => {
                    all.push((relay.0, chunk.offset, chunk.bytes.nbytes()));
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(uploads.next(0).is_none());
        all
    }

    #[test]
    fn no_more_goes_up_than_was_granted() {
        let mut uploads = Uploads::default();
        push(&mut uploads, 1, 2 * MIB, 4 * CHUNK_BYTES);
        assert_eq!(all(&mut uploads), [(1, 0, CHUNK_BYTES), (1, MIB, CHUNK_BYTES)]);
        uploads.grant(Grant { relay: RelayId(1), until: 3 * MIB + 100_000 });
        assert_eq!(all(&mut uploads), [(1, 2 * MIB, CHUNK_BYTES), (1, 3 * MIB, 100_000)]);
        uploads.grant(Grant { relay: RelayId(1), until: 3 * MIB + 100_001 });
        assert_eq!(all(&mut uploads), [], "a piece must be long enough to be put in its place");
        uploads.grant(Grant { relay: RelayId(1), until: 4 * MIB });
        assert_eq!(all(&mut uploads), [(1, 3 * MIB + 100_000, CHUNK_BYTES - 100_000)]);
        assert!(uploads.queue.is_empty());
    }

    #[test]
    fn one_that_waits_keeps_no_other_from_going_up_and_those_that_may_take_turns() {
        let mut uploads = Uploads::default();
        push(&mut uploads, 1, MIB, 9 * CHUNK_BYTES);
        push(&mut uploads, 2, 9 * MIB, 3 * CHUNK_BYTES);
        push(&mut uploads, 3, 9 * MIB, 2 * CHUNK_BYTES);
        let order: Vec<u64> = all(&mut uploads).iter().map(|piece| piece.0).collect();
        assert_eq!(order, [1, 2, 3, 2, 3, 2]);
    }

    #[test]
    fn what_nobody_needs_any_more_does_not_go_on() {
        let mut uploads = Uploads::default();
        push(&mut uploads, 1, MIB, 9 * CHUNK_BYTES);
        assert_eq!(all(&mut uploads).len(), 1);
        uploads.end(RelayId(1));
        uploads.grant(Grant { relay: RelayId(1), until: 9 * MIB });
        assert_eq!(all(&mut uploads), []);
    }

    #[test]
    fn an_empty_value_goes_up_and_one_that_cannot_be_encoded_is_told_of() {
        let mut uploads = Uploads::default();
        push(&mut uploads, 1, 0, 0);
        assert_eq!(all(&mut uploads), [(1, 0, 0)]);
        let (relay, task) = (RelayId(2), TaskHandle { slot: 2, generation: 0 });
        uploads.queue.push_back(Upload { grant: Grant { relay, until: 0 }, task, form: Form::Encoding(5) });
        assert!(!uploads.has_room(0) && uploads.encoded(5, &Err("no".to_owned())));
        assert_eq!(uploads.next(0), Some(WorkerToScheduler::NoData { relay, task }));
    }

    #[test]
    fn a_link_with_much_to_write_gets_no_more() {
        let mut uploads = Uploads::default();
        push(&mut uploads, 1, MIB, 100);
        assert!(uploads.next(LINK_BACKLOG_BYTES).is_none() && !uploads.has_room(LINK_BACKLOG_BYTES));
    }
}

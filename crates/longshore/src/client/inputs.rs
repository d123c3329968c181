//! Where a call's inputs come from: futures of this session, calls of the same graph, and values too large to travel inside.
use super::content_hash::ContentHash;
use super::session::Session;
use crate::call::{CallGraph, CallNode, Dependencies};
use crate::error::{TaskError, TaskErrorKind};
use crate::future::{FutureRef, Progress};
use crate::value::StoredValue;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use longshore_proto::limit::INLINE_ARG_BYTES_MAX;
use longshore_proto::{Payload, TaskId};
use std::sync::Arc;

/// Inputs up to this many are told apart by looking through them.
const SEARCH_LEN_MAX: usize = 16;

/// The inputs of one call.
pub(super) struct Inputs<'a> {
    session: &'a Arc<Session>,
    graph: Option<(&'a CallGraph, &'a [TaskId])>,
    /// No task twice.
    ids: Vec<TaskId>,
    places: HashMap<TaskId, u32, FixedState>,
    /// Values that become tasks of their own.
    pub(super) objects: Vec<(TaskId, Payload)>,
    /// Futures of other clients, as this one wants them: held until the call is sent.
    pub(super) adopted: Vec<FutureRef>,
    /// Of the objects' contents: their ids are new each time.
    contents: ContentHash,
    /// Values are only looked at, not sent.
    dry: bool,
    error: Option<TaskError>,
}

impl<'a> Inputs<'a> {
    pub(super) fn new(session: &'a Arc<Session>, graph: Option<(&'a CallGraph, &'a [TaskId])>) -> Self {
        Inputs {
            session,
            graph,
            ids: Vec::new(),
            places: HashMap::default(),
            objects: Vec::new(),
            adopted: Vec::new(),
            contents: ContentHash::new(),
            dry: false,
            error: None,
        }
    }

    /// Inputs of a call that is encoded for its hash only.
    pub(super) fn dry(mut self) -> Self {
        self.dry = true;
        self
    }

    /// The inputs in order.
    ///
    /// # Errors
    /// Why the call can never run.
    pub(super) fn finish(&mut self) -> Result<Vec<TaskId>, TaskError> {
        match self.error.take() {
            Some(error) => Err(error),
            None => Ok(std::mem::take(&mut self.ids)),
        }
    }

    /// Hash of a call by its function, its arguments and its inputs.
    pub(super) fn hash(&self, function: u64, args: &[u8]) -> [u64; 2] {
        let mut hash = self.contents.clone();
        hash.number(function);
        hash.bytes(args);
        let is_object = |id: &TaskId| self.objects.iter().any(|(object, _)| object == id);
        for id in self.ids.iter().filter(|id| !is_object(id)) {
            hash.number(id.origin);
            hash.number(id.seq);
        }
        hash.finish()
    }

    #[allow(clippy::cast_possible_truncation)] // a call has fewer inputs than that
    fn place(&mut self, id: TaskId) -> u32 {
        let next = self.ids.len() as u32;
        if self.ids.len() < SEARCH_LEN_MAX {
            if let Some(place) = self.ids.iter().position(|known| *known == id) {
                return place as u32;
            }
        } else {
            if self.places.is_empty() {
                self.places.extend(self.ids.iter().copied().zip(0..));
            }
            let place = *self.places.entry(id).or_insert(next);
            if place != next {
                return place;
            }
        }
        self.ids.push(id);
        next
    }
}

impl Dependencies for Inputs<'_> {
    fn future(&mut self, future: &FutureRef) -> u32 {
        let adopted = match self.session.is_own(future) {
            Ok(false) if !self.dry => self.session.adopt(future).map(Some),
            other => other.map(|_| None),
        };
        match adopted {
            Ok(adopted) => self.adopted.extend(adopted),
            Err(error) => drop(self.error.get_or_insert(error)),
        }
        self.place(future.id())
    }

    fn call(&mut self, call: &Arc<CallNode>) -> u32 {
        let known = self.graph.and_then(|(graph, ids)| ids.get(graph.place(call)? as usize));
        match known {
            Some(id) => self.place(*id),
            None => {
                let message = "a call among the arguments was not submitted with the call";
                self.error.get_or_insert(TaskError::local(TaskErrorKind::Refused, "", message));
                0
            }
        }
    }

    fn inline_arg_bytes_max(&self) -> usize {
        INLINE_ARG_BYTES_MAX
    }

    fn object(&mut self, value: StoredValue) -> u32 {
        let payload = match value.payload() {
            Ok(payload) => payload,
            Err(e) => {
                self.error.get_or_insert(TaskError::local(TaskErrorKind::Unencodable, "", e.to_string()));
                Payload::empty()
            }
        };
        self.contents.payload(&payload);
        if self.dry {
            return 0;
        }
        let id = self.session.next_ids(1);
        self.objects.push((id, payload));
        self.place(id)
    }
}

/// Whether a future may be an input of a call.
///
/// # Errors
/// It failed without any cluster knowing of it.
pub(super) fn usable(future: &FutureRef) -> Result<(), TaskError> {
    match future.progress() {
        Progress::Failed(error) if future.is_released() => Err(error),
        _ => Ok(()),
    }
}

/// The failure of a call whose input belongs to another cluster.
pub(super) fn foreign() -> TaskError {
    let message = "an argument is a future of a client of another cluster; gather it there and pass the value, or submit the call there";
    TaskError::local(TaskErrorKind::Refused, "", message)
}

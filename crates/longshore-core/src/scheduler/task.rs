//! One task as the scheduler sees it.
//!
//! ```text
//!            +-----------------------------------------------+
//!            v                                               | input lost
//! Released -> Waiting -> Queued -> Assigned -> Inline | Stored -> Released (nobody needs the value, or it was lost)
//!    ^          |          |          |  |            (Waiting -> Assigned: sent ahead of inputs made there)
//!    |          +----------+----------+  +-> Queued (worker lost, given back, retried)
//!    |                     v
//!    +-- retry --------- Failed
//! ```
//!
//! A task is forgotten, whatever its state, once no client wants it and no other task names it as an input.
use longshore_proto::query::TaskCounts;
use longshore_proto::{Payload, PeerId, TaskFailure, TaskId};
use smallvec::SmallVec;
use std::sync::Arc;

/// Index of a task in the [`Table`](super::table::Table).
pub(super) type Slot = u32;

/// Number of a function among all the scheduler has heard of.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct FunctionRef(pub u32);

impl FunctionRef {
    /// Stands for "no function": the value was put in by a client and cannot be made again.
    pub(super) const DATA: FunctionRef = FunctionRef(u32::MAX);
}

/// Which task runs first: smaller is earlier.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(super) struct Order {
    /// The user's priority, negated, so that a greater one comes first.
    pub rank: i32,
    /// Order of submission; what a task submits takes its parent's place.
    pub seq: u64,
}

/// Where a task stands.
#[derive(Debug)]
pub(super) enum State {
    /// Inputs are missing. `token` tells this wait from earlier ones of the same task.
    Waiting { missing: u32, token: u32 },
    /// Ready to run; in a queue.
    Queued,
    /// Sent to a worker; `position` is its place in the worker's list.
    Assigned { worker: PeerId, position: u32, estimate_ns: u64, phase: Phase },
    /// Done; the value is here and cannot be lost.
    Inline(Payload),
    /// Done; the value is with others.
    Stored(Box<Stored>),
    /// Ended without a value.
    Failed(Arc<TaskFailure>),
    /// The value is not there and not on its way. The call is kept in case it is needed again.
    Released,
}

/// What is known of an assigned task.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// Sent.
    Sent,
    /// Sent ahead of so many of its inputs, which the same worker makes; `token` is that of its wait for them.
    Ahead { missing: u32, token: u32 },
    /// Asked back.
    Retracting,
    /// Waits for other tasks and uses no thread.
    Seceded,
}

/// A value that workers hold, or the client it came from.
#[derive(Debug)]
pub(super) struct Stored {
    /// Size in bytes.
    pub nbytes: u64,
    /// Workers that have it.
    pub holders: SmallVec<[PeerId; 2]>,
    /// Workers it is on its way to from the client.
    pub coming: SmallVec<[PeerId; 1]>,
    /// Client that put it in and keeps a copy.
    pub source: Option<PeerId>,
}

/// Clients that want a task's value.
#[derive(Debug, Default)]
pub(super) enum Wants {
    /// Nobody.
    #[default]
    None,
    /// One client, as is usual.
    One(PeerId),
    /// Several.
    #[expect(clippy::box_collection, reason = "every task has room for this, and hardly one has several")]
    Many(Box<Vec<PeerId>>),
}

/// What is not at its default for most tasks.
#[derive(Debug, Default)]
pub(super) struct Options {
    /// Tries left after a failure.
    pub retries: u32,
    /// Which workers may run it.
    pub class: u32,
    /// Longest run in milliseconds.
    pub timeout_ms: Option<u64>,
    /// Hash of the call, when the id came from a key.
    pub call_hash: Option<u64>,
    /// Losing the worker ends it instead of running it again.
    pub no_rerun: bool,
    /// It had a value, and must not run for another one.
    pub spent: bool,
    /// Place the value as soon as it is known (scattered data), on so many workers.
    pub broadcast: bool,
}

/// The inputs of a task: mostly none, one or two.
pub(super) type Inputs = SmallVec<[Slot; 2]>;

/// A task.
#[derive(Debug)]
pub(super) struct Task {
    pub id: TaskId,
    pub order: Order,
    pub function: FunctionRef,
    /// Times it was sent to a worker.
    pub attempt: u32,
    /// Tasks that name it as an input, one for each time they do.
    pub users: u32,
    /// Those of them that are not done.
    pub pending_users: u32,
    /// Workers that died with it.
    pub deaths: u16,
    /// Runs to its end even if nobody wants it.
    pub detached: bool,
    /// Kept for a client whose next message may name it as an input.
    pub claim: Option<PeerId>,
    pub wants: Wants,
    pub args: Payload,
    pub inputs: Inputs,
    /// Tasks to tell when it is done, with the token of their wait.
    pub waiters: SmallVec<[(Slot, u32); 2]>,
    pub options: Option<Box<Options>>,
    /// Changed by [`Table::transition`](super::table::Table::transition) alone.
    pub(super) state: State,
}

/// Which state, without what it carries.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Waiting,
    Queued,
    Assigned,
    Inline,
    Stored,
    Failed,
    Released,
}

impl Kind {
    /// Name for the story.
    pub(super) fn name(self) -> &'static str {
        const NAMES: [&str; Counts::LEN] =
            ["waiting", "queued", "assigned", "inline", "stored", "failed", "released"];
        NAMES[self as usize]
    }
}

/// Tasks by state.
#[derive(Copy, Clone, Debug, Default)]
pub(super) struct Counts([u64; Counts::LEN]);

impl Counts {
    const LEN: usize = Kind::Released as usize + 1;

    pub(super) fn add(&mut self, kind: Kind) {
        self.0[kind as usize] += 1;
    }

    pub(super) fn subtract(&mut self, kind: Kind) {
        self.0[kind as usize] -= 1;
    }

    /// As it is told to whoever asks.
    pub(super) fn told(&self) -> TaskCounts {
        let [waiting, queued, assigned, inline, stored, failed, released] = self.0;
        TaskCounts { waiting, queued, assigned, memory: inline + stored, failed, released }
    }
}

// There may be millions: what few tasks have lies behind a pointer.
const _: () = assert!(size_of::<Task>() <= 200);

impl State {
    pub(super) fn kind(&self) -> Kind {
        match self {
            State::Waiting { .. } => Kind::Waiting,
            State::Queued => Kind::Queued,
            State::Assigned { .. } => Kind::Assigned,
            State::Inline(_) => Kind::Inline,
            State::Stored(_) => Kind::Stored,
            State::Failed(_) => Kind::Failed,
            State::Released => Kind::Released,
        }
    }

    /// Whether a value is available.
    pub(super) fn is_done(&self) -> bool {
        matches!(self, State::Inline(_) | State::Stored(_))
    }

    /// Whether work is going on or planned.
    pub(super) fn is_pending(&self) -> bool {
        matches!(self, State::Waiting { .. } | State::Queued | State::Assigned { .. })
    }
}

impl Task {
    /// Whether somebody needs its value: a client, or a task that is not done.
    pub(super) fn is_needed(&self) -> bool {
        self.is_wanted() || self.pending_users > 0
    }

    /// Whether somebody other than tasks keeps it.
    pub(super) fn is_wanted(&self) -> bool {
        !self.wants.is_empty() || self.claim.is_some() || self.detached
    }

    /// Whether its value, once gone, cannot be made again.
    pub(super) fn is_unique(&self) -> bool {
        self.function == FunctionRef::DATA || self.options.as_ref().is_some_and(|o| o.spent)
    }

    pub(super) fn class(&self) -> u32 {
        self.options.as_ref().map_or(0, |o| o.class)
    }
}

impl Wants {
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Wants::None)
    }

    /// Adds a client; `false` if it was there.
    pub(super) fn add(&mut self, client: PeerId) -> bool {
        match self {
            Wants::None => *self = Wants::One(client),
            Wants::One(c) if *c == client => return false,
            Wants::One(c) => *self = Wants::Many(Box::new(vec![*c, client])),
            Wants::Many(v) if v.contains(&client) => return false,
            Wants::Many(v) => v.push(client),
        }
        true
    }

    /// Removes a client; `false` if it was not there.
    pub(super) fn remove(&mut self, client: PeerId) -> bool {
        match self {
            Wants::One(c) if *c == client => *self = Wants::None,
            Wants::Many(v) => {
                let Some(at) = v.iter().position(|c| *c == client) else { return false };
                v.remove(at);
                if let [one] = v[..] {
                    *self = Wants::One(one);
                }
            }
            _ => return false,
        }
        true
    }

    pub(super) fn as_slice(&self) -> &[PeerId] {
        match self {
            Wants::None => &[],
            Wants::One(c) => std::slice::from_ref(c),
            Wants::Many(v) => v,
        }
    }
}

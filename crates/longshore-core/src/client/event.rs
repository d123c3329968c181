//! What a client's machine is told and what it asks for.
use longshore_proto::query::Answer;
use longshore_proto::{
    ClientToScheduler, Payload, PeerId, PeerReply, PeerRequest, SchedulerToClient, TaskFailure, TaskId, Time,
};
use std::sync::Arc;
use std::time::Duration;

/// A future, as the driver knows it. The machine keeps one per future and hands it back with what became of it.
///
/// Two tokens are equal when they stand for the same future; several futures may await the same task.
pub trait Token: Clone + PartialEq {
    /// The task that the future awaits.
    fn id(&self) -> TaskId;
}

/// The bounds and times of a client.
#[derive(Clone, Debug)]
pub struct Config {
    /// A scheduler that has said nothing for this long is lost.
    pub silence_max: Duration,
    /// A transfer that has not moved for this long is tried another way.
    pub stall_max: Duration,
    /// A worker that could not be reached is not dialled again for this long.
    pub redial_after: Duration,
    /// Bytes of stored values asked for from one place at a time.
    pub fetch_bytes_max: u64,
    /// Entries of the story.
    pub story_len_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            silence_max: Duration::from_secs(15),
            stall_max: Duration::from_secs(10),
            redial_after: Duration::from_secs(10),
            fetch_bytes_max: 64 << 20,
            story_len_max: 256,
        }
    }
}

/// Something that happened.
#[derive(Debug)]
pub enum Event<D> {
    /// A future exists; the message that submits its task is in the [`Outbox`](super::Outbox).
    Wanted(D),
    /// A future exists of a task that another future of this client wants already; nothing is sent for it.
    Shared(D),
    /// A future's last handle is gone; the message that releases its task is in the outbox.
    Dropped(D),
    /// Somebody waits for the value of a task whose result is [`Outcome::Stored`].
    Awaited(TaskId),
    /// The client gave a value to the cluster and keeps it until nobody needs it.
    Held {
        /// The task that the value became.
        id: TaskId,
        /// The encoded value.
        value: Payload,
    },
    /// A question is in the outbox; the driver chose its number.
    Asked {
        /// Number of the question.
        request: u32,
        /// When the asker gives up.
        until: Option<Time>,
    },
    /// A fence is in the outbox: until it is answered, what the scheduler says about `id` belongs to an earlier life of it.
    Fence {
        /// Number of the question that is the fence.
        request: u32,
        /// The task; without one, the outbox only wants to know that everything before is known.
        id: Option<TaskId>,
    },
    /// The user closes the client.
    Close,
    /// The scheduler answered the handshake.
    LinkUp,
    /// The scheduler says something.
    Scheduler(SchedulerToClient),
    /// The link to the scheduler is gone, or never came to be.
    LinkLost {
        /// In words, for the user.
        reason: String,
    },
    /// A worker answered the handshake.
    PeerUp(PeerId),
    /// A worker could not be reached, or its link is gone.
    PeerDown(PeerId),
    /// A worker says something.
    Peer {
        /// The worker.
        from: PeerId,
        /// What it says.
        reply: PeerReply,
    },
    /// [`deadline`](super::Machine::deadline) has passed.
    Tick,
}

/// Something to be done, in this order.
#[derive(Debug, PartialEq)]
pub enum Action<D> {
    /// Tell the scheduler.
    Send(ClientToScheduler),
    /// Tell a worker.
    SendPeer {
        /// The worker.
        to: PeerId,
        /// What to say.
        message: PeerRequest,
    },
    /// Open a data link; the answer is [`Event::PeerUp`] or [`Event::PeerDown`].
    Dial {
        /// The worker.
        peer: PeerId,
        /// Where it listens.
        address: String,
    },
    /// Close a data link. No [`Event::PeerDown`] follows.
    HangUp(PeerId),
    /// Give a future its outcome. One that has a value already, or was cancelled, keeps what it has.
    Settle {
        /// The future.
        token: D,
        /// What became of it.
        outcome: Outcome,
    },
    /// Give a future what another future of the same task has got so far.
    Share {
        /// The older future.
        from: D,
        /// The newer one.
        to: D,
    },
    /// Answer a question.
    Answered {
        /// Number of the question.
        request: u32,
        /// The answer, `None` when none came in time.
        answer: Option<Answer>,
    },
    /// Tell the outbox that [`past_is_known`](super::Outbox::past_is_known).
    PastIsKnown,
    /// Tell the user something.
    Notice(String),
    /// The session is over. All unfinished futures are settled with [`Outcome::Over`] after this.
    End(Ending),
}

/// What became of a task, seen from a future.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It has a value, and here it is.
    Value(Payload),
    /// It has a value, which stays with the workers until somebody awaits it.
    Stored {
        /// Size in bytes.
        nbytes: u64,
    },
    /// It failed.
    Failed(Arc<TaskFailure>),
    /// It has no value any more, and is on its way to one again.
    Pending,
    /// The session ended before the value came; [`Action::End`] said why.
    Over,
}

/// Why a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The user closed the client.
    Closed,
    /// The scheduler is gone or said goodbye.
    Lost {
        /// In words, for the user.
        reason: String,
    },
}

/// Where a transfer goes.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Route {
    /// Through the scheduler.
    Scheduler,
    /// On a data link.
    Peer(PeerId),
}

/// Where the actions go: reused from batch to batch.
pub type Actions<D> = Vec<Action<D>>;

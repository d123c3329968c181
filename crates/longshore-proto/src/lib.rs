//! What Longshore puts on the wire: ids, time, messages by direction, the handshake and the frame codec.
//!
//! Nothing here is recursive, every length has a named bound, and decoding hostile bytes can neither panic nor allocate
//! more than the frame that carried them. The crate does no I/O: it turns messages into bytes and back.
//!
//! * [`frame`]: length and checksum around a batch of messages, and around bytes that follow one.
//! * [`handshake`]: what two peers say before anything else is believed.
//! * [`client`], [`worker`], [`peer`]: the messages of each link, one enum per direction.
//! * [`piece`]: part of a value on its way.
//! * [`relay`]: how much of a value may be on its way through the scheduler.
//! * [`payload`]: opaque argument and result bytes, or a value that never left its process.

pub mod client;
pub mod failure;
pub mod frame;
pub mod handshake;
pub mod id;
pub mod limit;
pub mod payload;
pub mod peer;
pub mod piece;
pub mod plan;
pub mod query;
pub mod relay;
pub mod rope;
pub mod run;
pub mod time;
pub mod worker;

pub use client::{ClientToScheduler, SchedulerToClient, Submit, SubmitOptions};
pub use failure::{FailureKind, TaskFailure};
pub use handshake::{Hello, Reject, Role, Welcome};
pub use id::{Attempt, FunctionId, FunctionIndex, FunctionSpec, PeerId, SessionId, TaskHandle, TaskId};
pub use payload::{LocalValue, Payload};
pub use peer::{PeerReply, PeerRequest};
pub use piece::Piece;
pub use relay::{Grant, RelayId, Taken};
pub use rope::Rope;
pub use run::SubmitRun;
pub use time::Time;
pub use worker::{Assign, Input, InputSource, SchedulerToWorker, WorkerToScheduler};

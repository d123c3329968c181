//! Messages on a data link: a worker or a client fetches values from a worker, or a client hands it one.
use crate::TaskHandle;
use crate::client::Chunk;
use serde::{Deserialize, Serialize};

/// What the dialling side says.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum PeerRequest {
    /// Send these values, each in pieces; those you lack, say so.
    Fetch {
        /// The values.
        tasks: Vec<TaskHandle>,
    },
    /// A piece of a value to keep.
    Put(Chunk),
}

/// What the listening side says.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum PeerReply {
    /// A piece of a value.
    Data(Chunk),
    /// A value of this process, whole and not encoded; only on links within one process.
    Local {
        /// The value's task.
        task: TaskHandle,
        /// The value.
        value: crate::Payload,
    },
    /// Not here.
    Absent {
        /// The value's task.
        task: TaskHandle,
    },
    /// A value handed over by [`PeerRequest::Put`] arrived whole.
    Stored {
        /// The value's task.
        task: TaskHandle,
    },
}

//! Values that go through the scheduler, because the two ends cannot reach each other.
//!
//! A *relay* is one value on its way from one sender to one receiver. The sender sends no more than it was granted; the
//! receiver says how much it has taken; and the scheduler grants more as that grows. So what lies between the two is
//! bounded, however slowly the receiver reads.
use serde::{Deserialize, Serialize};

/// One value on its way from one sender to one receiver. Numbered by the scheduler and never used again.
#[derive(Copy, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct RelayId(pub u64);

/// Leave to send a part of a value.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Grant {
    /// Which relay.
    pub relay: RelayId,
    /// The value's bytes before this may be sent. A later grant of the same relay says a greater number.
    pub until: u64,
}

/// What the receiver of a relay has taken in so far.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Taken {
    /// Which relay.
    pub relay: RelayId,
    /// The value's bytes before this have come.
    pub until: u64,
    /// They are all of it.
    pub is_all: bool,
}

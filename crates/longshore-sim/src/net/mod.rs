//! The simulated network: TCP between processes that are named, over links that can fail.
//!
//! `link` says how long a segment takes and whether it gets through, `conn` is the two kernels' side of a
//! connection, `dial` and `listener` open one, `stream` is what the application holds.

mod conn;
mod dial;
mod link;
mod listener;
mod pipe;
mod stream;

use std::collections::{BTreeMap, BTreeSet};

use crate::process::Pid;
use crate::slab::{Key, Slab};

pub(crate) use conn::Side;
pub(crate) use dial::{Syn, connect};
pub use listener::SimListener;
pub(crate) use listener::listen;
pub(crate) use pipe::Segment;
pub use stream::{SimConn, SimReader, SimWriter};

/// A direction of a connection that has segments which could not be delivered: to, from, which.
///
/// In this order, so that all that is held for one machine, or on one link, is one range.
type Held = (Pid, Pid, Key, Side);

/// The state of the network.
pub(crate) struct Net {
    pub(crate) conns: Slab<conn::Conn>,
    dials: Slab<dial::Dial>,
    listeners: BTreeMap<(Pid, u16), listener::Backlog>,
    /// Only links that differ from the default, or that have a bandwidth to account for.
    links: BTreeMap<(Pid, Pid), link::Link>,
    held: BTreeSet<Held>,
}

impl Default for Net {
    fn default() -> Self {
        Self {
            conns: Slab::new(),
            dials: Slab::new(),
            listeners: BTreeMap::new(),
            links: BTreeMap::new(),
            held: BTreeSet::new(),
        }
    }
}

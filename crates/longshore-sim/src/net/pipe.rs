//! One direction of a connection.

use std::collections::VecDeque;
use std::io;
use std::task::Waker;

/// What travels from one end to the other.
#[derive(Debug)]
pub(crate) enum Segment {
    Data(Vec<u8>),
    Fin,
    Rst,
}

impl Segment {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Data(bytes) => bytes.len(),
            Self::Fin | Self::Rst => 0,
        }
    }
}

/// The bytes that one side has written and the other has not read.
#[derive(Default)]
pub(crate) struct Pipe {
    /// Delivered and not read.
    pub(crate) arrived: VecDeque<u8>,
    /// Bytes sent and not delivered.
    pub(crate) in_flight_len: usize,
    /// When the last segment arrives: TCP keeps the order.
    pub(crate) last_at: u64,
    /// Segments that a cut link or a vanished machine holds up.
    pub(crate) held: VecDeque<Segment>,
    /// Counts the hold-ups, so that the time-out of one that is over does nothing.
    pub(crate) stall_generation: u32,
    pub(crate) fin_sent: bool,
    pub(crate) fin_arrived: bool,
    pub(crate) reader: Option<Waker>,
    pub(crate) writer: Option<Waker>,
}

impl Pipe {
    /// Bytes that may be written now.
    pub(crate) fn room(&self, window_len: usize) -> usize {
        window_len.saturating_sub(self.in_flight_len + self.arrived.len())
    }

    /// Moves the first bytes that have arrived into `out`, which they must be enough for.
    pub(crate) fn read(&mut self, out: &mut [u8]) {
        let (front, back) = self.arrived.as_slices();
        let split = out.len().min(front.len());
        out[..split].copy_from_slice(&front[..split]);
        let rest = out.len() - split;
        out[split..].copy_from_slice(&back[..rest]);
        self.arrived.drain(..out.len());
    }

    /// Gives up what is held.
    pub(crate) fn drop_held(&mut self) {
        let lost: usize = self.held.drain(..).map(|segment| segment.len()).sum();
        self.in_flight_len -= lost;
    }

    /// Nothing written by this side is anywhere.
    pub(crate) fn is_drained(&self) -> bool {
        self.in_flight_len == 0 && self.held.is_empty()
    }
}

/// The first `len` bytes of several buffers.
pub(crate) fn gather(sources: &[io::IoSlice<'_>], len: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(len);
    for source in sources {
        let take = source.len().min(len - bytes.len());
        bytes.extend_from_slice(&source[..take]);
    }
    bytes
}

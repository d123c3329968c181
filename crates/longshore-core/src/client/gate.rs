//! Places in what a client says behind which everything waits.
//!
//! ```text
//! said so far ─▶ batch ─▶ link      said later ─▶ behind the last closed gate
//! ```
//! A gate keeps the order of the session where something must come first that is not there yet: calls that are encoded only
//! when there is room for them, or the news, on another session, that a task exists. Opening a gate lets what is behind it
//! go, once all gates before it are open.
use longshore_proto::ClientToScheduler;
use std::collections::VecDeque;

/// A gate of one outbox.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Gate(u64);

/// What is behind a gate, up to the next one.
#[derive(Debug)]
struct Behind {
    gate: Gate,
    open: bool,
    messages: Vec<ClientToScheduler>,
    bytes: usize,
}

/// All gates that hold something up, in order.
#[derive(Debug, Default)]
pub(super) struct Gates {
    next: u64,
    closed: VecDeque<Behind>,
    bytes: usize,
}

impl Gates {
    /// What is said from now on waits.
    pub(super) fn close(&mut self) -> Gate {
        let gate = Gate(self.next);
        self.next += 1;
        self.closed.push_back(Behind { gate, open: false, messages: Vec::new(), bytes: 0 });
        gate
    }

    /// Opens a gate, and gives out what may go now, with its size.
    pub(super) fn open(&mut self, gate: Gate, go: &mut Vec<ClientToScheduler>) -> usize {
        if let Some(behind) = self.closed.iter_mut().find(|b| b.gate == gate) {
            behind.open = true;
        }
        let mut bytes = 0;
        while self.closed.front().is_some_and(|b| b.open)
            && let Some(mut behind) = self.closed.pop_front()
        {
            go.append(&mut behind.messages);
            bytes += behind.bytes;
        }
        self.bytes -= bytes;
        bytes
    }

    /// Whether this is the first that holds anything up.
    pub(super) fn is_first(&self, gate: Gate) -> bool {
        self.closed.front().is_some_and(|b| b.gate == gate)
    }

    /// All that are closed.
    pub(super) fn all(&self) -> Vec<Gate> {
        self.closed.iter().map(|b| b.gate).collect()
    }

    /// Where what is said now goes, if there is a closed gate.
    pub(super) fn behind(&mut self) -> Option<&mut Vec<ClientToScheduler>> {
        self.closed.back_mut().map(|b| &mut b.messages)
    }

    /// Something of this size went behind the last gate. Whether there is one.
    pub(super) fn count(&mut self, bytes: usize) -> bool {
        let last = self.closed.back_mut().map(|b| b.bytes += bytes).is_some();
        if last {
            self.bytes += bytes;
        }
        last
    }

    /// Bytes behind all gates.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

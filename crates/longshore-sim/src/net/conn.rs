//! Connections, as the two kernels keep them.
//!
//! An end is *open* while the application holds it. A closed end still answers: with RST if its kernel lives, not
//! at all if the machine has vanished. A connection is forgotten when both ends are closed and nothing of it is
//! under way.

use std::io::ErrorKind;

use crate::agenda::Event;
use crate::clock::nanos;
use crate::config::Kill;
use crate::process::{Life, Pid};
use crate::slab::Key;
use crate::state::State;
use crate::trace::Happening;

use super::pipe::{Pipe, Segment};

/// An end of a connection: 0 called, 1 was called.
pub(crate) type Side = u8;

pub(crate) struct Conn {
    pub(crate) ends: [Pid; 2],
    pub(crate) ports: [u16; 2],
    /// By the side that writes.
    pub(crate) pipes: [Pipe; 2],
    pub(crate) open: [bool; 2],
    /// Why a side can no longer use the connection.
    pub(crate) error: [Option<ErrorKind>; 2],
}

impl Conn {
    pub(crate) fn outgoing(&mut self, side: Side) -> &mut Pipe {
        &mut self.pipes[usize::from(side)]
    }

    pub(crate) fn incoming(&mut self, side: Side) -> &mut Pipe {
        &mut self.pipes[usize::from(1 - side)]
    }

    /// From whom to whom `side` sends.
    fn route(&self, side: Side) -> (Pid, Pid) {
        (self.ends[usize::from(side)], self.ends[usize::from(1 - side)])
    }
}

impl State {
    pub(crate) fn open_conn(&mut self, ends: [Pid; 2], ports: [u16; 2]) -> Key {
        self.stats.connections += 1;
        let conn = Conn { ends, ports, pipes: Default::default(), open: [true; 2], error: [None; 2] };
        let key = self.net.conns.insert(conn);
        for (side, pid) in (0..).zip(ends) {
            self.processes.get_mut(pid).ends.insert((key, side));
        }
        key
    }

    /// Puts a segment on its way, as far as the sender's machine still can.
    pub(crate) fn send(&mut self, key: Key, side: Side, segment: Segment) {
        let Some((from, to)) = self.net.conns.get(key).map(|conn| conn.route(side)) else { return };
        match self.processes.get(from).life {
            Life::Alive => {}
            // The process is gone, but its kernel still answers, and only with resets.
            Life::Dead(Kill::Process) if matches!(segment, Segment::Rst) => {}
            Life::Dead(_) => return,
        }
        self.transmit(key, side, from, to, segment);
    }

    fn transmit(&mut self, key: Key, side: Side, from: Pid, to: Pid, segment: Segment) {
        let arrival = self.arrival(from, to, segment.len());
        let Some(conn) = self.net.conns.get_mut(key) else { return };
        let pipe = conn.outgoing(side);
        pipe.last_at = arrival.max(pipe.last_at + 1);
        let at = pipe.last_at;
        self.stats.segments += 1;
        self.agenda.add(at, Event::Deliver { conn: key, side, segment });
    }

    /// A segment sent by `side` comes to the end of its way.
    pub(crate) fn deliver(&mut self, key: Key, side: Side, segment: Segment) {
        let Some((from, to)) = self.net.conns.get(key).map(|conn| conn.route(side)) else { return };
        // While anything is held up, so is what follows: whatever ends the hold-up sends all of it again.
        if self.is_lost(from, to) {
            return self.hold(key, side, segment);
        }
        self.note(Happening::delivered(from, to, key.index, &segment));
        match segment {
            Segment::Data(bytes) => self.deliver_data(key, side, &bytes),
            Segment::Fin => {
                if let Some(conn) = self.net.conns.get_mut(key) {
                    let pipe = conn.outgoing(side);
                    pipe.fin_arrived = true;
                    self.outbox.wake.extend(pipe.reader.take());
                }
            }
            Segment::Rst => self.deliver_reset(key, side),
        }
        self.forget_if_over(key);
    }

    fn deliver_data(&mut self, key: Key, side: Side, bytes: &[u8]) {
        let Some(conn) = self.net.conns.get_mut(key) else { return };
        let far = usize::from(1 - side);
        let (open, failed) = (conn.open[far], conn.error[far].is_some());
        let pipe = conn.outgoing(side);
        pipe.in_flight_len -= bytes.len();
        if !open {
            return self.send(key, 1 - side, Segment::Rst);
        }
        if failed {
            return; // The receiver has seen a reset; nothing comes after it.
        }
        self.stats.bytes += bytes.len() as u64;
        pipe.arrived.extend(bytes);
        self.outbox.wake.extend(pipe.reader.take());
    }

    fn deliver_reset(&mut self, key: Key, side: Side) {
        // Whether bytes that had arrived can still be read differs between operating systems.
        let lose = self.config.short_io && self.rng.network.one_in(2);
        let Some(conn) = self.net.conns.get_mut(key) else { return };
        if lose {
            conn.outgoing(side).arrived.clear();
        }
        self.fail_end(key, 1 - side, ErrorKind::ConnectionReset);
    }

    /// From now on `side` gets `error` from whatever it does.
    pub(crate) fn fail_end(&mut self, key: Key, side: Side, error: ErrorKind) {
        let Some(conn) = self.net.conns.get_mut(key) else { return };
        conn.error[usize::from(side)].get_or_insert(error);
        let writer = conn.outgoing(side).writer.take();
        let reader = conn.incoming(side).reader.take();
        self.outbox.wake.extend(reader.into_iter().chain(writer));
    }

    /// Keeps a segment that cannot be delivered, and starts the writer's patience if it is the first.
    fn hold(&mut self, key: Key, side: Side, segment: Segment) {
        let Some(conn) = self.net.conns.get_mut(key) else { return };
        let (from, to) = conn.route(side);
        let pipe = conn.outgoing(side);
        let first = pipe.held.is_empty();
        pipe.held.push_back(segment);
        if first {
            pipe.stall_generation += 1;
            let generation = pipe.stall_generation;
            self.note(Happening::Held { from, to, conn: key.index });
            self.net.held.insert((to, from, key, side));
            self.after(nanos(self.config.stall_limit), Event::Stall { conn: key, side, generation });
        }
    }

    /// Sends again what was held up.
    pub(crate) fn retransmit(&mut self, key: Key, side: Side) {
        let Some(conn) = self.net.conns.get_mut(key) else { return };
        let (from, to) = conn.route(side);
        for segment in std::mem::take(&mut conn.outgoing(side).held) {
            self.transmit(key, side, from, to, segment);
        }
    }

    /// The writer's kernel gives up on a direction that has been held up for too long. Its peer learns nothing.
    pub(crate) fn stall(&mut self, key: Key, side: Side, generation: u32) {
        let Some(conn) = self.net.conns.get_mut(key) else { return };
        let (from, to) = conn.route(side);
        let pipe = conn.outgoing(side);
        if pipe.held.is_empty() || pipe.stall_generation != generation {
            return;
        }
        pipe.drop_held();
        self.note(Happening::Stalled { from, to, conn: key.index });
        self.net.held.remove(&(to, from, key, side));
        self.fail_end(key, side, ErrorKind::TimedOut);
        self.forget_if_over(key);
    }

    /// Sends FIN, once.
    pub(crate) fn close_write(&mut self, key: Key, side: Side) {
        let Some(conn) = self.net.conns.get_mut(key) else { return };
        let usable = conn.open[usize::from(side)] && conn.error[usize::from(side)].is_none();
        if usable && !std::mem::replace(&mut conn.outgoing(side).fin_sent, true) {
            self.send(key, side, Segment::Fin);
        }
    }

    /// The application lets go of its end: FIN, or RST if that throws away bytes.
    pub(crate) fn close_end(&mut self, key: Key, side: Side) {
        let Some(conn) = self.net.conns.get_mut(key) else { return };
        if conn.incoming(side).arrived.is_empty() {
            self.close_write(key, side);
            self.abandon_end(key, side);
        } else {
            self.reset_end(key, side);
        }
    }

    /// Closes an end with RST.
    pub(crate) fn reset_end(&mut self, key: Key, side: Side) {
        let Some(conn) = self.net.conns.get(key) else { return };
        if conn.open[usize::from(side)] && conn.error[usize::from(side)].is_none() {
            self.send(key, side, Segment::Rst);
        }
        self.abandon_end(key, side);
    }

    /// Closes an end without a word to the other.
    pub(crate) fn abandon_end(&mut self, key: Key, side: Side) {
        let Some(conn) = self.net.conns.get_mut(key) else { return };
        if !std::mem::replace(&mut conn.open[usize::from(side)], false) {
            return;
        }
        let pid = conn.ends[usize::from(side)];
        let incoming = conn.incoming(side);
        incoming.arrived = Default::default();
        let reader = incoming.reader.take();
        // The far writer may have waited for room that nobody makes any more: let it find out by writing.
        self.outbox.wake.extend(incoming.writer.take());
        let writer = conn.outgoing(side).writer.take();
        self.outbox.spent.extend(reader.into_iter().chain(writer));
        self.processes.get_mut(pid).ends.remove(&(key, side));
        self.forget_if_over(key);
    }

    fn forget_if_over(&mut self, key: Key) {
        let over = |conn: &Conn| conn.open == [false; 2] && conn.pipes.iter().all(Pipe::is_drained);
        if self.net.conns.get(key).is_some_and(over) {
            self.net.conns.remove(key);
        }
    }

    /// Both ends of every connection between two processes see a reset, as when a middlebox loses its state.
    pub(crate) fn reset_between(&mut self, a: Pid, b: Pid) {
        self.note(Happening::ResetBetween { a, b });
        let (few, other) = if self.processes.get(a).ends.len() <= self.processes.get(b).ends.len() {
            (a, b)
        } else {
            (b, a)
        };
        let ends: Vec<(Key, Side)> = self.processes.get(few).ends.iter().copied().collect();
        for (key, side) in ends {
            let peer = self.net.conns.get(key).map(|conn| conn.route(side).1);
            if peer == Some(other) {
                self.fail_end(key, side, ErrorKind::ConnectionReset);
                self.fail_end(key, 1 - side, ErrorKind::ConnectionReset);
            }
        }
    }
}

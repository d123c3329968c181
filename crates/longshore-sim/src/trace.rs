//! What happened: a running fingerprint always, every event if asked for, and where two runs part.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::config::Kill;
use crate::net::Segment;
use crate::process::Pid;

/// One event of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happening {
    Root,
    Polled { pid: Pid, task: &'static str, index: u32 },
    Timer,
    Delivered { from: Pid, to: Pid, conn: u32, len: u32, sum: u64 },
    Fin { from: Pid, to: Pid, conn: u32 },
    Rst { from: Pid, to: Pid, conn: u32 },
    Held { from: Pid, to: Pid, conn: u32 },
    Stalled { from: Pid, to: Pid, conn: u32 },
    Syn { from: Pid, to: Pid, port: u16 },
    Answered { connected: bool },
    Job { pid: Pid, name: &'static str },
    Script,
    Killed { pid: Pid, how: Kill },
    Restarted { pid: Pid },
    Paused { pid: Pid },
    Resumed { pid: Pid },
    Cut { from: Pid, to: Pid },
    Healed { from: Pid, to: Pid },
    ResetBetween { a: Pid, b: Pid },
}

impl Happening {
    pub(crate) fn delivered(from: Pid, to: Pid, conn: u32, segment: &Segment) -> Self {
        match segment {
            Segment::Data(bytes) => {
                Self::Delivered { from, to, conn, len: bytes.len() as u32, sum: sum(bytes) }
            }
            Segment::Fin => Self::Fin { from, to, conn },
            Segment::Rst => Self::Rst { from, to, conn },
        }
    }

    /// Two numbers that stand for the event in the fingerprint.
    fn code(self) -> [u64; 2] {
        let pair = |kind: u64, a: u32, b: u32| kind << 56 ^ u64::from(a) << 28 ^ u64::from(b);
        match self {
            Self::Root => [1, 0],
            Self::Polled { pid, index, .. } => [pair(2, pid.0, index), 0],
            Self::Timer => [3, 0],
            Self::Delivered { from, to, conn, len, sum } => {
                [pair(4, from.0, to.0), sum ^ u64::from(conn) << 32 ^ u64::from(len)]
            }
            Self::Fin { from, to, conn } => [pair(5, from.0, to.0), conn.into()],
            Self::Rst { from, to, conn } => [pair(6, from.0, to.0), conn.into()],
            Self::Held { from, to, conn } => [pair(7, from.0, to.0), conn.into()],
            Self::Stalled { from, to, conn } => [pair(8, from.0, to.0), conn.into()],
            Self::Syn { from, to, port } => [pair(9, from.0, to.0), port.into()],
            Self::Answered { connected } => [10, connected.into()],
            Self::Job { pid, .. } => [pair(11, pid.0, 0), 0],
            Self::Script => [12, 0],
            Self::Killed { pid, how } => [pair(13, pid.0, (how == Kill::Power).into()), 0],
            Self::Restarted { pid } => [pair(14, pid.0, 0), 0],
            Self::Paused { pid } => [pair(18, pid.0, 0), 0],
            Self::Resumed { pid } => [pair(19, pid.0, 0), 0],
            Self::Cut { from, to } => [pair(15, from.0, to.0), 0],
            Self::Healed { from, to } => [pair(16, from.0, to.0), 0],
            Self::ResetBetween { a, b } => [pair(17, a.0, b.0), 0],
        }
    }

    fn describe(self, names: &[Arc<str>]) -> String {
        let name = |pid: Pid| names.get(pid.0 as usize).map_or("?", |name| name);
        let way = |verb: &str, from, to, conn| format!("{verb} {} -> {} (#{conn})", name(from), name(to));
        match self {
            Self::Root => "poll the future given to run".to_owned(),
            Self::Polled { pid, task, index } => format!("poll {} / {task} (#{index})", name(pid)),
            Self::Timer => "timer".to_owned(),
            Self::Delivered { from, to, conn, len, sum } => {
                format!("{}, {len} bytes [{sum:016x}]", way("data", from, to, conn))
            }
            Self::Fin { from, to, conn } => way("fin", from, to, conn),
            Self::Rst { from, to, conn } => way("rst", from, to, conn),
            Self::Held { from, to, conn } => way("held", from, to, conn),
            Self::Stalled { from, to, conn } => way("stalled", from, to, conn),
            Self::Syn { from, to, port } => format!("syn {} -> {}:{port}", name(from), name(to)),
            Self::Answered { connected: true } => "connected".to_owned(),
            Self::Answered { connected: false } => "not connected".to_owned(),
            Self::Job { pid, name: job } => format!("job {} / {job}", name(pid)),
            Self::Script => "script".to_owned(),
            Self::Killed { pid, how } => format!("kill {} ({how:?})", name(pid)),
            Self::Restarted { pid } => format!("restart {}", name(pid)),
            Self::Paused { pid } => format!("pause {}", name(pid)),
            Self::Resumed { pid } => format!("resume {}", name(pid)),
            Self::Cut { from, to } => format!("cut {} -> {}", name(from), name(to)),
            Self::Healed { from, to } => format!("heal {} -> {}", name(from), name(to)),
            Self::ResetBetween { a, b } => format!("reset {} <-> {}", name(a), name(b)),
        }
    }
}

const MIX: u64 = 0x517c_c1b7_2722_0a95;

fn mix(hash: u64, value: u64) -> u64 {
    (hash.rotate_left(5) ^ value).wrapping_mul(MIX)
}

/// A number for the contents of a segment; runs that differ in what they send differ here first.
fn sum(bytes: &[u8]) -> u64 {
    let mut chunks = bytes.chunks_exact(8);
    let mut hash = bytes.len() as u64;
    for chunk in chunks.by_ref() {
        let word = chunk.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        hash = mix(hash, word);
    }
    chunks.remainder().iter().fold(hash, |hash, byte| mix(hash, u64::from(*byte)))
}

/// How many events a report shows.
const RECENT_LEN: usize = 24;

/// Takes note of what happens.
pub(crate) struct Recorder {
    hash: u64,
    keep_all: bool,
    all: Vec<(u64, Happening)>,
    recent: VecDeque<(u64, Happening)>,
}

impl Recorder {
    pub(crate) fn new(keep_all: bool) -> Self {
        Self { hash: 0, keep_all, all: Vec::new(), recent: VecDeque::with_capacity(RECENT_LEN) }
    }

    pub(crate) fn note(&mut self, at: u64, happening: Happening) {
        let [a, b] = happening.code();
        self.hash = mix(mix(mix(self.hash, at), a), b);
        if self.keep_all {
            self.all.push((at, happening));
        }
        if self.recent.len() == RECENT_LEN {
            self.recent.pop_front();
        }
        self.recent.push_back((at, happening));
    }

    pub(crate) fn fingerprint(&self) -> u64 {
        self.hash
    }

    pub(crate) fn trace(&self, names: Vec<Arc<str>>) -> Trace {
        Trace { events: self.all.clone(), names }
    }

    pub(crate) fn recent(&self, names: Vec<Arc<str>>) -> Trace {
        Trace { events: self.recent.iter().copied().collect(), names }
    }
}

/// Every event of a run, from [`Sim::trace`](crate::Sim::trace). It prints one line per event.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    events: Vec<(u64, Happening)>,
    names: Vec<Arc<str>>,
}

impl Trace {
    /// How many events there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether nothing was recorded: nothing happened, or [`SimConfig::record_trace`](crate::SimConfig) is off.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// The virtual time of an event.
    #[must_use]
    pub fn at(&self, index: usize) -> Option<Duration> {
        self.events.get(index).map(|(at, _)| Duration::from_nanos(*at))
    }

    /// An event as text.
    #[must_use]
    pub fn line(&self, index: usize) -> Option<String> {
        let (at, happening) = self.events.get(index)?;
        Some(format!("{:>14.9} {}", Duration::from_nanos(*at).as_secs_f64(), happening.describe(&self.names)))
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (0..self.len()).filter_map(|index| self.line(index)).try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// Where two runs of one seed part: something in them does not follow from the seed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Divergence {
    /// The number of the first event that differs.
    pub index: usize,
    /// When it happened in the first run, or where that ended.
    pub at: Duration,
    /// The event of the first run, if it had one more.
    pub left: Option<String>,
    /// The event of the second run, if it had one more.
    pub right: Option<String>,
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |side: &Option<String>| side.clone().unwrap_or_else(|| "  (the run is over)".to_owned());
        write!(
            f,
            "the runs part at event {}, {:?} into them:\n  first:  {}\n  second: {}",
            self.index,
            self.at,
            line(&self.left),
            line(&self.right)
        )
    }
}

/// The first event in which two runs differ.
#[must_use]
pub fn first_divergence(a: &Trace, b: &Trace) -> Option<Divergence> {
    let shared = a.len().min(b.len());
    let index = (0..shared)
        .find(|&i| a.events[i] != b.events[i])
        .or_else(|| (a.len() != b.len()).then_some(shared))?;
    let at = a.at(index).or_else(|| b.at(index)).unwrap_or_default();
    Some(Divergence { index, at, left: a.line(index), right: b.line(index) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(lens: &[u32]) -> Trace {
        let data = |len: &u32| Happening::Delivered { from: Pid(0), to: Pid(1), conn: 0, len: *len, sum: 0 };
        Trace { events: lens.iter().map(|len| (7, data(len))).collect(), names: vec!["a".into(), "b".into()] }
    }

    #[test]
    fn the_first_difference_is_found() {
        assert_eq!(first_divergence(&trace(&[1, 2]), &trace(&[1, 2])), None);
        let differs = first_divergence(&trace(&[1, 2, 3]), &trace(&[1, 9, 3])).expect("they differ");
        assert_eq!((differs.index, differs.at), (1, Duration::from_nanos(7)));
        assert!(differs.to_string().contains("data a -> b (#0), 9 bytes"), "{differs}");
        let longer = first_divergence(&trace(&[1]), &trace(&[1, 2])).expect("one is longer");
        assert_eq!((longer.index, longer.left), (1, None));
    }

    #[test]
    fn contents_count() {
        assert_ne!(sum(b"0123456789"), sum(b"0123456780"));
        assert_ne!(sum(b"01234567"), sum(b"11234567"));
        assert_ne!(sum(b""), sum(b"\0"));
    }
}

//! A timer that is moved no more often than it has to be.
//!
//! Deadlines that move away with every message, as the end of a lease does, would otherwise cost an operation on the
//! runtime's timers in every turn, which for some runtimes is a system call. Such an alarm goes off early now and then; a
//! driver looks at what is due anyway. Deliberately absent: more than one deadline, which is the machines' business.
use longshore_proto::Time;
use longshore_rt::{BoxSleep, DynRuntime, Instant, Runtime, Sleep};
use std::pin::Pin;
use std::task::{Context, Poll};

/// A driver's one timer.
pub(crate) struct Alarm {
    sleep: BoxSleep,
    /// When it goes off.
    armed: Option<Time>,
}

impl Alarm {
    pub(crate) fn new(rt: &DynRuntime) -> Self {
        Alarm { sleep: rt.sleep_until(Instant(u64::MAX)), armed: None }
    }

    /// When it would go off if `deadline` were set now: then, or earlier.
    pub(crate) fn armed_by(&self, deadline: Option<Time>) -> Option<Time> {
        [self.armed, deadline].into_iter().flatten().min()
    }

    /// Has the task woken at `deadline`, or earlier.
    pub(crate) fn arm(&mut self, deadline: Option<Time>, cx: &mut Context<'_>) {
        let due = self.armed_by(deadline);
        if due != self.armed {
            self.armed = due;
            self.sleep.reset(Instant(due.map_or(u64::MAX, |at| at.0)));
        }
        if self.armed.is_some() && self.poll(cx).is_ready() {
            self.armed = None;
            cx.waker().wake_by_ref();
        }
    }

    /// Sets it for the last time.
    pub(crate) fn set(&mut self, at: Instant) {
        self.sleep.reset(at);
    }

    /// Whether it has gone off.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.sleep).poll(cx)
    }
}

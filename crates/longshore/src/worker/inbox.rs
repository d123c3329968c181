//! What others leave for the worker's driver.
//!
//! One lock and one waker for everything. The driver is woken only if it was not told since it last looked, so that a
//! stream of tiny results costs one wake-up a batch.
use crate::link::{Accepted, ConnectError, Link};
use atomic_waker::AtomicWaker;
use longshore_core::worker::Outcome;
use longshore_proto::{Attempt, PeerId, PeerReply, PeerRequest, TaskHandle};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Wake, Waker};

/// A run is over.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) task: TaskHandle,
    pub(crate) attempt: Attempt,
    pub(crate) duration_ns: u64,
    pub(crate) outcome: Outcome,
}

/// An attempt to reach a peer is over.
#[derive(Debug)]
pub(super) struct Dialled {
    pub(super) peer: PeerId,
    /// Which attempt: a result that comes after the attempt was given up is recognised by it.
    pub(super) number: u64,
    pub(super) result: Result<Link<PeerReply, PeerRequest>, ConnectError>,
}

/// A large value that was to be sent is encoded now.
pub(super) struct Encoded {
    pub(super) number: u64,
    pub(super) result: Result<longshore_proto::Rope, String>,
}

impl fmt::Debug for Encoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoded").field("number", &self.number).finish_non_exhaustive()
    }
}

/// A running task gives up its slot, or takes one again.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Waiting {
    pub(crate) task: TaskHandle,
    pub(crate) attempt: Attempt,
    pub(crate) seceded: bool,
}

/// All that was left since the last look.
#[derive(Debug, Default)]
pub(crate) struct Mail {
    /// In order: a task secedes before it ends.
    pub(crate) waiting: Vec<Waiting>,
    pub(crate) ended: Vec<Ended>,
    /// Those of them that were runs of `async fn`s.
    pub(super) ended_async: Vec<(TaskHandle, Attempt)>,
    pub(super) accepted: Vec<Accepted>,
    pub(super) dialled: Vec<Dialled>,
    pub(super) encoded: Vec<Encoded>,
    pub(super) close: bool,
}

/// The driver's letter box.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    content: Mutex<Content>,
    driver: AtomicWaker,
}

#[derive(Debug, Default)]
struct Content {
    mail: Mail,
    /// The driver was woken and has not looked yet.
    told: bool,
}

impl Wake for Inbox {
    fn wake(self: Arc<Self>) {
        self.ring();
    }
}

impl Inbox {
    /// Leaves something, and wakes the driver if nobody else has.
    pub(crate) fn post(&self, leave: impl FnOnce(&mut Mail)) {
        let told = {
            let mut content = self.content();
            leave(&mut content.mail);
            std::mem::replace(&mut content.told, true)
        };
        if !told {
            self.driver.wake();
        }
    }

    /// Wakes the driver if nobody else has: there is something for it, here or elsewhere.
    pub(crate) fn ring(&self) {
        self.post(|_| {});
    }

    /// A waker for what the driver is to look after.
    pub(super) fn waker(self: &Arc<Self>) -> Waker {
        Waker::from(self.clone())
    }

    /// Leaves the end of a run for whoever looks next.
    pub(super) fn leave(&self, ended: Ended) {
        self.content().mail.ended.push(ended);
    }

    /// Takes the ends of runs, unless the driver has not heard yet that a task gave up its slot, or took one again.
    pub(super) fn take_ended(&self) -> Option<Vec<Ended>> {
        let mut content = self.content();
        let mail = &mut content.mail;
        mail.waiting.is_empty().then(|| std::mem::take(&mut mail.ended))
    }

    /// Exchanges what is there for `empty`, and has `cx` woken for more.
    pub(crate) fn take(&self, cx: &Context<'_>, empty: &mut Mail) {
        self.driver.register(cx.waker());
        let mut content = self.content();
        content.told = false;
        std::mem::swap(&mut content.mail, empty);
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! What user threads and the driver share: one lock, one waker.
//!
//! A user thread locks and appends. If the driver went to sleep since it last looked, the thread then sends what there is
//! itself, or wakes the driver, which takes everything at once. Nothing is encoded, sent or told to anybody under the lock.
use super::desk::Desk;
use crate::error::{Error, TaskError};
use crate::future::{CellRef, Settled, TokenRef, Wakes};
use atomic_waker::AtomicWaker;
use longshore_core::client::{Batch, Event, FENCE_MIN, Gate, Outbox, RefusedSubmit};
use longshore_proto::query::{Answer, Query};
use longshore_proto::{ClientToScheduler, SessionId, TaskId, Time};
use longshore_rt::{DynRuntime, Runtime};
use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// One client's connection to one cluster, seen from user threads.
pub(crate) struct Session {
    id: SessionId,
    rt: DynRuntime,
    /// Whether everything stays within this process, so that values need not be encoded.
    local: bool,
    next_seq: AtomicU64,
    next_request: AtomicU32,
    shared: Mutex<Shared>,
    desk: Desk,
    driver: AtomicWaker,
    /// The scheduler's incarnation, once it is known.
    cluster: OnceLock<u64>,
    /// Futures of other clients that the scheduler is just being told of.
    adopting: Mutex<BTreeMap<TaskId, CellRef>>,
}

/// What is under the lock.
pub(super) struct Shared {
    pub(super) outbox: Outbox<TokenRef>,
    /// The driver will look again without being woken.
    pub(super) awake: bool,
    /// It will look again soon in any case.
    pub(super) ticks: bool,
    /// The user asked to end.
    pub(super) closing: bool,
    pub(super) phase: Phase,
    /// What submissions fail with once the session is over, made once.
    refusal: Option<TaskError>,
    /// Those who wait for another phase.
    phase_waiters: Vec<Waker>,
    /// Those who wait for room in the outbox.
    room_waiters: Vec<Waker>,
    replies: BTreeMap<u32, Reply>,
}

/// Where the session is in its life.
#[derive(Clone, Debug)]
pub(super) enum Phase {
    Dialling,
    Up,
    /// Nothing is taken any more; the last words may still be on their way.
    Over(Ended),
    Finished(Ended),
}

/// Whether the bound on what may wait to be sent holds.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Bound {
    /// Beyond it, submissions are refused.
    Kept,
    /// The caller has said how much it wants before it began.
    Lifted,
}

/// Who is to send what was said, if the driver sleeps.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Sender {
    /// Who said it, unless it says much.
    Caller,
    /// The driver's task, while the caller goes on saying more.
    Driver,
}

/// Why a session is over.
#[derive(Clone, Debug)]
pub(crate) enum Ended {
    /// The user closed it.
    Closed,
    /// The scheduler is gone.
    Lost(Arc<str>),
    /// There never was a connection.
    Unconnected(Arc<Error>),
}

/// A question that was asked.
struct Reply {
    answer: Option<Option<Answer>>,
    waker: Option<Waker>,
}

impl Session {
    pub(super) fn new(rt: DynRuntime, local: bool, bytes_max: usize) -> Arc<Self> {
        let id = SessionId(rt.entropy());
        let shared = Shared {
            outbox: Outbox::new(id, bytes_max),
            // The driver is about to start, and looks first.
            awake: true,
            ticks: false,
            closing: false,
            phase: Phase::Dialling,
            refusal: None,
            phase_waiters: Vec::new(),
            room_waiters: Vec::new(),
            replies: BTreeMap::new(),
        };
        Arc::new(Session {
            id,
            rt,
            local,
            next_seq: AtomicU64::new(0),
            next_request: AtomicU32::new(0),
            shared: Mutex::new(shared),
            desk: Desk::new(),
            driver: AtomicWaker::new(),
            cluster: OnceLock::new(),
            adopting: Mutex::new(BTreeMap::new()),
        })
    }

    pub(crate) fn id(&self) -> SessionId {
        self.id
    }

    pub(crate) fn rt(&self) -> &DynRuntime {
        &self.rt
    }

    pub(crate) fn is_local(&self) -> bool {
        self.local
    }

    /// The scheduler said which one it is.
    pub(super) fn set_cluster(&self, incarnation: u64) {
        // A session has one scheduler in its life.
        let _ = self.cluster.set(incarnation);
    }

    /// Whether the other session is known to be of another cluster.
    pub(super) fn is_elsewhere(&self, other: &Session) -> bool {
        matches!((self.cluster.get(), other.cluster.get()), (Some(a), Some(b)) if a != b)
    }

    /// Never locked together with anything but by whoever drops no future meanwhile.
    pub(super) fn adopting(&self) -> MutexGuard<'_, BTreeMap<TaskId, CellRef>> {
        self.adopting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// So many task ids in a row; the first one.
    pub(super) fn next_ids(&self, count: u64) -> TaskId {
        TaskId { origin: self.id.0, seq: self.next_seq.fetch_add(count, Ordering::Relaxed) }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends something and sees to it that it is sent at once.
    pub(super) fn with<T>(&self, append: impl FnOnce(&mut Shared) -> T) -> T {
        self.with_sender(Sender::Caller, append)
    }

    pub(super) fn with_sender<T>(&self, sender: Sender, append: impl FnOnce(&mut Shared) -> T) -> T {
        let mut shared = self.lock();
        let result = append(&mut shared);
        let is_due = !shared.awake && !shared.outbox.is_empty();
        shared.awake |= is_due;
        drop(shared);
        if is_due && (sender == Sender::Driver || !self.send_here()) {
            self.driver.wake();
        }
        result
    }

    /// Whether a task is this session's alone: no other submission can mean the same one.
    pub(crate) fn is_private(&self, id: TaskId) -> bool {
        id.origin == self.id.0
    }

    /// Appends something that is in no hurry, and sees to it that the driver looks.
    fn with_patience(&self, append: impl FnOnce(&mut Shared)) {
        let mut shared = self.lock();
        append(&mut shared);
        let is_due = !shared.awake && !shared.ticks && !shared.outbox.is_empty();
        shared.awake |= is_due;
        drop(shared);
        if is_due {
            self.driver.wake();
        }
    }

    pub(super) fn desk(&self) -> &Desk {
        &self.desk
    }

    pub(super) fn wake_driver(&self) {
        self.driver.wake();
    }

    /// A future's last handle is gone.
    pub(crate) fn dropped(&self, token: TokenRef, released: bool) {
        self.with_patience(|shared| {
            if !shared.is_over() {
                shared.outbox.dropped(token, released);
            }
        });
    }

    /// Somebody awaits a result that is stored with the workers.
    pub(crate) fn bring(&self, id: TaskId) {
        self.with(|shared| {
            if !shared.is_over() {
                shared.outbox.event(Event::Awaited(id));
            }
        });
    }

    /// A message that needs no answer. Forgotten when the session is over.
    pub(crate) fn tell(&self, message: ClientToScheduler) {
        self.with(|shared| {
            if !shared.is_over() {
                shared.outbox.tell(message);
            }
        });
    }

    /// Stops tasks whose futures were settled as cancelled.
    pub(crate) fn cancel(&self, ids: Vec<TaskId>, force: bool) {
        self.with(|shared| {
            if !shared.is_over() {
                shared.outbox.cancel(ids, force);
            }
        });
    }

    /// Asks to end. Returns at once.
    pub(super) fn close(&self) {
        let mut shared = self.lock();
        if shared.is_over() {
            return;
        }
        if !std::mem::replace(&mut shared.closing, true) {
            // What was said is sent, whatever it waited for.
            shared.outbox.open_all_gates();
            shared.outbox.event(Event::Close);
        }
        shared.awake = true;
        drop(shared);
        self.driver.wake();
    }

    /// Tells the scheduler to end the cluster. The session ends by its goodbye, so that it is known to have heard.
    pub(super) fn end_cluster(&self) {
        self.with(|shared| {
            if !shared.is_over() {
                shared.closing = true;
                shared.outbox.open_all_gates();
                shared.outbox.tell(ClientToScheduler::Shutdown);
            }
        });
    }

    /// Waits until the link is up.
    pub(super) async fn up(&self) -> Result<(), Error> {
        self.phase(|phase| match phase {
            Phase::Dialling => None,
            Phase::Up => Some(Ok(())),
            Phase::Over(ended) | Phase::Finished(ended) => Some(Err(ended.error())),
        })
        .await
    }

    /// Asks the scheduler. `limit` is how long the answer may take.
    ///
    /// # Errors
    /// The session is over, or no answer came in time.
    pub(super) async fn ask(
        self: &Arc<Self>,
        query: Query,
        what: &'static str,
        limit: Option<Duration>,
    ) -> Result<Answer, Error> {
        let answer = self.question(query, limit)?.answer().await;
        answer.ok_or_else(|| match (self.lock().ended(), limit) {
            (Some(ended), _) => ended.error(),
            (None, limit) => Error::TimedOut { what, after: limit.unwrap_or_default() },
        })
    }

    /// Asks the scheduler at once, and does not wait for the answer.
    ///
    /// # Errors
    /// The session is over.
    pub(super) fn question(
        self: &Arc<Self>,
        query: Query,
        limit: Option<Duration>,
    ) -> Result<Question, Error> {
        let request = self.next_request.fetch_add(1, Ordering::Relaxed) % FENCE_MIN;
        let until = limit.map(|limit| Time((self.rt.now() + limit).0));
        self.with(|shared| {
            if let Some(ended) = shared.ended() {
                return Err(ended.error());
            }
            shared.outbox.tell(ClientToScheduler::Query { request, query });
            shared.outbox.event(Event::Asked { request, until });
            shared.replies.insert(request, Reply { answer: None, waker: None });
            Ok(())
        })?;
        Ok(Question { session: self.clone(), request })
    }

    fn poll_reply(&self, cx: &Context<'_>, request: u32) -> Poll<Option<Answer>> {
        let mut shared = self.lock();
        let Some(reply) = shared.replies.get_mut(&request) else { return Poll::Ready(None) };
        match reply.answer.take() {
            Some(answer) => Poll::Ready(answer),
            None => {
                let replaced = reply.waker.replace(cx.waker().clone());
                drop(shared);
                self.expect_news();
                drop(replaced);
                Poll::Pending
            }
        }
    }

    /// The answer to a question, for whoever still waits for it.
    pub(super) fn answer(&self, request: u32, answer: Option<Answer>) {
        let mut shared = self.lock();
        let waker = shared.replies.get_mut(&request).and_then(|reply| {
            reply.answer = Some(answer);
            reply.waker.take()
        });
        drop(shared);
        waker.into_iter().for_each(Waker::wake);
    }

    /// Whether a submission would be refused for want of room.
    pub(super) fn is_full(&self) -> bool {
        let shared = self.lock();
        !shared.is_over() && shared.outbox.room().is_err()
    }

    /// Waits until a submission would be taken.
    pub(super) async fn room(&self) -> Result<(), Error> {
        poll_fn(|cx| {
            let mut shared = self.lock();
            if let Some(ended) = shared.ended() {
                return Poll::Ready(Err(ended.error()));
            }
            if shared.outbox.room().is_ok() {
                return Poll::Ready(Ok(()));
            }
            note(&mut shared.room_waiters, cx.waker());
            Poll::Pending
        })
        .await
    }

    /// Waits until what comes before this gate may be sent and has room.
    pub(super) async fn room_ahead_of(&self, gate: Gate) -> Result<(), Error> {
        poll_fn(|cx| {
            let mut shared = self.lock();
            if let Some(ended) = shared.ended() {
                return Poll::Ready(Err(ended.error()));
            }
            if shared.outbox.is_first_gate(gate) && shared.outbox.has_room_ahead() {
                return Poll::Ready(Ok(()));
            }
            note(&mut shared.room_waiters, cx.waker());
            Poll::Pending
        })
        .await
    }

    /// Lets what is behind the gate go.
    pub(super) fn open_gate(&self, gate: Gate) {
        let wakers = self.with(|shared| {
            shared.outbox.open_gate(gate);
            // Whoever comes next may be first now.
            std::mem::take(&mut shared.room_waiters)
        });
        wakers.into_iter().for_each(Waker::wake);
    }

    /// A future whose call turned out to be impossible when it was to be sent.
    pub(super) fn give_up(&self, token: &TokenRef, error: TaskError) {
        let mut wakes = Wakes::default();
        token.0.settle(Settled::Failed(error), &mut wakes);
        if token.0.retire() {
            self.dropped(token.clone(), false);
        }
        wakes.fire();
    }

    /// Waits until `reached` says something about the phase.
    pub(super) async fn phase<T>(&self, reached: impl Fn(&Phase) -> Option<T>) -> T {
        poll_fn(|cx| {
            let mut shared = self.lock();
            if let Some(result) = reached(&shared.phase) {
                return Poll::Ready(result);
            }
            note(&mut shared.phase_waiters, cx.waker());
            Poll::Pending
        })
        .await
    }

    pub(super) fn set_phase(&self, phase: Phase) {
        let mut shared = self.lock();
        shared.phase = phase;
        let mut waiters = std::mem::take(&mut shared.phase_waiters);
        if let Some(ended) = shared.ended() {
            shared.refusal = Some(ended.task_error());
            waiters.append(&mut shared.room_waiters);
        }
        drop(shared);
        waiters.into_iter().for_each(Waker::wake);
    }

    /// Leaves the waker that says when to look.
    pub(super) fn register_driver(&self, cx: &Context<'_>) {
        self.driver.register(cx.waker());
    }

    /// Takes everything that was said; the driver says how much its link still holds.
    pub(super) fn take(&self, batch: &mut Batch<TokenRef>, backlog_bytes: usize) {
        let mut shared = self.lock();
        shared.outbox.take(batch);
        shared.outbox.set_backlog(backlog_bytes);
        let wakers = shared.roomy();
        drop(shared);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// The driver goes to sleep, unless there is something to take. `ticks`: whether it looks again soon, if that has changed.
    pub(super) fn sleep(&self, backlog_bytes: usize, ticks: Option<bool>) -> bool {
        let mut shared = self.lock();
        shared.outbox.set_backlog(backlog_bytes);
        shared.ticks = ticks.unwrap_or(shared.ticks);
        shared.awake = !shared.outbox.is_empty();
        let asleep = !shared.awake;
        let wakers = shared.roomy();
        drop(shared);
        wakers.into_iter().for_each(Waker::wake);
        asleep
    }
}

impl Shared {
    pub(super) fn ended(&self) -> Option<&Ended> {
        match &self.phase {
            Phase::Over(ended) | Phase::Finished(ended) => Some(ended),
            Phase::Dialling | Phase::Up => None,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.ended().is_some()
    }

    /// Whether a submission can be taken.
    ///
    /// # Errors
    /// What its future fails with.
    pub(super) fn accepts(&self, bound: Bound) -> Result<(), TaskError> {
        match (&self.refusal, bound) {
            (Some(refusal), _) => Err(refusal.clone()),
            (None, Bound::Kept) => self.outbox.room().map_err(|e| refused(&e, "")),
            (None, Bound::Lifted) => Ok(()),
        }
    }

    pub(super) fn tell(&mut self, message: ClientToScheduler) {
        self.outbox.tell(message);
    }

    pub(super) fn tell_ahead(&mut self, message: ClientToScheduler) {
        self.outbox.tell_ahead(message);
    }

    /// Those to be woken because there is room now.
    fn roomy(&mut self) -> Vec<Waker> {
        if self.room_waiters.is_empty() || !self.outbox.has_room_ahead() {
            return Vec::new();
        }
        std::mem::take(&mut self.room_waiters)
    }
}

/// The failure of a submission that the outbox did not take.
pub(super) fn refused(refused: &RefusedSubmit, function: &str) -> TaskError {
    use crate::error::TaskErrorKind::{KeyConflict, Overloaded, Refused};
    let kind = match refused {
        RefusedSubmit::Overloaded { .. } => Overloaded,
        RefusedSubmit::KeyConflict => KeyConflict,
        _ => Refused,
    };
    TaskError::local(kind, function, refused.to_string())
}

impl Ended {
    /// What an operation ends with.
    pub(crate) fn error(&self) -> Error {
        match self {
            Ended::Closed => Error::Closed,
            Ended::Lost(reason) => Error::SchedulerLost { reason: reason.to_string() },
            Ended::Unconnected(e) => (**e).clone(),
        }
    }

    /// What a future ends with.
    pub(crate) fn task_error(&self) -> TaskError {
        use crate::error::TaskErrorKind::{ClientClosed, SchedulerLost};
        match self {
            Ended::Closed => {
                TaskError::local(ClientClosed, "", "the client was closed before the result came")
            }
            Ended::Lost(reason) => TaskError::local(SchedulerLost, "", reason.to_string()),
            Ended::Unconnected(e) => TaskError::local(SchedulerLost, "", e.to_string()),
        }
    }
}

/// Adds a waker, unless it is there.
fn note(wakers: &mut Vec<Waker>, waker: &Waker) {
    if !wakers.iter().any(|w| w.will_wake(waker)) {
        wakers.push(waker.clone());
    }
}

/// A question that was asked. Dropping it forgets it.
pub(super) struct Question {
    session: Arc<Session>,
    request: u32,
}

impl Question {
    /// The answer; `None` when the session is over or the time is up.
    pub(super) async fn answer(&self) -> Option<Answer> {
        poll_fn(|cx| self.session.poll_reply(cx, self.request)).await
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        let reply = self.session.lock().replies.remove(&self.request);
        drop(reply);
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = self.lock().phase.clone();
        f.debug_struct("Session")
            .field("id", &self.id)
            .field("local", &self.local)
            .field("phase", &phase)
            .finish()
    }
}

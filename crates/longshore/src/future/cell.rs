//! What all handles of one future share: a small cell that any thread may look at.
//!
//! ```text
//!             ┌────────────── Pending ◀──────────────┐ retried, lost
//!             │ settle           │ settle             │
//!             ▼                  ▼                    │
//!   Small / Value ◀──fetched── Away ──▶ Failed ───────┘
//! ```
//! `Away` is a task that is done and whose value stays with the workers until somebody awaits it. A value that is here
//! stays here. About 96 bytes with its share of the allocator's overhead, and no second allocation for a small result.
use super::group::Group;
use super::waiter::{Waiter, Waiters, Wakes};
use crate::client::Session;
use crate::error::{TaskError, TaskErrorKind};
use crate::value::StoredValue;
use longshore_core::client::Token;
use longshore_proto::{Payload, TaskId};
use std::fmt;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

/// The bytes of a result that need no allocation.
const SMALL_BYTES_MAX: usize = longshore_proto::payload::SMALL_BYTES_MAX;

/// The session wants the task as long as there are handles.
const WANTED: u8 = 0;
/// Given up: dropping the last handle releases nothing more.
const CANCELLED: u8 = 1;
/// The session never knew of it.
const REFUSED: u8 = 2;

/// What one future takes, counts of the `Arc` included.
#[cfg(test)]
pub(crate) const CELL_BYTES: usize = size_of::<Cell>() + 2 * size_of::<usize>();

/// What handles share.
pub(crate) struct Cell {
    id: TaskId,
    /// `None` for a future that never reached a session.
    session: Option<Arc<Session>>,
    handles: AtomicU32,
    /// [`WANTED`], [`CANCELLED`] or [`REFUSED`].
    standing: AtomicU8,
    state: Mutex<State>,
}

enum State {
    Pending(Waiters),
    Away(Box<Away>),
    Small(u8, [u8; SMALL_BYTES_MAX]),
    Value(StoredValue),
    Failed(TaskError),
}

/// A value that workers keep.
struct Away {
    nbytes: u64,
    /// Whether the session was asked to bring it.
    asked: bool,
    /// All of them need the value.
    waiters: Waiters,
}

/// A value as it is in the cell.
pub(crate) enum Here {
    Small(u8, [u8; SMALL_BYTES_MAX]),
    Value(StoredValue),
}

/// What the session says became of a task.
pub(crate) enum Settled {
    Value(Payload),
    Stored { nbytes: u64 },
    Failed(TaskError),
    Pending,
}

/// How far a task has come, without its value.
pub(crate) enum Progress {
    Pending,
    Done,
    Failed(TaskError),
}

impl Cell {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn id(&self) -> TaskId {
        self.id
    }

    pub(crate) fn session(&self) -> Option<&Arc<Session>> {
        self.session.as_ref()
    }

    /// Whether the task was given up, or never was one.
    pub(crate) fn is_released(&self) -> bool {
        self.standing.load(Ordering::Acquire) != WANTED
    }

    pub(crate) fn progress(&self) -> Progress {
        match &*self.lock() {
            State::Pending(_) => Progress::Pending,
            State::Failed(e) => Progress::Failed(e.clone()),
            State::Away(_) | State::Small(..) | State::Value(_) => Progress::Done,
        }
    }

    /// The outcome, if it is here.
    pub(crate) fn outcome(&self) -> Option<Result<StoredValue, TaskError>> {
        match &*self.lock() {
            State::Pending(_) | State::Away(_) => None,
            State::Small(len, bytes) => Some(Ok(StoredValue::from_payload(Payload::Small(*len, *bytes)))),
            State::Value(value) => Some(Ok(value.clone())),
            State::Failed(e) => Some(Err(e.clone())),
        }
    }

    /// Keeps a value in a form that is quicker to get at.
    pub(crate) fn improve(&self, value: StoredValue) {
        let mut state = self.lock();
        if matches!(&*state, State::Small(..) | State::Value(_)) {
            *state = State::Value(value);
        }
    }

    /// The session's news. Whether the value is needed here: it is stored elsewhere and somebody waits for it.
    pub(crate) fn settle(self: &Arc<Self>, outcome: Settled, wakes: &mut Wakes) -> bool {
        let mut state = self.lock();
        if matches!(*state, State::Small(..) | State::Value(_)) || self.is_released() {
            return false;
        }
        let (mut waiters, was_failed) = match &mut *state {
            State::Pending(waiters) => (std::mem::take(waiters), false),
            State::Away(away) => (std::mem::take(&mut away.waiters), false),
            _ => (Waiters::None, true),
        };
        let failed = matches!(outcome, Settled::Failed(_));
        let (next, told, wanted) = match outcome {
            // A late failure does not replace the first.
            Settled::Failed(_) if was_failed => return false,
            Settled::Failed(e) => (State::Failed(e), waiters, false),
            Settled::Value(payload) => (State::of(payload), waiters, false),
            Settled::Pending => (State::Pending(waiters), Waiters::None, false),
            Settled::Stored { nbytes } => {
                let content = waiters.take_content();
                let asked = !waiters.is_empty();
                (State::Away(Box::new(Away { nbytes, asked, waiters })), content, asked)
            }
        };
        *state = next;
        drop(state);
        wakes.add(told, self, failed);
        wanted
    }

    /// What another future of the same task is to be told to know as much as this one. One that was given up knows nothing
    /// of the task.
    pub(crate) fn as_settled(&self) -> Option<Settled> {
        if self.is_released() {
            return None;
        }
        match &*self.lock() {
            State::Pending(_) => None,
            State::Away(away) => Some(Settled::Stored { nbytes: away.nbytes }),
            State::Small(len, bytes) => Some(Settled::Value(Payload::Small(*len, *bytes))),
            State::Value(value) => Some(Settled::Value(Payload::Local(Arc::new(value.clone())))),
            State::Failed(e) => Some(Settled::Failed(e.clone())),
        }
    }

    /// Gives the task up, unless its value or its failure is here already. Whether it was given up now.
    pub(crate) fn cancel(self: &Arc<Self>, error: TaskError, wakes: &mut Wakes) -> bool {
        let mut state = self.lock();
        let waiters = match &mut *state {
            State::Pending(waiters) => std::mem::take(waiters),
            State::Away(away) => std::mem::take(&mut away.waiters),
            _ => return false,
        };
        self.standing.store(CANCELLED, Ordering::Release);
        *state = State::Failed(error);
        drop(state);
        wakes.add(waiters, self, true);
        true
    }

    /// The session did not take the submission.
    pub(crate) fn refuse(&self, error: TaskError) {
        self.standing.store(REFUSED, Ordering::Release);
        *self.lock() = State::Failed(error);
    }

    /// The session has nothing to do with the future any more, though it knew of it. Whether handles still stood for it.
    pub(crate) fn retire(&self) -> bool {
        self.standing.compare_exchange(WANTED, REFUSED, Ordering::AcqRel, Ordering::Acquire).is_ok()
            && self.handles.load(Ordering::Acquire) > 0
    }

    /// Makes a task pending again that failed on the cluster. Whether it was.
    pub(crate) fn retry(&self) -> bool {
        let mut state = self.lock();
        let is_remote = |e: &TaskError| !e.kind().is_local() && e.kind() != TaskErrorKind::Cancelled;
        let again = matches!(&*state, State::Failed(e) if is_remote(e)) && !self.is_released();
        if again {
            *state = State::Pending(Waiters::None);
        }
        again
    }

    /// The value, or leaves the waker. `key` is zero for a handle that is awaited by value.
    pub(crate) fn poll_value(&self, cx: &Context<'_>, key: u32) -> Poll<Result<Here, TaskError>> {
        let mut state = self.lock();
        let (waiters, ask) = match &mut *state {
            State::Small(len, bytes) => return Poll::Ready(Ok(Here::Small(*len, *bytes))),
            State::Value(value) => return Poll::Ready(Ok(Here::Value(value.clone()))),
            State::Failed(e) => return Poll::Ready(Err(e.clone())),
            State::Pending(waiters) => (waiters, false),
            State::Away(away) => (&mut away.waiters, !std::mem::replace(&mut away.asked, true)),
        };
        let (evicted, replaced) = match key {
            0 => {
                let handles = self.handles.load(Ordering::Relaxed) as usize;
                (waiters.register_handle(cx.waker(), handles), None)
            }
            _ => (None, waiters.register_borrower(key, cx.waker())),
        };
        drop(state);
        drop(replaced);
        evicted.into_iter().for_each(std::task::Waker::wake);
        self.expect_news();
        if ask {
            self.ask();
        }
        Poll::Pending
    }

    /// The value, if it is here; moved out, if only one handle is left, which is about to be dropped. `None` also if that
    /// takes more than a look.
    pub(crate) fn take_value(&self) -> Option<Here> {
        let mut state = self.lock();
        match &*state {
            State::Small(len, bytes) => return Some(Here::Small(*len, *bytes)),
            State::Value(_) if self.is_alone() => {}
            _ => return None,
        }
        let gone = TaskError::local(TaskErrorKind::Lost, "", "its value was moved out of its last handle");
        match std::mem::replace(&mut *state, State::Failed(gone)) {
            State::Value(value) => Some(Here::Value(value)),
            _ => None,
        }
    }

    /// Whether nobody else can ask for the value any more.
    fn is_alone(&self) -> bool {
        let is_last = self.handles.load(Ordering::Acquire) == 1;
        // Of a task that others may submit too, another future may be told what this one knows.
        is_last && self.session.as_ref().is_some_and(|session| session.is_private(self.id))
    }

    fn expect_news(&self) {
        if let Some(session) = &self.session {
            session.expect_news();
        }
    }

    fn ask(&self) {
        if let Some(session) = &self.session {
            session.bring(self.id);
        }
    }

    /// A borrower waits no longer.
    pub(crate) fn forget_borrower(&self, key: u32) {
        let mut state = self.lock();
        let waker = match &mut *state {
            State::Pending(waiters) => waiters.remove(key),
            State::Away(away) => away.waiters.remove(key),
            _ => None,
        };
        drop(state);
        drop(waker);
    }

    /// Makes the future part of a group, which learns when it is done, or when its value is here.
    pub(crate) fn join(self: &Arc<Self>, group: &Arc<Group>, place: u32, value: bool) {
        group.add();
        self.wait(Waiter::Group { group: group.clone(), place, value });
    }

    /// Adds a waiter, which is told at once if there is nothing to wait for.
    pub(crate) fn wait(self: &Arc<Self>, waiter: Waiter) {
        let mut state = self.lock();
        let mut ask = false;
        let told = match &mut *state {
            State::Pending(waiters) => {
                waiters.push(waiter);
                drop(state);
                return self.expect_news();
            }
            State::Away(away) if waiter.needs_value() => {
                ask = !std::mem::replace(&mut away.asked, true);
                away.waiters.push(waiter);
                None
            }
            State::Failed(_) => Some((waiter, true)),
            _ => Some((waiter, false)),
        };
        drop(state);
        if ask {
            self.expect_news();
            self.ask();
        }
        if let Some((waiter, failed)) = told {
            let mut wakes = Wakes::default();
            wakes.add(Waiters::One(waiter), self, failed);
            wakes.fire();
        }
    }
}

impl State {
    fn of(payload: Payload) -> State {
        match payload {
            Payload::Small(len, bytes) => State::Small(len, bytes),
            other => State::Value(StoredValue::from_payload(other)),
        }
    }
}

impl Token for TokenRef {
    fn id(&self) -> TaskId {
        self.0.id
    }
}

/// A cell as the session's machine knows it. Not a handle: it does not keep the task wanted.
#[derive(Clone)]
pub(crate) struct TokenRef(pub(crate) Arc<Cell>);

impl PartialEq for TokenRef {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for TokenRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.id, f)
    }
}

/// A handle: as long as there is one, the client wants the task.
pub(crate) struct CellRef(Arc<Cell>);

impl CellRef {
    fn new(id: TaskId, session: Option<Arc<Session>>, state: State) -> Self {
        let standing = AtomicU8::new(if session.is_some() { WANTED } else { REFUSED });
        let (handles, state) = (AtomicU32::new(1), Mutex::new(state));
        CellRef(Arc::new(Cell { id, session, handles, standing, state }))
    }

    /// A future of a task that is on its way.
    pub(crate) fn pending(id: TaskId, session: Arc<Session>) -> Self {
        Self::new(id, Some(session), State::Pending(Waiters::None))
    }

    /// A future that failed before it reached anybody.
    pub(crate) fn failed(id: TaskId, error: TaskError) -> Self {
        Self::new(id, None, State::Failed(error))
    }

    /// One more handle, unless the last one is gone.
    pub(crate) fn of_living(cell: &Arc<Cell>) -> Option<Self> {
        let more = |handles| if handles == 0 { None } else { Some(handles + 1) };
        cell.handles.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(CellRef(cell.clone()))
    }

    pub(crate) fn token(&self) -> TokenRef {
        TokenRef(self.0.clone())
    }
}

impl Clone for CellRef {
    fn clone(&self) -> Self {
        self.0.handles.fetch_add(1, Ordering::Relaxed);
        CellRef(self.0.clone())
    }
}

impl Drop for CellRef {
    fn drop(&mut self) {
        if self.0.handles.fetch_sub(1, Ordering::AcqRel) != 1 {
            return;
        }
        let standing = self.0.standing.load(Ordering::Acquire);
        if let (Some(session), WANTED | CANCELLED) = (&self.0.session, standing) {
            session.dropped(self.token(), standing == CANCELLED);
        }
    }
}

impl std::ops::Deref for CellRef {
    type Target = Arc<Cell>;

    fn deref(&self) -> &Arc<Cell> {
        &self.0
    }
}

impl fmt::Debug for CellRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.id, f)
    }
}

//! Who waits for a future, and how they are told.
//!
//! Waiters are taken out under the future's lock and told after it is released, so that a waker or a callback may touch
//! any future again.
use super::cell::{Cell, CellRef};
use super::group::Group;
use crate::context::{Awaiting, awaiting};
use std::sync::Arc;
use std::task::Waker;

/// Something to run when a future is done.
pub(crate) type Callback = Box<dyn FnOnce(CellRef) + Send>;

/// One who waits.
pub(crate) enum Waiter {
    /// A task that wants the value. `key` tells borrowers apart; it is zero for whoever awaits a handle by value.
    Task { key: u32, waker: Waker },
    /// The same, of a run of an `async fn`.
    Run(Box<RunWaiter>),
    /// A group of futures, and the place of this one in it.
    Group { group: Arc<Group>, place: u32, value: bool },
    /// A callback, content with knowing that the task is done.
    Call(Callback),
}

/// A run of an `async fn` that wants the value.
pub(crate) struct RunWaiter {
    key: u32,
    waker: Waker,
    /// Has no slot as long as it waits.
    _awaiting: Awaiting,
}

impl Waiter {
    /// Whoever runs here.
    fn here(key: u32, waker: &Waker) -> Self {
        let waker = waker.clone();
        match awaiting() {
            Some(awaiting) => Waiter::Run(Box::new(RunWaiter { key, waker, _awaiting: awaiting })),
            None => Waiter::Task { key, waker },
        }
    }

    fn key(&self) -> Option<u32> {
        match self {
            Waiter::Task { key, .. } => Some(*key),
            Waiter::Run(run) => Some(run.key),
            Waiter::Group { .. } | Waiter::Call(_) => None,
        }
    }

    /// The waker, if it waits by one, and the key it is known by.
    fn waker(&mut self) -> Option<(u32, &mut Waker)> {
        match self {
            Waiter::Task { key, waker } => Some((*key, waker)),
            Waiter::Run(run) => Some((run.key, &mut run.waker)),
            Waiter::Group { .. } | Waiter::Call(_) => None,
        }
    }

    /// Whether it waits for the value to be here, or only for the task to be done.
    pub(crate) fn needs_value(&self) -> bool {
        match self {
            Waiter::Task { .. } | Waiter::Run(_) => true,
            Waiter::Group { value, .. } => *value,
            Waiter::Call(_) => false,
        }
    }
}

/// Those who wait for one future: nearly always nobody or one.
#[derive(Default)]
pub(crate) enum Waiters {
    #[default]
    None,
    One(Waiter),
    // Boxed, so that a future without a crowd is small.
    #[allow(clippy::box_collection)]
    Many(Box<Vec<Waiter>>),
}

impl Waiters {
    pub(crate) fn push(&mut self, waiter: Waiter) {
        *self = match std::mem::take(self) {
            Waiters::None => Waiters::One(waiter),
            Waiters::One(first) => Waiters::Many(Box::new(vec![first, waiter])),
            Waiters::Many(mut many) => {
                many.push(waiter);
                Waiters::Many(many)
            }
        }
    }

    pub(crate) fn as_slice(&self) -> &[Waiter] {
        match self {
            Waiters::None => &[],
            Waiters::One(one) => std::slice::from_ref(one),
            Waiters::Many(many) => many,
        }
    }

    fn as_mut_slice(&mut self) -> &mut [Waiter] {
        match self {
            Waiters::None => &mut [],
            Waiters::One(one) => std::slice::from_mut(one),
            Waiters::Many(many) => many,
        }
    }

    /// Notes the waker of a borrower, in place of the one it left before. That one is returned, to be dropped where no
    /// lock is held: it may be the last that kept a task alive.
    pub(crate) fn register_borrower(&mut self, key: u32, waker: &Waker) -> Option<Waker> {
        for (other, kept) in self.as_mut_slice().iter_mut().filter_map(Waiter::waker) {
            if other == key {
                return (!kept.will_wake(waker)).then(|| std::mem::replace(kept, waker.clone()));
            }
        }
        self.push(Waiter::here(key, waker));
        None
    }

    /// Notes the waker of a handle that is awaited by value.
    ///
    /// A handle cannot say which waker it left before, so at most as many are kept as there are handles. The oldest one
    /// makes room and is returned to be woken: if it was still of use, its task asks again.
    pub(crate) fn register_handle(&mut self, waker: &Waker, handles: usize) -> Option<Waker> {
        let mut of_handles = 0;
        for (_, kept) in self.as_mut_slice().iter_mut().filter_map(Waiter::waker).filter(|(key, _)| *key == 0)
        {
            if kept.will_wake(waker) {
                return None;
            }
            of_handles += 1;
        }
        let oldest = if of_handles >= handles.max(1) { self.remove(0) } else { None };
        self.push(Waiter::here(0, waker));
        oldest
    }

    /// Removes the oldest task waiter of this key.
    pub(crate) fn remove(&mut self, key: u32) -> Option<Waker> {
        let is_it = |w: &Waiter| w.key() == Some(key);
        let removed = match self {
            Waiters::One(one) if is_it(one) => match std::mem::take(self) {
                Waiters::One(one) => one,
                _ => return None,
            },
            Waiters::Many(many) => many.remove(many.iter().position(is_it)?),
            _ => return None,
        };
        match removed {
            Waiter::Task { waker, .. } => Some(waker),
            Waiter::Run(run) => Some(run.waker),
            _ => None,
        }
    }

    /// Takes out those who need not wait for the value.
    pub(crate) fn take_content(&mut self) -> Waiters {
        if self.as_slice().iter().all(Waiter::needs_value) {
            return Waiters::None;
        }
        let (mut content, mut rest) = (Waiters::None, Waiters::None);
        for waiter in std::mem::take(self) {
            if waiter.needs_value() { rest.push(waiter) } else { content.push(waiter) }
        }
        *self = rest;
        content
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }
}

impl IntoIterator for Waiters {
    type Item = Waiter;
    type IntoIter = std::iter::Chain<std::option::IntoIter<Waiter>, std::vec::IntoIter<Waiter>>;

    fn into_iter(self) -> Self::IntoIter {
        let (one, many) = match self {
            Waiters::None => (None, Vec::new()),
            Waiters::One(one) => (Some(one), Vec::new()),
            Waiters::Many(many) => (None, *many),
        };
        one.into_iter().chain(many)
    }
}

/// What is to be woken and called once no lock is held.
#[derive(Default)]
#[must_use = "somebody is waiting to be told"]
pub(crate) struct Wakes {
    wakers: Vec<Waker>,
    calls: Calls,
}

/// Callbacks that are due.
#[derive(Default)]
#[must_use = "somebody is waiting to be called"]
pub(crate) struct Calls(Vec<(Callback, CellRef)>);

/// So much memory is kept for the next ones.
const KEEP_LEN: usize = 4096;

impl Wakes {
    /// These waited for `cell`, which is done.
    pub(crate) fn add(&mut self, waiters: Waiters, cell: &Arc<Cell>, failed: bool) {
        match waiters {
            Waiters::None => {}
            Waiters::One(waiter) => self.add_one(waiter, cell, failed),
            Waiters::Many(many) => many.into_iter().for_each(|waiter| self.add_one(waiter, cell, failed)),
        }
    }

    fn add_one(&mut self, waiter: Waiter, cell: &Arc<Cell>, failed: bool) {
        match waiter {
            Waiter::Task { waker, .. } => self.wakers.push(waker),
            Waiter::Run(run) => self.wakers.push(run.waker),
            Waiter::Group { group, place, .. } => self.wakers.extend(group.settled(place, failed)),
            // Without a handle nobody wants to know any more.
            Waiter::Call(call) => self.calls.0.extend(CellRef::of_living(cell).map(|cell| (call, cell))),
        }
    }

    /// Wakes and calls. The memory is used again.
    pub(crate) fn fire(&mut self) {
        self.wake_all();
        self.calls.call();
    }

    /// Wakes, and leaves the callbacks for later.
    pub(crate) fn wake(&mut self, calls: &mut Calls) {
        self.wake_all();
        calls.0.append(&mut self.calls.0);
    }

    fn wake_all(&mut self) {
        self.wakers.drain(..).for_each(Waker::wake);
        self.wakers.shrink_to(KEEP_LEN);
    }
}

impl Calls {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Calls them, in order.
    pub(crate) fn call(&mut self) {
        for (call, cell) in self.0.drain(..) {
            // The thread belongs to everybody's results: a callback that panics must not take it down.
            let called = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| call(cell)));
            if called.is_err() {
                tracing::error!("a callback given to on_done panicked");
            }
        }
        self.0.shrink_to(KEEP_LEN);
    }
}

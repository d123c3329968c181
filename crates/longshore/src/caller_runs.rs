//! Tasks that whoever wakes them may poll, so that work passes between the roles of one process without a thread hop.
//!
//! A client, a scheduler and the workers of one process are tasks of a runtime that wake each other. A thread that wakes
//! such a task and has nothing better to do may as well poll it itself ("caller runs"):
//!
//! ```text
//!  a thread waits for its call ─▶ polls the scheduler, which that woke ─▶ polls a worker ─▶ wakes a compute thread
//!  a compute thread ends it ────▶ polls the scheduler ──────────────────▶ polls the client ─▶ wakes who waits
//! ```
//! A thread does so through a [`Trampoline`], at two places only: a compute thread with nothing left to run, and a thread
//! outside of any task that blocks for a result. Neither holds up anything by it, and on neither is there code of the user's
//! that could hold a lock and go on. Otherwise the runtime polls the task, as always. One thread polls it at a time. It ends
//! on its runtime, and panics there, whoever polled it, and users' callbacks are left to it.
//!
//! Deliberately absent: polling what somebody else woke, which would lend a thread to work that it has nothing to do with;
//! and polling while a call is submitted, since dropping a value may run code that wants a lock of whoever submits.
use crate::context::try_context;
use longshore_rt::ThreadContext;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering, fence};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker, ready};
use std::thread;

/// A thread polls so many tasks before it leaves the rest to their runtimes.
const POLLS_MAX: usize = 16;

/// Nobody polls the task, nor should.
const IDLE: u8 = 0;
/// It was woken: who did sees to it that it is polled.
const WOKEN: u8 = 1;
/// A thread polls it.
const POLLED: u8 = 2;
/// A thread polls it, and it was woken since.
const POLLED_AND_WOKEN: u8 = 3;

thread_local! {
    /// What this thread woke and may poll; `None` without a [`Trampoline`].
    static WOKEN_HERE: RefCell<Option<VecDeque<Arc<dyn Woken>>>> = const { RefCell::new(None) };
    /// What it woke when it submitted last.
    static REMEMBERED: RefCell<Vec<Weak<dyn Woken>>> = const { RefCell::new(Vec::new()) };
}

/// Gathers the tasks that this thread wakes, until they are [run](Trampoline::run) or, when it is dropped, left to their
/// runtimes. Within another one, and in a thread that ends, it does nothing.
#[must_use = "tasks are gathered while it lives"]
pub(crate) struct Trampoline {
    is_outer: bool,
}

impl Trampoline {
    pub(crate) fn begin() -> Self {
        let begun = WOKEN_HERE.try_with(|here| {
            let mut here = here.borrow_mut();
            let is_outer = here.is_none();
            here.get_or_insert_default();
            is_outer
        });
        Trampoline { is_outer: begun.unwrap_or(false) }
    }

    /// Polls what was woken, and what is woken by that. The caller holds no lock that such a task may take.
    pub(crate) fn run(self) {
        for _ in 0..POLLS_MAX {
            let Some(next) = self.pop() else { break };
            next.poll_here();
        }
    }

    /// Leaves what was woken to its runtime, and has [`run_remembered`] poll it should this thread be quicker.
    pub(crate) fn remember(self) {
        let woken: Vec<_> = std::iter::from_fn(|| self.pop()).collect();
        let remembered = woken.iter().map(Arc::downgrade).collect();
        let _ = REMEMBERED.try_with(|place| place.replace(remembered));
        woken.into_iter().for_each(|task| task.leave());
    }

    fn pop(&self) -> Option<Arc<dyn Woken>> {
        if !self.is_outer {
            return None;
        }
        WOKEN_HERE.try_with(|here| here.borrow_mut().as_mut()?.pop_front()).ok()?
    }
}

impl Drop for Trampoline {
    fn drop(&mut self) {
        if self.is_outer {
            let rest = WOKEN_HERE.try_with(RefCell::take).ok().flatten();
            rest.into_iter().flatten().for_each(|task| task.leave());
        }
    }
}

/// Polls what this thread woke when it submitted last, unless its runtime was quicker. For a thread that is about to block.
pub(crate) fn run_remembered() {
    let remembered = REMEMBERED.try_with(RefCell::take).unwrap_or_default();
    if remembered.is_empty() || ThreadContext::current() == ThreadContext::Async || try_context().is_some() {
        return;
    }
    let trampoline = Trampoline::begin();
    remembered.iter().filter_map(Weak::upgrade).for_each(|task| task.poll_here());
    trampoline.run();
}

/// Whether this thread polls such tasks in place of their runtimes.
pub(crate) fn is_running_here() -> bool {
    WOKEN_HERE.try_with(|here| here.borrow().is_some()).unwrap_or(false)
}

/// A task that was woken.
trait Woken {
    /// Polls it on this thread.
    fn poll_here(self: Arc<Self>);
    /// Has its runtime poll it.
    fn leave(self: Arc<Self>);
}

/// What can be such a task.
pub(crate) trait Role: Future<Output: Send> + Send + 'static {}
impl<F: Future<Output: Send> + Send + 'static> Role for F {}

/// A future that is polled by its runtime, or by whoever wakes it. See the module.
///
/// # Cancel safety
/// Dropping it drops the future, at once or when the thread that polls it is done with that.
pub(crate) struct CallerRuns<F: Role>(Arc<Shared<F>>);

impl<F: Role> CallerRuns<F> {
    pub(crate) fn new(future: F) -> Self {
        CallerRuns(Arc::new(Shared {
            state: AtomicU8::new(WOKEN),
            body: Mutex::new(Body::Runs(Box::pin(future))),
            is_unwanted: AtomicBool::new(false),
            runtime: Mutex::new(None),
        }))
    }
}

struct Shared<F: Role> {
    state: AtomicU8,
    /// Never waited for: `state` says who may have it.
    body: Mutex<Body<F>>,
    /// Its runtime has dropped it.
    is_unwanted: AtomicBool,
    /// Has the runtime poll it.
    runtime: Mutex<Option<Waker>>,
}

enum Body<F: Role> {
    Runs(Pin<Box<F>>),
    /// What its runtime is given, and what is left of the future, which is dropped there too.
    Ended(thread::Result<F::Output>, Pin<Box<F>>),
    Over,
}

impl<F: Role> Shared<F> {
    /// Makes `to` of `from`; whether it was `from`.
    fn turn(&self, from: u8, to: u8) -> bool {
        self.state.compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    /// Polls it, which is this thread's to do now; ready when nothing is left to be polled.
    fn poll_once(self: &Arc<Self>) -> Poll<()> {
        let polled = match self.body.try_lock().as_deref_mut() {
            Ok(body) => self.poll_body(body),
            // Its runtime is just dropping it.
            Err(_) => Poll::Ready(()),
        };
        self.drop_if_unwanted();
        polled
    }

    fn poll_body(self: &Arc<Self>, body: &mut Body<F>) -> Poll<()> {
        let Body::Runs(future) = body else { return Poll::Ready(()) };
        let waker = Waker::from(self.clone());
        let _mark = ThreadContext::Async.enter();
        let polled =
            catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut Context::from_waker(&waker))));
        let ended = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => Ok(output),
            Err(panic) => Err(panic),
        };
        if let Body::Runs(future) = std::mem::replace(body, Body::Over) {
            *body = Body::Ended(ended, future);
        }
        Poll::Ready(())
    }

    /// Takes what is left of it, unless a thread polls it.
    fn take(&self) -> Body<F> {
        match self.body.try_lock().as_deref_mut() {
            Ok(body) => std::mem::replace(body, Body::Over),
            Err(_) => Body::Over,
        }
    }

    /// Whoever polled it while it was dropped drops it: they look after they let go of it, the other before it tries.
    fn drop_if_unwanted(&self) {
        fence(Ordering::SeqCst);
        if self.is_unwanted.load(Ordering::SeqCst) {
            drop(self.take());
        }
    }

    fn note_runtime(&self, waker: &Waker) {
        let mut runtime = self.runtime.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *runtime {
            Some(known) => known.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }

    fn wake_runtime(&self) {
        let waker = self.runtime.lock().unwrap_or_else(PoisonError::into_inner).clone();
        waker.into_iter().for_each(Waker::wake);
    }

    /// Whether this thread keeps it in mind, to be polled here.
    fn gather(self: &Arc<Self>) -> bool {
        let gathered = WOKEN_HERE.try_with(|here| match here.borrow_mut().as_mut() {
            Some(here) => {
                here.push_back(self.clone());
                true
            }
            None => false,
        });
        gathered.unwrap_or(false)
    }
}

impl<F: Role> Wake for Shared<F> {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        loop {
            match self.state.load(Ordering::SeqCst) {
                IDLE if self.turn(IDLE, WOKEN) => break,
                POLLED if self.turn(POLLED, POLLED_AND_WOKEN) => return,
                WOKEN | POLLED_AND_WOKEN => return,
                _ => {}
            }
        }
        if !self.gather() {
            self.wake_runtime();
        }
    }
}

impl<F: Role> Woken for Shared<F> {
    fn poll_here(self: Arc<Self>) {
        // Its runtime was quicker, otherwise.
        if self.turn(WOKEN, POLLED) && (self.poll_once().is_ready() || !self.turn(POLLED, IDLE)) {
            self.state.store(WOKEN, Ordering::SeqCst);
            self.wake_runtime();
        }
    }

    fn leave(self: Arc<Self>) {
        self.wake_runtime();
    }
}

impl<F: Role> Future for CallerRuns<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let shared = &self.0;
        shared.note_runtime(cx.waker());
        loop {
            match shared.state.load(Ordering::SeqCst) {
                // Another thread was quicker.
                IDLE => return Poll::Pending,
                WOKEN if shared.turn(WOKEN, POLLED) => break,
                // The thread that polls it wakes the runtime then.
                POLLED if shared.turn(POLLED, POLLED_AND_WOKEN) => return Poll::Pending,
                POLLED_AND_WOKEN => return Poll::Pending,
                _ => {}
            }
        }
        let polled = shared.poll_once();
        if !shared.turn(POLLED, IDLE) {
            shared.state.store(WOKEN, Ordering::SeqCst);
            cx.waker().wake_by_ref();
        }
        ready!(polled);
        // Otherwise it is polled again after its end.
        let Body::Ended(ended, future) = shared.take() else { return Poll::Pending };
        drop(future);
        Poll::Ready(ended.unwrap_or_else(|panic| resume_unwind(panic)))
    }
}

impl<F: Role> Drop for CallerRuns<F> {
    fn drop(&mut self) {
        self.0.is_unwanted.store(true, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        drop(self.0.take());
    }
}

#[cfg(test)]
mod tests;

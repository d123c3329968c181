//! Tasks that whoever wakes them may poll, so that work passes between the roles of one process without a thread hop.
//!
//! A client, a scheduler and the workers of one process are tasks of a runtime that wake each other. A thread that wakes
//! such a task and has nothing better to do may as well poll it itself ("caller runs"):
//!
//! ```text
//!  a thread submits a call ─▶ wakes the scheduler ─▶ polled here ─▶ wakes a worker ─▶ polled here ─▶ wakes a compute thread
//!  a compute thread ends it ─▶ wakes the scheduler ─▶ polled here ─▶ wakes the client ─▶ polled here ─▶ wakes who waits
//! ```
//! A thread says so with a [`Lend`]. Without one, the runtime polls the task, as always. One thread polls a task at a time.
//! It ends on its runtime, and panics there, whoever polled it.
//!
//! Deliberately absent: polling what somebody else woke. That would lend a thread to work that it has nothing to do with.
use longshore_rt::ThreadContext;
use std::any::Any;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker, ready};

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
    /// What this thread woke and may poll; `None` without a [`Lend`].
    static WOKEN_HERE: RefCell<Option<WokenHere>> = const { RefCell::new(None) };
}

struct WokenHere {
    caller: Caller,
    tasks: VecDeque<Arc<dyn Woken>>,
}

/// A thread that lends itself.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Caller {
    /// The user's code called, and may hold locks of its own: it polls no task that runs callbacks.
    User,
    /// Nobody's code is on the stack.
    Idle,
}

/// Gathers the tasks that this thread wakes, until they are [polled](Lend::poll_woken) or, when it is dropped, left to
/// their runtimes. Within another one it does nothing.
#[must_use = "tasks are gathered while it lives"]
pub(crate) struct Lend {
    is_outer: bool,
}

impl Lend {
    pub(crate) fn begin(caller: Caller) -> Self {
        let is_outer = WOKEN_HERE.with_borrow_mut(|here| {
            let is_outer = here.is_none();
            here.get_or_insert_with(|| WokenHere { caller, tasks: VecDeque::new() });
            is_outer
        });
        Lend { is_outer }
    }

    /// Polls what was woken, and what is woken by that. The caller holds no lock that such a task may take.
    pub(crate) fn poll_woken(self) {
        if self.is_outer {
            for _ in 0..POLLS_MAX {
                let next = WOKEN_HERE.with_borrow_mut(|here| here.as_mut()?.tasks.pop_front());
                let Some(next) = next else { break };
                next.poll_here();
            }
        }
    }
}

impl Drop for Lend {
    fn drop(&mut self) {
        if self.is_outer {
            let rest = WOKEN_HERE.take();
            rest.into_iter().flat_map(|here| here.tasks).for_each(|task| task.leave());
        }
    }
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
    /// `has_callbacks`: it calls what users hand in, and so is not polled on top of their code.
    pub(crate) fn new(future: F, has_callbacks: bool) -> Self {
        CallerRuns(Arc::new(Shared {
            state: AtomicU8::new(IDLE),
            body: Mutex::new(Body::Runs(Box::pin(future))),
            is_unwanted: AtomicBool::new(false),
            runtime: Mutex::new(None),
            has_callbacks,
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
    has_callbacks: bool,
}

enum Body<F: Role> {
    Runs(Pin<Box<F>>),
    Done(F::Output),
    Panicked(Box<dyn Any + Send>),
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
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut Context::from_waker(&waker)))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => *body = Body::Done(output),
            Err(panic) => *body = Body::Panicked(panic),
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
            Some(here) if here.caller == Caller::Idle || !self.has_callbacks => {
                here.tasks.push_back(self.clone());
                true
            }
            _ => false,
        });
        // A thread that ends polls nothing.
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
        if self.turn(WOKEN, POLLED) && (self.poll_once().is_ready() | !self.turn(POLLED, IDLE)) {
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
                now @ (IDLE | WOKEN) if shared.turn(now, POLLED) => break,
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
        match shared.take() {
            Body::Done(output) => Poll::Ready(output),
            Body::Panicked(panic) => resume_unwind(panic),
            // Polled again after its end.
            Body::Runs(_) | Body::Over => Poll::Pending,
        }
    }
}

impl<F: Role> Drop for CallerRuns<F> {
    fn drop(&mut self) {
        self.0.is_unwanted.store(true, Ordering::SeqCst);
        drop(self.0.take());
    }
}

#[cfg(test)]
mod tests;

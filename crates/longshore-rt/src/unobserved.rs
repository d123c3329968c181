//! Panics that nobody takes note of: of a detached task, or of one whose handle was dropped.
//!
//! They reach no joiner, so whoever wants to know of them asks for it. The simulator does, and fails the run.
//! Without that nothing more happens: the panic hook has printed them already.
use crate::TaskMeta;
use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;

/// A task has panicked and its [`JoinError`](crate::JoinError) was taken by nobody.
#[derive(Clone, Debug)]
pub struct UnobservedPanic {
    /// The task.
    pub task: TaskMeta,
    /// The text of the panic.
    pub message: String,
}

type Observer = Rc<dyn Fn(UnobservedPanic)>;

thread_local!(static OBSERVER: RefCell<Option<Observer>> = const { RefCell::new(None) });

/// Calls `observer` with every unobserved panic that comes to light on this thread, until the guard is dropped.
pub fn observe_panics(observer: impl Fn(UnobservedPanic) + 'static) -> PanicObserver {
    let outer = OBSERVER.with(|current| current.replace(Some(Rc::new(observer))));
    PanicObserver { outer, not_send: PhantomData }
}

/// Restores the thread's previous observer when dropped.
#[must_use = "the observer is called as long as the guard lives"]
pub struct PanicObserver {
    outer: Option<Observer>,
    // The observer belongs to one thread, so the guard must stay there.
    not_send: PhantomData<*const ()>,
}

impl Drop for PanicObserver {
    fn drop(&mut self) {
        let outer = self.outer.take();
        OBSERVER.with(|current| current.replace(outer));
    }
}

impl fmt::Debug for PanicObserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PanicObserver").field("nested", &self.outer.is_some()).finish()
    }
}

/// Tells the thread's observer. Also called while threads end, when there is none any more.
pub(crate) fn report(task: TaskMeta, message: String) {
    let observer = OBSERVER.try_with(|current| current.borrow().clone()).ok().flatten();
    if let Some(observer) = observer {
        observer(UnobservedPanic { task, message });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Task;
    use crate::task::Runner;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Waker};

    fn poll<F: Future>(fut: F) -> bool {
        pin!(fut).poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    /// What is observed when `end` deals with the runner and the handle of a task.
    fn observed<F: Future>(fut: F, end: impl FnOnce(Runner<F>, Task<F::Output>)) -> Vec<String> {
        let seen = Rc::new(RefCell::new(Vec::new()));
        let all = Rc::clone(&seen);
        let _observer = observe_panics(move |panic| all.borrow_mut().push(panic.message));
        let meta = TaskMeta { name: "observed", location: std::panic::Location::caller() };
        let (runner, task) = Runner::new(meta, fut);
        end(runner, task);
        seen.take()
    }

    /// Panics without a word to the panic hook.
    async fn panics() {
        std::panic::resume_unwind(Box::new("expected"));
    }

    #[test]
    fn a_panic_without_a_joiner_is_reported_once() {
        let detached = observed(panics(), |runner, task| {
            task.detach();
            assert!(poll(runner));
        });
        assert_eq!(detached, ["expected"]);
        let dropped = observed(panics(), |runner, task| {
            assert!(poll(runner));
            drop(task);
        });
        assert_eq!(dropped, ["expected"]);
    }

    #[test]
    fn a_panic_that_is_joined_is_not_reported() {
        let joined = observed(panics(), |runner, task| assert!(poll(runner) && poll(task)));
        assert!(joined.is_empty(), "{joined:?}");
    }

    #[test]
    fn other_ends_are_no_panics() {
        let value = observed(async { 1 }, |runner, task| assert!(poll(runner) && task.is_finished()));
        let gone = observed(panics(), |runner, _task| drop(runner));
        let aborted = observed(panics(), |runner, task| {
            drop(task);
            assert!(poll(runner));
        });
        assert!(value.is_empty() && gone.is_empty() && aborted.is_empty());
    }

    #[test]
    fn observers_nest() {
        let outer = observed(panics(), |runner, task| {
            let _inner = observe_panics(|panic| assert_eq!(panic.task.name, "observed"));
            drop((poll(runner), task));
        });
        assert!(outer.is_empty(), "the inner one is told: {outer:?}");
    }
}

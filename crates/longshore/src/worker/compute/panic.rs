//! Panics of task functions: caught, described, never printed.
//!
//! A hook notes where a panic happened, because the payload does not say. It is installed once, calls the hook that was there
//! before for every panic that is not a task's, and prints nothing for one that is: its words go to whoever awaits the
//! task. Should the program replace the hook later, only location and backtrace are lost.
use longshore_proto::{FailureKind, TaskFailure, TaskId};
use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook, take_hook};
use std::sync::Arc;
use std::sync::Once;

thread_local! {
    /// Whether this thread is inside a task function.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
    static NOTED: RefCell<Option<Noted>> = const { RefCell::new(None) };
}

/// What only the hook can tell.
struct Noted {
    location: Option<String>,
    backtrace: Option<String>,
}

/// Installs the hook, once in the life of the process.
pub(crate) fn install_hook() {
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |info| if INSIDE.get() { note(info) } else { before(info) }));
    });
}

fn note(info: &PanicHookInfo<'_>) {
    let backtrace = Backtrace::capture();
    let noted = Noted {
        location: info.location().map(ToString::to_string),
        backtrace: (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string()),
    };
    // A panic within a panic, or one while the thread goes away, is not noted.
    let _ = NOTED.try_with(|place| place.try_borrow_mut().map(|mut place| *place = Some(noted)));
}

/// Restores what the thread was inside of, on unwinding too.
struct Inside(bool);

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.set(self.0);
    }
}

/// A task function panicked.
pub(super) struct Panic {
    payload: Box<dyn Any + Send>,
    noted: Option<Noted>,
}

/// Runs `code`, which is a task's, and catches its panic.
pub(super) fn catch<T>(code: impl FnOnce() -> T) -> Result<T, Panic> {
    let inside = Inside(INSIDE.replace(true));
    let result = catch_unwind(AssertUnwindSafe(code));
    drop(inside);
    result.map_err(|payload| Panic { payload, noted: NOTED.take() })
}

/// Runs code of the user's that is no task function. `None` if it panicked.
pub(crate) fn catch_quietly<T>(code: impl FnOnce() -> T) -> Option<T> {
    match catch(code) {
        Ok(value) => Some(value),
        Err(panic) => {
            drop_quietly(panic.payload);
            None
        }
    }
}

/// Drops something of the user's, whatever its destructor does.
pub(crate) fn drop_quietly<T>(value: T) {
    // A destructor that panics has nobody to tell.
    drop(catch(|| drop(value)));
}

impl Panic {
    /// The failure that it is for the task.
    pub(super) fn into_failure(self, root: TaskId, function: &str) -> Arc<TaskFailure> {
        let text = self.payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| self.payload.downcast_ref::<String>().cloned());
        let text = text.unwrap_or_else(|| "a panic whose payload is not text".to_owned());
        let mut failure = TaskFailure::new(FailureKind::Panicked, root, function, text);
        if let Some(noted) = self.noted {
            (failure.location, failure.backtrace) = (noted.location, noted.backtrace);
        }
        drop_quietly(self.payload);
        Arc::new(failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> TaskId {
        TaskId { origin: 1, seq: 2 }
    }

    #[test]
    fn a_panic_is_described() {
        install_hook();
        let panic = catch(|| panic!("no {}", 7)).expect_err("a panic");
        let failure = panic.into_failure(root(), "f");
        assert_eq!((failure.kind, &*failure.message), (FailureKind::Panicked, "no 7"));
        assert!(failure.location.as_deref().expect("a location").contains("panic.rs"));
        assert!(!INSIDE.get());
    }

    #[test]
    fn a_panic_with_a_vicious_payload_harms_nobody() {
        struct Vicious;
        impl Drop for Vicious {
            fn drop(&mut self) {
                panic!("once more");
            }
        }
        install_hook();
        let panic = catch(|| std::panic::panic_any(Vicious)).expect_err("a panic");
        assert!(panic.into_failure(root(), "f").message.contains("not text"));
        drop_quietly(Vicious);
    }
}

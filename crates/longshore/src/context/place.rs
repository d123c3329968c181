//! Which task runs on this thread.
//!
//! A compute thread keeps one place for its whole life and only changes the run in it; an `async fn` takes the place during
//! each of its polls.
use super::awaiting::Seceding;
use super::{Home, TaskContext};
use longshore_core::worker::Run;
use longshore_proto::{Attempt, TaskHandle, TaskId};
use std::cell::RefCell;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;

/// The compute threads, as far as a task can influence them.
pub(crate) trait Slots: 'static {
    /// The task on this thread gives up its slot, or takes one again.
    fn set_seceded(&self, seceded: bool);
}

thread_local! {
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
}

struct Current {
    context: TaskContext,
    /// Whether a run is under way: a compute thread keeps its context between runs.
    active: bool,
    /// Whether the run on this compute thread has given up its slot.
    seceded: bool,
    slots: Option<Rc<dyn Slots>>,
}

/// The context of the run on this thread.
pub(super) fn current() -> Option<TaskContext> {
    CURRENT.with(|current| current.borrow().as_ref().filter(|c| c.active).map(|c| c.context.clone()))
}

/// What keeps the run on this thread out of its slot, if that is a run of an `async fn`.
pub(super) fn seceding() -> Option<Arc<Seceding>> {
    CURRENT.with(|current| {
        let current = current.borrow();
        current.as_ref().filter(|c| c.active)?.context.seceding.clone()
    })
}

/// Restores the thread's previous context when dropped.
#[must_use = "the context lasts as long as the guard"]
pub(crate) struct Entered {
    outer: Option<Current>,
    not_send: PhantomData<*const ()>,
}

pub(super) fn enter(context: TaskContext) -> Entered {
    let inner = Current { context, active: true, seceded: false, slots: None };
    let outer = CURRENT.with(|current| current.replace(Some(inner)));
    Entered { outer, not_send: PhantomData }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let inner = CURRENT.with(|current| current.replace(self.outer.take()));
        drop(inner);
    }
}

/// A compute thread's place. Restores the thread's previous context when dropped.
pub(crate) struct Place {
    _entered: Entered,
}

/// Makes this thread one that runs tasks of `home`.
pub(crate) fn on_thread<S: Slots + Clone>(home: &Arc<Home>, slots: &S) -> Place {
    let nobody = TaskContext {
        home: home.clone(),
        task: TaskHandle { slot: 0, generation: 0 },
        attempt: Attempt(0),
        id: TaskId { origin: 0, seq: 0 },
        seceding: None,
    };
    let entered = enter(nobody);
    CURRENT.with(|current| {
        if let Some(current) = &mut *current.borrow_mut() {
            current.active = false;
            current.slots = Some(Rc::new(slots.clone()));
        }
    });
    Place { _entered: entered }
}

impl Place {
    /// A run begins.
    pub(crate) fn begin(&self, run: &Run) {
        CURRENT.with(|current| {
            if let Some(current) = &mut *current.borrow_mut() {
                (current.active, current.seceded) = (true, false);
                let context = &mut current.context;
                (context.task, context.attempt, context.id) = (run.task, run.attempt, run.id);
            }
        });
    }

    /// The run is over. Whether it had given up its slot.
    pub(crate) fn end(&self) -> bool {
        CURRENT.with(|current| {
            current.borrow_mut().as_mut().is_some_and(|current| {
                current.active = false;
                std::mem::take(&mut current.seceded)
            })
        })
    }
}

/// A run gives up its slot or takes one again. Its thread counts only if this is that thread.
pub(super) fn set_seceded(context: &TaskContext, seceded: bool) {
    if let Some(seceding) = &context.seceding {
        return seceding.say(seceded);
    }
    let changed = CURRENT.with(|current| {
        let mut current = current.borrow_mut();
        let current = current.as_mut().filter(|c| c.active && c.context.is_same_run(context))?;
        let slots = current.slots.clone()?;
        let changed = std::mem::replace(&mut current.seceded, seceded) != seceded;
        Some((changed, Some(slots)))
    });
    // From another thread of the task the machine sorts repetitions out.
    let (changed, slots) = changed.unwrap_or((true, None));
    if changed {
        slots.into_iter().for_each(|slots| slots.set_seceded(seceded));
        context.tell_seceded(seceded);
    }
}

/// While the run on this thread waits for something, its slot is somebody else's. Takes one again when dropped.
pub(crate) struct WhileWaiting {
    context: Option<TaskContext>,
    not_send: PhantomData<*const ()>,
}

/// To be held while a thread is blocked, so that one compute thread cannot wait for what only itself could run. Does nothing
/// outside of a task, and nothing for a task that has given up its slot already.
#[must_use = "the slot is given up as long as the guard lives"]
pub(crate) fn while_waiting() -> WhileWaiting {
    let to_secede = CURRENT.with(|current| {
        let current = current.borrow();
        let current = current.as_ref().filter(|c| c.active && !c.seceded && c.slots.is_some())?;
        Some(current.context.clone())
    });
    if let Some(context) = &to_secede {
        context.secede();
    }
    WhileWaiting { context: to_secede, not_send: PhantomData }
}

impl Drop for WhileWaiting {
    fn drop(&mut self) {
        if let Some(context) = &self.context {
            context.rejoin();
        }
    }
}

//! Tasks: futures that belong to a process.

use std::sync::Arc;
use std::task::Waker;

use longshore_rt::{BoxFuture, Closed, TaskMeta};

use crate::process::{Incarnation, Pid};
use crate::ready::{Ready, TaskWake};
use crate::slab::Key;
use crate::state::State;
use crate::trace::Happening;

pub(crate) struct TaskSlot {
    /// Absent while it is polled.
    future: Option<BoxFuture<'static, ()>>,
    wake: Arc<TaskWake>,
    waker: Waker,
    pub(crate) pid: Pid,
    pub(crate) meta: TaskMeta,
}

/// A task that has been taken out to be polled.
pub(crate) struct Turn {
    pub(crate) future: BoxFuture<'static, ()>,
    pub(crate) waker: Waker,
    pub(crate) pid: Pid,
    pub(crate) meta: TaskMeta,
}

impl State {
    /// Adds a task that is about to run. The future comes back when the process is dead: dropping it runs code
    /// of its own, which must not happen under the lock.
    pub(crate) fn spawn(
        &mut self,
        ready: &Arc<Ready>,
        owner: Incarnation,
        meta: TaskMeta,
        future: BoxFuture<'static, ()>,
    ) -> Result<(), (Closed, BoxFuture<'static, ()>)> {
        if !self.is_alive(owner) {
            return Err((Closed, future));
        }
        let key = self.tasks.insert_with(|key| {
            let wake = TaskWake::new(ready.clone(), key);
            let waker = Waker::from(wake.clone());
            TaskSlot { future: Some(future), wake, waker, pid: owner.pid, meta }
        });
        if let Some(slot) = self.tasks.get(key) {
            self.outbox.wake.push(slot.waker.clone());
        }
        self.processes.get_mut(owner.pid).tasks.insert(key);
        self.stats.tasks += 1;
        Ok(())
    }

    /// Takes a woken task out of its slot; nothing if it has ended since it was woken.
    pub(crate) fn begin_poll(&mut self, key: Key) -> Option<Turn> {
        let slot = self.tasks.get_mut(key)?;
        if let Some(paused) = &mut self.processes.get_mut(slot.pid).paused {
            paused.woken.push(key);
            return None;
        }
        let pid = slot.pid;
        if self.waits_for_processor(pid, key) {
            return None;
        }
        let slot = self.tasks.get_mut(key)?;
        let Some(future) = slot.future.take() else {
            self.deferred.push(key);
            return None;
        };
        slot.wake.begin_poll();
        let turn = Turn { future, waker: slot.waker.clone(), pid: slot.pid, meta: slot.meta };
        self.active = Some(turn.pid);
        self.note(Happening::Polled { pid: turn.pid, task: turn.meta.name, index: key.index });
        Some(turn)
    }

    /// Puts a task back, or returns what is to be dropped: it has ended, or its process was killed meanwhile.
    pub(crate) fn end_poll(
        &mut self,
        key: Key,
        future: BoxFuture<'static, ()>,
        done: bool,
    ) -> Option<BoxFuture<'static, ()>> {
        if let Some(pid) = self.tasks.get(key).map(|slot| slot.pid) {
            self.end_use(pid);
        }
        if done {
            if let Some(slot) = self.tasks.remove(key) {
                self.processes.get_mut(slot.pid).tasks.remove(&key);
                self.outbox.spent.push(slot.waker);
            }
            return Some(future);
        }
        match self.tasks.get_mut(key) {
            Some(slot) => {
                slot.future = Some(future);
                None
            }
            None => Some(future),
        }
    }
}

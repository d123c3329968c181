//! The lock around the state, and the end of a world.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::config::SimConfig;
use crate::ready::Ready;
use crate::slab::Slab;
use crate::state::State;

/// What every handle to a world shares.
pub(crate) struct World {
    state: Mutex<State>,
    pub(crate) ready: Arc<Ready>,
}

impl World {
    pub(crate) fn new(config: SimConfig) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State::new(config)), ready: Arc::default() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something to the state, then wakes whom that concerns.
    pub(crate) fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        if state.driver.is_some_and(|driver| driver != std::thread::current().id()) {
            state.foreign_use = true;
        }
        let value = f(&mut state);
        let outbox = std::mem::take(&mut state.outbox);
        drop(state);
        outbox.flush();
        value
    }

    /// Drops everything that may hold a handle to this world. Without this, a world and its tasks would keep
    /// each other alive.
    fn close(&self) {
        let remains = self.with(|state| {
            state.closed = true;
            let boots: Vec<_> = state.processes.list.iter_mut().filter_map(|p| p.boot.take()).collect();
            (
                std::mem::replace(&mut state.tasks, Slab::new()),
                std::mem::take(&mut state.agenda),
                std::mem::take(&mut state.step_scripts),
                boots,
            )
        });
        drop(remains);
    }
}

/// Closes the world when it is dropped.
pub(crate) struct Owner(pub(crate) Arc<World>);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.close();
    }
}

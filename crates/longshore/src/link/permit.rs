//! How many connections may be there that nobody has let in yet.
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts them.
#[derive(Clone, Default)]
pub(super) struct Permits(Arc<AtomicUsize>);

/// One of them; gives its place back when dropped.
pub(super) struct Permit(Arc<AtomicUsize>);

impl Permits {
    /// A place, unless `max` are taken.
    pub(super) fn try_take(&self, max: usize) -> Option<Permit> {
        let taken = self.0.fetch_add(1, Ordering::AcqRel);
        let permit = Permit(self.0.clone());
        (taken < max).then_some(permit)
    }

    /// Places that are taken.
    #[cfg(test)]
    pub(super) fn taken(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

//! The assigned tasks.
//!
//! Every message about a task looks it up. The index is a small hash table of numbers; the tasks themselves lie in a slab
//! whose places are used again at once, so that both stay in the processor's cache however many tasks pass.
use super::table::Table;
use super::task::Task;
use hashbrown::hash_map::Entry;
use longshore_proto::TaskHandle;

/// All assigned tasks.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    index: Table<u32>,
    places: Vec<Option<Task>>,
    free: Vec<u32>,
}

impl Tasks {
    pub(super) fn get(&self, handle: TaskHandle) -> Option<&Task> {
        let place = *self.index.get(&handle)?;
        self.places.get(place as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, handle: TaskHandle) -> Option<&mut Task> {
        let place = *self.index.get(&handle)?;
        self.places.get_mut(place as usize)?.as_mut()
    }

    pub(super) fn contains(&self, handle: TaskHandle) -> bool {
        self.index.contains_key(&handle)
    }

    /// Adds a task that is not there yet.
    pub(super) fn insert(&mut self, handle: TaskHandle, task: Task) {
        let place = match self.free.pop() {
            Some(place) => {
                self.places[place as usize] = Some(task);
                place
            }
            None => {
                self.places.push(Some(task));
                u32::try_from(self.places.len() - 1).expect("fewer than 2^32 tasks at once")
            }
        };
        let before = self.index.insert(handle, place);
        debug_assert!(before.is_none(), "a task is added once");
    }

    /// Takes a task out.
    pub(super) fn remove(&mut self, handle: TaskHandle) -> Option<Task> {
        let place = self.index.remove(&handle)?;
        self.free.push(place);
        self.places[place as usize].take()
    }

    /// Drops a task of which `look` makes something, and leaves all others.
    pub(super) fn remove_if<T>(
        &mut self,
        handle: TaskHandle,
        look: impl FnOnce(&Task) -> Option<T>,
    ) -> Option<T> {
        let Entry::Occupied(entry) = self.index.entry(handle) else { return None };
        let place = *entry.get();
        let seen = self.places[place as usize].as_ref().and_then(look)?;
        entry.remove();
        // dropped where it lies: it is large
        self.places[place as usize] = None;
        self.free.push(place);
        Some(seen)
    }

    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// All of them, in no particular order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (TaskHandle, &Task)> {
        self.index
            .iter()
            .filter_map(|(handle, place)| Some((*handle, self.places[*place as usize].as_ref()?)))
    }
}

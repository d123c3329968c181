//! All tasks: a slab of records, an index by id, and the one function that changes a state.
use super::task::{Counts, Inputs, Phase, Slot, State, Task};
use crate::id_map::IdMap;
use crate::story::Story;
use longshore_proto::query::TaskCounts;
use longshore_proto::{TaskHandle, TaskId, Time};
use std::mem;
use std::num::NonZeroU32;

/// Where a record stands, and how often the place was used before.
#[derive(Debug)]
struct Place {
    generation: u32,
    task: Option<Task>,
}

/// A slot that takes four bytes even where there may be none.
#[derive(Copy, Clone, Debug)]
struct PackedSlot(NonZeroU32);

impl PackedSlot {
    fn new(slot: Slot) -> Self {
        PackedSlot(NonZeroU32::new(slot + 1).expect("slots end before u32::MAX"))
    }

    fn slot(self) -> Slot {
        self.0.get() - 1
    }
}

/// All tasks.
#[derive(Debug)]
pub(super) struct Table {
    places: Vec<Place>,
    free: Vec<Slot>,
    index: IdMap<PackedSlot>,
    counts: Counts,
    next_token: u32,
}

impl Table {
    pub(super) fn new(hash_seed: u64) -> Self {
        Table {
            places: Vec::new(),
            free: Vec::new(),
            index: IdMap::new(hash_seed),
            counts: Counts::default(),
            next_token: 0,
        }
    }

    /// Adds a task. Its id must not be in the table.
    pub(super) fn insert(&mut self, task: Task) -> Slot {
        self.counts.add(task.state.kind());
        let id = task.id;
        let slot = match self.free.pop() {
            Some(slot) => {
                self.places[slot as usize].task = Some(task);
                slot
            }
            None => {
                let slot = Slot::try_from(self.places.len()).expect("fewer than 2^32 tasks at once");
                self.places.push(Place { generation: 0, task: Some(task) });
                slot
            }
        };
        let before = self.index.insert(id, PackedSlot::new(slot));
        debug_assert!(before.is_none(), "an id is added once");
        slot
    }

    /// Forgets a task for good, and gives back its inputs.
    pub(super) fn remove(&mut self, slot: Slot) -> Option<Inputs> {
        let place = self.places.get_mut(slot as usize)?;
        let task = place.task.as_mut()?;
        let (id, kind, inputs) = (task.id, task.state.kind(), mem::take(&mut task.inputs));
        // dropped where it lies: it is large
        place.task = None;
        place.generation = place.generation.wrapping_add(1);
        self.free.push(slot);
        self.counts.subtract(kind);
        let indexed = self.index.remove(id);
        debug_assert!(indexed.is_some_and(|s| s.slot() == slot), "a task is in the index");
        Some(inputs)
    }

    pub(super) fn find(&self, id: TaskId) -> Option<Slot> {
        self.index.get(id).map(|s| s.slot())
    }

    /// The slot a handle names, unless the task is gone.
    pub(super) fn resolve(&self, handle: TaskHandle) -> Option<Slot> {
        let place = self.places.get(handle.slot as usize)?;
        (place.generation == handle.generation && place.task.is_some()).then_some(handle.slot)
    }

    pub(super) fn handle(&self, slot: Slot) -> TaskHandle {
        TaskHandle { slot, generation: self.places[slot as usize].generation }
    }

    pub(super) fn get(&self, slot: Slot) -> Option<&Task> {
        self.places.get(slot as usize)?.task.as_ref()
    }

    pub(super) fn get_mut(&mut self, slot: Slot) -> Option<&mut Task> {
        self.places.get_mut(slot as usize)?.task.as_mut()
    }

    /// Changes a task's state, the only way there is, and gives back the old one.
    pub(super) fn transition(&mut self, slot: Slot, to: State, now: Time, story: &mut Story) -> State {
        let place = &mut self.places[slot as usize];
        let handle = TaskHandle { slot, generation: place.generation };
        let task = place.task.as_mut().expect("a live slot");
        let (from, kind) = (task.state.kind(), to.kind());
        self.counts.subtract(from);
        self.counts.add(kind);
        story.task(now, handle, kind.name(), u64::from(task.attempt));
        mem::replace(&mut task.state, to)
    }

    /// Whether a task was sent ahead of its inputs in the wait of that token.
    pub(super) fn is_ahead(&self, slot: Slot, token: u32) -> bool {
        let state = self.get(slot).map(|t| &t.state);
        matches!(state, Some(State::Assigned { phase: Phase::Ahead { token: t, .. }, .. }) if *t == token)
    }

    /// Whether a task waits for inputs in the wait of that token, here or ahead of them at a worker.
    pub(super) fn still_waits(&self, slot: Slot, token: u32) -> bool {
        let state = self.get(slot).map(|t| &t.state);
        matches!(state, Some(State::Waiting { token: t, .. }) if *t == token) || self.is_ahead(slot, token)
    }

    /// A token no current wait has.
    pub(super) fn token(&mut self) -> u32 {
        self.next_token = self.next_token.wrapping_add(1);
        self.next_token
    }

    pub(super) fn counts(&self) -> TaskCounts {
        self.counts.told()
    }

    pub(super) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// All tasks, in the order of their slots.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Slot, &Task)> {
        (0..).zip(&self.places).filter_map(|(slot, place)| Some((slot, place.task.as_ref()?)))
    }
}

impl std::ops::Index<Slot> for Table {
    type Output = Task;
    fn index(&self, slot: Slot) -> &Task {
        self.get(slot).expect("a live slot")
    }
}

impl std::ops::IndexMut<Slot> for Table {
    fn index_mut(&mut self, slot: Slot) -> &mut Task {
        self.get_mut(slot).expect("a live slot")
    }
}

//! All functions of this binary.
//!
//! Collected by the linker's help (`inventory`); a static library whose objects the linker drops registers its functions
//! by [`register`]. Two functions of one name and signature cannot be told apart, so neither can be called by id.
use super::Function;
use super::hash::StableHash;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use longshore_proto::FunctionId;
use std::sync::{Arc, Mutex, PoisonError};

/// What `#[task]` hands to the linker.
#[doc(hidden)]
#[derive(Debug)]
pub struct Registration(pub &'static Function);

inventory::collect!(Registration);

/// The functions that this binary can run.
#[derive(Debug)]
pub(crate) struct Registry {
    by_id: HashMap<FunctionId, &'static Function, FixedState>,
    /// By name, then by id.
    functions: Vec<&'static Function>,
    ambiguous: Vec<&'static Function>,
}

/// The state behind [`registry`]: what was registered by hand, and the registry made of all.
#[derive(Default)]
struct Registered {
    by_hand: Vec<&'static Function>,
    registry: Option<Arc<Registry>>,
}

static REGISTERED: Mutex<Registered> = Mutex::new(Registered { by_hand: Vec::new(), registry: None });

/// The functions of this binary.
pub(crate) fn registry() -> Arc<Registry> {
    let mut registered = REGISTERED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(registry) = &registered.registry {
        return registry.clone();
    }
    let linked = inventory::iter::<Registration>().map(|registration| registration.0);
    let registry = Arc::new(Registry::new(linked.chain(registered.by_hand.iter().copied())));
    registered.registry = Some(registry.clone());
    registry
}

/// Adds functions that the linker may have lost; workers started afterwards have them.
pub fn register(functions: impl IntoIterator<Item = &'static Function>) {
    let mut registered = REGISTERED.lock().unwrap_or_else(PoisonError::into_inner);
    registered.by_hand.extend(functions);
    registered.registry = None;
}

impl Registry {
    pub(crate) fn new(functions: impl IntoIterator<Item = &'static Function>) -> Self {
        let mut functions: Vec<_> = functions.into_iter().collect();
        functions.sort_by_key(|f| (f.name(), f.id().0, f.location(), std::ptr::from_ref(*f) as usize));
        functions.dedup_by(|a, b| std::ptr::eq(*a, *b));
        let mut by_id = HashMap::with_capacity_and_hasher(functions.len(), FixedState::default());
        let mut ambiguous: Vec<&'static Function> = Vec::new();
        for function in &functions {
            if by_id.insert(function.id(), *function).is_some() {
                ambiguous.push(function);
            }
        }
        for function in &ambiguous {
            by_id.remove(&function.id());
        }
        Registry { by_id, functions, ambiguous }
    }

    /// The function of that id.
    pub(crate) fn find(&self, id: FunctionId) -> Option<&'static Function> {
        self.by_id.get(&id).copied()
    }

    /// All of them, by name.
    pub(crate) fn functions(&self) -> &[&'static Function] {
        &self.functions
    }

    /// Functions that share name and signature with another one: each needs a `#[task(name = "…")]` of its own.
    pub(crate) fn ambiguous(&self) -> &[&'static Function] {
        &self.ambiguous
    }

    /// Equal in binaries that have the same functions.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut ids: Vec<u64> = self.by_id.keys().map(|id| id.0).collect();
        ids.sort_unstable();
        let mut hash = StableHash::new();
        ids.iter().for_each(|id| hash.number(*id));
        hash.finish()
    }

    /// Whether there is a function of that name, with whatever types.
    pub(crate) fn has_name(&self, name: &str) -> bool {
        self.functions.binary_search_by(|function| function.name().cmp(name)).is_ok()
    }

    /// Names that `name` may have been meant to be, nearest first, three at most.
    pub(crate) fn nearest_names(&self, name: &str) -> Vec<&'static str> {
        const NAMES_MAX: usize = 3;
        let mut near: Vec<_> = self.functions.iter().map(|f| (distance(name, f.name()), f.name())).collect();
        near.retain(|(distance, candidate)| *distance * 3 <= name.len().max(candidate.len()));
        near.sort_unstable();
        near.dedup();
        near.into_iter().take(NAMES_MAX).map(|(_, name)| name).collect()
    }
}

/// Edit distance; a function that merely moved to another module counts as near.
fn distance(a: &str, b: &str) -> usize {
    let last = |path: &str| path.rsplit("::").next().map(str::len);
    if a.rsplit("::").next() == b.rsplit("::").next() && last(a) > Some(0) {
        return usize::from(a != b);
    }
    edit_distance(a.as_bytes(), b.as_bytes())
}

fn edit_distance(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

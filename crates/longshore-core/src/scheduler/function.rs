//! Functions the scheduler has heard of, which binaries contain them, and how long they take.
use super::task::FunctionRef;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use longshore_proto::{FunctionId, FunctionSpec};

/// One function.
#[derive(Debug)]
pub(super) struct Function {
    pub spec: FunctionSpec,
    /// Moving mean of its run time; `None` until it ran once.
    pub mean_ns: Option<u64>,
    /// Registries that contain it, as indices.
    registries: Vec<u32>,
}

/// All functions and all registries.
#[derive(Debug, Default)]
pub(super) struct Functions {
    all: Vec<Function>,
    by_id: HashMap<FunctionId, FunctionRef, FixedState>,
    /// Fingerprints of registries heard whole, by index.
    registries: Vec<u64>,
}

impl Functions {
    /// The number of a function, new or known.
    pub(super) fn intern(&mut self, spec: FunctionSpec) -> FunctionRef {
        if let Some(known) = self.by_id.get(&spec.id) {
            return *known;
        }
        let new = FunctionRef(u32::try_from(self.all.len()).expect("fewer than 2^32 functions"));
        self.by_id.insert(spec.id, new);
        self.all.push(Function { spec, mean_ns: None, registries: Vec::new() });
        new
    }

    pub(super) fn get(&self, f: FunctionRef) -> Option<&Function> {
        self.all.get(f.0 as usize)
    }

    /// Name of a function, for people.
    pub(super) fn name(&self, f: FunctionRef) -> &str {
        self.get(f).map_or("data", |f| &f.spec.name)
    }

    /// The index of a registry that was heard whole.
    pub(super) fn registry(&self, fingerprint: u64) -> Option<u32> {
        let at = self.registries.iter().position(|r| *r == fingerprint)?;
        u32::try_from(at).ok()
    }

    /// Notes all functions of a registry.
    pub(super) fn add_registry(&mut self, fingerprint: u64, functions: Vec<FunctionSpec>) -> u32 {
        if let Some(known) = self.registry(fingerprint) {
            return known;
        }
        let index = u32::try_from(self.registries.len()).expect("fewer than 2^32 registries");
        self.registries.push(fingerprint);
        for spec in functions {
            let f = self.intern(spec);
            self.all[f.0 as usize].registries.push(index);
        }
        index
    }

    /// Whether binaries with this registry contain the function.
    pub(super) fn is_in(&self, f: FunctionRef, registry: u32) -> bool {
        self.get(f).is_some_and(|f| f.registries.contains(&registry))
    }

    /// Notes how long a run took.
    pub(super) fn measured(&mut self, f: FunctionRef, duration_ns: u64) {
        let Some(f) = self.all.get_mut(f.0 as usize) else { return };
        f.mean_ns = Some(match f.mean_ns {
            None => duration_ns,
            // Three parts old, one part new: a single odd run moves little, a change is learned in a few.
            Some(mean) => mean - mean / 4 + duration_ns / 4,
        });
    }

    /// Functions that some registry contains under the same name with other types.
    pub(super) fn same_name(&self, f: FunctionRef) -> Option<&Function> {
        let name = &self.get(f)?.spec.name;
        self.all.iter().find(|o| o.spec.name == *name && !o.registries.is_empty())
    }

    /// Registered names most like the one of `f`, best first.
    pub(super) fn nearest(&self, f: FunctionRef, len_max: usize) -> Vec<&str> {
        let Some(wanted) = self.get(f) else { return Vec::new() };
        let mut near: Vec<_> = (self.all.iter().filter(|o| !o.registries.is_empty()))
            .map(|o| (edit_distance(last(&o.spec.name), last(&wanted.spec.name)), &*o.spec.name))
            .collect();
        near.sort_unstable();
        near.dedup();
        near.into_iter().take(len_max).map(|(_, name)| name).collect()
    }
}

/// The part of a path that people look at.
fn last(path: &str) -> &str {
    path.rsplit("::").next().unwrap_or(path)
}

/// Levenshtein's distance, by Wagner and Fischer's table kept to one row.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let cost = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(name: &str, id: u64) -> FunctionSpec {
        FunctionSpec { id: FunctionId(id), name: name.into(), signature: id }
    }

    #[test]
    fn distance_counts_edits() {
        assert_eq!(edit_distance("kitten", "sitting"), 3);
        assert_eq!(edit_distance("", "abc"), 3);
        assert_eq!(edit_distance("same", "same"), 0);
    }

    #[test]
    fn near_names_come_first_and_only_registered_ones() {
        let mut f = Functions::default();
        f.add_registry(1, vec![spec("app::sum", 1), spec("app::product", 2), spec("app::summ", 3)]);
        let wanted = f.intern(spec("other::sun", 9));
        assert_eq!(f.nearest(wanted, 2), ["app::sum", "app::summ"]);
    }

    #[test]
    fn a_mean_follows_its_measurements() {
        let mut f = Functions::default();
        let x = f.intern(spec("x", 1));
        f.measured(x, 1000);
        (0..40).for_each(|_| f.measured(x, 100));
        assert!(f.get(x).unwrap().mean_ns.unwrap() < 150);
    }
}

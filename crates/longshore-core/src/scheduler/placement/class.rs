//! Tasks that may run on the same workers share a class, and a class has a queue of its own, so that work nobody can take
//! now never stands in the way of work somebody can.
use super::queue::Queue;
use crate::scheduler::function::Functions;
use crate::scheduler::task::FunctionRef;
use crate::scheduler::worker::Worker;
use longshore_proto::Time;
use std::fmt;

/// Which workers may run a task.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Restriction {
    /// Names or addresses; empty for any.
    pub workers: Vec<String>,
    /// `workers` is a wish: others may run it when none of these is there.
    pub loose: bool,
    /// Needed amounts of named resources.
    pub resources: Vec<(String, f64)>,
    /// Name of the runtime.
    pub runtime: Option<String>,
    /// The binary must contain this function, which not all do.
    pub function: Option<FunctionRef>,
    /// Alone on its worker, because workers died with it.
    pub solo: bool,
}

impl Restriction {
    /// Whether the worker may ever run such a task, busy or not.
    pub(crate) fn admits(&self, worker: &Worker, functions: &Functions) -> bool {
        let Some(registry) = worker.registry else { return false };
        let named = self.workers.is_empty() || self.workers.iter().any(|n| worker.is_called(n));
        (named || self.loose)
            && self.runtime.as_ref().is_none_or(|r| *r == worker.hello.runtime)
            && self.function.is_none_or(|f| functions.is_in(f, registry))
            && self.resources.iter().all(|need| supplies(worker, need))
    }

    /// Whether the worker is one of those asked for by name.
    pub(crate) fn prefers(&self, worker: &Worker) -> bool {
        self.workers.iter().any(|n| worker.is_called(n))
    }
}

/// What a worker would have to be.
impl fmt::Display for Restriction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut needs = Vec::new();
        if !self.loose && !self.workers.is_empty() {
            needs.push(format!("be {}", self.workers.join(" or ")));
        }
        needs.extend(self.resources.iter().map(|(name, amount)| format!("have {name} = {amount}")));
        needs.extend(self.runtime.iter().map(|runtime| format!("run on {runtime}")));
        if self.function.is_some() {
            needs.push("know the function".to_owned());
        }
        f.write_str(&needs.join(" and "))
    }
}

fn supplies(worker: &Worker, (name, amount): &(String, f64)) -> bool {
    worker.hello.resources.iter().any(|(n, has)| n == name && has >= amount)
}

/// A restriction and the tasks under it.
#[derive(Debug, Default)]
pub(crate) struct Class {
    pub restriction: Restriction,
    pub queue: Queue,
    /// Since when tasks have waited while no worker may ever run them.
    pub stuck_since: Option<Time>,
    /// Since when tasks have waited although the function is known, for want of a worker that they may run on.
    pub lonely_since: Option<Time>,
    /// Clients were told so.
    pub lonely_noticed: bool,
}

impl Class {
    /// Nobody waits any more: whoever does later begins anew.
    pub(crate) fn forget_waiting(&mut self) {
        (self.stuck_since, self.lonely_since, self.lonely_noticed) = (None, None, false);
    }
}

/// All classes. Number 0 has no restriction.
#[derive(Debug)]
pub(crate) struct Classes {
    all: Vec<Class>,
}

impl Default for Classes {
    fn default() -> Self {
        Classes { all: vec![Class::default()] }
    }
}

impl Classes {
    /// The number of the class with this restriction.
    pub(crate) fn intern(&mut self, restriction: Restriction) -> u32 {
        let at = self.all.iter().position(|c| c.restriction == restriction).unwrap_or_else(|| {
            self.all.push(Class { restriction, ..Class::default() });
            self.all.len() - 1
        });
        u32::try_from(at).expect("fewer than 2^32 classes")
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Class> {
        self.all.iter_mut()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Class> {
        self.all.iter()
    }
}

impl std::ops::Index<u32> for Classes {
    type Output = Class;
    fn index(&self, class: u32) -> &Class {
        &self.all[class as usize]
    }
}

impl std::ops::IndexMut<u32> for Classes {
    fn index_mut(&mut self, class: u32) -> &mut Class {
        &mut self.all[class as usize]
    }
}

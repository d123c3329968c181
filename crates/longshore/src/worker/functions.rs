//! From the scheduler's numbers to the functions of this binary.
use crate::function::{Function, Registry, Run, registry};
use longshore_proto::{FailureKind, FunctionIndex, FunctionSpec, TaskFailure, TaskId, WorkerToScheduler};
use std::sync::Arc;

/// Specs in one message.
const SPECS_PER_MESSAGE_MAX: usize = 500;
/// The scheduler counts functions from zero; a number beyond this is no function's.
const INDEX_MAX: usize = 1 << 20;

/// The functions that the scheduler introduced.
#[derive(Debug)]
pub(super) struct Functions {
    registry: Arc<Registry>,
    by_index: Vec<Option<Introduced>>,
}

#[derive(Debug)]
enum Introduced {
    Here(&'static Function),
    Lacking(FunctionSpec),
}

impl Functions {
    pub(super) fn new() -> Self {
        let registry = registry();
        for function in registry.ambiguous() {
            tracing::warn!(
                function = function.name(),
                "two functions have this name and the same types, so neither can be run; \
                 give one of them #[task(name = \"…\")]"
            );
        }
        tracing::debug!(functions = registry.functions().len(), "registered");
        Functions { registry, by_index: Vec::new() }
    }

    pub(super) fn fingerprint(&self) -> u64 {
        self.registry.fingerprint()
    }

    /// The messages that tell the scheduler of all functions.
    pub(super) fn announcement(&self) -> Vec<WorkerToScheduler> {
        let specs: Vec<_> = self.registry.functions().iter().map(|f| f.spec().clone()).collect();
        let count = specs.len().div_ceil(SPECS_PER_MESSAGE_MAX).max(1);
        let part = |i: usize| specs.iter().skip(i * SPECS_PER_MESSAGE_MAX).take(SPECS_PER_MESSAGE_MAX);
        let message =
            |i| WorkerToScheduler::Registry { functions: part(i).cloned().collect(), last: i + 1 == count };
        (0..count).map(message).collect()
    }

    pub(super) fn introduce(&mut self, index: FunctionIndex, spec: &FunctionSpec) {
        let at = index.0 as usize;
        if at > INDEX_MAX {
            return;
        }
        if at >= self.by_index.len() {
            self.by_index.resize_with(at + 1, || None);
        }
        let found = self.registry.find(spec.id);
        self.by_index[at] = Some(found.map_or_else(|| Introduced::Lacking(spec.clone()), Introduced::Here));
    }

    /// The function, if it is here and a plain `fn`.
    pub(super) fn plain(&self, index: FunctionIndex) -> Option<&'static Function> {
        match self.by_index.get(index.0 as usize)? {
            Some(Introduced::Here(function)) => Some(*function).filter(|f| matches!(f.run(), Run::Sync(_))),
            _ => None,
        }
    }

    /// The function, or why it cannot be run here.
    pub(super) fn find(
        &self,
        index: FunctionIndex,
        id: TaskId,
    ) -> Result<&'static Function, Arc<TaskFailure>> {
        match self.by_index.get(index.0 as usize).and_then(Option::as_ref) {
            Some(Introduced::Here(function)) => Ok(function),
            Some(Introduced::Lacking(spec)) => Err(Arc::new(self.lacking(spec, id))),
            None => {
                let words = "the scheduler never introduced the function to this worker";
                Err(Arc::new(TaskFailure::new(FailureKind::UnknownFunction, id, "unknown", words)))
            }
        }
    }

    fn lacking(&self, spec: &FunctionSpec, id: TaskId) -> TaskFailure {
        let name = &spec.name;
        if self.registry.has_name(name) {
            let words = format!(
                "this worker's binary has `{name}` with other argument or result types; \
                 build client and worker from the same source"
            );
            return TaskFailure::new(FailureKind::SignatureMismatch, id, name, words);
        }
        let near = self.registry.nearest_names(name);
        let hint = match near.is_empty() {
            true => String::new(),
            false => format!(" (similar names it has: {})", near.join(", ")),
        };
        let words = format!(
            "this worker's binary does not contain `{name}`{hint}; build client and worker from the same source, \
             and name the function in the worker's crate so that it is linked"
        );
        TaskFailure::new(FailureKind::UnknownFunction, id, name, words)
    }
}

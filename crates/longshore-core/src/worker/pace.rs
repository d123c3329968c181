//! How many tasks are handed to the compute threads at once.
//!
//! A slot runs one task. Handing the next one over when the last has ended costs two thread hops, some 50 µs, which is
//! nothing to a long task and everything to a tiny one. So tasks of functions that are known to be quick are handed over
//! ahead, up to [`AHEAD_NS`] of expected work a slot; all others stay in the machine, where they can be taken back.
use super::task::Running;
use longshore_proto::{FunctionIndex, FunctionSpec};

/// Expected work that may be handed to a slot.
pub(super) const AHEAD_NS: u64 = 200_000;
/// Tasks that may be handed to a slot.
pub(super) const AHEAD_TASKS_MAX: u32 = 256;

/// The slots and what was handed to them.
#[derive(Debug)]
pub(super) struct Slots {
    nthreads: u32,
    handed: u32,
    charged_ns: u64,
}

impl Slots {
    pub(super) fn new(nthreads: u32) -> Self {
        Slots { nthreads, handed: 0, charged_ns: 0 }
    }

    /// Whether nothing can be handed over, however quick it is.
    pub(super) fn is_full(&self) -> bool {
        self.handed >= self.nthreads && !self.has_room_ahead()
    }

    fn has_room_ahead(&self) -> bool {
        self.handed < self.nthreads.saturating_mul(AHEAD_TASKS_MAX)
            && self.charged_ns < u64::from(self.nthreads) * AHEAD_NS
    }

    /// Whether a task that is charged so much can be handed over. One that may not wait needs a slot of its own.
    pub(super) fn admits(&self, charge_ns: u64, may_wait: bool) -> bool {
        self.handed < self.nthreads || (may_wait && charge_ns < AHEAD_NS && self.has_room_ahead())
    }

    pub(super) fn enter(&mut self, running: Running) {
        if !running.seceded {
            self.handed += 1;
            self.charged_ns += running.charge_ns;
        }
    }

    pub(super) fn leave(&mut self, running: Running) {
        if !running.seceded {
            self.handed -= 1;
            self.charged_ns -= running.charge_ns;
        }
    }

    /// Runs in slots and what they were charged, for [`validate`](super::Machine::validate).
    pub(super) fn in_use(&self) -> (u32, u64) {
        (self.handed, self.charged_ns)
    }
}

/// The functions the scheduler introduced, and how long they take.
#[derive(Debug, Default)]
pub(super) struct Functions {
    by_index: Vec<Option<Function>>,
}

#[derive(Debug)]
struct Function {
    spec: FunctionSpec,
    /// Moving average; `None` before the first run.
    mean_ns: Option<u64>,
}

impl Functions {
    /// Whether the number was within bounds.
    pub(super) fn introduce(&mut self, index: FunctionIndex, spec: FunctionSpec) -> bool {
        const FUNCTIONS_MAX: usize = 1 << 20;
        let at = index.0 as usize;
        if at >= FUNCTIONS_MAX {
            return false;
        }
        if at >= self.by_index.len() {
            self.by_index.resize_with(at + 1, || None);
        }
        self.by_index[at] = Some(Function { spec, mean_ns: None });
        true
    }

    fn find(&self, index: FunctionIndex) -> Option<&Function> {
        self.by_index.get(index.0 as usize)?.as_ref()
    }

    pub(super) fn spec(&self, index: FunctionIndex) -> Option<&FunctionSpec> {
        self.find(index).map(|f| &f.spec)
    }

    /// Name of the function, for failures.
    pub(super) fn name(&self, index: FunctionIndex) -> &str {
        self.spec(index).map_or("unknown", |spec| &spec.name)
    }

    /// What a run is charged: all a slot may have unless the function is known to be quicker.
    pub(super) fn charge_ns(&self, index: FunctionIndex) -> u64 {
        let mean_ns = self.find(index).and_then(|f| f.mean_ns);
        mean_ns.map_or(AHEAD_NS, |ns| ns.min(AHEAD_NS))
    }

    pub(super) fn measured(&mut self, index: FunctionIndex, duration_ns: u64) {
        const WEIGHT: u64 = 8;
        let Some(Some(function)) = self.by_index.get_mut(index.0 as usize) else { return };
        // Saturates at a second: beyond that a task is long, however long it is.
        let new = duration_ns.min(1_000_000_000);
        let mean_ns = function.mean_ns.map_or(new, |old| (old * (WEIGHT - 1) + new) / WEIGHT);
        function.mean_ns = Some(mean_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use longshore_proto::FunctionId;

    fn run(charge_ns: u64) -> Running {
        Running { charge_ns, seceded: false, deadline: None }
    }

    #[test]
    fn a_slot_takes_one_long_task() {
        let mut slots = Slots::new(2);
        slots.enter(run(AHEAD_NS));
        assert!(slots.admits(AHEAD_NS, true));
        slots.enter(run(AHEAD_NS));
        assert!(!slots.admits(AHEAD_NS, true) && !slots.admits(1, true) && slots.is_full());
    }

    #[test]
    fn a_long_task_takes_the_run_ahead_of_its_slot_only() {
        let mut slots = Slots::new(2);
        slots.enter(run(AHEAD_NS));
        let mut ahead = 0;
        while slots.admits(10_000, true) {
            slots.enter(run(10_000));
            ahead += 1;
        }
        assert_eq!(ahead, 20);
    }

    #[test]
    fn tiny_tasks_are_bounded_by_number() {
        let mut slots = Slots::new(1);
        while slots.admits(100, true) {
            slots.enter(run(100));
        }
        assert_eq!(slots.in_use(), (AHEAD_TASKS_MAX, 100 * u64::from(AHEAD_TASKS_MAX)));
        assert!(slots.is_full());
    }

    #[test]
    fn a_task_with_a_timeout_needs_a_slot_of_its_own() {
        let mut slots = Slots::new(1);
        slots.enter(run(100));
        assert!(slots.admits(100, true) && !slots.admits(100, false));
    }

    #[test]
    fn a_function_is_quick_once_it_was_measured() {
        let mut functions = Functions::default();
        let spec = FunctionSpec { id: FunctionId(1), name: "f".into(), signature: 0 };
        assert!(functions.introduce(FunctionIndex(3), spec.clone()));
        assert_eq!(functions.charge_ns(FunctionIndex(3)), AHEAD_NS);
        functions.measured(FunctionIndex(3), 500);
        assert_eq!(functions.charge_ns(FunctionIndex(3)), 500);
        functions.measured(FunctionIndex(3), u64::MAX);
        assert_eq!(functions.charge_ns(FunctionIndex(3)), AHEAD_NS);
        assert!(!functions.introduce(FunctionIndex(u32::MAX), spec));
    }
}

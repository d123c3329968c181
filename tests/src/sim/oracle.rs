//! What each node of a plan may end with, computed one after the other, and whether an outcome is among that.
use super::plan::{Kind, Name, Node, Plan, Step};
use super::task::{Ending, Refusal, last_words, value};
use longshore::{TaskError, TaskErrorKind};
use std::collections::BTreeSet;

/// Why a node may have no value. The number says which node is the cause.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Cause {
    /// Its function returned an error.
    Refused(usize),
    /// Its function panicked.
    Panicked(usize),
    /// This client cancelled it.
    Cancelled(usize),
    /// Another client has the key for another call.
    Contested(usize),
    /// It must not run twice, and its worker was lost.
    OutcomeUnknown(usize),
    /// It was put in, and every copy is gone.
    Lost(usize),
}

/// What a node may end with.
#[derive(Clone, Debug, Default)]
pub(super) struct Expected {
    /// The value, if it may have one.
    pub(super) value: Option<Vec<u8>>,
    /// Why it may have none. If nothing is here, the value is certain.
    pub(super) causes: BTreeSet<Cause>,
}

/// What there is besides the client.
#[derive(Copy, Clone, Debug)]
pub(super) struct World {
    /// Workers may die.
    pub(super) faults: bool,
    /// There are other clients.
    pub(super) others: bool,
}

/// What each node may end with.
#[must_use]
pub(super) fn expected(plan: &Plan, world: World) -> Vec<Expected> {
    let cancelled: BTreeSet<usize> = plan.steps.iter().filter_map(cancelled).collect();
    let mut all: Vec<Expected> = Vec::with_capacity(plan.nodes.len());
    for (at, node) in plan.nodes.iter().enumerate() {
        let mut this = of_inputs(node, &all);
        if this.value.is_some() {
            own_causes(at, node, world, &mut this);
        }
        if node.name == Name::Contested {
            this.causes.insert(Cause::Contested(at));
        }
        // What is cancelled under a key is the one task that all calls with that key stand for, until it is submitted anew.
        let is_it = |later: &&usize| **later >= at && plan.nodes[**later].recipe.salt == node.recipe.salt;
        this.causes.extend(cancelled.iter().filter(is_it).map(|later| Cause::Cancelled(*later)));
        all.push(this);
    }
    all
}

fn cancelled(step: &Step) -> Option<usize> {
    match step {
        Step::Cancel(at) => Some(*at),
        _ => None,
    }
}

/// The bytes of the plain argument of a node.
#[must_use]
pub(super) fn ballast(node: &Node) -> Vec<u8> {
    vec![node.recipe.salt.to_le_bytes()[0]; node.ballast]
}

fn of_inputs(node: &Node, all: &[Expected]) -> Expected {
    let causes = node.inputs.iter().flat_map(|input| all[*input].causes.iter().cloned()).collect();
    let inputs: Option<Vec<&[u8]>> = node.inputs.iter().map(|input| all[*input].value.as_deref()).collect();
    let value = inputs.map(|inputs| value(&node.recipe, &ballast(node), inputs.into_iter()));
    Expected { value, causes }
}

fn own_causes(at: usize, node: &Node, world: World, this: &mut Expected) {
    match node.recipe.ending {
        Ending::Value => {}
        Ending::Refusal => {
            this.value = None;
            this.causes.insert(Cause::Refused(at));
        }
        Ending::Panic => {
            this.value = None;
            this.causes.insert(Cause::Panicked(at));
        }
        // A worker that dies costs an attempt as well, so it may be that none is left to fail.
        Ending::RefusalUntil(attempts) if attempts > node.retries => {
            this.causes.insert(Cause::Refused(at));
        }
        Ending::RefusalUntil(_) => {}
    }
    if node.once && world.faults {
        this.causes.insert(Cause::OutcomeUnknown(at));
        this.causes.insert(Cause::Lost(at));
    }
    let may_leave = world.faults || (world.others && node.shared);
    if node.kind == Kind::Scattered
        && may_leave
        && this.value.as_ref().is_some_and(|v| v.len() > INLINE_BYTES)
    {
        this.causes.insert(Cause::Lost(at));
    }
}

/// Smaller values stay with the scheduler and cannot be lost. Less than the bound, since values are encoded.
const INLINE_BYTES: usize = 64 * 1024 - 16;

impl Expected {
    /// The causes that an error may tell of.
    #[must_use]
    pub(super) fn causes_of(&self, error: &TaskError, plan: &Plan) -> Vec<&Cause> {
        self.causes.iter().filter(|cause| cause.fits(error, plan)).collect()
    }
}

impl Cause {
    fn fits(&self, error: &TaskError, plan: &Plan) -> bool {
        let salt = plan.nodes[self.root()].recipe.salt;
        let kind = match self {
            Cause::Refused(_) if error.downcast_ref() != Some(&Refusal { salt }) => return false,
            Cause::Panicked(_) if error.message() != last_words(salt) || error.location().is_none() => {
                return false;
            }
            Cause::Refused(_) => TaskErrorKind::Failed,
            Cause::Panicked(_) => TaskErrorKind::Panicked,
            Cause::Cancelled(_) => TaskErrorKind::Cancelled,
            Cause::Contested(_) => TaskErrorKind::KeyConflict,
            Cause::OutcomeUnknown(_) => TaskErrorKind::OutcomeUnknown,
            Cause::Lost(_) => TaskErrorKind::Lost,
        };
        error.kind() == kind
    }

    /// The node that failed first.
    #[must_use]
    pub(super) fn root(&self) -> usize {
        match self {
            Cause::Refused(at)
            | Cause::Panicked(at)
            | Cause::Cancelled(at)
            | Cause::Contested(at)
            | Cause::OutcomeUnknown(at)
            | Cause::Lost(at) => *at,
        }
    }

    /// Whether asking for another run may give a value.
    #[must_use]
    pub(super) fn passes(&self, plan: &Plan) -> bool {
        match self {
            Cause::Refused(at) => matches!(plan.nodes[*at].recipe.ending, Ending::RefusalUntil(_)),
            _ => false,
        }
    }
}

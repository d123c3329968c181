//! The functions that the simulated workload runs: their values follow from their arguments, their endings from their recipes,
//! and each run is noted by the [witness](super::witness).
use super::witness;
use crate::function::chain;
use longshore::{TaskError, context, task};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// How a run ends.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum Ending {
    /// With the value.
    Value,
    /// With an error.
    Refusal,
    /// With a panic.
    Panic,
    /// With an error in the first so many attempts, then with the value.
    RefusalUntil(u32),
}

/// What to make.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Recipe {
    /// Tells it from all others.
    pub(super) salt: u64,
    /// Size of the value in bytes.
    pub(super) nbytes: usize,
    /// How a run ends.
    pub(super) ending: Ending,
    /// How much of the resource it occupies.
    pub(super) gpus: u32,
}

/// The error of a task that refuses.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Refusal {
    /// The salt of the recipe.
    pub(super) salt: u64,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "salt {} is refused", self.salt)
    }
}

impl std::error::Error for Refusal {}

/// The words of a task that panics.
#[must_use]
pub(super) fn last_words(salt: u64) -> String {
    format!("salt {salt} is too much")
}

/// The value of a recipe, for tasks and for the oracle.
#[must_use]
pub(super) fn value<'a>(
    recipe: &Recipe,
    ballast: &'a [u8],
    inputs: impl Iterator<Item = &'a [u8]>,
) -> Vec<u8> {
    chain(recipe.salt, recipe.nbytes, std::iter::once(ballast).chain(inputs))
}

fn make(recipe: &Recipe, ballast: &[u8], inputs: &[Vec<u8>]) -> Result<Vec<u8>, Refusal> {
    let context = context();
    witness::ran(recipe.salt, context.worker().name(), context.attempt());
    let refusal = Refusal { salt: recipe.salt };
    match recipe.ending {
        Ending::Refusal => Err(refusal),
        Ending::RefusalUntil(attempts) if context.attempt() <= attempts => Err(refusal),
        Ending::Panic => panic!("{}", last_words(recipe.salt)),
        Ending::Value | Ending::RefusalUntil(_) => {
            Ok(value(recipe, ballast, inputs.iter().map(Vec::as_slice)))
        }
    }
}

/// Makes it on a compute thread.
///
/// # Errors
/// As the recipe says.
#[task]
pub(super) fn mix(recipe: Recipe, ballast: &[u8], inputs: &[Vec<u8>]) -> Result<Vec<u8>, Refusal> {
    make(&recipe, ballast, inputs)
}

/// Makes it on the worker's runtime, and takes its time.
///
/// # Errors
/// As the recipe says.
#[task]
pub(super) async fn steep(
    recipe: Recipe,
    ballast: Vec<u8>,
    inputs: Vec<Vec<u8>>,
) -> Result<Vec<u8>, Refusal> {
    let occupied = witness::occupy(context().worker().name(), recipe.gpus);
    witness::sleep(context().worker().name(), Duration::from_millis(recipe.salt % 512)).await;
    drop(occupied);
    make(&recipe, &ballast, &inputs)
}

/// Has another task make it.
///
/// # Errors
/// As that task's.
#[task]
pub(super) async fn delegate(
    recipe: Recipe,
    ballast: Vec<u8>,
    inputs: Vec<Vec<u8>>,
) -> Result<Vec<u8>, TaskError> {
    let context = context();
    context.secede();
    context.client().submit(mix(recipe, ballast, inputs)).await
}

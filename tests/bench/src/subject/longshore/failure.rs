//! Calls that fail: each failure is looked at, so that one that lost its words is noticed.

use anyhow::{Context, bail, ensure};
use longshore::blocking::Client;
use longshore::rt::BlockOn;
use longshore::{TaskError, TaskErrorKind, TaskFuture, task};
use serde::{Deserialize, Serialize};

use super::tasks::add;

/// Why a call gives nothing: an error of the user's, which the client gets back as it was returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{0} is refused")]
struct Refused(u64);

/// Of `(x, every)`: fails where `x` is a multiple of `every`, and does what a no-op does elsewhere.
#[task]
fn inc_or_fail(call: (u64, u64)) -> Result<u64, Refused> {
    let (x, every) = call;
    if x.is_multiple_of(every) { Err(Refused(x)) } else { Ok(x + 1) }
}

/// Calls at once, of which one in `every` fails.
///
/// # Errors
/// When a call fails that must not, or the other way round, or otherwise than it must.
pub(super) fn many<R: BlockOn>(client: &Client<R>, n: u64, every: u64) -> anyhow::Result<()> {
    let futures = client.map(inc_or_fail, (0..n).map(|x| (x, every)));
    client.wait(&futures).block()?;
    for (x, future) in (0..n).zip(&futures) {
        if x.is_multiple_of(every) {
            check(future, x)?;
        } else {
            ensure!(future.result()? == x + 1, "the call of {x} gave another result");
        }
    }
    Ok(())
}

/// One call that fails; `x + 1` once it has.
///
/// # Errors
/// When it does not fail as it must.
pub(super) fn one<R: BlockOn>(client: &Client<R>, x: u64) -> anyhow::Result<u64> {
    let future = client.submit(inc_or_fail((x, 1)));
    client.wait([&future]).block()?;
    check(&future, x)?;
    Ok(x + 1)
}

/// A tree of sums over calls that fail, every one of them awaited; the calls in it.
///
/// # Errors
/// When one does not fail as a leaf did.
pub(super) fn tree<R: BlockOn>(client: &Client<R>, leaves: usize) -> anyhow::Result<u64> {
    let mut all: Vec<_> = (0..leaves as u64).map(|x| client.submit(inc_or_fail((x, 1)))).collect();
    let mut level = 0..leaves;
    while level.len() > 1 {
        let next = all.len();
        for pair in level.step_by(2) {
            all.push(client.submit(add(&all[pair], &all[pair + 1])));
        }
        level = next..all.len();
    }
    client.wait(&all).block()?;
    for future in &all {
        let error = future.error().context("a call of a tree that fails did not")?;
        let Some(Refused(x)) = error.downcast_ref() else { bail!("it failed otherwise: {error}") };
        ensure!(*x < leaves as u64, "no leaf was refused {x}");
    }
    let root = all[all.len() - 1].error().context("the root did not fail")?;
    ensure!(1 << root.path().len() == leaves, "the failure came another way: {root}");
    Ok(all.len() as u64)
}

fn check(future: &TaskFuture<u64>, x: u64) -> anyhow::Result<()> {
    let error = future.error().with_context(|| format!("the call of {x} did not fail"))?;
    ensure!(is_refusal(&error, x), "the call of {x} failed otherwise: {error}");
    Ok(())
}

/// Whether all is there: the kind, the words, and the value that the function returned.
fn is_refusal(error: &TaskError, x: u64) -> bool {
    let words = error.message().strip_suffix(" is refused").and_then(|number| number.parse().ok());
    error.kind() == TaskErrorKind::Failed
        && error.attempts() == 1
        && words == Some(x)
        && error.downcast_ref() == Some(&Refused(x))
}

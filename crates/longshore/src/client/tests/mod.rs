//! Clients against a scheduler that is played by the test.
mod cells;
mod fetch;
mod lead;
mod played;
mod session;

use crate::call::{Call, describe};
use crate::function::{Function, Run, Signature};
use crate::value::ReturnValue;
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(20);

static NUMBER: Function = Function::declare(
    || "tests::number",
    || Signature::new().argument::<u64>().output::<u64>(),
    Run::Sync(|_, _| Ok(ReturnValue::of(0u64))),
);

/// A call that nobody will run.
fn number(x: u64) -> Call<u64> {
    Call::of(&NUMBER, [describe::<u64>(x)])
}

/// A call with an argument that is more than a number.
fn text(x: &str) -> Call<u64> {
    Call::of(&NUMBER, [describe::<String>(x.to_owned())])
}

/// A call of a call.
fn of(inner: Call<u64>) -> Call<u64> {
    Call::of(&NUMBER, [describe::<u64>(inner)])
}

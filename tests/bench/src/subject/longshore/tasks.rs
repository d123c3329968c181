//! What the calls do: the same as the floors' one function.

use longshore::task;

/// What the floors compute: argument and inputs, plus one.
#[task]
pub(super) fn inc(x: u64) -> u64 {
    x + 1
}

/// See [`inc`]; run where a worker receives it, without a compute thread.
#[task]
pub(super) async fn instant(x: u64) -> u64 {
    x + 1
}

/// See [`inc`].
#[task]
pub(super) fn add(x: u64, y: u64) -> u64 {
    x + y + 1
}

/// See [`inc`].
#[task]
pub(super) fn total(xs: Vec<u64>) -> u64 {
    xs.iter().sum::<u64>() + 1
}

/// Gives back what it is given.
#[task]
pub(super) fn echo(bytes: Vec<u8>) -> Vec<u8> {
    bytes
}

/// An object to move.
#[task]
pub(super) fn block(bytes: usize) -> Vec<u8> {
    vec![7; bytes]
}

/// Uses an object.
#[task]
pub(super) fn length(bytes: &[u8]) -> usize {
    bytes.len()
}

//! What the calls do: the same as the floors' one function.

use std::ops::Deref;

use longshore::{Blob, Call, TaskFuture, Value, task};

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
fn block(bytes: usize) -> Vec<u8> {
    vec![7; bytes]
}

/// See [`block`].
#[task]
fn blob(bytes: usize) -> Blob {
    vec![7; bytes].into()
}

/// Uses an object.
#[task]
fn length(bytes: &[u8]) -> usize {
    bytes.len()
}

/// See [`length`].
#[task]
fn blob_length(bytes: &Blob) -> usize {
    bytes.len()
}

/// A type of large objects.
pub(super) trait Object: Value + From<Vec<u8>> + Deref<Target = [u8]> {
    fn make(bytes: usize) -> Call<Self>;
    fn measure(object: &TaskFuture<Self>) -> Call<usize>;
}

impl Object for Vec<u8> {
    fn make(bytes: usize) -> Call<Self> {
        block(bytes)
    }

    fn measure(object: &TaskFuture<Self>) -> Call<usize> {
        length(object)
    }
}

impl Object for Blob {
    fn make(bytes: usize) -> Call<Self> {
        blob(bytes)
    }

    fn measure(object: &TaskFuture<Self>) -> Call<usize> {
        blob_length(object)
    }
}

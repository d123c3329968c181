//! Awaiting a future by reference.
use super::TaskFuture;
use super::cell::Here;
use crate::error::TaskError;
use crate::value::Value;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};

/// Waits for a [`TaskFuture`] that it borrows: made by [`TaskFuture::wait`] and by awaiting `&future`.
///
/// # Cancel safety
/// Dropping it gives up the wait and nothing else.
#[derive(Debug)]
#[must_use = "a wait does nothing unless awaited"]
pub struct Wait<'a, T> {
    future: &'a TaskFuture<T>,
    /// Zero until it was polled.
    key: u32,
    value: PhantomData<fn() -> T>,
}

impl<'a, T> Wait<'a, T> {
    pub(super) fn new(future: &'a TaskFuture<T>) -> Self {
        Wait { future, key: 0, value: PhantomData }
    }
}

/// Numbers borrowers; zero stands for no borrower.
fn next_key() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    loop {
        let key = NEXT.fetch_add(1, Ordering::Relaxed);
        if key != 0 {
            return key;
        }
    }
}

impl<T> Wait<'_, T> {
    fn key(&mut self) -> u32 {
        if self.key == 0 {
            self.key = next_key();
        }
        self.key
    }

    /// The value in whichever form it comes.
    pub(super) fn poll_here(&mut self, cx: &Context<'_>) -> Poll<Result<Here, TaskError>> {
        let key = self.key();
        self.future.cell().poll_value(cx, key)
    }
}

impl<T: Value> Future for Wait<'_, T> {
    type Output = Result<T, TaskError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let key = self.key();
        self.future.poll_as(cx, key)
    }
}

impl<T> Drop for Wait<'_, T> {
    fn drop(&mut self) {
        if self.key != 0 {
            self.future.cell().forget_borrower(self.key);
        }
    }
}

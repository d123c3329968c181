//! Rules on the clock, on timers and on entropy.
use super::in_time;
use crate::{Elapsed, Instant, Runtime, RuntimeExt, Sleep};
use futures_lite::future;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

const SHORT: Duration = Duration::from_millis(20);
const LONG: Duration = Duration::from_secs(3600);

pub(super) async fn sleeps<R: Runtime>(rt: &R) {
    let start = rt.now();
    in_time(rt, "a sleep ends", rt.sleep(SHORT)).await;
    assert!(rt.now() - start >= SHORT, "a sleep is never too short");

    in_time(rt, "a sleep until the past ends", rt.sleep_until(Instant(0))).await;
    in_time(rt, "a sleep until now ends", rt.sleep(Duration::ZERO)).await;

    let never = rt.sleep(Duration::MAX);
    assert!(future::poll_once(never).await.is_none(), "the longest sleep does not end at once");

    let rt2 = rt.clone();
    let nap = rt.spawn("nap", async move { rt2.sleep(SHORT).await });
    in_time(rt, "a sleep in a task ends", nap).await.expect("the task did not fail");

    let sleep = rt.sleep(SHORT);
    let nap = rt.spawn("nap", sleep);
    in_time(rt, "a sleep may be awaited by another task than made it", nap).await.expect("it did not fail");
}

pub(super) async fn resets<R: Runtime>(rt: &R) {
    let start = rt.now();
    let mut sleep = rt.sleep(LONG);
    let mut polls = 0;
    let sooner = future::poll_fn(|cx| {
        polls += 1;
        let polled = Pin::new(&mut sleep).poll(cx);
        if polls == 1 {
            assert!(polled.is_pending(), "an hour is not over at once");
            // Nothing polls the sleep again before it wakes this task at its new time.
            sleep.reset(start + SHORT);
        }
        polled
    });
    in_time(rt, "a reset makes a polled sleep end sooner", sooner).await;
    assert!(rt.now() - start >= SHORT, "a reset sleep is never too short");

    let mut sleep = rt.sleep(Duration::from_millis(1));
    let _ = future::poll_once(&mut sleep).await; // under load it may have ended already
    let later = rt.now() + SHORT;
    sleep.reset(later);
    in_time(rt, "a reset sleep ends", &mut sleep).await;
    assert!(rt.now() >= later, "a reset makes a sleep end later");

    let again = rt.now() + SHORT;
    sleep.reset(again);
    let early = future::poll_once(&mut sleep).await.is_some();
    assert!(!early || rt.now() >= again, "a reset sleep that has ended starts anew");
    if !early {
        in_time(rt, "a sleep that has ended can be used again", &mut sleep).await;
    }
    assert!(rt.now() >= again, "a reused sleep is never too short");
}

pub(super) async fn timeouts<R: Runtime>(rt: &R) {
    let never = rt.timeout(SHORT, future::pending::<()>());
    assert_eq!(in_time(rt, "a timeout ends", never).await, Err(Elapsed));
    let both = rt.timeout(Duration::ZERO, future::ready(1)).await;
    assert_eq!(both, Ok(1), "a result that is ready beats a deadline that is ready");
    let waiting = future::poll_once(rt.timeout(LONG, future::pending::<()>())).await;
    assert!(waiting.is_none(), "a timeout waits for its deadline");
}

pub(super) fn entropy<R: Runtime>(rt: &R) {
    let first = rt.entropy();
    assert!((0..4).any(|_| rt.entropy() != first), "draws of entropy differ");
}

//! What implementing [`Runtime`] means beyond its types. An adapter's author runs this suite
//! against it, on real time or simulated; so does an embedder who wants to know whether their
//! executor is good enough.
//!
//! ```
//! use longshore_rt::{BlockOn, OwnedExecutor, conformance};
//!
//! let rt = OwnedExecutor::new()?;
//! rt.block_on(conformance::suite(rt.clone(), "127.0.0.1")).unwrap();
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! Every function panics with the rule that was broken. Waiting is bounded, by the runtime's own
//! clock, generously enough for a loaded machine. Deliberately absent: upper bounds on lateness,
//! which are a matter of load, and shutdown, for which the trait has no call.
mod blocking;
mod clock;
mod streams;
mod tasks;
mod waiting;

pub use waiting::block_on_rules;

use crate::{Endpoint, Runtime, RuntimeExt};
use std::future::Future;
use std::io::ErrorKind;
use std::time::Duration;

/// How long anything that should happen may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// Checks every rule, listening on free TCP ports of `host`: `"127.0.0.1"` on a real network, a
/// host of its own in a simulated one.
///
/// # Panics
/// If the runtime breaks a rule.
pub async fn suite<R: Runtime>(rt: R, host: &str) {
    tasks(&rt).await;
    clock(&rt).await;
    blocking(&rt).await;
    streams(&rt, &Endpoint::tcp(host, 0)).await;
    abstract_names(&rt).await;
}

/// Checks the rules on tasks: join, panic isolation, abort, abort on drop, detach.
///
/// # Panics
/// If the runtime breaks a rule.
pub async fn tasks<R: Runtime>(rt: &R) {
    tasks::join(rt).await;
    tasks::panics(rt).await;
    tasks::abort(rt).await;
    tasks::detach(rt).await;
    tasks::scheduling(rt).await;
}

/// Checks the rules on the clock and on timers.
///
/// # Panics
/// If the runtime breaks a rule.
pub async fn clock<R: Runtime>(rt: &R) {
    clock::sleeps(rt).await;
    clock::resets(rt).await;
    clock::timeouts(rt).await;
    clock::entropy(rt);
}

/// Checks the rules on blocking jobs.
///
/// # Panics
/// If the runtime breaks a rule.
pub async fn blocking<R: Runtime>(rt: &R) {
    blocking::jobs(rt).await;
    blocking::many(rt).await;
}

/// Checks the rules on byte streams, listening on `on` again and again: a TCP endpoint with port 0,
/// a Unix path that does not exist, or an abstract name that nobody has.
///
/// # Panics
/// If the runtime breaks a rule.
pub async fn streams<R: Runtime>(rt: &R, on: &Endpoint) {
    streams::local(rt, on).await;
    streams::half_close(rt, on).await;
    streams::writer_drop(rt, on).await;
    streams::unsplit(rt, on).await;
    streams::both_ways(rt, on).await;
    streams::vectored(rt, on).await;
    streams::accept_is_cancel_safe(rt, on).await;
    streams::peer_gone(rt, on).await;
    streams::backpressure(rt, on).await;
    streams::refused(rt, on).await;
}

/// Checks the rules on byte streams with abstract endpoints, or that a runtime without them says so.
///
/// # Panics
/// If the runtime breaks a rule.
pub async fn abstract_names<R: Runtime>(rt: &R) {
    let on = Endpoint::abstract_name(format!("longshore-conformance-{:016x}", rt.entropy()));
    let listening = in_time(rt, "listen returns", rt.listen(&on)).await.err().map(|e| e.kind());
    if listening == Some(ErrorKind::Unsupported) {
        let connecting = in_time(rt, "connect returns", rt.connect(&on)).await.err().map(|e| e.kind());
        assert_eq!(connecting, listening, "what cannot be listened on cannot be connected to");
        return;
    }
    streams(rt, &on).await;
}

/// Waits for something that must happen.
async fn in_time<R: Runtime, F: Future>(rt: &R, rule: &str, fut: F) -> F::Output {
    match rt.timeout(DEADLINE, fut).await {
        Ok(output) => output,
        Err(_) => panic!("rule broken on {}: {rule} (not within {DEADLINE:?})", rt.name()),
    }
}

/// Waits until a condition holds.
async fn eventually<R: Runtime>(rt: &R, rule: &str, holds: impl Fn() -> bool) {
    let wait = async {
        while !holds() {
            rt.sleep(Duration::from_millis(1)).await;
        }
    };
    in_time(rt, rule, wait).await;
}

//! Nothing in a test may hang, and nothing in a test sleeps in the hope that something has happened by then.
use std::panic::resume_unwind;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// Long enough for anything a test does on a machine that is busy with other things.
pub const DEADLINE: Duration = Duration::from_secs(90);

/// Runs a test on a thread of its own, so that a hang is a failure.
///
/// # Panics
/// As the test does, or when it takes longer than [`DEADLINE`].
pub fn within_deadline(test: impl FnOnce() + Send + 'static) {
    let (alive, ended) = mpsc::channel::<()>();
    let thread = thread::spawn(move || {
        test();
        drop(alive);
    });
    match ended.recv_timeout(DEADLINE) {
        Err(RecvTimeoutError::Timeout) => panic!("the test still runs after {DEADLINE:?}: it hangs"),
        _ => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
    }
}

/// Waits on a plain thread until `condition` gives something.
///
/// # Panics
/// When it gave nothing for a third of [`DEADLINE`].
pub fn until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let give_up_at = Instant::now() + DEADLINE / 3;
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(Instant::now() < give_up_at, "waited in vain: {what}");
        // tidy: allow(sleep): the pause between two looks
        thread::sleep(Duration::from_millis(5));
    }
}

//! Nothing in a test may hang, and nothing in a test sleeps in the hope that something has happened by then.
use std::io::{self, Read};
use std::panic::resume_unwind;
use std::process::{Command, Output, Stdio};
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
    within(DEADLINE, test);
}

/// The same for a test that takes longer than others, such as one that runs the compiler.
///
/// # Panics
/// As the test does, or when it takes longer than `limit`.
pub fn within(limit: Duration, test: impl FnOnce() + Send + 'static) {
    let (alive, ended) = mpsc::channel::<()>();
    let thread = thread::spawn(move || {
        test();
        drop(alive);
    });
    match ended.recv_timeout(limit) {
        Err(RecvTimeoutError::Timeout) => panic!("the test still runs after {limit:?}: it hangs"),
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

/// Runs a program to its end, and ends it when that does not come.
///
/// # Panics
/// When it cannot be started, or still runs after [`DEADLINE`].
#[track_caller]
pub fn output_of(command: &mut Command) -> Output {
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program was built");
    let (out, err) = (read(child.stdout.take()), read(child.stderr.take()));
    let give_up_at = Instant::now() + DEADLINE;
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child of ours") {
            break status;
        }
        if Instant::now() > give_up_at {
            let ended = child.kill().and_then(|()| child.wait());
            panic!("{command:?} still ran after {DEADLINE:?}; it was ended: {ended:?}");
        }
        // tidy: allow(sleep): the pause between two looks
        thread::sleep(Duration::from_millis(5));
    };
    let join = |reader: thread::JoinHandle<io::Result<Vec<u8>>>| {
        reader.join().unwrap_or_else(|panic| resume_unwind(panic)).expect("a pipe can be read")
    };
    Output { status, stdout: join(out), stderr: join(err) }
}

/// Reads a pipe on a thread of its own, so that it never fills.
fn read(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<io::Result<Vec<u8>>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.map_or(Ok(0), |mut pipe| pipe.read_to_end(&mut bytes))?;
        Ok(bytes)
    })
}

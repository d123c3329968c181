//! Counting tests by reading what the test runners print, while passing it on.

use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::ops::AddAssign;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::cargo::shown;

/// How many passed and how many failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl Count {
    /// One thing that passed or failed.
    pub(crate) fn one(ok: bool) -> Self {
        Self { passed: u64::from(ok), failed: u64::from(!ok) }
    }
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// How long output is still waited for after the command itself ended: something it started may hold the pipe open.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// Runs a test command, passes its output on and counts what it reports. A command that fails without naming a
/// failed test (it did not compile, it crashed, it was too slow) counts as one failure.
pub(crate) fn run(command: &mut Command, deadline: Option<Duration>) -> Count {
    eprintln!("+ {}", shown(command));
    let Ok(mut child) = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn() else {
        eprintln!("cannot start {}", shown(command));
        return Count::one(false);
    };
    let total = Arc::new(Mutex::new(Count::default()));
    let (ended, ends) = channel();
    if let Some(pipe) = child.stdout.take() {
        follow(pipe, |line| println!("{line}"), Arc::clone(&total), ended.clone());
    }
    if let Some(pipe) = child.stderr.take() {
        follow(pipe, |line| eprintln!("{line}"), Arc::clone(&total), ended);
    }
    let ok = wait(&mut child, deadline);
    // nothing is ever sent: this ends when both senders are gone, each with its pipe
    let _ = ends.recv_timeout(LAST_WORDS);
    let mut count = *total.lock().unwrap_or_else(PoisonError::into_inner);
    if !ok && count.failed == 0 {
        count.failed = 1;
    }
    count
}

/// Waits until a program ends, or kills it at the deadline; whether it succeeded.
pub(crate) fn wait(child: &mut Child, deadline: Option<Duration>) -> bool {
    let Some(deadline) = deadline else {
        return child.wait().is_ok_and(|status| status.success());
    };
    let end = Instant::now() + deadline;
    while Instant::now() < end {
        match child.try_wait() {
            Ok(None) => thread::sleep(Duration::from_millis(20)),
            Ok(Some(status)) => return status.success(),
            Err(_) => return false,
        }
    }
    eprintln!("it did not finish within {} s", deadline.as_secs());
    let _ = child.kill();
    let _ = child.wait();
    false
}

fn follow(pipe: impl Read + Send + 'static, pass_on: fn(&str), total: Arc<Mutex<Count>>, ended: Sender<()>) {
    thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line);
            pass_on(&line);
            *total.lock().unwrap_or_else(PoisonError::into_inner) += read_line(&line);
        }
        drop(ended);
    });
}

/// What one line of `cargo test`, `cargo nextest run` or the simulated workload reports. Nextest repeats what failed tests
/// printed, indented: that is not counted again.
fn read_line(line: &str) -> Count {
    if let Some(rest) = line.strip_prefix("test result: ") {
        let (_, numbers) = rest.split_once(". ").unwrap_or_default();
        return read_numbers(numbers, ';');
    }
    if let Some(numbers) = line.strip_prefix("sim seeds: ") {
        return read_numbers(numbers, ',');
    }
    match line.trim().split_once(" run: ") {
        Some((head, numbers)) if head.starts_with("Summary") => read_numbers(numbers, ','),
        _ => Count::default(),
    }
}

fn read_numbers(text: &str, separator: char) -> Count {
    let mut count = Count::default();
    for part in text.split(separator) {
        let (number, what) = part.trim().split_once(' ').unwrap_or_default();
        let number = number.parse().unwrap_or(0);
        match what.split(" (").next().unwrap_or_default() {
            "passed" => count.passed += number,
            "failed" | "exec failed" | "timed out" => count.failed += number,
            _ => {}
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libtest_lines_are_counted() {
        let line = "test result: FAILED. 12 passed; 3 failed; 0 ignored; 0 measured; 1 filtered out; finished in 0.1s";
        assert_eq!(read_line(line), Count { passed: 12, failed: 3 });
        assert_eq!(
            read_line("test result: ok. 7 passed; 0 failed; 0 ignored"),
            Count { passed: 7, failed: 0 }
        );
    }

    #[test]
    fn nextest_summaries_are_counted() {
        let line = "     Summary [   0.012s] 9 tests run: 5 passed (1 slow), 2 failed, 1 timed out, 1 exec failed, 3 skipped";
        assert_eq!(read_line(line), Count { passed: 5, failed: 4 });
        assert_eq!(
            read_line("     Summary [   0.012s] 1 test run: 1 passed, 0 skipped"),
            Count { passed: 1, failed: 0 }
        );
    }

    #[test]
    fn seeds_are_counted() {
        assert_eq!(read_line("sim seeds: 19 passed, 1 failed"), Count { passed: 19, failed: 1 });
    }

    #[test]
    fn other_lines_count_nothing() {
        assert_eq!(read_line("test tests::x ... ok"), Count::default());
        assert_eq!(read_line("error: test run failed"), Count::default());
        assert_eq!(read_line("    test result: FAILED. 0 passed; 1 failed; 0 ignored"), Count::default());
    }

    #[test]
    fn a_command_that_cannot_start_is_a_failure() {
        assert_eq!(run(&mut Command::new("no-such-program-anywhere"), None), Count { passed: 0, failed: 1 });
    }

    #[test]
    fn what_a_command_prints_is_counted_and_its_failure_too() {
        let mut fine = Command::new("sh");
        fine.args([
            "-c",
            "echo 'sim seeds: 3 passed, 0 failed'; echo 'test result: ok. 4 passed; 0 failed' >&2",
        ]);
        assert_eq!(run(&mut fine, None), Count { passed: 7, failed: 0 });
        let mut crash = Command::new("sh");
        crash.args(["-c", "echo 'sim seeds: 3 passed, 0 failed'; exit 1"]);
        assert_eq!(run(&mut crash, None), Count { passed: 3, failed: 1 });
    }

    #[test]
    fn a_command_that_takes_too_long_is_ended() {
        let mut slow = Command::new("sleep");
        assert_eq!(run(slow.arg("600"), Some(Duration::from_millis(50))), Count { passed: 0, failed: 1 });
    }
}

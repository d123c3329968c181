//! Counting tests by reading what the test runners print, while passing it on.

use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::ops::AddAssign;
use std::process::{Command, Stdio};
use std::thread;

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

/// Runs a test command, passes its output on and counts what it reports. A command that fails without naming a
/// failed test (it did not compile, it crashed) counts as one failure.
pub(crate) fn run(command: &mut Command) -> Count {
    eprintln!("+ {}", shown(command));
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let Ok(mut child) = child else {
        eprintln!("cannot start {}", shown(command));
        return Count::one(false);
    };
    let errors = child.stderr.take();
    let errors = thread::spawn(move || errors.map(|pipe| follow(pipe, |line| eprintln!("{line}"))));
    let mut count =
        child.stdout.take().map(|pipe| follow(pipe, |line| println!("{line}"))).unwrap_or_default();
    count += errors.join().ok().flatten().unwrap_or_default();
    let ok = child.wait().is_ok_and(|status| status.success());
    if !ok && count.failed == 0 {
        count.failed = 1;
    }
    count
}

fn follow(pipe: impl Read, pass_on: impl Fn(&str)) -> Count {
    let mut count = Count::default();
    for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        pass_on(&line);
        count += read_line(&line);
    }
    count
}

/// What one line of `cargo test` or `cargo nextest run` reports.
fn read_line(line: &str) -> Count {
    let line = line.trim();
    if let Some(rest) = line.strip_prefix("test result: ") {
        let (_, numbers) = rest.split_once(". ").unwrap_or_default();
        return read_numbers(numbers, ';');
    }
    match line.split_once(" run: ") {
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
    fn other_lines_count_nothing() {
        assert_eq!(read_line("test tests::x ... ok"), Count::default());
        assert_eq!(read_line("error: test run failed"), Count::default());
    }

    #[test]
    fn a_command_that_cannot_start_is_a_failure() {
        assert_eq!(run(&mut Command::new("no-such-program-anywhere")), Count { passed: 0, failed: 1 });
    }
}

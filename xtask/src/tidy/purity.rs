//! What the machines must not name, and what code that runs in the simulator must not touch.

use super::{Finding, is_allowed};
use crate::source::{SourceFile, find_word, line_of};

/// The core sees no I/O: no clock, socket, thread, runtime or source of chance.
const CORE: &[&str] = &[
    "std::time::Instant",
    "Instant::now",
    "SystemTime",
    "std::net",
    "std::thread",
    "std::fs",
    "std::process",
    "std::env",
    "tokio",
    "smol",
    "async_std",
    "async_io",
    "async_net",
    "async_executor",
    "futures_lite",
    "fastrand",
    "rand",
    "getrandom",
    "RandomState",
    "std::collections::HashMap",
    "std::collections::HashSet",
    "async fn",
    "async move",
];

/// Folders whose code runs in the simulator as it is.
const SIMULATED: &[&str] =
    &["crates/longshore/src/", "crates/longshore-core/src/", "crates/longshore-proto/src/"];

/// Folders among them that deal with processes of the operating system, which no simulation has.
const REAL: &[&str] = &["crates/longshore/src/cluster/process/"];

/// In simulated code: the rule that may allow it, and the words.
const REAL_WORLD: &[(&str, &str)] = &[
    ("clock", "Instant::now"),
    ("clock", "SystemTime::now"),
    ("thread", "thread::spawn"),
    ("thread", "thread::Builder"),
    ("sleep", "thread::sleep"),
    ("chance", "fastrand"),
    ("chance", "RandomState"),
];

/// Checks one file.
pub(crate) fn check(file: &SourceFile, findings: &mut Vec<Finding>) {
    if file.path.starts_with("crates/longshore-core/") {
        for word in CORE {
            report(
                file,
                word,
                findings,
                |_| false,
                "the core names no clock, socket, thread, runtime or chance",
            );
        }
    }
    let is_below = |folders: &[&str]| folders.iter().any(|folder| file.path.starts_with(folder));
    if !file.is_test() && is_below(SIMULATED) && !is_below(REAL) {
        let tests = first_test_line(&file.code);
        for (rule, word) in REAL_WORLD {
            let why = format!(
                "simulated code asks the runtime; if it must be, write 'tidy: allow({rule}): why' above"
            );
            report(file, word, findings, |line| line > tests || is_allowed(file, line, rule), &why);
        }
        check_maps(file, findings);
    }
    if file.is_test() && file.is_rust() {
        let why = "a test waits for a condition with a deadline; if it must be, write 'tidy: allow(sleep): why' above";
        report(file, "thread::sleep", findings, |line| is_allowed(file, line, "sleep"), why);
    }
}

/// Where the tests of a file begin: they run on threads as they like.
fn first_test_line(code: &str) -> usize {
    let tests = code.find("#[cfg(test)]\nmod tests {");
    tests.map_or(usize::MAX, |at| line_of(code, at))
}

fn report(
    file: &SourceFile,
    word: &str,
    findings: &mut Vec<Finding>,
    is_fine: impl Fn(usize) -> bool,
    why: &str,
) {
    for at in find_word(&file.code, word) {
        let line = line_of(&file.code, at);
        if !is_fine(line) {
            findings.push(Finding::error(file, line, format!("`{word}`: {why}")));
        }
    }
}

/// The maps of std iterate in an order that differs from run to run.
fn check_maps(file: &SourceFile, findings: &mut Vec<Finding>) {
    for (index, line) in file.code.lines().enumerate() {
        let names_one = find_word(line, "HashMap").chain(find_word(line, "HashSet")).next().is_some();
        if line.contains("std::collections") && names_one && !is_allowed(file, index + 1, "map") {
            let text =
                "the hash maps of std differ from run to run; use hashbrown with foldhash::fast::FixedState";
            findings.push(Finding::error(file, index + 1, text));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        let mut findings = Vec::new();
        check(&SourceFile::new(path, text.to_owned()), &mut findings);
        findings.len()
    }

    #[test]
    fn the_core_names_no_io() {
        let core = "crates/longshore-core/src/a.rs";
        assert_eq!(count(core, "fn f(s: std::net::TcpStream) {}"), 1);
        assert_eq!(count(core, "async fn f() {}"), 1);
        assert_eq!(count(core, "// std::net is for drivers\nfn operand() {}"), 0);
    }

    #[test]
    fn drivers_ask_the_runtime_for_the_time() {
        let driver = "crates/longshore/src/a.rs";
        assert!(count(driver, "let t = std::time::Instant::now();") > 0);
        assert_eq!(count(driver, "// tidy: allow(thread): one thread a slot\nthread::Builder::new();"), 0);
        assert_eq!(count(driver, "use std::collections::{BTreeMap, HashMap};"), 1);
        assert_eq!(count(driver, "#[cfg(test)]\nmod tests {\n    thread::spawn(f);\n}"), 0);
        assert_eq!(count("crates/longshore/src/cluster/process/a.rs", "thread::spawn(f);"), 0);
        assert_eq!(count("crates/longshore/src/link/tests/a.rs", "thread::spawn(f);"), 0);
        assert_eq!(count("crates/longshore-rt/src/a.rs", "let t = std::time::Instant::now();"), 0);
    }

    #[test]
    fn tests_do_not_sleep() {
        assert_eq!(count("tests/it/a.rs", "std::thread::sleep(second);"), 1);
        assert_eq!(count("examples/src/bin/a.rs", "std::thread::sleep(second);"), 0);
    }
}

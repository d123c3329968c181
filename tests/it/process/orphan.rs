//! No worker process outlives its cluster, however that ends.
use crate::stage::{WORKER_PROGRAM, is_running, kill, wait_for_end_of};
use longshore_tests::deadline::within_deadline;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// A program with a cluster of itself, and its worker processes.
fn program(arg: &str) -> (Child, Vec<u32>) {
    let mut program = Command::new(WORKER_PROGRAM);
    let mut program = program.arg(arg).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(program.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let mut words = line.split_whitespace();
    assert_eq!(words.next(), Some("3"), "{line:?}");
    let pids: Vec<u32> = words.map(|pid| pid.parse().unwrap()).collect();
    assert_eq!(pids.len(), 2, "{line:?}");
    (program, pids)
}

#[test]
fn workers_leave_when_the_program_is_killed() {
    within_deadline(|| {
        let (mut program, pids) = program("cluster");
        assert!(pids.iter().all(|pid| is_running(*pid)));
        kill(program.id());
        program.wait().unwrap();
        pids.into_iter().for_each(wait_for_end_of);
    });
}

#[test]
fn workers_leave_when_the_program_ends_without_closing_its_cluster() {
    within_deadline(|| {
        let (mut program, pids) = program("abandon");
        assert!(program.wait().unwrap().success());
        pids.into_iter().for_each(wait_for_end_of);
    });
}

#[test]
fn workers_leave_when_the_program_drops_its_cluster() {
    within_deadline(|| {
        let (mut program, pids) = program("cluster");
        drop(program.stdin.take());
        assert!(program.wait().unwrap().success());
        pids.into_iter().for_each(wait_for_end_of);
    });
}

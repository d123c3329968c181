//! Clusters that do not start, and why.
use crate::stage::{ProcessCluster, WORKER_PROGRAM, is_running, says, wait_for_end_of, whole};
use longshore::rt::{BlockOn, OwnedExecutor};
use longshore::{ClusterError, LocalCluster};
use longshore_tests::deadline::within_deadline;
use longshore_tests::it_function::place;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Starts a cluster of two such processes, in vain.
fn error_with(program: &str, start_timeout: Duration) -> ClusterError {
    let rt = OwnedExecutor::new().unwrap();
    let cluster = LocalCluster::builder(rt.clone()).processes(true).workers(2).worker_command(program);
    match rt.block_on(cluster.start_timeout(start_timeout).start()).unwrap() {
        Err(error) => error,
        Ok(_) => panic!("a cluster of {program} started"),
    }
}

#[test]
fn tasks_run_in_the_processes_and_these_end_with_the_cluster() {
    within_deadline(|| {
        let cluster = ProcessCluster::start(2);
        let mut pids = cluster.pids();
        pids.sort_unstable();
        assert!(pids.iter().all(|pid| is_running(*pid) && *pid != std::process::id()));
        let places = ["w0", "w1"].map(|worker| cluster.client.submit(place().workers([worker])));
        let mut places = cluster.client.gather(places).unwrap().map(|p| p.pid);
        places.sort_unstable();
        assert_eq!(pids, places);
        cluster.close();
    });
}

#[test]
fn a_worker_program_that_is_not_there_is_named() {
    within_deadline(|| {
        let error = error_with("/no/such/program", Duration::from_secs(30));
        assert!(matches!(error, ClusterError::Spawn { .. }), "{error:?}");
        says(&whole(&error), &["/no/such/program", "No such file"]);
    });
}

#[test]
fn a_worker_program_that_ends_at_once_did_not_call_init() {
    within_deadline(|| {
        let error = error_with("true", Duration::from_secs(30));
        assert!(matches!(error, ClusterError::WorkerEnded { .. }), "{error:?}");
        says(&error, &["longshore::init()", "first line of main", "worker_command"]);
    });
}

#[test]
fn a_worker_program_that_does_something_else_did_not_call_init() {
    within_deadline(|| {
        // It waits for its input to end, as many a program would.
        let error = error_with("cat", Duration::from_millis(500));
        assert!(matches!(error, ClusterError::StartTimedOut { .. }), "{error:?}");
        says(&error, &["longshore::init()", "first line of main"]);
    });
}

#[test]
fn an_unknown_runtime_ends_the_worker() {
    within_deadline(|| {
        let rt = OwnedExecutor::new().unwrap();
        let cluster =
            LocalCluster::builder(rt.clone()).processes(true).workers(1).worker_command(WORKER_PROGRAM);
        let error = rt.block_on(cluster.worker_runtime("glommio").start()).unwrap().unwrap_err();
        assert!(matches!(error, ClusterError::WorkerEnded { .. }), "{error:?}");
    });
}

/// The children of a program that forgot `init()` run its `main`, which starts a cluster, and so on.
#[test]
fn a_program_that_forgot_init_is_told_and_does_not_multiply() {
    within_deadline(|| {
        let folder = tempfile::tempdir().unwrap();
        let starts = folder.path().join("starts");
        let mut program = Command::new(WORKER_PROGRAM);
        program.arg("cluster").env("LONGSHORE_TESTS_FORGET", &starts).stdin(Stdio::null());
        let output = program.output().unwrap();
        assert!(!output.status.success());
        let words = String::from_utf8_lossy(&output.stderr);
        // From the program, and from its children.
        says(&words, &["longshore::init()", "first line of main", "tried to start a cluster of its own"]);
        let starts = std::fs::read_to_string(&starts).unwrap();
        let pids: Vec<u32> = starts.lines().map(|pid| pid.parse().unwrap()).collect();
        assert!((2..=3).contains(&pids.len()), "started: {pids:?}");
        pids.into_iter().for_each(wait_for_end_of);
    });
}

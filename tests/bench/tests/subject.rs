//! Longshore can be measured: it does the work of each metric and gets it right. How fast is no matter here.

#[path = "../../src/deadline.rs"]
#[allow(dead_code, unreachable_pub)] // written for another package, which needs the rest of it
mod deadline;

use std::process::Command;

use deadline::output_of;
use serde_json::Value;

fn records(arguments: &[&str]) -> Vec<Value> {
    let program = env!("CARGO_BIN_EXE_longshore-bench");
    let run = ["--json", "--reps", "1", "--n", "500"];
    let out = output_of(Command::new(program).args(run).args(arguments));
    assert!(out.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8(out.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn check(mode: &str, runtime: &str) {
    let metrics = ["noop", "fan_in", "scheduler_memory", "client_memory", "startup"];
    let found = records(&[&["--mode", mode, "--runtime", runtime][..], &metrics].concat());
    let names: Vec<_> = found.iter().map(|record| record["metric"].as_str().unwrap()).collect();
    let by_role = ["noop", "noop_scheduler_cpu", "noop_workers_cpu", "noop_client_cpu"];
    // roles and their memory are told apart only where each has a process of its own
    let expected = match mode {
        "tcp" => [&by_role[..], &metrics[1..]].concat(),
        _ => vec!["noop", "noop_cpu", "fan_in", "startup"],
    };
    assert_eq!(names, expected);
    assert!(found.iter().all(|record| record["mode"] == mode && record["runtime"] == runtime));
}

#[test]
fn many_workers_are_set_beside_two() {
    let found = records(&["--mode", "inproc", "--workers", "20", "many_workers"]);
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|record| record["n"] == 20 && record["floor_name"] == "2 workers"));
    assert!(found.iter().all(|record| record["ratio_to_floor"].as_f64().unwrap() > 0.0));
}

#[test]
fn priorities_and_errors_come_back() {
    for mode in ["tcp", "inproc"] {
        let found = records(&["--mode", mode, "priorities", "failing", "some_failing"]);
        let names: Vec<_> = found.iter().map(|record| record["metric"].as_str().unwrap()).collect();
        let of = |name: &str| names.iter().filter(|found| **found == name).count();
        let all = ["priorities", "failing", "some_failing", "failing_latency_p50", "failing_tree"];
        assert_eq!(all.map(of), [1; 5], "{names:?}");
    }
}

#[test]
fn many_clients_share_the_work_and_bytes_come_back() {
    let found = records(&["--mode", "tcp", "clients_16", "fan_out", "sweep_payload"]);
    let names: Vec<_> = found.iter().map(|record| record["metric"].as_str().unwrap()).collect();
    assert_eq!(names[..2], ["fan_out", "clients_16"]);
    assert_eq!(names[2..], ["sweep_payload"; 6]);
}

#[test]
fn in_one_process_on_each_runtime() {
    for runtime in ["owned", "tokio", "tokio-current-thread", "smol", "async-std"] {
        check("inproc", runtime);
    }
}

#[test]
fn as_processes_on_each_runtime() {
    for runtime in ["owned", "tokio", "tokio-current-thread", "smol", "async-std"] {
        check("tcp", runtime);
    }
}

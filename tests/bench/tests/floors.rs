//! The floors between processes do the work they are measured by. How fast is no matter here.

#[path = "../../src/deadline.rs"]
#[allow(dead_code, unreachable_pub)] // written for another package, which needs the rest of it
mod deadline;

use std::process::Command;

use deadline::output_of;
use serde_json::Value;

/// Runs the measuring program and gives its records.
fn records(arguments: &[&str]) -> Vec<Value> {
    let program = env!("CARGO_BIN_EXE_longshore-bench");
    let run = ["--json", "--reps", "1", "--n", "500"];
    let out = output_of(Command::new(program).args(run).args(arguments));
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8(out.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn names(records: &[Value]) -> Vec<&str> {
    records.iter().map(|record| record["metric"].as_str().unwrap()).collect()
}

#[test]
fn the_null_framework_gives_right_results_in_place_and_with_a_compute_thread() {
    let metrics = [
        "--floor",
        "--mode",
        "tcp",
        "noop",
        "chain",
        "tree",
        "fan_in",
        "fan_out",
        "scheduler_memory",
        "startup",
    ];
    let roles = ["noop", "noop_scheduler_cpu", "noop_workers_cpu", "noop_client_cpu"];
    let others =
        ["chain", "chain", "chain", "chain", "tree", "fan_in", "scheduler_memory", "startup", "fan_out"];
    let expected = [&roles[..], &others].concat();
    assert_eq!(names(&records(&metrics)), expected);
    assert_eq!(names(&records(&[&metrics[..], &["--compute-thread"]].concat())), expected);
    assert_eq!(names(&records(&[&metrics[..], &["--spin-us", "50"]].concat())), expected);
}

#[test]
fn the_null_framework_serves_many_clients_and_gives_bytes_back() {
    let found = records(&["--floor", "--mode", "tcp", "clients_16", "sweep_payload"]);
    assert_eq!(names(&found)[0], "clients_16");
    assert_eq!(found.iter().filter(|record| record["metric"] == "sweep_payload").count(), 6);
}

#[test]
fn a_chain_has_a_floor_of_each_kind() {
    let found = records(&["--floor", "--mode", "tcp", "chain"]);
    let kinds: Vec<_> = found.iter().map(|record| record["floor_name"].as_str().unwrap()).collect();
    let all = ["null, sent ahead", "null, sent ahead, compute thread", "null, compute thread", "null"];
    assert_eq!(kinds, all);
}

#[test]
fn the_raw_link_brings_back_what_it_took() {
    let found = records(&["--floor", "--mode", "tcp", "scatter", "worker_to_worker"]);
    let each = [
        "scatter",
        "gather",
        "scatter_blob",
        "gather_blob",
        "gather_copy",
        "worker_to_worker",
        "worker_to_worker_blob",
    ];
    // Over TCP and over a Unix socket.
    assert_eq!(names(&found), each.map(|name| [name; 2]).concat());
    assert!(found.iter().all(|record| record["value"].as_f64().unwrap() > 0.0 && record["unit"] == "MiB/s"));
}

#[test]
fn a_mode_that_is_none_is_refused() {
    let out = output_of(Command::new(env!("CARGO_BIN_EXE_longshore-bench")).args(["--mode", "udp"]));
    assert!(!out.status.success());
    assert!(String::from_utf8_lossy(&out.stderr).contains("`tcp` or `inproc`"));
}

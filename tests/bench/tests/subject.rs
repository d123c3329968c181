//! Longshore can be measured: it does the work of each metric and gets it right. How fast is no matter here.

use std::process::Command;

use serde_json::Value;

fn records(arguments: &[&str]) -> Vec<Value> {
    let program = env!("CARGO_BIN_EXE_longshore-bench");
    let fixed = ["--json", "--reps", "1", "--n", "500", "noop", "fan_in", "memory", "startup"];
    let out = Command::new(program).args(fixed).args(arguments).output().unwrap();
    assert!(out.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8(out.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn check(mode: &str, runtime: &str) {
    let found = records(&["--mode", mode, "--runtime", runtime]);
    let names: Vec<_> = found.iter().map(|record| record["metric"].as_str().unwrap()).collect();
    let expected = ["noop", "fan_in", "scheduler_memory", "startup"];
    // the memory of a scheduler is told only where it has a process of its own
    let applies = |name: &&str| mode == "tcp" || *name != "scheduler_memory";
    assert_eq!(names, expected.into_iter().filter(applies).collect::<Vec<_>>());
    assert!(found.iter().all(|record| record["mode"] == mode && record["runtime"] == runtime));
}

#[test]
fn in_one_process_on_each_runtime() {
    for runtime in ["owned", "tokio", "smol", "async-std"] {
        check("inproc", runtime);
    }
}

#[test]
fn as_processes_on_each_runtime() {
    for runtime in ["owned", "tokio", "smol", "async-std"] {
        check("tcp", runtime);
    }
}

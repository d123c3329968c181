//! The web services answer cheap requests while the cluster works on heavy ones, and would not if they did the work themselves.
#[path = "../../tests/src/deadline.rs"]
#[allow(dead_code, unreachable_pub)] // written for another package, which needs the rest of it
mod deadline;

use deadline::output_of;
use std::process::{Command, Output};

/// Heavy requests take so long. The program fails if a visitor stands waiting for half of that or more.
const SECONDS: &str = "2";

fn run(program: &str, more: &[&str]) -> Output {
    output_of(Command::new(program).arg(SECONDS).args(more))
}

#[track_caller]
fn stays_responsive(program: &str) {
    let output = run(program, &[]);
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{text}\n{errors}");
    assert!(text.contains(" health checks were answered"), "{text}");
}

/// The measure is one that a blocked service does not meet.
#[track_caller]
fn would_not_if_it_blocked(program: &str) {
    let output = run(program, &["blocking"]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && errors.contains("the service was not responsive"), "{errors}");
}

#[test]
fn axum_stays_responsive() {
    stays_responsive(env!("CARGO_BIN_EXE_web_backend_axum"));
}

#[test]
fn axum_would_not_if_it_blocked() {
    would_not_if_it_blocked(env!("CARGO_BIN_EXE_web_backend_axum"));
}

#[test]
fn smol_stays_responsive() {
    stays_responsive(env!("CARGO_BIN_EXE_web_backend_smol"));
}

#[test]
fn smol_would_not_if_it_blocked() {
    would_not_if_it_blocked(env!("CARGO_BIN_EXE_web_backend_smol"));
}

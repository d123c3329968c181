//! The web services answer cheap requests while the cluster works on heavy ones.
use std::process::Command;

/// A health check takes well below a millisecond. To have 200 answered while the heavy work runs allows for 20, on a machine that
/// has every processor busy; a service that waited for the work would answer none.
const SECONDS: &str = "4";
const ANSWERED_MIN: u32 = 200;

#[track_caller]
fn stays_responsive(program: &str) {
    let output = Command::new(program).arg(SECONDS).output().expect("the program was built");
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{errors}");
    let answered: u32 =
        text.split(' ').next().and_then(|n| n.parse().ok()).expect("it begins with the number");
    assert!(answered >= ANSWERED_MIN, "{text}");
}

#[test]
fn axum_stays_responsive() {
    stays_responsive(env!("CARGO_BIN_EXE_web_backend_axum"));
}

#[test]
fn smol_stays_responsive() {
    stays_responsive(env!("CARGO_BIN_EXE_web_backend_smol"));
}

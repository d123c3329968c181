//! `cargo xtask fix`: mends what a machine can mend.

use crate::cargo::{cargo, run};

/// Formats, applies clippy's suggestions to the working tree, and formats what clippy wrote.
///
/// # Errors
/// When one of the commands fails.
pub(crate) fn run_all() -> anyhow::Result<()> {
    run(cargo().args(["fmt", "--all"]))?;
    let tree = ["--allow-dirty", "--allow-staged"];
    run(cargo().args(["clippy", "--fix", "--workspace", "--all-targets", "--all-features"]).args(tree))?;
    run(cargo().args(["fmt", "--all"]))
}

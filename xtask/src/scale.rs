//! `cargo xtask scale`: large clusters in the simulator, as tables. See `docs/scale.md`.

use crate::cargo::{cargo, run as run_command};
use crate::sim::PACKAGE;

/// The program that runs them.
const PROGRAM: &str = "sim_scale";

/// Options of `cargo xtask scale`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// `one` (default), `shards` or `nested`, and the options of each; `cargo xtask scale one --help` names them.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// Runs a release build.
///
/// # Errors
/// When it does not build, or a result is wrong.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let mut command = cargo();
    command.args(["run", "--release", "--package", PACKAGE, "--bin", PROGRAM, "--"]);
    if args.rest.first().is_none_or(|first| first.starts_with('-')) {
        command.arg("one");
    }
    run_command(command.args(&args.rest))
}

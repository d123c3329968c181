//! `cargo xtask sim`: the workload in the simulator, seed after seed.

use crate::cargo::{cargo, run as run_command};

/// The package and program that run the simulated workload.
pub(crate) const PACKAGE: &str = "longshore-tests";
/// See [`PACKAGE`].
pub(crate) const PROGRAM: &str = "sim_workload";

/// Options of `cargo xtask sim`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many seeds.
    #[arg(long, default_value_t = 200)]
    seeds: u64,
    /// The first seed; a failing seed is run again by naming it here with `--seeds 1`.
    #[arg(long, default_value_t = 0)]
    start: u64,
    /// More arguments for the workload, after `--`.
    #[arg(last = true)]
    rest: Vec<String>,
}

/// Runs the seeds in a release build.
///
/// # Errors
/// When a seed fails.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let mut command = cargo();
    command.args(["run", "--release", "--package", PACKAGE, "--bin", PROGRAM, "--"]);
    command.args(["--seeds", &args.seeds.to_string()]);
    command.args(["--start", &args.start.to_string()]).args(&args.rest);
    run_command(&mut command)
}

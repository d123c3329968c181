//! `cargo xtask test`: every test there is, through nextest where it is installed.
//!
//! One set of features and one profile for everything, so that nothing is built twice.

use anyhow::bail;

use crate::cargo::{Workspace, cargo, has_subcommand};
use crate::count::{self, Count};

/// Options of `cargo xtask test`.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Args {
    /// Only this package.
    #[arg(long, short)]
    package: Option<String>,
    /// Only tests whose name contains this.
    filter: Option<String>,
}

/// Runs the tests and prints the totals.
///
/// # Errors
/// When a test fails.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let mut total = tests(args);
    total += doctests(args);
    println!("{total}");
    if total.failed > 0 {
        bail!("tests failed");
    }
    Ok(())
}

/// Unit and integration tests.
pub(crate) fn tests(args: &Args) -> Count {
    let mut command = cargo();
    if has_subcommand("nextest") {
        command.args(["nextest", "run", "--no-fail-fast", "--no-tests=pass", "--tests"]);
    } else {
        command.args(["test", "--no-fail-fast", "--tests"]);
    }
    select(&mut command, args);
    count::run(&mut command, None)
}

/// The examples in the documentation; nextest does not know them.
pub(crate) fn doctests(args: &Args) -> Count {
    if args.package.as_deref().is_some_and(|name| !has_library(name)) {
        return Count::default();
    }
    let mut command = cargo();
    command.args(["test", "--doc", "--no-fail-fast"]);
    select(&mut command, args);
    count::run(&mut command, None)
}

/// Whether a package has a library; cargo complains of doctests without one.
fn has_library(name: &str) -> bool {
    let Ok(workspace) = Workspace::read() else { return false };
    workspace.package(name).is_ok_and(|package| {
        package.targets.iter().any(|target| matches!(&*target.kind, "lib" | "proc-macro"))
    })
}

fn select(command: &mut std::process::Command, args: &Args) {
    match &args.package {
        Some(name) => command.args(["--package", name]),
        None => command.arg("--workspace"),
    };
    command.arg("--all-features");
    command.args(&args.filter);
}

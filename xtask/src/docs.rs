//! `cargo xtask docs`: the documentation of our own crates, warnings denied.

use std::env;
use std::process::Command;

use crate::cargo::cargo;

/// Options of `cargo xtask docs`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Open it in a browser.
    #[arg(long)]
    open: bool,
}

/// Builds the documentation.
///
/// # Errors
/// When rustdoc warns or fails.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let mut command = command();
    if args.open {
        command.arg("--open");
    }
    crate::cargo::run(&mut command)
}

/// The command that builds it. Libraries only: the program `longshore` would be written over the library `longshore`.
pub(crate) fn command() -> Command {
    let mut flags = env::var("RUSTDOCFLAGS").unwrap_or_default();
    flags.push_str(" -D warnings");
    let mut command = cargo();
    command
        .args(["doc", "--workspace", "--no-deps", "--lib", "--all-features"])
        .env("RUSTDOCFLAGS", flags.trim());
    command
}

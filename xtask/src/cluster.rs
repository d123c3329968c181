//! `cargo xtask cluster`: a scheduler and some workers on loopback, to play with.
//!
//! They are processes of the `longshore` command in the terminal's own group, so Ctrl-C ends all of them.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use anyhow::Context;

use crate::cargo::{self, Workspace, cargo};

/// Options of `cargo xtask cluster`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many workers.
    #[arg(long, default_value_t = 2)]
    workers: usize,
    /// The port of the scheduler.
    #[arg(long, default_value_t = 8786)]
    port: u16,
}

/// Starts them and waits until the scheduler ends.
///
/// # Errors
/// When one of them cannot be built or started.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let program = build()?;
    let address = format!("tcp://127.0.0.1:{}", args.port);
    let mut scheduler = start(&program, &["scheduler", "--port", &args.port.to_string()])?;
    let mut workers = Vec::new();
    for number in 1..=args.workers {
        workers.push(start(&program, &["worker", &address, "--name", &format!("w{number}")])?);
    }
    eprintln!("scheduler at {address}, {} workers; Ctrl-C ends them", args.workers);
    let status = scheduler.wait()?;
    eprintln!("the scheduler ended: {status}");
    for mut worker in workers {
        let _ = worker.kill();
        let _ = worker.wait();
    }
    Ok(())
}

fn build() -> anyhow::Result<PathBuf> {
    cargo::run(cargo().args(["build", "--package", "longshore-cli"]))?;
    let workspace = Workspace::read()?;
    let package = workspace.package("longshore-cli")?;
    let target =
        package.programs().find(|t| t.name == "longshore").context("longshore-cli has no `longshore`")?;
    Ok(workspace.debug_program(target))
}

fn start(program: &Path, args: &[&str]) -> anyhow::Result<Child> {
    let mut command = Command::new(program);
    eprintln!("+ {}", cargo::shown(command.args(args)));
    command.spawn().with_context(|| format!("cannot start {}", program.display()))
}

//! `cargo xtask cluster`: a scheduler and some workers on loopback, to play with.
//!
//! They are processes of the `longshore` command in the terminal's own group, so Ctrl-C ends all of them. Workers run
//! the functions of one program; an example is taken when none is named.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use anyhow::Context;

use crate::cargo::{self, Workspace, cargo};

/// Options of `cargo xtask cluster`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many worker processes.
    #[arg(long, default_value_t = 2)]
    workers: usize,
    /// The port of the scheduler.
    #[arg(long, default_value_t = 8786)]
    port: u16,
    /// The example whose functions the workers run.
    #[arg(long, default_value = "wordcount")]
    example: String,
    /// A program of your own instead, which calls `longshore::init()` first.
    #[arg(long, value_name = "BIN", conflicts_with = "example")]
    exec: Option<PathBuf>,
}

/// Starts them and waits until the scheduler ends.
///
/// # Errors
/// When one of them cannot be built or started.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let workspace = build(args.exec.is_none())?;
    let longshore = program(&workspace, "longshore-cli", "longshore")?;
    let exec = match &args.exec {
        Some(exec) => exec.clone(),
        None => program(&workspace, "longshore-examples", &args.example)?,
    };
    let address = format!("tcp://127.0.0.1:{}", args.port);
    let mut scheduler = start(Command::new(&longshore).args(["scheduler", "--listen", &address]))?;
    let count = args.workers.to_string();
    let mut supervisor = Command::new(&longshore);
    supervisor.args(["worker", &address, "--workers", &count, "--exec"]).arg(&exec);
    let mut supervisor = start(&mut supervisor)?;
    eprintln!("connect to {address}; Ctrl-C ends it");
    let status = scheduler.wait()?;
    eprintln!("the scheduler ended: {status}");
    let _ = supervisor.wait();
    Ok(())
}

/// Builds what is needed in one go, so that cargo chooses one set of features for all of it.
fn build(with_examples: bool) -> anyhow::Result<Workspace> {
    let mut command = cargo();
    command.args(["build", "--bins", "--package", "longshore-cli"]);
    if with_examples {
        command.args(["--package", "longshore-examples"]);
    }
    cargo::run(&mut command)?;
    Workspace::read()
}

fn program(workspace: &Workspace, package: &str, name: &str) -> anyhow::Result<PathBuf> {
    let mut programs = workspace.package(package)?.programs();
    let target = programs.find(|t| t.name == name);
    Ok(workspace.debug_program(target.with_context(|| format!("{package} has no program {name}"))?))
}

fn start(command: &mut Command) -> anyhow::Result<Child> {
    eprintln!("+ {}", cargo::shown(command));
    let program = Path::new(command.get_program()).display().to_string();
    command.spawn().with_context(|| format!("cannot start {program}"))
}

//! The `longshore` command.
//!
//! `longshore scheduler` runs a scheduler, `longshore worker --exec BIN` keeps worker processes of a user's program running, and
//! `longshore status` shows a cluster. One file per command; all run on the built-in runtime.

mod scheduler;
mod signal;
mod status;
mod token;
mod worker;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// A scheduler, workers and status of a Longshore cluster.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a scheduler until it is interrupted.
    Scheduler(scheduler::Args),
    /// Keep worker processes of a program running until interrupted.
    Worker(worker::Args),
    /// Show the workers and tasks of a cluster.
    Status(status::Args),
}

fn main() -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,longshore=info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match Cli::parse().command {
        Command::Scheduler(args) => scheduler::run(&args),
        Command::Worker(args) => worker::run(&args),
        Command::Status(args) => status::run(&args),
    }
}

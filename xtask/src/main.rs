//! Developer commands: `cargo xtask COMMAND`, one file per command.
//!
//! Everything that checks the project lives here rather than in shell or in the settings of some CI service, so
//! that a laptop and a CI machine run the same thing. Deliberately absent: anything of Longshore itself. This crate
//! depends on none of the others, so it builds in seconds and still works when they do not compile.

mod bench;
mod cargo;
mod ci;
mod cluster;
mod count;
mod docs;
mod fix;
mod scale;
mod sim;
mod source;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::Parser;

/// Developer commands of Longshore.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about, bin_name = "cargo xtask")]
enum Command {
    /// Everything a change must pass; ends in a line 'N passed, N failed'.
    Ci(ci::Args),
    /// Format, and apply what clippy can mend by itself.
    Fix,
    /// The rules of the house that no compiler checks.
    Tidy,
    /// All tests: unit, integration, doctests.
    Test(test::Args),
    /// The simulated workload over many seeds.
    Sim(sim::Args),
    /// Clusters of up to ten thousand workers and several schedulers, in the simulator.
    Scale(scale::Args),
    /// Measure, each metric beside its floor.
    Bench(bench::Args),
    /// Build the documentation, warnings denied.
    Docs(docs::Args),
    /// A scheduler and some workers on loopback, to play with.
    Cluster(cluster::Args),
}

fn main() -> ExitCode {
    match run(Command::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Ci(args) => ci::run(&args),
        Command::Fix => fix::run_all(),
        Command::Tidy => tidy::run(),
        Command::Test(args) => test::run(&args),
        Command::Sim(args) => sim::run(&args),
        Command::Scale(args) => scale::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Docs(args) => docs::run(&args),
        Command::Cluster(args) => cluster::run(&args),
    }
}

//! `cargo xtask ci`: everything a change must pass, on one screen at the end.
//!
//! A failing step does not stop the others, so one run tells all. Only one profile and one set of features are built
//! for the tests, the examples and the seeds, so that a clean checkout stays within minutes.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::bail;

use crate::cargo::{self, Workspace, cargo};
use crate::count::{self, Count};
use crate::{docs, sim, test, tidy};

/// How long an example may run.
const EXAMPLE_DEADLINE: Duration = Duration::from_secs(120);
/// How long the seeds may run.
const SIM_DEADLINE: Duration = Duration::from_secs(900);

/// Options of `cargo xtask ci`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Seeds of the simulated workload, in the debug build.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
}

struct Step {
    name: &'static str,
    count: Count,
    took: Duration,
}

/// Runs every step, prints a table and the closing line `N passed, N failed`.
///
/// # Errors
/// When anything failed.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let mut steps = Vec::new();
    let mut step = |name: &'static str, work: &mut dyn FnMut() -> Count| {
        eprintln!("\n== {name}");
        let start = Instant::now();
        let count = work();
        steps.push(Step { name, count, took: start.elapsed() });
    };
    step("fmt", &mut || check(cargo::run(cargo().args(["fmt", "--all", "--check"]))));
    step("tidy", &mut || check(tidy::run()));
    step("clippy", &mut || check(cargo::run(&mut clippy())));
    step("docs", &mut || check(cargo::run(&mut docs::command())));
    step("tests", &mut || test::tests(&test::Args::default()));
    step("doctests", &mut || test::doctests(&test::Args::default()));
    let mut programs = None;
    step("programs", &mut || match build_programs() {
        Ok(built) => {
            programs = Some(built);
            Count::one(true)
        }
        Err(error) => failed(error),
    });
    // without a build there would be the programs of an earlier one
    if let Some(workspace) = &programs {
        step("examples", &mut || examples(workspace).unwrap_or_else(failed));
        step("sim", &mut || seeds(workspace, args.seeds).unwrap_or_else(failed));
    }
    report(&steps)
}

fn clippy() -> Command {
    let mut command = cargo();
    command.args(["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"]);
    command
}

fn check(result: anyhow::Result<()>) -> Count {
    match result {
        Ok(()) => Count::one(true),
        Err(error) => failed(error),
    }
}

fn failed(error: anyhow::Error) -> Count {
    eprintln!("error: {error:#}");
    Count::one(false)
}

/// Builds all programs, with what the tests have built already.
fn build_programs() -> anyhow::Result<Workspace> {
    cargo::run(cargo().args(["build", "--workspace", "--all-features", "--bins", "--examples"]))?;
    Workspace::read()
}

/// Runs each example without arguments.
fn examples(workspace: &Workspace) -> anyhow::Result<Count> {
    let mut count = Count::default();
    for target in workspace.package("longshore-examples")?.programs() {
        let mut command = Command::new(workspace.debug_program(target));
        eprintln!("+ {}", cargo::shown(&command));
        let ok = count::wait(&mut command.current_dir(cargo::root()).spawn()?, Some(EXAMPLE_DEADLINE));
        if !ok {
            eprintln!("error: the example {} failed", target.name);
        }
        count += Count::one(ok);
    }
    if count == Count::default() {
        bail!("there is no example to run");
    }
    Ok(count)
}

/// Runs the simulated workload.
fn seeds(workspace: &Workspace, seeds: u64) -> anyhow::Result<Count> {
    let package = workspace.package(sim::PACKAGE)?;
    let Some(target) = package.programs().find(|t| t.name == sim::PROGRAM) else {
        bail!("{} has no program {}", sim::PACKAGE, sim::PROGRAM);
    };
    let mut command = Command::new(workspace.debug_program(target));
    command.args(["--seeds", &seeds.to_string()]).current_dir(cargo::root());
    Ok(count::run(&mut command, Some(SIM_DEADLINE)))
}

fn report(steps: &[Step]) -> anyhow::Result<()> {
    let mut total = Count::default();
    println!();
    for step in steps {
        total += step.count;
        println!("{:<10} {:<24} {:>6.1} s", step.name, step.count.to_string(), step.took.as_secs_f64());
    }
    println!("{total}");
    if total.failed > 0 {
        std::process::exit(1);
    }
    Ok(())
}

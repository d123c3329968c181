//! `longshore worker --exec BIN`: a supervisor of worker processes.
use crate::{signal, token::Token};
use anyhow::{Context, ensure};
use clap::Args as ClapArgs;
use futures_lite::FutureExt;
use longshore::rt::{BlockOn, OwnedExecutor, RuntimeExt};
use longshore::{Address, Supervisor, WorkerPlan};
use std::path::PathBuf;
use std::time::Duration;

/// How long workers may take to leave before they are killed.
const LEAVE: Duration = Duration::from_secs(4);

/// Options of the command.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// Address of the scheduler.
    scheduler: Address,
    /// Program whose functions the workers run. It must call `longshore::init()` as the first line of its main.
    #[arg(long, value_name = "BIN")]
    exec: PathBuf,
    /// Number of worker processes.
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// Tasks each of them runs at once.
    #[arg(long, default_value_t = 1)]
    threads: u32,
    /// Name of the workers; a number is appended.
    #[arg(long)]
    name: Option<String>,
    /// Runtime they run on, as the program's `init_with` or the enabled features know it.
    #[arg(long, default_value = "owned")]
    runtime: String,
    /// Memory each may use for values, in bytes; bounds single values, not yet their sum.
    #[arg(long)]
    memory_limit: Option<u64>,
    /// Resources each supplies, as NAME=AMOUNT; may be given several times.
    #[arg(long, value_name = "NAME=AMOUNT", value_parser = resource)]
    resource: Vec<(String, f64)>,
    #[command(flatten)]
    token: Token,
}

fn resource(text: &str) -> Result<(String, f64), String> {
    let (name, amount) = text.split_once('=').ok_or("expected NAME=AMOUNT")?;
    let amount: f64 = amount.parse().map_err(|_| format!("{amount:?} is not a number"))?;
    if !amount.is_finite() || amount < 0.0 {
        return Err(format!("{amount} is not an amount"));
    }
    Ok((name.to_owned(), amount))
}

/// Runs until interrupted, or until no worker is left that could be started again.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    ensure!(args.exec.is_file(), "there is no program {}", args.exec.display());
    let interrupted = signal::interrupted()?;
    let base = args.name.clone().unwrap_or_else(|| format!("worker-{}", std::process::id()));
    let mut supervisors = Vec::new();
    for i in 0..args.workers {
        let plan = plan(args, format!("{base}-{i}"))?;
        let supervisor = Supervisor::start(args.exec.clone(), plan)
            .with_context(|| format!("{} could not be started", args.exec.display()))?;
        supervisor.restart_when_dead();
        println!("worker {base}-{i} is process {}", supervisor.pid().unwrap_or_default());
        supervisors.push(supervisor);
    }
    let rt = OwnedExecutor::new()?;
    let sleeper = rt.clone();
    rt.block_on(async move {
        let all_ended = async {
            for supervisor in &supervisors {
                supervisor.ended().await;
            }
        };
        let signalled = async {
            let _ = interrupted.recv().await;
        };
        all_ended.or(signalled).await;
        supervisors.iter().for_each(Supervisor::stop);
        for supervisor in &supervisors {
            if sleeper.timeout(LEAVE, supervisor.ended()).await.is_err() {
                supervisor.kill();
            }
        }
    })?;
    Ok(())
}

fn plan(args: &Args, name: String) -> anyhow::Result<WorkerPlan> {
    Ok(WorkerPlan {
        scheduler: args.scheduler.to_string(),
        token: args.token.read()?,
        name,
        nthreads: args.threads,
        memory_limit_bytes: args.memory_limit,
        runtime: args.runtime.clone(),
        resources: args.resource.clone(),
    })
}

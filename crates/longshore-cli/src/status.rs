//! `longshore status`
use crate::token::Token;
use clap::Args as ClapArgs;
use longshore::Address;
use longshore::blocking::Client;
use longshore::rt::OwnedExecutor;

/// Options of the command.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// Address of the scheduler.
    #[arg(default_value = "tcp://127.0.0.1:8786")]
    scheduler: Address,
    #[command(flatten)]
    token: Token,
}

/// Asks the scheduler and prints what it says.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let client =
        Client::with(OwnedExecutor::new()?).address(&args.scheduler).token(args.token.read()?).connect()?;
    let info = client.scheduler_info()?;
    let tasks = info.tasks;
    println!("scheduler {} · {} workers · {} clients", args.scheduler, info.workers.len(), info.clients);
    println!(
        "tasks: {} waiting, {} queued, {} assigned, {} in memory, {} failed; {} finished so far",
        tasks.waiting, tasks.queued, tasks.assigned, tasks.memory, tasks.failed, info.finished_total
    );
    for w in &info.workers {
        let address = w.address.as_deref().unwrap_or("not reachable");
        println!(
            "  {:<16} {:>3} threads  {:>6} assigned  {:>12} bytes stored  {:<9} pid {:<7} {address}",
            w.name, w.nthreads, w.assigned, w.stored_bytes, w.runtime, w.pid
        );
    }
    client.close()?;
    Ok(())
}

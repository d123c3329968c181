//! `longshore scheduler`
use crate::{signal, token::Token};
use anyhow::{Context, bail};
use clap::Args as ClapArgs;
use futures_lite::FutureExt;
use longshore::rt::{BlockOn, OwnedExecutor};
use longshore::{Address, Scheduler};
use std::fs;
use std::path::{Path, PathBuf};

/// Options of the command.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// Address to listen on; may be given several times. Port 0 chooses a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "tcp://127.0.0.1:8786")]
    listen: Vec<Address>,
    /// File to say in where the scheduler is, for clients with `scheduler_file`; removed at the end.
    #[arg(long, value_name = "FILE")]
    scheduler_file: Option<PathBuf>,
    #[command(flatten)]
    token: Token,
    /// Listen beyond this machine although anybody who can connect may then run tasks and read results.
    #[arg(long)]
    insecure: bool,
}

/// Runs until interrupted, or until a client shuts the cluster down.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let interrupted = signal::interrupted()?;
    let token = args.token.read()?;
    if let Some(open) = args.listen.iter().find(|a| !a.is_local_to_this_machine()) {
        if token.is_empty() {
            bail!("{open} can be reached from other machines: give the cluster a secret with --token-file");
        }
        if !args.insecure {
            bail!(
                "{open} can be reached from other machines and the connection is not encrypted; say --insecure if the network is trusted"
            );
        }
    }
    let rt = OwnedExecutor::new()?;
    let builder = args.listen.iter().cloned().fold(Scheduler::builder(rt.clone()), |b, a| b.listen(a));
    rt.block_on(async move {
        let mut scheduler = builder.token(token).start().await?;
        for address in scheduler.addresses() {
            println!("scheduler at {address}");
        }
        let file = args.scheduler_file.as_deref();
        if let Some(file) = file {
            announce(file, scheduler.address())?;
        }
        // Closed by the signal; nothing is ever sent.
        let signalled = async {
            let _ = interrupted.recv().await;
        };
        signalled.or(scheduler.finished()).await;
        if let Some(file) = file {
            // Somebody may have removed it already.
            let _ = fs::remove_file(file);
        }
        scheduler.close().await;
        Ok(())
    })?
}

/// Writes the file aside and moves it into place, so that nobody reads half of it.
fn announce(file: &Path, address: &Address) -> anyhow::Result<()> {
    let aside = file.with_extension(format!("{}.tmp", std::process::id()));
    let written = fs::write(&aside, format!("{{\"address\": \"{address}\"}}\n"));
    written
        .and_then(|()| fs::rename(&aside, file))
        .with_context(|| format!("{} could not be written", file.display()))
}

//! `longshore scheduler`
use crate::{signal, token::Token};
use anyhow::bail;
use clap::Args as ClapArgs;
use longshore::rt::{BlockOn, OwnedExecutor};
use longshore::{Address, Scheduler};

/// Options of the command.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// Address to listen on; may be given several times. Port 0 chooses a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "tcp://127.0.0.1:8786")]
    listen: Vec<Address>,
    #[command(flatten)]
    token: Token,
    /// Listen beyond this machine although anybody who can connect may then run tasks and read results.
    #[arg(long)]
    insecure: bool,
}

/// Runs until interrupted.
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
        let scheduler = builder.token(token).start().await?;
        for address in scheduler.addresses() {
            println!("scheduler at {address}");
        }
        // Closed by the signal; nothing is ever sent.
        let _ = interrupted.recv().await;
        scheduler.close().await;
        Ok(())
    })?
}

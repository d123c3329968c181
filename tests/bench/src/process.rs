//! Child processes of this very program.

use std::env;
use std::fmt::Display;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::thread;

use anyhow::{Context, anyhow, bail};

/// What the first argument of a child begins with.
pub(crate) const ROLE: &str = "role:";

/// A child process in some role; dropping it kills it.
#[derive(Debug)]
pub(crate) struct Role {
    child: Child,
    /// The line the child announced itself with: most often its address.
    pub(crate) address: String,
}

impl Role {
    /// Starts this program again in `role` and waits until it announces itself.
    ///
    /// # Errors
    /// When the child cannot be started or ends without a word.
    pub(crate) fn start(role: &str, args: &[&str]) -> anyhow::Result<Self> {
        let mut command = Command::new(env::current_exe()?);
        // As the processes of a cluster have it, whose runtimes have one thread unless their users say more.
        command.env("ASYNC_STD_THREAD_COUNT", "1");
        command.arg(format!("{ROLE}{role}")).args(args).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot start the role {role}"))?;
        let mut line = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut line)?;
        }
        if line.is_empty() {
            let _ = child.kill();
            bail!("the role {role} ended before it was ready: {}", child.wait()?);
        }
        Ok(Self { child, address: line.trim().to_owned() })
    }

    /// Starts several children of one role at once.
    ///
    /// # Errors
    /// When one of them cannot be started.
    pub(crate) fn start_together(role: &str, each: &[Vec<&str>]) -> anyhow::Result<Vec<Self>> {
        thread::scope(|scope| {
            let starting: Vec<_> = each.iter().map(|args| scope.spawn(|| Self::start(role, args))).collect();
            starting.into_iter().map(|start| start.join().map_err(|_| anyhow!("a start panicked"))?).collect()
        })
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Says to the parent that this child is ready.
///
/// # Errors
/// When the parent is gone.
pub(crate) fn announce(line: impl Display) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

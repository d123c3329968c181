//! The cluster's shared secret, from a file or the environment, so that it does not stand in a list of processes.
use anyhow::Context;
use clap::Args;
use std::path::PathBuf;

/// Where the secret comes from.
#[derive(Debug, Args)]
pub(crate) struct Token {
    /// File whose first line is the cluster's shared secret.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The cluster's shared secret.
    #[arg(long, env = "LONGSHORE_TOKEN", hide_env_values = true, conflicts_with = "token_file")]
    token: Option<String>,
}

impl Token {
    /// The secret; empty if none was given.
    pub(crate) fn read(&self) -> anyhow::Result<String> {
        let Some(path) = &self.token_file else { return Ok(self.token.clone().unwrap_or_default()) };
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("the token file {} could not be read", path.display()))?;
        Ok(text.lines().next().unwrap_or_default().trim().to_owned())
    }
}

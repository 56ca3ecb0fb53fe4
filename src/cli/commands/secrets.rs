use anyhow::Result;
use serde_json::json;

use crate::cli::shared::context::Context;
use crate::cli::shared::session;
use crate::cli::{block_on, or_interrupt};
use crate::docker;
use crate::error::Exit;

/// Show a secret that was generated on the host
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Print the value of a generated secret, and nothing else
    Show {
        /// Name the secret, such as `grafana_admin`
        secret: String,
    },
}

pub fn run(args: &Args, context: &Context) -> Result<Exit> {
    let Command::Show { secret: name } = &args.command;
    block_on(or_interrupt(async {
        let (client, stack, observed) = session::look(context).await?;
        let secret = docker::generated_secret(&client, &observed, &stack, name).await?;
        if context.ui.json {
            context.ui.document(&json!({"name": name, "value": secret.expose()}))?;
        } else {
            context.ui.data(secret.expose())?;
        }
        Ok(Exit::Done)
    }))
}

use anyhow::Result;

use crate::cli::shared::context::Context;
use crate::error::Exit;

/// Print the version
#[derive(Debug, clap::Args)]
pub struct Args {}

pub fn run(_: &Args, context: &Context) -> Result<Exit> {
    let version = env!("CARGO_PKG_VERSION");
    if context.ui.json {
        context.ui.document(&serde_json::json!({"name": "watchpost", "version": version}))?;
    } else {
        context.ui.data(&format!("watchpost {version}"))?;
    }
    Ok(Exit::Done)
}

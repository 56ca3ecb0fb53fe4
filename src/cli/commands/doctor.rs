use anyhow::Result;

use crate::cli::commands::verify::Subject;
use crate::cli::shared::context::{Choice, Context};
use crate::cli::shared::session;
use crate::cli::{block_on, or_interrupt};
use crate::docker;
use crate::doctor;
use crate::error::Exit;
use crate::ui::diagnosis;

/// Look for common problems of this host and this stack, and change nothing
///
/// Checks Docker and its host, ports, images, disk space for the retention, memory for the series, rejected configuration,
/// Grafana's password and data sources, receivers, and the Watchdog. It works before the first deploy too, and says what
/// it could not check.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  watchpost doctor                    this host, and the stack of ./watchpost.yaml
  watchpost doctor --stack standard   before a first deploy, without a spec

Signs: ✓ well, ! worth knowing, ✗ a problem, – not checked.
Exit status: 0 without a problem, 1 with one.

With -o json: {\"stack\", \"host\", \"problems\", \"areas\": [{about, findings: [{id, subject, verdict, what, why, fix}]}]},
findings as in `watchpost schema proof`")]
pub struct Args {
    #[command(flatten)]
    pub choice: Choice,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit> {
    block_on(or_interrupt(examine(args, context)))
}

async fn examine(args: &Args, context: &Context) -> Result<Exit> {
    let Subject { name, host, catalog, bundle, .. } = Subject::load(context, &args.choice)?;
    let client = session::connect(host.as_deref()).await?;
    let observed = docker::observe(&client, &name, bundle.as_ref()).await?;
    let mut diagnosis = doctor::examine(&client, &name, &observed, &catalog, bundle.as_ref()).await;
    diagnosis.address(&context.addressing_on(&client));
    if context.ui.json {
        context.ui.document(&diagnosis)?;
    } else {
        let engine = &client.engine;
        let host = if engine.local { "local Docker".into() } else { format!("{} · Docker", engine.name) };
        context.ui.say(&format!("{name} · {host} {}\n", engine.version));
        context.ui.data(&diagnosis::render(&diagnosis, context.ui.width))?;
    }
    Ok(if diagnosis.problems > 0 { Exit::Error } else { Exit::Done })
}

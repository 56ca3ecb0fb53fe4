use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use futures_util::StreamExt;
use serde_json::json;

use crate::cli::shared::context::{Context, duration};
use crate::cli::shared::session;
use crate::cli::{block_on, or_interrupt};
use crate::docker::{self, LogOptions};
use crate::error::Exit;
use crate::ui::style::{DIM, paint};

/// Show the logs of a stack's services
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  watchpost logs -F                      all services, as it happens (`-f` names the spec)
  watchpost logs prometheus --tail 20    the last lines of one
  watchpost logs --since 10m             the last ten minutes

With -o json: one {service, line} a line")]
pub struct Args {
    /// Show only these services
    services: Vec<String>,
    /// Follow the log
    #[arg(short = 'F', long)]
    follow: bool,
    /// Show only the last lines of each service
    #[arg(long, value_name = "LINES")]
    tail: Option<usize>,
    /// Show only what was logged in this time
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    since: Option<Duration>,
    /// Show when each line was logged
    #[arg(long)]
    timestamps: bool,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit> {
    block_on(or_interrupt(show(args, context)))
}

async fn show(args: &Args, context: &Context) -> Result<Exit> {
    let (client, name, observed) = session::look(context).await?;
    if observed.containers.is_empty() {
        context.ui.say(&format!("{name} · not deployed on this host; run `watchpost up` to deploy it."));
        return Ok(Exit::Done);
    }
    let since = args.since.and_then(|ago| SystemTime::now().checked_sub(ago)?.duration_since(UNIX_EPOCH).ok());
    let options = LogOptions {
        services: args.services.clone(),
        follow: args.follow,
        tail: args.tail,
        since: since.and_then(|since| i32::try_from(since.as_secs()).ok()).unwrap_or(0),
        timestamps: args.timestamps,
    };
    let width = observed.containers.iter().map(|container| container.service.len()).max().unwrap_or(0);
    let mut lines = Box::pin(docker::logs(&client, &observed, &options)?);
    while let Some(line) = lines.next().await {
        if context.ui.json {
            context.ui.json_line(&json!({"service": line.service, "line": line.line}))?;
        } else {
            let service = format!("{:width$} │", line.service);
            context.ui.data(&format!("{} {}", paint(DIM, service), line.line))?;
        }
    }
    Ok(Exit::Done)
}

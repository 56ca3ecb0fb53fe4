use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use crate::cli::shared::context::{Context, duration};
use crate::cli::shared::{session, watch};
use crate::cli::{block_on, or_interrupt};
use crate::error::Exit;
use crate::fix::Fix;
use crate::live;
use crate::ui::human::count;
use crate::ui::live::{since, state};
use crate::ui::table::Table;

/// Show the services of a stack and their state
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  watchpost status
  watchpost status --watch             services, targets and firing alerts, as they change
  watchpost status --watch | tee log   without a terminal: a line for each change

A service whose container was removed is listed as missing.
Exit status: 0 when every service runs, 1 when one is stopped, paused, missing, unhealthy or restarting.

With -o json: {\"stack\", \"services\": [{service, title, image, container, state, health, started_at, restarts, addresses, note}]};
with --watch one such line for each change, with {\"at\", \"targets\": {up, waiting, down: [{name, error}]},
\"alerts\": [{name, severity, subject, since}], \"silent\": [who does not answer]} in it; targets is null when Prometheus does not answer.
Ctrl-C ends --watch, with exit status 0.")]
pub struct Args {
    /// Follow services, targets and firing alerts until Ctrl-C
    #[arg(short, long)]
    watch: bool,
    /// With --watch: query Prometheus this often
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = duration, requires = "watch")]
    interval: Duration,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit> {
    if args.watch {
        return block_on(watch::watch(context, args.interval));
    }
    block_on(or_interrupt(show(context)))
}

async fn show(context: &Context) -> Result<Exit> {
    let (client, name, observed) = session::look(context).await?;
    let (_, services) = live::services(&client, &observed, &name).await?;
    let down = services.iter().filter(|service| !service.runs()).count();
    let exit = if down > 0 { Exit::Error } else { Exit::Done };
    if context.ui.json {
        context.ui.document(&json!({"stack": name, "services": services}))?;
        return Ok(exit);
    }
    if services.is_empty() {
        context.ui.say(&format!("{name} · not deployed on this host; run `watchpost up` to deploy it."));
        return Ok(Exit::Done);
    }
    let mut table = Table::new(["SERVICE", "IMAGE", "STATE", "UPTIME", "ADDRESS"]).last_whole();
    for service in &services {
        let image = service.image.rsplit('/').next().unwrap_or_default();
        let uptime = since(service.started_at.as_deref());
        table.row([
            service.service.as_str().into(),
            image.into(),
            state(service),
            uptime.into(),
            service.addresses.join(", ").into(),
        ]);
    }
    context.ui.data(&table.render(context.ui.width))?;
    if down > 0 {
        let mut verify = Fix::watchpost(["verify"]).note("says why, and what fixes it");
        verify.address(&context.addressing_on(&client));
        let verb = if down == 1 { "does" } else { "do" };
        context.ui.say(&format!("\n{down} of {} {verb} not run well: {verify}", count(services.len(), "service")));
    }
    Ok(exit)
}

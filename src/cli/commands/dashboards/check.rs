use anyhow::Result;

use crate::cli::commands::dashboards::{own, reach};
use crate::cli::commands::verify;
use crate::cli::shared::context::Context;
use crate::cli::{block_on, or_interrupt};
use crate::error::Exit;
use crate::verify::{Link, Options, prove};

/// Prove the way from Grafana to data in every panel
///
/// Grafana up and its login valid, data sources healthy, every deployed dashboard there and unchanged, and every query of
/// every panel run with its variables as Grafana fills them. It changes nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  watchpost dashboards check
  watchpost dashboards check -v             notes too: panels that are empty for a good reason
  watchpost dashboards check -o json

Exit status: 6 when something is broken, 1 when nothing could be checked.")]
pub struct Args {}

pub fn run(_: &Args, context: &Context) -> Result<Exit> {
    block_on(or_interrupt(check(context)))
}

async fn check(context: &Context) -> Result<Exit> {
    let catalog = context.catalog(own::spec(context)?.as_ref())?;
    let stack = reach::stack(context).await?;
    let options = Options { links: vec![Link::Dashboards], deliver: false, patience: context.global.timeout };
    let report = prove(&stack, &catalog, None, &options, &|_| {}).await;
    verify::show(context, &report)
}

use anyhow::Result;

use crate::cli::commands::dashboards::{around, reach};
use crate::cli::commands::verify;
use crate::cli::shared::context::Context;
use crate::cli::{block_on, or_interrupt};
use crate::error::Exit;
use crate::verify::{Link, Options, prove};

/// Verify the way from Grafana to data in every panel
///
/// Checks that Grafana is up and its login valid, that data sources are healthy, and that every deployed dashboard exists
/// unchanged. Runs every query of every panel, with variables filled in as Grafana does. Changes nothing.
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
    let spec = around::spec(context)?;
    let catalog = context.catalog(spec.as_ref())?;
    let stack = reach::stack(context).await?;
    let (patience, accept) = (context.global.timeout, spec.map(|spec| spec.accept).unwrap_or_default());
    let options = Options { links: vec![Link::Dashboards], deliver: false, patience, accept, deployed: false };
    let report = prove(&stack, &catalog, None, &options, &|_| {}).await;
    verify::show(context, &report)
}

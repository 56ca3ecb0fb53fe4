use anyhow::Result;

use crate::catalog::describe::Listing;
use crate::cli::shared::context::Context;
use crate::error::Exit;
use crate::ui::style::{STRONG, paint};
use crate::ui::table::Table;

/// List components, stacks and kinds of receivers
#[derive(Debug, clap::Args)]
pub struct Args {}

pub fn run(_: &Args, context: &Context) -> Result<Exit> {
    let catalog = context.own_catalog()?;
    if context.ui.json {
        context.ui.document(&catalog.list())?;
    } else {
        context.ui.data(&listing_text(&catalog.list(), context.ui.width))?;
    }
    Ok(Exit::Done)
}

fn listing_text(listing: &Listing, width: Option<usize>) -> String {
    let mut stacks = Table::new([]);
    for stack in &listing.stacks {
        let members = stack.components.join(", ");
        stacks.row([stack.name.as_str().into(), stack.description.as_str().into(), members.into()]);
    }
    let mut components = Table::new([]);
    for component in &listing.components {
        let origin = if component.overlaid { "(yours) " } else { "" };
        let description = format!("{origin}{}", component.description);
        components.row([component.name.as_str().into(), component.image.as_str().into(), description.into()]);
    }
    let mut receivers = Table::new([]);
    for kind in &listing.receivers {
        receivers.row([kind.name.as_str().into(), kind.description.as_str().into()]);
    }
    let width = width.map(|width| width.saturating_sub(2));
    let block = |title: &str, table: &Table| {
        let lines: String = table.render(width).lines().map(|line| format!("  {line}\n")).collect();
        format!("{}\n{lines}", paint(STRONG, title))
    };
    [block("Stacks", &stacks), block("Components", &components), block("Receivers", &receivers)].join("\n")
}

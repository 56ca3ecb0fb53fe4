use serde_json::json;

use super::super::context::Context;
use crate::catalog::Catalog;
use crate::error::{Exit, Result};
use crate::ui::style::{STRONG, paint};
use crate::ui::table::Table;

/// List components, stacks and kinds of receivers
#[derive(Debug, clap::Args)]
pub struct Args {}

pub fn run(_: &Args, context: &Context) -> Result<Exit> {
    let catalog = context.catalog(None)?;
    if context.ui.json {
        context.ui.document(&document(&catalog))?;
    } else {
        context.ui.data(&text(&catalog, context.ui.width))?;
    }
    Ok(Exit::Done)
}

fn document(catalog: &Catalog) -> serde_json::Value {
    let components = catalog.components.values().map(|component| {
        let manifest = &component.manifest;
        json!({
            "name": manifest.name,
            "title": manifest.title,
            "description": manifest.description,
            "category": manifest.category,
            "image": manifest.image.reference(),
            "multiple": manifest.multiple,
            "overlaid": component.overlaid,
        })
    });
    let stacks = catalog.stacks.values().map(|stack| {
        let components: Vec<&String> = stack.components.keys().collect();
        json!({"name": stack.name, "title": stack.title, "description": stack.description, "components": components})
    });
    let receivers = catalog
        .receivers
        .values()
        .map(|kind| json!({"name": kind.name, "title": kind.title, "description": kind.description}));
    json!({
        "components": components.collect::<Vec<_>>(),
        "stacks": stacks.collect::<Vec<_>>(),
        "receivers": receivers.collect::<Vec<_>>(),
    })
}

fn text(catalog: &Catalog, width: Option<usize>) -> String {
    let mut components = Table::new([]);
    for component in catalog.components.values() {
        let manifest = &component.manifest;
        let origin = if component.overlaid { "(yours) " } else { "" };
        let description = format!("{origin}{}", manifest.description);
        components.row([manifest.name.as_str().into(), manifest.image.reference().into(), description.into()]);
    }
    let mut stacks = Table::new([]);
    for stack in catalog.stacks.values() {
        let members = stack.components.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        stacks.row([stack.name.as_str().into(), stack.description.as_str().into(), members.into()]);
    }
    let mut receivers = Table::new([]);
    for kind in catalog.receivers.values() {
        receivers.row([kind.name.as_str().into(), kind.description.as_str().into()]);
    }
    let width = width.map(|width| width.saturating_sub(2));
    let block = |title: &str, table: &Table| {
        let lines: String = table.render(width).lines().map(|line| format!("  {line}\n")).collect();
        format!("{}\n{lines}", paint(STRONG, title))
    };
    [block("Stacks", &stacks), block("Components", &components), block("Receivers", &receivers)].join("\n")
}

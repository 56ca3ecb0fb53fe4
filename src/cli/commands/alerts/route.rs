use anyhow::Result;
use serde_json::json;

use crate::cli::commands::alerts::{joined, label, tree};
use crate::cli::shared::context::Context;
use crate::deployed::Stack;
use crate::error::Exit;
use crate::routing::{Hit, Labels, Tree};
use crate::ui::style::{DIM, GOOD};
use crate::ui::table::{Cell, Table};

/// Show who gets an alert with these labels, and by which path
///
/// The path leads from the root to the route that matches, in the configuration that Alertmanager has in force.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  watchpost alerts route --labels severity=critical
  watchpost alerts route --labels alertname=Watchdog,severity=none

With -o json: {\"labels\", \"reaches\": [{receiver, kinds, tells, path, group_by, group_wait, group_interval, repeat_interval,
muted_in, active_in}]}, times in seconds")]
pub struct Args {
    /// Route an alert with these labels, separated by commas
    #[arg(long, value_name = "LABEL=VALUE,…", value_delimiter = ',', required = true, value_parser = label)]
    labels: Vec<(String, String)>,
}

pub async fn run(args: &Args, context: &Context, stack: &Stack) -> Result<Exit> {
    let tree = tree(stack).await?;
    let labels: Labels = args.labels.iter().cloned().collect();
    let hits = tree.hits(&labels);
    if context.ui.json {
        let reaches: Vec<_> = hits.iter().map(|hit| document(&tree, hit)).collect();
        context.ui.document(&json!({"labels": labels, "reaches": reaches}))?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(["RECEIVER", "KIND", "BY", "MESSAGES"]);
    for hit in &hits {
        let kinds = kinds(&tree, hit);
        let (style, kind) =
            if kinds.is_empty() { (DIM, "notifies nobody".to_owned()) } else { (GOOD, kinds.join(", ")) };
        let path = hit.steps().join(" → ");
        table.row([hit.route.receiver.as_str().into(), Cell::styled(style, kind), path.into(), times(hit).into()]);
    }
    if tree.notified(&labels).is_empty() {
        context.ui.say(&format!("An alert with {} reaches nobody.", joined(&labels)));
    }
    context.ui.data(&table.render(context.ui.width))?;
    Ok(Exit::Done)
}

fn kinds(tree: &Tree, hit: &Hit<'_>) -> Vec<String> {
    let receiver = tree.receiver(&hit.route.receiver);
    receiver.map(|r| r.integrations.iter().map(|i| i.kind.clone()).collect()).unwrap_or_default()
}

/// `after 30 s, again every 4 h`
fn times(hit: &Hit<'_>) -> String {
    let span = |seconds: f64| crate::units::format_span(seconds);
    let route = hit.route;
    let mut text = format!("after {}, again every {}", span(route.group_wait), span(route.repeat_interval));
    for (when, intervals) in [("not in", &route.muted_in), ("only in", &route.active_in)] {
        if !intervals.is_empty() {
            text += &format!(", {when} {}", intervals.join(", "));
        }
    }
    text
}

fn document(tree: &Tree, hit: &Hit<'_>) -> serde_json::Value {
    let kinds = kinds(tree, hit);
    json!({
        "receiver": hit.route.receiver,
        "kinds": kinds,
        "tells": !kinds.is_empty(),
        "path": hit.steps(),
        "group_by": hit.route.group_by,
        "group_wait": hit.route.group_wait,
        "group_interval": hit.route.group_interval,
        "repeat_interval": hit.route.repeat_interval,
        "muted_in": hit.route.muted_in,
        "active_in": hit.route.active_in,
    })
}

use anyhow::Result;
use serde_json::json;

use crate::cli::commands::dashboards::reach;
use crate::cli::shared::context::Context;
use crate::cli::{block_on, or_interrupt};
use crate::error::Exit;
use crate::ui::style::{BAD, CHANGE, DIM, GOOD};
use crate::ui::table::{Cell, Table};
use crate::verify::links::dashboards::{DashboardDrift, State, StoredDashboards, drift};

/// List Grafana's dashboards, and whether they are as deployed
///
/// `in sync`: as deployed. `changed in the UI`: differs from the file; `dashboards diff` shows how. `missing`: deployed, but
/// Grafana does not have it. `unmanaged`: made in Grafana, without a file; `dashboards export` writes one.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "With -o json: {\"stack\", \"dashboards\": [{uid, title, folder, file, own, state, changes}]}, state one of in-sync, changed, moved, missing, unreadable, unmanaged"
)]
pub struct Args {}

pub fn run(_: &Args, context: &Context) -> Result<Exit> {
    block_on(or_interrupt(show(context)))
}

async fn show(context: &Context) -> Result<Exit> {
    let stack = reach::stack(context).await?;
    let (opened, provisioning) = reach::grafana(&stack).await?;
    let stored = StoredDashboards::look(&opened.grafana, &provisioning).await;
    let stored = stored.map_err(reach::refused)?;
    let dashboards = drift(&provisioning, &stored);
    if context.ui.json {
        let all: Vec<_> = dashboards.iter().map(as_json).collect();
        context.ui.document(&json!({"stack": stack.name, "dashboards": all}))?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(["DASHBOARD", "UID", "FOLDER", "STATE", "FILE"]);
    for dashboard in &dashboards {
        let file = dashboard.file.map_or("", |file| file.file.as_str());
        table.row([
            dashboard.title.into(),
            dashboard.uid.as_str().into(),
            dashboard.folder.into(),
            state(dashboard),
            file.into(),
        ]);
    }
    context.ui.data(&table.render(context.ui.width))?;
    Ok(Exit::Done)
}

fn state(dashboard: &DashboardDrift<'_>) -> Cell {
    let style = match &dashboard.state {
        State::InSync => GOOD,
        State::Changed { .. } | State::Moved { .. } => CHANGE,
        State::Missing { .. } | State::Unreadable { .. } => BAD,
        State::Unmanaged => DIM,
    };
    Cell::styled(style, dashboard.state.words())
}

fn as_json(dashboard: &DashboardDrift<'_>) -> serde_json::Value {
    let (state, changes) = match &dashboard.state {
        State::InSync => ("in-sync", &[][..]),
        State::Changed { changes } => ("changed", changes.as_slice()),
        State::Moved { .. } => ("moved", &[][..]),
        State::Missing { .. } => ("missing", &[][..]),
        State::Unreadable { .. } => ("unreadable", &[][..]),
        State::Unmanaged => ("unmanaged", &[][..]),
    };
    let paths: Vec<&str> = changes.iter().map(|change| change.path.as_str()).collect();
    json!({
        "uid": dashboard.uid, "title": dashboard.title, "folder": dashboard.folder,
        "file": dashboard.file.map(|file| &file.file),
        "own": dashboard.file.is_some_and(|file| file.own), "state": state, "changes": paths,
    })
}

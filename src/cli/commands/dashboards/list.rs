use anyhow::Result;
use serde_json::json;

use crate::cli::commands::dashboards::reach;
use crate::cli::shared::context::Context;
use crate::cli::{block_on, or_interrupt};
use crate::error::Exit;
use crate::ui::style::{BAD, CHANGE, DIM, GOOD};
use crate::ui::table::{Cell, Table};
use crate::verify::links::dashboards::{DashboardDrift, State, drift};

/// List Grafana's dashboards, and whether they are what was deployed
///
/// `in sync`: as deployed. `changed in the UI`: Grafana has another than the file; `dashboards diff` shows what. `missing`:
/// deployed, and Grafana does not have it. `unmanaged`: made in Grafana, and in no file; `dashboards export` brings it in.
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
    let (opened, expected) = reach::grafana(&stack).await?;
    let kept = drift(&opened.grafana, &expected).await.map_err(reach::unanswered)?;
    if context.ui.json {
        let all: Vec<_> = kept.iter().map(as_json).collect();
        context.ui.document(&json!({"stack": stack.name, "dashboards": all}))?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(["DASHBOARD", "UID", "FOLDER", "STATE", "FILE"]);
    for one in &kept {
        let file = one.expected.as_ref().map_or("", |board| board.file.as_str());
        table.row([
            one.title.as_str().into(),
            one.uid.as_str().into(),
            one.folder.as_str().into(),
            state(one),
            file.into(),
        ]);
    }
    context.ui.data(&table.render(context.ui.width))?;
    Ok(Exit::Done)
}

fn state(kept: &DashboardDrift) -> Cell {
    let style = match &kept.state {
        State::InSync => GOOD,
        State::Changed { .. } | State::Moved { .. } => CHANGE,
        State::Missing { .. } | State::Unreadable { .. } => BAD,
        State::Unmanaged => DIM,
    };
    Cell::styled(style, kept.state.words())
}

fn as_json(kept: &DashboardDrift) -> serde_json::Value {
    let (state, changes) = match &kept.state {
        State::InSync => ("in-sync", &[][..]),
        State::Changed { changes } => ("changed", changes.as_slice()),
        State::Moved { .. } => ("moved", &[][..]),
        State::Missing { .. } => ("missing", &[][..]),
        State::Unreadable { .. } => ("unreadable", &[][..]),
        State::Unmanaged => ("unmanaged", &[][..]),
    };
    let paths: Vec<&str> = changes.iter().map(|change| change.path.as_str()).collect();
    json!({
        "uid": kept.uid, "title": kept.title, "folder": kept.folder,
        "file": kept.expected.as_ref().map(|board| &board.file),
        "own": kept.expected.as_ref().is_some_and(|board| board.own), "state": state, "changes": paths,
    })
}

use anyhow::{Result, bail};
use serde_json::{Value, json};

use crate::cli::commands::dashboards::{around, reach};
use crate::cli::shared::context::Context;
use crate::cli::shared::files;
use crate::cli::{block_on, or_interrupt};
use crate::dashboard;
use crate::dashboard::compare::{Change, changes};
use crate::deployed::Stack;
use crate::deployed::provisioning::{ProvisionedDashboard, Provisioning};
use crate::error::{Error, Exit, did_you_mean};
use crate::ui::style::{BAD, GOOD, STRONG, paint};

/// Show what differs between a dashboard's file and Grafana
///
/// Compares only what matters: not Grafana's own numbers, not the last choices in the UI, not the order of keys. Your own
/// dashboards are compared with the file in the spec's folder, others with what was deployed.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "With -o json: {\"stack\", \"dashboards\": [{uid, title, file, changes: [{path, file, grafana}]}]}"
)]
pub struct Args {
    /// Compare only this dashboard [default: all that have a file]
    #[arg(value_name = "UID")]
    uid: Option<String>,
    /// Exit with 2 when something differs
    #[arg(long)]
    exit_code: bool,
}

/// One dashboard and its changes; `None` when Grafana does not have it.
struct Difference<'a> {
    dashboard: &'a ProvisionedDashboard,
    file: String,
    changes: Option<Vec<Change>>,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit> {
    block_on(or_interrupt(show(args, context)))
}

async fn show(args: &Args, context: &Context) -> Result<Exit> {
    let stack = reach::stack(context).await?;
    let (opened, provisioning) = reach::grafana(&stack).await?;
    let own_files = around::own_dashboards(context)?;
    let mut differences = Vec::new();
    for dashboard in selected(args, &stack, &provisioning)? {
        let stored = opened.grafana.dashboard(&dashboard.uid).await;
        let stored = stored.map_err(reach::refused)?;
        let local = own_files.iter().find(|file| dashboard.own && !file.uid.is_empty() && file.uid == dashboard.uid);
        let (file, model) = match local {
            Some(local) => {
                let file = files::readable(&local.path);
                let model = dashboard::parse(&file, &local.text)?;
                (file, model)
            }
            None => (dashboard.file.clone(), dashboard.model.clone()),
        };
        let changes = stored.map(|stored| changes(&model, &stored.dashboard));
        differences.push(Difference { dashboard, file, changes });
    }
    let differ = differences.iter().any(|difference| difference.changes.as_ref().is_none_or(|all| !all.is_empty()));
    if context.ui.json {
        let all: Vec<Value> = differences.iter().map(Difference::as_json).collect();
        context.ui.document(&json!({"stack": stack.name, "dashboards": all}))?;
    } else {
        context.ui.data(&differences.iter().map(Difference::render).collect::<String>())?;
        if !differ {
            context.ui.say("Nothing differs.");
        }
    }
    Ok(if differ && args.exit_code { Exit::ChangesPending } else { Exit::Done })
}

/// The dashboard with the given uid, or all that have one.
fn selected<'a>(args: &Args, stack: &Stack, provisioning: &'a Provisioning) -> Result<Vec<&'a ProvisionedDashboard>> {
    let dashboards = &provisioning.dashboards;
    let Some(uid) = &args.uid else {
        return Ok(dashboards.iter().filter(|dashboard| !dashboard.uid.is_empty()).collect());
    };
    let found: Vec<&ProvisionedDashboard> = dashboards.iter().filter(|dashboard| dashboard.uid == *uid).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let list = "`watchpost dashboards list` shows them all";
    let error = Error::new(format!("no dashboard with the uid `{uid}` was deployed to `{}`", stack.name));
    bail!(match did_you_mean(uid, dashboards.iter().map(|dashboard| dashboard.uid.as_str())) {
        Some(guess) => error.hint(format!("did you mean `{guess}`? {list}")),
        None => error.hint(list),
    })
}

impl Difference<'_> {
    fn as_json(&self) -> Value {
        let dashboard = self.dashboard;
        json!({"uid": dashboard.uid, "title": dashboard.title, "file": self.file, "changes": self.changes})
    }

    fn render(&self) -> String {
        let head = format!("{} ({})", paint(STRONG, &self.dashboard.title), self.file);
        match &self.changes {
            None => format!("{head}: Grafana does not have it\n"),
            Some(changes) if changes.is_empty() => String::new(),
            Some(changes) => format!("{head}\n{}", changes.iter().map(render_change).collect::<String>()),
        }
    }
}

/// The path, and under it the file's value and Grafana's.
fn render_change(change: &Change) -> String {
    let side = |sign: &str, style, value: &Value| match value {
        Value::Null => String::new(),
        value => format!("    {} {}\n", paint(style, sign), short(value)),
    };
    format!("  {}\n{}{}", change.path, side("-", BAD, &change.file), side("+", GOOD, &change.grafana))
}

/// A value on one line.
fn short(value: &Value) -> String {
    const MOST: usize = 160;
    let text = match value {
        Value::String(text) => text.replace('\n', " "),
        other => other.to_string().replace('\u{0}', ""),
    };
    if text.chars().count() <= MOST { text } else { text.chars().take(MOST).collect::<String>() + "…" }
}

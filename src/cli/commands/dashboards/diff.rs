use anyhow::Result;
use serde_json::{Value, json};

use crate::cli::commands::dashboards::{own, reach};
use crate::cli::shared::context::Context;
use crate::cli::{block_on, or_interrupt};
use crate::dashboard;
use crate::dashboard::compare::{Change, changes};
use crate::deployed::Stack;
use crate::deployed::provisioning::{Expected, ProvisionedDashboard};
use crate::error::{Error, Exit, did_you_mean};
use crate::ui::style::{BAD, GOOD, STRONG, paint};

/// Show what differs between a dashboard's file and Grafana
///
/// Only what matters: not numbers that Grafana gives, not what somebody last chose, not the order of keys. People's own
/// dashboards are compared with the file in the spec's folder, others with what was deployed.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "With -o json: {\"stack\", \"dashboards\": [{uid, title, file, changes: [{path, file, grafana}]}]}"
)]
pub struct Args {
    /// One dashboard [default: all that have a file]
    #[arg(value_name = "UID")]
    uid: Option<String>,
    /// Exit with 2 when something differs
    #[arg(long)]
    exit_code: bool,
}

/// One dashboard and its changes; `None` when Grafana does not have it.
struct Difference<'a> {
    board: &'a ProvisionedDashboard,
    file: String,
    changes: Option<Vec<Change>>,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit> {
    block_on(or_interrupt(show(args, context)))
}

async fn show(args: &Args, context: &Context) -> Result<Exit> {
    let stack = reach::stack(context).await?;
    let (opened, expected) = reach::grafana(&stack).await?;
    let boards = chosen(args, &stack, &expected)?;
    let files = own::files(context)?;
    let mut differences = Vec::new();
    for board in boards {
        let held = opened.grafana.dashboard(&board.uid).await.map_err(reach::unanswered)?;
        let local = files.iter().find(|file| board.own && !file.uid.is_empty() && file.uid == board.uid);
        let model = match local {
            Some(file) => dashboard::parse(&own::shown(&file.path), &file.text)?,
            None => board.model.clone(),
        };
        let file = local.map_or_else(|| board.file.clone(), |file| own::shown(&file.path));
        differences.push(Difference { board, file, changes: held.map(|held| changes(&model, &held.dashboard)) });
    }
    let differ = differences.iter().any(|one| one.changes.as_ref().is_none_or(|changes| !changes.is_empty()));
    if context.ui.json {
        let all: Vec<Value> = differences
            .iter()
            .map(
                |one| json!({"uid": one.board.uid, "title": one.board.title, "file": one.file, "changes": one.changes}),
            )
            .collect();
        context.ui.document(&json!({"stack": stack.name, "dashboards": all}))?;
    } else {
        context.ui.data(&differences.iter().map(text).collect::<Vec<_>>().join(""))?;
        if !differ {
            context.ui.say("Nothing differs.");
        }
    }
    Ok(if differ && args.exit_code { Exit::ChangesPending } else { Exit::Done })
}

fn chosen<'a>(args: &Args, stack: &Stack, expected: &'a Expected) -> Result<Vec<&'a ProvisionedDashboard>> {
    let Some(uid) = &args.uid else {
        return Ok(expected.boards.iter().filter(|board| !board.uid.is_empty()).collect());
    };
    let found: Vec<&ProvisionedDashboard> = expected.boards.iter().filter(|board| board.uid == *uid).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let error = Error::new(format!("no dashboard with the uid `{uid}` was deployed to `{}`", stack.name));
    let error = match did_you_mean(uid, expected.boards.iter().map(|board| board.uid.as_str())) {
        Some(guess) => error.hint(format!("is `{guess}` meant? `watchpost dashboards list` shows them all")),
        None => error.hint("`watchpost dashboards list` shows them all"),
    };
    Err(error.into())
}

fn text(one: &Difference<'_>) -> String {
    let head = |what: &str| format!("{} ({}){what}\n", paint(STRONG, &one.board.title), one.file);
    match &one.changes {
        None => head(": Grafana does not have it"),
        Some(changes) if changes.is_empty() => String::new(),
        Some(changes) => {
            let lines = changes.iter().map(|change| {
                let side = |sign: &str, style, value: &Value| match value {
                    Value::Null => String::new(),
                    value => format!("    {} {}\n", paint(style, sign), short(value)),
                };
                let (file, grafana) = (side("-", BAD, &change.file), side("+", GOOD, &change.grafana));
                format!("  {}\n{file}{grafana}", change.path)
            });
            head("") + &lines.collect::<String>()
        }
    }
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

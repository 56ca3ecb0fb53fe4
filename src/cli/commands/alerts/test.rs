use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use crate::cli::commands::alerts::{label, tree, unknown};
use crate::cli::shared::context::{Context, duration};
use crate::deployed::Stack;
use crate::error::Exit;
use crate::routing::Tree;
use crate::ui::progress::Progress;
use crate::ui::style::{BAD, DIM, GOOD, paint};
use crate::verify::links::delivery::{self, To};
use crate::verify::report::{Checked, Finding, Verdict};

/// Send a test alert through the real route to the real receiver, and follow it
///
/// The alert is marked as a test in its summary, ends by itself, and is told to be over as soon as it has arrived. What
/// Alertmanager waits to group alerts is waited for; so is the receiver's answer. Whoever the receiver reaches gets a
/// message.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  watchpost alerts test                               every receiver
  watchpost alerts test oncall                        one
  watchpost alerts test --labels severity=critical    whomever such an alert reaches

With -o json: {\"stack\", \"verdict\", \"receivers\": [{id, subject, verdict, what, why, fix}]}
Exit status 6: a message did not arrive.")]
pub struct Args {
    /// Receivers; without any, all of them
    #[arg(value_name = "RECEIVER")]
    receivers: Vec<String>,
    /// Labels of the alert, separated by commas, instead of receivers
    #[arg(long, value_name = "LABEL=VALUE,…", value_delimiter = ',', conflicts_with = "receivers", value_parser = label)]
    labels: Vec<(String, String)>,
    /// How long a receiver may take to answer
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    wait: Duration,
}

pub async fn run(args: &Args, context: &Context, stack: &Stack) -> Result<Exit> {
    let tree = tree(stack).await?;
    let to = to(args, &tree)?;
    let names: Vec<&str> = tree.people().map(|receiver| receiver.name.as_str()).collect();
    let progress = Progress::new(&context.ui, names.iter().copied());
    let narrate = |event| {
        // The document is the whole of the output in JSON.
        if !context.ui.json {
            progress.event(event);
        }
    };
    let checked = delivery::deliver(stack, &tree, &to, args.wait, &narrate).await;
    progress.finish();
    show(context, stack, &checked)?;
    let arrived = checked.verdict == Verdict::Ok && checked.findings.iter().all(|f| f.verdict == Verdict::Ok);
    Ok(if arrived { Exit::Done } else { Exit::ProofFailed })
}

/// Errors: a receiver that is not there, or that tells nobody.
fn to(args: &Args, tree: &Tree) -> Result<To> {
    if !args.labels.is_empty() {
        return Ok(To::Labels(args.labels.iter().cloned().collect()));
    }
    let known: Vec<&str> = tree.people().map(|receiver| receiver.name.as_str()).collect();
    match args.receivers.iter().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(unknown("receiver", name, &known).into()),
        None if args.receivers.is_empty() => Ok(To::Everybody),
        None => Ok(To::Receivers(args.receivers.clone())),
    }
}

fn show(context: &Context, stack: &Stack, checked: &Checked) -> Result<()> {
    if context.ui.json {
        let document = json!({"stack": stack.name, "verdict": checked.verdict, "receivers": checked.findings});
        return Ok(context.ui.document(&document)?);
    }
    let width = checked.findings.iter().map(|f| console::measure_text_width(&f.subject)).max().unwrap_or_default();
    let lines: Vec<String> = checked.findings.iter().map(|finding| line(finding, width)).collect();
    Ok(context.ui.data(&lines.join("\n"))?)
}

fn line(finding: &Finding, width: usize) -> String {
    let sign = match finding.verdict {
        Verdict::Ok => paint(GOOD, "✓"),
        Verdict::Broken => paint(BAD, "✗"),
        Verdict::Note | Verdict::NotChecked => paint(DIM, "–"),
    };
    let mut text = format!("{sign} {:width$}  {}", finding.subject, finding.what);
    let indent = width + 4;
    for why in &finding.why {
        text += &format!("\n{:indent$}{}", "", paint(DIM, why));
    }
    if let Some(fix) = &finding.fix {
        text += &format!("\n{:indent$}fix: {fix}", "");
    }
    text
}

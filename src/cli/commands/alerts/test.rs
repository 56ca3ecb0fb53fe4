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
use crate::verify::links::delivery::{self, Recipients};
use crate::verify::report::{Checked, Finding, Verdict};

/// Send a test alert through the real route to the real receiver, and follow it
///
/// The alert's summary marks it as a test. The alert is resolved as soon as it arrives. The command waits for the route's
/// group_wait and for the receiver's answer. Everybody behind the receiver gets a message.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  watchpost alerts test                               every receiver
  watchpost alerts test oncall                        one receiver
  watchpost alerts test --labels severity=critical    those who get such an alert

With -o json: {\"stack\", \"verdict\", \"receivers\": [{id, subject, verdict, what, why,
fix: {text, steps, or}}]}. A step is {kind, arguments, text} for a watchpost or docker command, {kind, file, at, what}
for an edit, or {kind, what} for words.
Exit status 6: a message did not arrive.")]
pub struct Args {
    /// Test these receivers; without any, test all
    #[arg(value_name = "RECEIVER")]
    receivers: Vec<String>,
    /// Test whoever gets an alert with these labels, separated by commas
    #[arg(long, value_name = "LABEL=VALUE,…", value_delimiter = ',', conflicts_with = "receivers", value_parser = label)]
    labels: Vec<(String, String)>,
    /// Wait this long for a receiver to answer
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    wait: Duration,
}

pub async fn run(args: &Args, context: &Context, stack: &Stack) -> Result<Exit> {
    let tree = tree(stack).await?;
    let recipients = recipients(args, &tree)?;
    let names: Vec<&str> = tree.notifying_names();
    let progress = Progress::new(&context.ui, names.iter().copied());
    let narrate = |event| {
        // The document is the whole of the output in JSON.
        if !context.ui.json {
            progress.event(event);
        }
    };
    let mut checked = delivery::deliver(stack, &tree, &recipients, args.wait, &narrate).await;
    progress.finish();
    let addressing = context.addressing_on(&stack.client);
    for fix in checked.findings.iter_mut().filter_map(|finding| finding.fix.as_mut()) {
        fix.address(&addressing);
    }
    show(context, stack, &checked)?;
    let arrived = checked.verdict == Verdict::Ok && checked.findings.iter().all(|f| f.verdict == Verdict::Ok);
    Ok(if arrived { Exit::Done } else { Exit::ProofFailed })
}

/// Errors: a receiver that does not exist, or that notifies nobody.
fn recipients(args: &Args, tree: &Tree) -> Result<Recipients> {
    if !args.labels.is_empty() {
        return Ok(Recipients::Labels(args.labels.iter().cloned().collect()));
    }
    let known: Vec<&str> = tree.notifying_names();
    match args.receivers.iter().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(unknown("receiver", name, &known).into()),
        None if args.receivers.is_empty() => Ok(Recipients::All),
        None => Ok(Recipients::Receivers(args.receivers.clone())),
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
        Verdict::Note | Verdict::Warning | Verdict::NotChecked | Verdict::Accepted => paint(DIM, "–"),
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

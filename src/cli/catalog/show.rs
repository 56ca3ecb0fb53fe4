use std::fmt::Write;

use serde_json::Value;

use super::super::context::Context;
use crate::catalog::describe::{ComponentDescription, Description};
use crate::catalog::question::{Kind, Question};
use crate::catalog::{ReceiverKind, StackManifest};
use crate::error::{Exit, Result};
use crate::ui::style::{DIM, STRONG, paint};

/// Show a component, stack or kind of receiver, with its settings
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  watchpost catalog show prometheus
  watchpost catalog show slack -o json")]
pub struct Args {
    /// A name that `watchpost catalog list` shows
    #[arg(value_name = "NAME")]
    component: String,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit> {
    let catalog = context.catalog(None)?;
    let description = catalog.describe(&args.component)?;
    if context.ui.json {
        context.ui.document(&description)?;
    } else {
        context.ui.data(&text(&description))?;
    }
    Ok(Exit::Done)
}

fn text(description: &Description<'_>) -> String {
    match description {
        Description::Component(component) => component_text(component),
        Description::Stack(stack) => stack_text(stack),
        Description::Receiver(kind) => receiver_text(kind),
    }
}

fn component_text(component: &ComponentDescription<'_>) -> String {
    let manifest = component.manifest;
    let mut text = format!("{}  {}\n\n", paint(STRONG, &manifest.title), manifest.description);
    let _ = writeln!(text, "  image      {}", manifest.image.reference());
    if let Some(homepage) = &manifest.homepage {
        let _ = writeln!(text, "  homepage   {homepage}");
    }
    if !manifest.needs.is_empty() {
        let _ = writeln!(text, "  needs      {}", manifest.needs.join(", "));
    }
    if !component.stacks.is_empty() {
        let stacks: Vec<&str> = component.stacks.keys().copied().collect();
        let _ = writeln!(text, "  stacks     {}", stacks.join(", "));
    }
    for (what, brought) in [("dashboards", component.dashboards.len()), ("rules", component.rules.len())] {
        if brought > 0 {
            let _ = writeln!(text, "  {what:<10} {brought}");
        }
    }
    if manifest.multiple {
        let _ = writeln!(text, "  several    a stack may hold several: a list of settings, each with a `name`");
    }
    for (what, why) in &manifest.exceptions {
        let _ = writeln!(text, "  {what}: {why}");
    }
    text + &settings(&manifest.questions)
}

fn stack_text(stack: &StackManifest) -> String {
    let mut text = format!("{}  {}\n\n", paint(STRONG, &stack.title), stack.description);
    for (component, answers) in &stack.components {
        let answers = answers.iter().map(|(variable, value)| format!("{variable}: {value}")).collect::<Vec<_>>();
        let _ = writeln!(text, "  {component:<18} {}", answers.join(", "));
    }
    text
}

fn receiver_text(kind: &ReceiverKind) -> String {
    format!("{}  {}\n", paint(STRONG, &kind.title), kind.description) + &settings(&kind.questions)
}

/// The questions by group, in the order of the manifest.
fn settings(questions: &[Question]) -> String {
    let mut groups: Vec<&str> = Vec::new();
    for question in questions {
        let group = question.group.as_deref().unwrap_or("Settings");
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    let widest = questions.iter().map(|question| question.variable.len()).max().unwrap_or_default();
    let mut text = String::new();
    for group in groups {
        let _ = writeln!(text, "\n{}", paint(STRONG, group));
        for question in questions.iter().filter(|q| q.group.as_deref().unwrap_or("Settings") == group) {
            let _ = writeln!(text, "  {:<widest$}  {}", question.variable, paint(DIM, terms(question)));
            let described = if question.description.is_empty() { &question.label } else { &question.description };
            let _ = writeln!(text, "  {:<widest$}  {described}", "");
        }
    }
    text
}

/// Type, bounds and default: `whole number 1 to 65535, default 9090`.
fn terms(question: &Question) -> String {
    let kind = match question.kind {
        Kind::String => "text",
        Kind::Multiline => "text of several lines",
        Kind::Int => "whole number",
        Kind::Boolean => "true or false",
        Kind::Enum => "one of",
        Kind::Password => "secret: {secret: NAME}",
        Kind::Duration => "duration",
        Kind::Size => "size",
        Kind::List => "list of texts",
    };
    let mut terms = kind.to_owned();
    if !question.options.is_empty() {
        let _ = write!(terms, " {}", question.options.join(", "));
    }
    match (question.min, question.max) {
        (Some(min), Some(max)) => drop(write!(terms, " {min} to {max}")),
        (Some(min), None) => drop(write!(terms, " of at least {min}")),
        (None, Some(max)) => drop(write!(terms, " of at most {max}")),
        (None, None) => {}
    }
    match (&question.default, &question.secret) {
        (_, Some(secret)) => drop(write!(terms, ", default: made on the first deploy as `{}`", secret.name)),
        (Some(Value::String(text)), _) => drop(write!(terms, ", default {text}")),
        (Some(value), _) => drop(write!(terms, ", default {value}")),
        (None, None) if question.required => terms.push_str(", required"),
        (None, None) => {}
    }
    if let Some(condition) = &question.show_if {
        let _ = write!(terms, ", with {condition}");
    }
    terms
}

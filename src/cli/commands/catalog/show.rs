use std::fmt::Write;

use anyhow::Result;
use serde_json::Value;

use crate::catalog::describe::{ComponentDescription, Description};
use crate::catalog::question::{Kind, Question};
use crate::catalog::{ReceiverKind, StackManifest};
use crate::cli::shared::context::Context;
use crate::error::Exit;
use crate::ui::human::hanging;
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
    let catalog = context.own_catalog()?;
    let description = catalog.describe(&args.component)?;
    if context.ui.json {
        context.ui.document(&description)?;
    } else {
        context.ui.data(&description_text(&description, context.ui.width))?;
    }
    Ok(Exit::Done)
}

/// `width` is the terminal's; without one, nothing is broken.
fn description_text(description: &Description<'_>, width: Option<usize>) -> String {
    match description {
        Description::Component(component) => component_text(component, width),
        Description::Stack(stack) => stack_text(stack),
        Description::Receiver(kind) => receiver_text(kind, width),
    }
}

fn component_text(component: &ComponentDescription<'_>, width: Option<usize>) -> String {
    let manifest = component.manifest;
    let mut text = titled(&manifest.title, &manifest.description, width) + "\n";
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
        let several = "a stack may hold several: a list of settings, each with a `name`";
        let _ = writeln!(text, "  several    {}", hanging(several, 13, width));
    }
    for (what, why) in &manifest.exceptions {
        let _ = writeln!(text, "  {what}: {}", hanging(why, what.len() + 4, width));
    }
    text + &settings(&manifest.questions, width)
}

fn stack_text(stack: &StackManifest) -> String {
    let mut text = format!("{}  {}\n\n", paint(STRONG, &stack.title), stack.description);
    for (component, answers) in &stack.components {
        let answers = answers.iter().map(|(variable, value)| format!("{variable}: {value}")).collect::<Vec<_>>();
        let _ = writeln!(text, "  {component:<18} {}", answers.join(", "));
    }
    text
}

fn receiver_text(kind: &ReceiverKind, width: Option<usize>) -> String {
    titled(&kind.title, &kind.description, width) + &settings(&kind.questions, width)
}

/// The questions by group, in the order of the manifest.
fn settings(questions: &[Question], width: Option<usize>) -> String {
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
            let terms = hanging(&terms(question), widest + 4, width);
            let _ = writeln!(text, "  {:<widest$}  {}", question.variable, paint(DIM, terms));
            let described = if question.description.is_empty() { &question.label } else { &question.description };
            let _ = writeln!(text, "  {:<widest$}  {}", "", hanging(described, widest + 4, width));
        }
    }
    text
}

fn titled(title: &str, description: &str, width: Option<usize>) -> String {
    format!("{}  {}\n", paint(STRONG, title), hanging(description, title.chars().count() + 2, width))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    #[test]
    fn at_sixty_columns_no_word_is_broken() {
        let catalog = Catalog::embedded().expect("valid");
        for name in catalog.components.keys().chain(catalog.receivers.keys()) {
            let text = description_text(&catalog.describe(name).expect("described"), Some(60));
            let text = anstream::adapter::strip_str(&text).to_string();
            let plain = anstream::adapter::strip_str(&super::description_text(
                &catalog.describe(name).expect("described"),
                None,
            ))
            .to_string();
            assert_eq!(text.split_whitespace().collect::<Vec<_>>(), plain.split_whitespace().collect::<Vec<_>>());
            for line in text.lines().filter(|line| line.chars().count() > 60) {
                assert!(line.split_whitespace().any(|word| word.chars().count() > 20), "{name}: {line}");
            }
        }
    }
}

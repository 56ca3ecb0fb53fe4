//! Holds components against the house rules that reading them does not enforce.
//!
//! Reading refuses what cannot be understood; this finds what can be, and is wrong, unsafe or would fail
//! later. The template engine is the caller's (imports go from `render` to here), given as a function.

mod dashboards;
mod failures;
mod layout;
mod manifest;
mod metrics;
mod rules;
mod service;
mod template;

pub use crate::error::Severity;
pub use template::is_template;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::answer::{self, Resolved};
use super::question::{Kind, Question};
use super::{Catalog, CatalogFile, Component};
use crate::error::{Error, Location, Result};
use crate::yaml::SourceFile;

/// One thing that is wrong with one component.
/// As JSON: `{severity, component, message, file, line, column, hint}`; what is not known is null.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    pub severity: Severity,
    pub component: String,
    /// What, where and what to do, printed as any error is.
    #[serde(flatten)]
    pub problem: Error,
}

/// Renders every template of a component with these answers: texts by path in the folder, `service.yml`,
/// `files/...`, `rules/...`. Errors: a template that does not parse or render, a `service.yml` that yields
/// no Compose fragment we support.
pub type Render<'a> = dyn Fn(&Component, &Resolved) -> Result<BTreeMap<String, String>> + 'a;

/// Lints the named components, or all when none is named; findings stand in the order of components, errors first.
///
/// Errors: a name that the catalog does not have.
pub fn lint(catalog: &Catalog, names: &[String], render: &Render<'_>) -> Result<Vec<Finding>> {
    let all: Vec<String> = catalog.components.keys().cloned().collect();
    let known = metrics::Known::read(catalog);
    let mut findings = Vec::new();
    for name in if names.is_empty() { &all } else { names } {
        let component = catalog.component(name)?;
        let mut report = Report { component: name, findings: Vec::new() };
        check(catalog, component, &known, render, &mut report);
        report.findings.sort_by_key(|finding| finding.severity);
        findings.extend(report.findings);
    }
    Ok(findings)
}

fn check(
    catalog: &Catalog,
    component: &Component,
    known: &metrics::Known,
    render: &Render<'_>,
    report: &mut Report<'_>,
) {
    manifest::check(component, report);
    failures::check(component, report);
    layout::check(component, report);
    template::check(component, report);
    dashboards::check(catalog, component, report);
    let (plain, full) = samples(&component.manifest.questions);
    match render(component, &plain) {
        Ok(rendered) => {
            service::check(component, &rendered, report);
            rules::check(component, &rendered, report);
            metrics::check(component, known, &rendered, report);
        }
        Err(error) => return report.all(error),
    }
    if let Some(error) = (full != plain).then(|| render(component, &full).err()).flatten() {
        report.all(error.within("it renders with its defaults, but not with every setting given"));
    }
}

/// Answers to render with: what must be answered and nothing else; and every example, with each switch turned over.
pub fn samples(questions: &[Question]) -> (Resolved, Resolved) {
    let mut plain = Resolved::new();
    let mut full = Resolved::new();
    for question in questions {
        let default = question.default_value();
        let example = match (&question.example, question.kind) {
            (Some(example), _) => question.check(example).unwrap_or_else(|_| example.clone()),
            (None, Kind::Boolean) => Value::Bool(default != Value::Bool(true)),
            (None, Kind::Password) => serde_json::json!({ "secret": question.variable }),
            (None, _) => default.clone(),
        };
        let needed = question.required && default.is_null();
        plain.insert(question.variable.clone(), if needed { example.clone() } else { default });
        full.insert(question.variable.clone(), example);
    }
    for question in questions {
        let hidden = question.show_if.as_deref().is_some_and(|condition| !answer::holds(condition, &full));
        if hidden {
            full.insert(question.variable.clone(), question.default_value());
        }
    }
    (plain, full)
}

/// What is found in one component.
struct Report<'a> {
    component: &'a str,
    findings: Vec<Finding>,
}

impl Report<'_> {
    fn error(&mut self, problem: Error) {
        self.add(Severity::Error, problem);
    }

    fn warn(&mut self, problem: Error) {
        self.add(Severity::Warning, problem);
    }

    /// An error with all that was found beside it.
    fn all(&mut self, mut error: Error) {
        let also = std::mem::take(&mut error.also);
        self.error(error);
        also.into_iter().for_each(|error| self.all(error));
    }

    fn add(&mut self, severity: Severity, problem: Error) {
        self.findings.push(Finding { severity, component: self.component.to_owned(), problem });
    }
}

/// The place of the first `needle` in a file, else the file's first line.
fn place(file: &CatalogFile, needle: &str) -> Location {
    let text = file.text().unwrap_or_default();
    let offset = if needle.is_empty() { None } else { text.find(needle) };
    at_offset(file, offset.unwrap_or(0), offset.map_or(1, |_| needle.chars().count()))
}

/// The place of a byte offset in a file.
fn at_offset(file: &CatalogFile, offset: usize, width: usize) -> Location {
    let text = file.text().unwrap_or_default();
    let before = &text[..offset];
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    SourceFile::new(&file.name, text).location(before.matches('\n').count() + 1, column, width)
}

#[cfg(test)]
mod tests;

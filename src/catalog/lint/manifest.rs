//! Texts for people, the image's tag, and what later checks need.

use super::{Report, place};
use crate::catalog::question::{Kind, Question};
use crate::catalog::{CatalogFile, Component};
use crate::error::Error;

/// Tags under which registries put a different image from one week to the next.
const MOVING_TAGS: [&str; 9] = ["latest", "main", "master", "edge", "nightly", "dev", "stable", "rolling", "unstable"];

pub(super) fn check(component: &Component, report: &mut Report<'_>) {
    let Some(file) = component.files.get("component.yaml") else { return };
    let manifest = &component.manifest;
    let tag = manifest.image.tag.as_str();
    if MOVING_TAGS.contains(&tag) {
        let error = Error::new(format!("the tag `{tag}` names another image tomorrow")).at(place(file, "tag:"));
        report.error(error.hint("pin a version, such as `v1.2.3`"));
    }
    for (key, text) in
        [("title", &manifest.title), ("description", &manifest.description), ("category", &manifest.category)]
    {
        if text.trim().is_empty() {
            let error = Error::new(format!("`{key}` is empty")).at(place(file, &format!("{key}:")));
            report.error(error.hint("`catalog list` and `init` show it"));
        }
    }
    if !manifest.questions.iter().any(|question| question.variable == "memory") {
        let error = Error::new("no question `memory` bounds what the container takes").at(place(file, "questions:"));
        report.warn(error.hint("add one of `type: size`; the renderer makes it the memory limit"));
    }
    if manifest.probe.is_none() {
        let error = Error::new("nothing says when the service is ready").at(place(file, ""));
        report.warn(error.hint("add `probe: {port: PORT, path: /PATH}`, an address that answers 2xx when it is"));
    }
    manifest.questions.iter().for_each(|question| self::question(question, file, report));
}

fn question(question: &Question, file: &CatalogFile, report: &mut Report<'_>) {
    let variable = &question.variable;
    let at = || place(file, &format!("variable: {variable}"));
    if question.label.trim().is_empty() {
        let error = Error::new(format!("the question `{variable}` has an empty label")).at(at());
        report.error(error.hint("a few words, such as `Keep data for`"));
    }
    if question.description.trim().is_empty() {
        let error = Error::new(format!("the question `{variable}` has no description")).at(at());
        report.error(error.hint("a sentence that helps to answer; `init` and `catalog show` show it"));
    }
    let answered = question.default.is_some() || question.example.is_some() || question.kind == Kind::Password;
    if question.required && !answered {
        let error = Error::new(format!("the question `{variable}` must be answered and has no example")).at(at());
        report.error(error.hint("add `example:`; people see it, and the checks render with it"));
    }
    if question.advanced && question.required && !answered {
        let error = Error::new(format!("the question `{variable}` must be answered, yet hides as advanced")).at(at());
        report.error(error.hint("give it a default, or take `advanced` away"));
    }
}

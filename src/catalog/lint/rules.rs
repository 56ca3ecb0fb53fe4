//! Alert and recording rules, after rendering: what `promtool` does not ask for, and people who are woken do.

use std::collections::{BTreeMap, BTreeSet};

use super::{Report, place};
use crate::catalog::{CatalogFile, Component};
use crate::error::Error;
use crate::units::parse_duration;
use crate::yaml::{self, Node};

/// `none` is for alerts that are no trouble, such as the one that always fires.
const SEVERITIES: [&str; 4] = ["critical", "warning", "info", "none"];

pub(super) fn check(component: &Component, rendered: &BTreeMap<String, String>, report: &mut Report<'_>) {
    let tests: String = component
        .files
        .iter()
        .filter(|(path, _)| path.starts_with("rules/tests/"))
        .filter_map(|(_, f)| f.text().ok())
        .collect();
    let mut groups = BTreeSet::new();
    for (name, file) in component.files_in("rules", ".yml") {
        let Some(text) = rendered.get(&format!("rules/{name}")) else {
            let error = Error::new(format!("`rules/{name}` was not rendered")).at(place(file, ""));
            report.error(error);
            continue;
        };
        let node = match yaml::parse(&file.name, text) {
            Ok(node) => node,
            Err(error) => {
                report.error(error.within(format!("`rules/{name}` does not render to valid YAML")));
                continue;
            }
        };
        let mut rules = Rules { file, tests: &tests, report };
        rules.file(&node, &mut groups);
    }
    for (path, file) in component.files.iter().filter(|(path, _)| path.starts_with("rules/tests/")) {
        if let Err(error) = file.text().and_then(|text| yaml::parse(&file.name, text)) {
            report.error(error.within(format!("`{path}` is not valid YAML")));
        }
    }
}

struct Rules<'a, 'r, 'c> {
    file: &'a CatalogFile,
    tests: &'a str,
    report: &'r mut Report<'c>,
}

impl Rules<'_, '_, '_> {
    fn error(&mut self, needle: &str, message: String, hint: &str) {
        self.report.error(Error::new(message).at(place(self.file, needle)).hint(hint));
    }

    fn file(&mut self, node: &Node, groups: &mut BTreeSet<String>) {
        for (key, _) in node.entries().iter().filter(|(key, _)| key.as_str() != Some("groups")) {
            let key = key.as_str().unwrap_or_default().to_owned();
            self.error(&key, format!("a rules file knows no key `{key}`"), "it holds `groups`, and nothing else");
        }
        let found = node.get("groups").map(Node::items).unwrap_or_default();
        if found.is_empty() {
            self.error("", "the file holds no group of rules".into(), "`groups: [{name: NAME, rules: [...]}]`");
        }
        for group in found {
            let name = text(group, "name");
            if name.is_empty() {
                self.error(
                    "groups",
                    "a group of rules has no name".into(),
                    "a group's name shows in Prometheus's pages",
                );
            } else if !groups.insert(name.to_owned()) {
                self.error(name, format!("the group `{name}` is there twice"), "give each group a name of its own");
            }
            let rules = group.get("rules").map(Node::items).unwrap_or_default();
            if rules.is_empty() {
                self.error(name, format!("the group `{name}` has no rules"), "add one, or drop the group");
            }
            rules.iter().for_each(|rule| self.rule(rule));
        }
    }

    fn rule(&mut self, rule: &Node) {
        let (alert, record) = (text(rule, "alert"), text(rule, "record"));
        let name = if alert.is_empty() { record } else { alert };
        if alert.is_empty() == record.is_empty() {
            self.error(name, "a rule is either an `alert` or a `record`".into(), "write one of the two");
            return;
        }
        if rule.get("expr").is_none_or(|expr| expr.as_str().is_some_and(|text| text.trim().is_empty())) {
            self.error(name, format!("`{name}` has no `expr`"), "a PromQL expression");
        }
        if alert.is_empty() {
            self.record(record);
        } else {
            self.alert(alert, rule);
        }
    }

    fn record(&mut self, name: &str) {
        if !name.contains(':') {
            let error = Error::new(format!("the recording rule `{name}` is named like a metric of an exporter"));
            let error = error.at(place(self.file, name));
            self.report.warn(error.hint("`level:metric:operation`, such as `instance:node_cpu:ratio`"));
        }
    }

    fn alert(&mut self, name: &str, rule: &Node) {
        let labels = rule.get("labels");
        let severity = labels.map(|labels| text(labels, "severity")).unwrap_or_default();
        if !SEVERITIES.contains(&severity) {
            let given = if severity.is_empty() { "no severity".into() } else { format!("the severity `{severity}`") };
            self.error(
                name,
                format!("the alert `{name}` has {given}"),
                "`labels: {severity: critical}`, warning, info or none; routes go by it",
            );
        }
        let annotations = rule.get("annotations");
        for key in ["summary", "description"] {
            if annotations.is_none_or(|annotations| text(annotations, key).trim().is_empty()) {
                self.error(
                    name,
                    format!("the alert `{name}` has no `{key}`"),
                    "people read it at night: what is wrong, and what to look at",
                );
            }
        }
        for key in ["for", "keep_firing_for"] {
            if rule.get(key).is_some() && parse_duration(text(rule, key)).is_none() {
                self.error(name, format!("`{key}` of the alert `{name}` is not a valid duration"), "such as `5m`");
            }
        }
        let tested = self.tests.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).any(|word| word == name);
        if !tested {
            let error = Error::new(format!("no test makes the alert `{name}` fire")).at(place(self.file, name));
            self.report.warn(error.hint("add one below `rules/tests/`; `promtool test rules` runs it, lint does not"));
        }
    }
}

fn text<'a>(node: &'a Node, key: &str) -> &'a str {
    node.get(key).and_then(Node::as_str).unwrap_or_default()
}

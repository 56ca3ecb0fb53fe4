//! Checks your own rules and dashboards for faults that Prometheus and Grafana ignore silently.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::catalog::Catalog;
use crate::dashboard;
use crate::error::{Error, Location, Result};
use crate::input;
use crate::yaml::{self, Kind, Node};

/// Grafana's folder for your dashboards that lie in no folder of their own, and the one of those that ship.
pub const OWN_FOLDER: &str = "Own";
const SHIPPED_FOLDER: &str = "Watchpost";
const RULES_HELP: &str = "https://prometheus.io/docs/prometheus/latest/configuration/recording_rules/";

/// A file of the user's.
#[derive(Debug)]
pub struct OwnFile {
    /// As errors call it.
    pub path: String,
    pub content: Vec<u8>,
}

impl OwnFile {
    fn text(&self) -> Result<&str> {
        // `decoded` names the encoding; the text itself is borrowed.
        std::str::from_utf8(&self.content).map_err(|_| {
            let error = Error::new(format!("`{}` is not UTF-8 text", self.path));
            match input::decoded(self.content.clone()) {
                Err(why) => error.cause(why),
                Ok(_) => error,
            }
        })
    }
}

/// What a file under `rules:` turns out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleFile {
    Rules,
    /// What `promtool test rules` reads; Prometheus would reject it.
    Tests,
}

/// `name` is the path under which the file is deployed: `team-a/shop.yml`.
///
/// Prometheus accepts an empty file, comments alone, a group without rules and a byte order mark. Errors: not text, not
/// YAML, other keys than `groups`, a second document, which Prometheus would not read, or a folder that is a pattern.
pub fn check_rules(name: &str, file: &OwnFile) -> Result<RuleFile> {
    let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
    if let Some(mark) = folder.chars().find(|c| matches!(c, '*' | '?' | '[' | '\\')) {
        return Err(Error::new(format!("the folder of `{}` has `{mark}` in its name", file.path))
            .cause("Prometheus finds rule files by patterns, in which this stands for something else")
            .hint("rename the folder"));
    }
    let root = yaml::parse(&file.path, file.text()?)?;
    let Some(groups) = root.get("groups") else { return without_groups(&root) };
    if matches!(groups.kind, Kind::Null | Kind::Sequence(_)) {
        return Ok(RuleFile::Rules);
    }
    let message = format!("`groups` must be a list, found {}", groups.describe());
    Err(groups.error(message).hint(RULES_HELP))
}

fn without_groups(root: &Node) -> Result<RuleFile> {
    let error = || root.error("a file of rules needs `groups:`");
    match &root.kind {
        Kind::Null => Ok(RuleFile::Rules),
        Kind::Mapping(entries) if entries.is_empty() => Ok(RuleFile::Rules),
        Kind::Mapping(_) if root.get("tests").is_some() => Ok(RuleFile::Tests),
        Kind::Mapping(_) if root.get("kind").and_then(Node::as_str) == Some("PrometheusRule") => Err(error()
            .cause("this is a resource of Kubernetes, whose `spec` holds the groups")
            .hint("keep what is below `spec:`, and move it to the left")),
        Kind::Mapping(_) if root.get("scrape_configs").is_some() || root.get("route").is_some() => Err(error()
            .cause("this is a configuration of Prometheus or Alertmanager")
            .hint("the spec says what it holds: `targets:`, `alerting:`; remove the file from the folder")),
        _ => Err(error().hint(RULES_HELP)),
    }
}

/// Would this text be rules, were it loaded?
pub fn looks_like_rules(text: &str) -> bool {
    let has = |start: &str| text.lines().any(|line| line.trim_start_matches('\u{feff}').starts_with(start));
    has("groups:") || (text.trim_start().starts_with('{') && text.contains("\"groups\"") && text.contains("\"rules\""))
}

/// Would this text be a dashboard, were it loaded?
pub fn looks_like_a_dashboard(text: &str) -> bool {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    text.starts_with('{') && text.contains("\"panels\"") && text.contains("\"title\"")
}

/// Grafana's folder for a dashboard, by the path under which it is deployed: the innermost one, as Grafana names it.
pub fn grafana_folder(name: &str) -> &str {
    let folder = name.rsplit_once('/').map(|(folder, _)| folder);
    folder.map_or(OWN_FOLDER, |folder| folder.rsplit('/').next().unwrap_or(folder))
}

/// A `uid`, which only one dashboard may have, or a `title`, which only one in a folder may have.
struct Title<'a> {
    key: &'static str,
    value: String,
    folder: &'a str,
    /// ``the dashboard `Host` of the catalog``, or the other file.
    owner: &'a str,
}

impl Title<'_> {
    fn clashes(&self, other: &Title<'_>) -> bool {
        self.key == other.key && self.value == other.value && (self.key == "uid" || self.folder == other.folder)
    }
}

/// By the path under which each is deployed. Errors: not a JSON object, a byte order mark, a `uid` or `title` that another
/// dashboard has.
pub fn check_dashboards(files: &BTreeMap<String, OwnFile>, catalog: &Catalog) -> Vec<Error> {
    let shipped = catalog.components.values().flat_map(|component| component.files_in("dashboards", ".json"));
    let mut seen: Vec<Title<'_>> = Vec::new();
    for (_, file) in shipped {
        let model: Value = serde_json::from_slice(&file.content).unwrap_or_default();
        seen.extend(titles(&file.name, SHIPPED_FOLDER, &model));
    }
    let mut errors = Vec::new();
    for (name, file) in files {
        let model = match check_json(file) {
            Ok(model) => model,
            Err(error) => {
                errors.push(error);
                continue;
            }
        };
        for title in titles(&file.path, grafana_folder(name), &model) {
            if let Some(other) = seen.iter().find(|other| other.clashes(&title)) {
                let (key, value) = (title.key, input::cut(&title.value));
                let error = Error::new(format!("the {key} `{value}` is used by `{}` too", other.owner))
                    .hint(format!("give this dashboard another {key}: Grafana shows only one of the two"));
                errors.push(match place(file, title.key) {
                    Some(at) => error.at(at),
                    None => error.cause(format!("in `{}`", file.path)),
                });
            }
            seen.push(title);
        }
    }
    errors
}

/// JSON with an object at its root, as Grafana reads it.
fn check_json(file: &OwnFile) -> Result<Value> {
    let text = file.text()?;
    let place =
        |line: usize, column: usize| yaml::SourceFile::new(&file.path, text).location(line.max(1), column.max(1), 1);
    if text.starts_with('\u{feff}') {
        return Err(Error::new(format!("`{}` begins with a byte order mark (BOM)", file.path))
            .cause("Grafana rejects a dashboard that does")
            .hint("save the file as UTF-8 without BOM"));
    }
    match serde_json::from_str::<Value>(text) {
        Err(error) => {
            let message = error.to_string();
            let why = message.split(" at line ").next().unwrap_or(&message).to_owned();
            let error = Error::new(format!("this is not valid JSON: {why}")).at(place(error.line(), error.column()));
            Err(if text.trim().is_empty() { error.hint("the file is empty: remove it") } else { error })
        }
        Ok(value) if !value.is_object() => Err(Error::new("a dashboard is a JSON object")
            .at(place(1, 1))
            .hint("export it in Grafana: Share, Export, Save to file")),
        Ok(value) => Ok(value),
    }
}

/// Where a key of a dashboard stands. JSON is YAML; where our YAML reader gives up, errors name only the file. So they do of
/// a large one, whose nodes would take hundreds of megabytes.
fn place(file: &OwnFile, key: &str) -> Option<Location> {
    if file.content.len() > input::SPEC {
        return None;
    }
    let root = yaml::parse(&file.path, file.text().ok()?).ok()?;
    Some(root.get(key)?.location())
}

fn titles<'a>(owner: &'a str, folder: &'a str, model: &Value) -> Vec<Title<'a>> {
    let title = |(key, value): (&'static str, &str)| {
        let value = Some(value).filter(|value| !value.is_empty())?.to_owned();
        Some(Title { key, value, folder, owner })
    };
    [("uid", dashboard::uid(model)), ("title", dashboard::title(model))].into_iter().filter_map(title).collect()
}

#[cfg(test)]
mod tests;

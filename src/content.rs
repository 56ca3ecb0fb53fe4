//! Checks your own rules and dashboards for faults that Prometheus and Grafana ignore silently.

use std::collections::BTreeMap;

use crate::catalog::Catalog;
use crate::error::{Error, Location, Result};
use crate::yaml::{self, Node};

/// A file of the user's.
#[derive(Debug)]
pub struct OwnFile {
    /// As errors call it.
    pub path: String,
    pub content: Vec<u8>,
}

impl OwnFile {
    fn text(&self) -> Result<&str> {
        let text = std::str::from_utf8(&self.content);
        text.map_err(|error| Error::new(format!("`{}` is not text", self.path)).cause(error))
    }
}

/// Errors: not text, not YAML, or no `groups`.
pub fn check_rules(file: &OwnFile) -> Result<()> {
    let root = yaml::parse(&file.path, file.text()?)?;
    if root.get("groups").is_some() {
        return Ok(());
    }
    Err(root
        .error("a file of rules needs `groups:`")
        .hint("https://prometheus.io/docs/prometheus/latest/configuration/recording_rules/"))
}

/// A `uid` or `title`, which only one dashboard may have.
struct Title<'a> {
    key: &'static str,
    value: String,
    /// ``the dashboard `Host` of the catalog``, or the other file.
    owner: &'a str,
    at: Option<Location>,
}

/// Errors: not a JSON object, or a `uid` or `title` that another dashboard has.
pub fn check_dashboards(files: &BTreeMap<String, OwnFile>, catalog: &Catalog) -> Vec<Error> {
    let shipped: Vec<(String, &[u8])> = catalog
        .components
        .values()
        .flat_map(|component| {
            component.files_in("dashboards", ".json").map(|(_, file)| (file.name.clone(), &*file.content))
        })
        .collect();
    let mut seen: Vec<Title<'_>> = Vec::new();
    for (name, content) in &shipped {
        seen.extend(titles(name, content, None));
    }
    let mut errors = Vec::new();
    for file in files.values() {
        let places = match check_json(file) {
            Ok(places) => places,
            Err(error) => {
                errors.push(error);
                continue;
            }
        };
        for title in titles(&file.path, &file.content, places.as_ref()) {
            if let Some(other) = seen.iter().find(|other| other.key == title.key && other.value == title.value) {
                let error = Error::new(format!("the {} `{}` is used by `{}` too", title.key, title.value, other.owner))
                    .hint(format!("give this dashboard another {}: Grafana shows only one of the two", title.key));
                errors.push(match title.at.clone() {
                    Some(at) => error.at(at),
                    None => error.cause(format!("in `{}`", file.path)),
                });
            }
            seen.push(title);
        }
    }
    errors
}

/// JSON with an object at its root; the places in it, as far as they are known.
fn check_json(file: &OwnFile) -> Result<Option<Node>> {
    let text = file.text()?;
    let place =
        |line: usize, column: usize| yaml::SourceFile::new(&file.path, text).location(line.max(1), column.max(1), 1);
    match serde_json::from_str::<serde_json::Value>(text) {
        Err(error) => {
            let message = error.to_string();
            let why = message.split(" at line ").next().unwrap_or(&message).to_owned();
            Err(Error::new(format!("this is not valid JSON: {why}")).at(place(error.line(), error.column())))
        }
        Ok(value) if !value.is_object() => Err(Error::new("a dashboard is a JSON object")
            .at(place(1, 1))
            .hint("export it in Grafana: Share, Export, Save to file")),
        // JSON is YAML; where our YAML reader gives up, errors name only the file.
        Ok(_) => Ok(yaml::parse(&file.path, text).ok()),
    }
}

fn titles<'a>(owner: &'a str, content: &[u8], places: Option<&Node>) -> Vec<Title<'a>> {
    let Ok(dashboard) = serde_json::from_slice::<serde_json::Value>(content) else { return Vec::new() };
    let title = |key: &'static str| {
        let value = dashboard.get(key)?.as_str().filter(|value| !value.is_empty())?.to_owned();
        Some(Title { key, value, owner, at: places.and_then(|root| Some(root.get(key)?.location())) })
    };
    ["uid", "title"].into_iter().filter_map(title).collect()
}

//! The bytes of your own rules and dashboards, checked as far as Prometheus and Grafana would pass over them in silence.

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
        text.map_err(|error| Error::new(format!("`{}` is no text", self.path)).cause(error))
    }
}

/// Errors: no text, no YAML, or no `groups`.
pub fn check_rules(file: &OwnFile) -> Result<()> {
    let root = yaml::parse(&file.path, file.text()?)?;
    if root.get("groups").is_some() {
        return Ok(());
    }
    Err(root
        .error("a file of rules needs `groups:`")
        .hint("https://prometheus.io/docs/prometheus/latest/configuration/recording_rules/"))
}

/// What a dashboard is told by, and where it stands.
struct Title<'a> {
    key: &'static str,
    value: String,
    /// ``the dashboard `Host` of the catalog``, or the other file.
    owner: &'a str,
    at: Option<Location>,
}

/// Errors: no JSON object, or a `uid` or `title` that another one has.
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
                let error = Error::new(format!("the {} `{}` is taken by `{}`", title.key, title.value, other.owner))
                    .hint(format!("give this dashboard another {}: Grafana shows one of the two only", title.key));
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

/// JSON with an object at its root; its places, as far as they can be told.
fn check_json(file: &OwnFile) -> Result<Option<Node>> {
    let text = file.text()?;
    let place =
        |line: usize, column: usize| yaml::Source::new(&file.path, text).location(line.max(1), column.max(1), 1);
    match serde_json::from_str::<serde_json::Value>(text) {
        Err(error) => {
            let said = error.to_string();
            let why = said.split(" at line ").next().unwrap_or(&said).to_owned();
            Err(Error::new(format!("this is not valid JSON: {why}")).at(place(error.line(), error.column())))
        }
        Ok(value) if !value.is_object() => Err(Error::new("a dashboard is a JSON object")
            .at(place(1, 1))
            .hint("export it in Grafana: Share, Export, Save to file")),
        // JSON is YAML; where our reader of YAML gives up, errors name the file only.
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

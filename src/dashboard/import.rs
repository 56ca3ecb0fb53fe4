//! A dashboard from elsewhere, changed so that Grafana accepts it from a file and finds its data sources here.
//!
//! Steps: unwrap the dashboard, inline library panels, resolve the inputs of the import dialog, pin every data source,
//! reset the variables' choices, and drop keys that only another Grafana understands.

mod data_sources;
mod inputs;
mod library;
mod v2;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Form, MAX_SCHEMA_VERSION, classic, form, is_uid, schema_version, text, title, uid};
use crate::error::{Error, Result};

/// A data source of the stack's Grafana.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProvisionedSource {
    pub name: String,
    pub uid: String,
    /// `prometheus`, `alertmanager`
    pub kind: String,
}

/// What is known of the place that the dashboard goes to.
#[derive(Debug, Clone, Default)]
pub struct Destination<'a> {
    pub data_sources: Vec<ProvisionedSource>,
    /// Uids chosen by the user for inputs and data sources of the file: `DS_LOKI=my-loki`.
    pub mapping: BTreeMap<String, String>,
    /// Names the dashboard when it has no uid: `gnet-1860`, the file's name.
    pub origin: &'a str,
    /// Uids of other dashboards there.
    pub used_uids: Vec<String>,
    /// Its version, or the tag of its image; empty when it is not known.
    pub grafana: &'a str,
}

impl Destination<'_> {
    fn data_source(&self, kind: &str) -> Option<&ProvisionedSource> {
        self.data_sources.iter().find(|source| source.kind == kind)
    }

    fn missing_data_source(&self, name: &str, kind: &str) -> Error {
        let known: Vec<String> =
            self.data_sources.iter().map(|source| format!("`{}` ({})", source.uid, source.kind)).collect();
        let what = match kind {
            "" => format!("the dashboard asks the data source `{name}`, and does not say of what type that is"),
            kind => format!("the dashboard needs a data source of the type `{kind}` as `{name}`"),
        };
        Error::new(what)
            .cause(format!("the stack has {}", known.join(" and ")))
            .hint(format!("name one that you have added to Grafana: `--datasource {name}=UID`"))
    }
}

#[derive(Debug, Clone)]
pub struct Imported {
    pub uid: String,
    pub title: String,
    /// The file's text.
    pub text: String,
    /// What was changed, in words.
    pub notes: Vec<String>,
}

/// Keys that file provisioning rejects or misreads.
const STRIPPED: [&str; 6] = ["__inputs", "__elements", "__requires", "id", "version", "iteration"];

/// Errors: a schema that the stack's Grafana rejects; a data source that the stack does not have; a library panel that is
/// not in the file; inputs that expand to far more than a name.
pub fn import(model: &Value, destination: &Destination<'_>) -> Result<Imported> {
    let mut notes = Vec::new();
    let inner = unwrapped(model);
    let model = match form(inner) {
        Form::V2Spec | Form::V2Resource => v2::import(inner, destination, &mut notes)?,
        Form::Classic | Form::ClassicResource => import_classic(&classic(inner), destination, &mut notes)?,
    };
    Ok(Imported { uid: uid(&model).into(), title: title(&model).into(), text: text(&model), notes })
}

fn import_classic(model: &Value, destination: &Destination<'_>, notes: &mut Vec<String>) -> Result<Value> {
    if model.get("panels").is_none() && model.get("rows").is_none() {
        return Err(Error::new("this is not a dashboard: it has no `panels`").hint("export the dashboard as JSON"));
    }
    if let Some(version) = schema_version(model).filter(|version| *version > MAX_SCHEMA_VERSION) {
        return Err(Error::new(format!("`schemaVersion` {version} is newer than Grafana accepts from files"))
            .hint("in Grafana, choose Share, Export and there `V2 resource`, and import that file"));
    }
    let mut model = model.clone();
    library::inline(&mut model, notes)?;
    inputs::resolve(&mut model, destination, notes)?;
    data_sources::pin(&mut model, destination)?;
    reset_variables(&mut model, destination);
    if let Some(map) = model.as_object_mut() {
        map.retain(|key, _| !STRIPPED.contains(&key.as_str()));
    }
    identify(&mut model, destination, notes)?;
    Ok(model)
}

/// The `dashboard` of an answer of the API, or the model itself.
fn unwrapped(model: &Value) -> &Value {
    model.get("dashboard").filter(|dashboard| dashboard.is_object()).unwrap_or(model)
}

/// The last choices made elsewhere do not exist here; Grafana asks for choices when the dashboard is opened.
fn reset_variables(model: &mut Value, destination: &Destination<'_>) {
    let list = model.pointer_mut("/templating/list").and_then(Value::as_array_mut);
    for variable in list.into_iter().flatten().filter_map(Value::as_object_mut) {
        match variable.get("type").and_then(Value::as_str) {
            Some("query") => {
                let all = variable.get("includeAll").is_some_and(|all| *all == true);
                let current = if all { json!({"text": ["All"], "value": ["$__all"]}) } else { json!({}) };
                variable.insert("current".into(), current);
                variable.shift_remove("options");
                let refreshes = matches!(variable.get("refresh").and_then(Value::as_u64), Some(1 | 2));
                if !refreshes {
                    variable.insert("refresh".into(), json!(1));
                }
            }
            Some("datasource") => {
                let kind = variable.get("query").and_then(Value::as_str).unwrap_or_default();
                let current = match destination.data_source(kind) {
                    Some(source) => json!({"text": source.name, "value": source.uid}),
                    None => json!({}),
                };
                variable.insert("current".into(), current);
                variable.shift_remove("options");
                variable.insert("regex".into(), json!(""));
            }
            _ => {}
        }
    }
}

/// Checks the title, and gives a uid that stays the same from import to import when the dashboard's own cannot be used.
fn identify(model: &mut Value, destination: &Destination<'_>, notes: &mut Vec<String>) -> Result<()> {
    let chosen = chosen_uid(uid(model), title(model), destination, notes)?;
    if chosen == uid(model) {
        return Ok(());
    }
    // The uid comes first: it is what people look for in the file.
    if let Some(map) = model.as_object_mut() {
        let mut ordered = Map::new();
        ordered.insert("uid".into(), Value::String(chosen));
        map.shift_remove("uid");
        ordered.extend(std::mem::take(map));
        *map = ordered;
    }
    Ok(())
}

/// The dashboard's own uid where it can be used. Errors: no title.
fn chosen_uid(given: &str, title: &str, destination: &Destination<'_>, notes: &mut Vec<String>) -> Result<String> {
    if title.trim().is_empty() {
        return Err(Error::new("the dashboard has no `title`").hint("give it one: people look for it by title"));
    }
    if is_uid(given) && !destination.used_uids.iter().any(|used| used == given) {
        return Ok(given.to_owned());
    }
    let chosen = unused_uid(if destination.origin.is_empty() { title } else { destination.origin }, destination);
    if !given.is_empty() {
        let why = if is_uid(given) { "is used by another dashboard" } else { "is not valid" };
        notes.push(format!("the uid `{given}` {why} and became `{chosen}`"));
    }
    Ok(chosen)
}

/// The name as a uid, with a number behind it when another dashboard has it.
fn unused_uid(name: &str, destination: &Destination<'_>) -> String {
    let stem = slug(name);
    let mut chosen = stem.clone();
    let mut number = 2;
    while destination.used_uids.contains(&chosen) {
        chosen = format!("{}-{number}", &stem[..stem.len().min(36)]);
        number += 1;
    }
    chosen
}

/// Lowercase letters, digits and dashes; at most 40.
pub fn slug(text: &str) -> String {
    let mut slug = String::new();
    for c in text.to_lowercase().chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c);
        } else if !slug.ends_with('-') && !slug.is_empty() {
            slug.push('-');
        }
    }
    slug.truncate(40);
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "dashboard".into() } else { slug.into() }
}

#[cfg(test)]
mod tests;

//! Schema v2: a bare `spec`, as Grafana's page exports it, becomes the resource that Grafana accepts from files.

use serde_json::{Map, Value, json};

use super::{Destination, chosen_uid};
use crate::dashboard::source::is_built_in;
use crate::dashboard::{Form, form, too_new, uid, v2};
use crate::error::{Error, Result};

/// The resource with the data sources of the stack.
///
/// Errors: a Grafana that rejects schema v2; a data source that the stack does not have; a library panel, which no v2
/// export holds.
pub fn import(model: &Value, destination: &Destination<'_>, notes: &mut Vec<String>) -> Result<Value> {
    let bare = form(model) == Form::V2Spec;
    let mut spec = if bare { model.clone() } else { model["spec"].clone() };
    if let Some(panel) = library_panel(&spec) {
        return Err(Error::new(format!("the library panel `{panel}` is not in the file"))
            .hint("in Grafana, unlink the panel from the library, and export the dashboard again"));
    }
    let title = spec["title"].as_str().unwrap_or_default();
    let name = chosen_uid(uid(model), title, destination, notes)?;
    let mut missing = None;
    let variables = variable_names(&spec);
    pin(&mut spec, destination, &variables, &mut missing);
    if let Some((name, kind)) = missing {
        return Err(destination.missing_data_source(&name, &kind));
    }
    reset(&mut spec);
    if bare {
        notes.push("the bare schema v2 spec became a resource, which Grafana accepts from files".into());
    }
    let resource = v2::resource(model["apiVersion"].as_str(), &name, spec);
    if too_new(&resource, destination.grafana) {
        let grafana = destination.grafana;
        return Err(Error::new(format!("Grafana {grafana} does not accept schema v2 from files"))
            .hint("export the dashboard as classic JSON, or deploy Grafana 13 or newer"));
    }
    Ok(resource)
}

fn library_panel(spec: &Value) -> Option<&str> {
    let mut elements = spec["elements"].as_object().into_iter().flat_map(Map::values);
    let library = elements.find(|element| element["kind"] == "LibraryPanel")?;
    Some(library["spec"]["libraryPanel"]["name"].as_str().unwrap_or_default())
}

fn variable_names(spec: &Value) -> Vec<String> {
    let variables = spec["variables"].as_array().into_iter().flatten();
    variables.filter_map(|variable| variable["spec"]["name"].as_str().map(str::to_owned)).collect()
}

/// Gives every query a data source that the stack has. `missing`: the first that it has not, by name and type.
fn pin(value: &mut Value, destination: &Destination<'_>, variables: &[String], missing: &mut Option<(String, String)>) {
    match value {
        Value::Object(map) => {
            if map.get("kind").is_some_and(|kind| kind == "DataQuery") {
                let kind = map.get("group").and_then(Value::as_str).unwrap_or_default().to_owned();
                let source = map.entry("datasource").or_insert_with(|| json!({}));
                pin_one(source, "name", &kind, destination, variables, missing);
                map.shift_remove("labels");
                return;
            }
            // The first v2 has `{type, uid}` beside the query.
            let first = map.get("datasource").and_then(|source| source["type"].as_str()).map(str::to_owned);
            if let (Some(kind), Some(source)) = (first, map.get_mut("datasource")) {
                pin_one(source, "uid", &kind, destination, variables, missing);
            }
            map.values_mut().for_each(|inner| pin(inner, destination, variables, missing));
        }
        Value::Array(items) => items.iter_mut().for_each(|inner| pin(inner, destination, variables, missing)),
        _ => {}
    }
}

fn pin_one(
    source: &mut Value,
    key: &str,
    kind: &str,
    destination: &Destination<'_>,
    variables: &[String],
    missing: &mut Option<(String, String)>,
) {
    let given = source[key].as_str().unwrap_or_default().to_owned();
    let bare = given.trim_start_matches(['$', '{', '[']).trim_end_matches(['}', ']']);
    let own = matches!(kind, "" | "grafana" | "datasource" | "__expr__") || is_built_in(&given);
    let known = destination.data_sources.iter().any(|known| known.uid == given)
        || destination.mapping.values().any(|uid| *uid == given)
        || (bare != given && variables.iter().any(|name| name == bare));
    if own || known {
        return;
    }
    let mapping = &destination.mapping;
    let ours = destination.data_source(kind).map(|source| &source.uid);
    match mapping.get(&given).or(mapping.get(bare)).or(mapping.get(kind)).or(ours) {
        Some(uid) => source[key] = uid.as_str().into(),
        None if missing.is_none() => {
            *missing = Some((if bare.is_empty() { kind } else { bare }.to_owned(), kind.to_owned()))
        }
        None => {}
    }
}

/// Choices made elsewhere do not exist here.
fn reset(spec: &mut Value) {
    for variable in spec["variables"].as_array_mut().into_iter().flatten() {
        let kind = variable["kind"].as_str().unwrap_or_default().to_owned();
        let Some(spec) = variable["spec"].as_object_mut() else { continue };
        match kind.as_str() {
            "QueryVariable" => {
                let all = spec.get("includeAll").is_some_and(|all| *all == true);
                let current =
                    if all { json!({"text": ["All"], "value": ["$__all"]}) } else { json!({"text": "", "value": ""}) };
                spec.insert("current".into(), current);
                spec.insert("options".into(), json!([]));
                if spec.get("refresh").is_none_or(|refresh| refresh == "never") {
                    spec.insert("refresh".into(), json!("onDashboardLoad"));
                }
            }
            "DatasourceVariable" => {
                spec.insert("current".into(), json!({"text": "", "value": ""}));
                spec.insert("options".into(), json!([]));
                spec.insert("regex".into(), json!(""));
            }
            _ => {}
        }
    }
}

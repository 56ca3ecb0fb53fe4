//! Library panels: kept in another Grafana's library, and in the file's `__elements` when it was exported for sharing.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// Keys of a panel that belong to the dashboard; the library decides the rest.
const POSITION: [&str; 5] = ["id", "gridPos", "repeat", "repeatDirection", "maxPerRow"];

/// Replaces every reference to a library panel with the panel itself.
///
/// Errors: a panel that is not in the file.
pub fn inline(model: &mut Value, notes: &mut Vec<String>) -> Result<()> {
    let elements = elements(model);
    let mut missing = Vec::new();
    let mut inlined = 0;
    each_panel(model, &mut |panel| {
        let Some(reference) = panel.shift_remove("libraryPanel") else { return };
        let uid = reference["uid"].as_str().unwrap_or_default();
        let shared = elements.get(uid).or(reference.get("model")).and_then(Value::as_object);
        let has_own_queries = panel.get("targets").and_then(Value::as_array).is_some_and(|all| !all.is_empty());
        if let Some(shared) = shared {
            *panel = at_position_of(panel, shared.clone());
        } else if !has_own_queries {
            return missing.push(reference["name"].as_str().unwrap_or(uid).to_owned());
        }
        inlined += 1;
    });
    if let Some(name) = missing.first() {
        return Err(Error::new(format!("the library panel `{name}` is not in the file"))
            .hint("export it once more with `Export for sharing externally` switched on"));
    }
    if inlined > 0 {
        notes.push(format!("{inlined} library panel{} inlined", if inlined == 1 { "" } else { "s" }));
    }
    Ok(())
}

fn at_position_of(panel: &Map<String, Value>, mut shared: Map<String, Value>) -> Map<String, Value> {
    shared.shift_remove("libraryPanel");
    for key in POSITION {
        match panel.get(key) {
            Some(value) => drop(shared.insert(key.into(), value.clone())),
            None => drop(shared.shift_remove(key)),
        }
    }
    shared
}

/// Library panels by uid; `__elements` is a mapping, and was a list in older exports.
fn elements(model: &Value) -> BTreeMap<String, Value> {
    let entries: Vec<&Value> = match &model["__elements"] {
        Value::Object(map) => map.values().collect(),
        Value::Array(items) => items.iter().collect(),
        _ => Vec::new(),
    };
    entries.into_iter().filter_map(|entry| Some((entry["uid"].as_str()?.to_owned(), entry["model"].clone()))).collect()
}

/// Every panel, also those inside rows of both kinds.
fn each_panel(holder: &mut Value, change: &mut dyn FnMut(&mut Map<String, Value>)) {
    for panel in holder.get_mut("panels").and_then(Value::as_array_mut).into_iter().flatten() {
        each_panel(panel, change);
        if let Some(panel) = panel.as_object_mut() {
            change(panel);
        }
    }
    for row in holder.get_mut("rows").and_then(Value::as_array_mut).into_iter().flatten() {
        each_panel(row, change);
    }
}

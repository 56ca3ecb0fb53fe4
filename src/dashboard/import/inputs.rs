//! Inputs: `__inputs` names data sources and constants that the import dialog asks for; `${NAME}` stands for them in texts.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Destination;
use crate::error::{Error, Result};

/// Inputs add at most this many bytes to all texts of a file together.
const MAX_ADDED: usize = 1 << 20;

/// Replaces every input with its value here.
///
/// Errors: a data source that the stack does not have; values that expand without bound.
pub fn resolve(model: &mut Value, destination: &Destination<'_>, notes: &mut Vec<String>) -> Result<()> {
    let values = values(model, destination)?;
    notes.extend(values.iter().map(|(name, value)| format!("`{name}` is `{value}`")));
    let values = values.into_iter().collect();
    let mut room = MAX_ADDED;
    replace(model, &values, &mut room).map_err(|name| {
        Error::new(format!("the input `{name}` expands to more than 1 MB of text"))
            .cause("an input is a data source or a short text")
            .hint("shorten its `value` under `__inputs` in the file")
    })
}

/// The value of each input, in the order of the file.
fn values(model: &Value, destination: &Destination<'_>) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for input in model["__inputs"].as_array().into_iter().flatten() {
        let name = input["name"].as_str().unwrap_or_default();
        let value = if let Some(uid) = destination.mapping.get(name) {
            uid.clone()
        } else if input["type"] == "datasource" {
            match input["pluginId"].as_str().unwrap_or_default() {
                // Grafana's own pseudo sources need no value.
                "datasource" | "__expr__" => continue,
                kind => match destination.data_source(kind) {
                    Some(source) => source.uid.clone(),
                    None => return Err(destination.missing_data_source(name, kind)),
                },
            }
        } else {
            input["value"].as_str().unwrap_or_default().to_owned()
        };
        found.push((name.to_owned(), value));
    }
    Ok(found)
}

/// Puts values in for `${NAME}` everywhere, and for `$NAME` where that is the whole text. `room`: bytes that may be added.
///
/// Errors: the input that there is no room for.
fn replace(value: &mut Value, inputs: &BTreeMap<String, String>, room: &mut usize) -> Result<(), String> {
    match value {
        Value::String(text) if text.contains('$') => {
            inputs.iter().try_for_each(|(name, input)| replace_in_text(text, name, input, room))
        }
        Value::Object(map) => map.values_mut().try_for_each(|inner| replace(inner, inputs, room)),
        Value::Array(items) => items.iter_mut().try_for_each(|inner| replace(inner, inputs, room)),
        _ => Ok(()),
    }
}

fn replace_in_text(text: &mut String, name: &str, value: &str, room: &mut usize) -> Result<(), String> {
    let bare = format!("${name}");
    let reference = if *text == bare { bare } else { format!("${{{name}}}") };
    let found = text.matches(&reference).count();
    let added = found.saturating_mul(value.len().saturating_sub(reference.len()));
    *room = room.checked_sub(added).ok_or_else(|| name.to_owned())?;
    if found > 0 {
        *text = text.replace(&reference, value);
    }
    Ok(())
}

//! Grafana's dashboards as classic JSON: what they ask, whether Grafana takes them from files, and what differs.
//!
//! Pure: the same text gives the same panels, findings and changes. Schema v2 (`elements` and `layout`) is known only
//! as far as it takes to refuse it, since Grafana does not take it from files.

pub mod compare;
pub mod import;
pub mod lint;
pub mod panel;
pub mod regex;
pub mod scope;
pub mod time;
pub mod variable;

pub use panel::{Panel, Query};
pub use scope::Scope;
pub use variable::Variable;

use serde_json::Value;

use crate::error::{Error, Location, Result};
use crate::yaml::SourceFile;

/// Grafana 13 provisions classic JSON up to this version; what its page exports beyond is another schema.
pub const MAX_SCHEMA_VERSION: u64 = 42;

/// Errors: no JSON, or no object; with the place.
pub fn parse(name: &str, text: &str) -> Result<Value> {
    let model: Value = serde_json::from_str(text).map_err(|error| {
        let at = SourceFile::new(name, text).location(error.line().max(1), error.column().max(1), 1);
        Error::new("this is not valid JSON").at(at).cause(error).hint("export it again, or fix the text at this place")
    })?;
    if model.is_object() {
        return Ok(model);
    }
    Err(Error::new("a dashboard is one JSON object").at(SourceFile::new(name, text).location(1, 1, 1)))
}

/// Is this the newer schema, or a resource around one?
pub fn is_schema_v2(model: &Value) -> bool {
    model.get("elements").is_some() || model.get("spec").is_some_and(|spec| spec.get("elements").is_some())
}

pub fn uid(model: &Value) -> &str {
    model["uid"].as_str().unwrap_or_default()
}

pub fn title(model: &Value) -> &str {
    model["title"].as_str().unwrap_or_default()
}

/// Grafana's rule for uids: 1 to 40 letters, digits, `-` and `_`.
pub fn is_uid(text: &str) -> bool {
    (1..=40).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
}

/// The place of the first `needle` in a text, else its first line.
pub fn place(name: &str, text: &str, needle: &str) -> Location {
    let offset = if needle.is_empty() { None } else { text.find(needle) };
    let before = &text[..offset.unwrap_or(0)];
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    let width = offset.map_or(1, |_| needle.chars().count());
    SourceFile::new(name, text).location(before.matches('\n').count() + 1, column, width)
}

/// JSON as Grafana writes it into files: two spaces, one newline at the end.
pub fn text(model: &Value) -> String {
    // A JSON value always has a text.
    serde_json::to_string_pretty(model).map(|text| text + "\n").unwrap_or_default()
}

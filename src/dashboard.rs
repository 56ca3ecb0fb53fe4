//! Grafana's dashboards: what they ask, whether Grafana accepts them from files, and what differs.
//!
//! Pure: the same text gives the same panels, findings and changes. A file may hold several forms of a dashboard;
//! `classic` reads each of them as classic JSON, and everything else here knows that one only.

pub mod compare;
pub mod import;
pub mod lint;
pub mod panel;
mod places;
pub mod regex;
pub mod scope;
pub mod source;
pub mod time;
mod v2;
pub mod variable;

pub use panel::{Panel, Query};
pub use scope::Scope;
pub use variable::Variable;

use std::borrow::Cow;

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

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Classic,
    /// Classic JSON as the `spec` of a resource.
    ClassicResource,
    /// Schema v2 as the `spec` of a resource: Grafana accepts it from files since 13.
    V2Resource,
    /// The `spec` of such a resource by itself: Grafana rejects it in files.
    V2Spec,
}

pub fn form(model: &Value) -> Form {
    let has_v2 = |model: &Value| model.get("elements").is_some() || model.get("layout").is_some();
    let version = model["apiVersion"].as_str().map(|text| text.rsplit('/').next().unwrap_or_default());
    match &model["spec"] {
        spec if spec.is_object() && (has_v2(spec) || version.is_some_and(|version| version.starts_with("v2"))) => {
            Form::V2Resource
        }
        spec if spec.is_object() && version.is_some() => Form::ClassicResource,
        _ if has_v2(model) => Form::V2Spec,
        _ => Form::Classic,
    }
}

/// Any form of a dashboard as classic JSON.
pub fn classic(model: &Value) -> Cow<'_, Value> {
    match form(model) {
        Form::Classic => Cow::Borrowed(model),
        Form::V2Spec => Cow::Owned(v2::classic(model, uid(model))),
        Form::V2Resource => Cow::Owned(v2::classic(&model["spec"], uid(model))),
        Form::ClassicResource => {
            let mut classic = model["spec"].clone();
            if !uid(model).is_empty() {
                classic["uid"] = uid(model).into();
            }
            Cow::Owned(classic)
        }
    }
}

/// In a resource, its name is the uid.
pub fn uid(model: &Value) -> &str {
    match form(model) {
        Form::Classic | Form::V2Spec => model["uid"].as_str().unwrap_or_default(),
        Form::ClassicResource | Form::V2Resource => {
            let own =
                model["spec"]["uid"].as_str().filter(|uid| !uid.is_empty() && form(model) == Form::ClassicResource);
            own.or(model["metadata"]["name"].as_str()).unwrap_or_default()
        }
    }
}

pub fn title(model: &Value) -> &str {
    match form(model) {
        Form::Classic | Form::V2Spec => model["title"].as_str().unwrap_or_default(),
        Form::ClassicResource | Form::V2Resource => model["spec"]["title"].as_str().unwrap_or_default(),
    }
}

/// The first release of Grafana that accepts schema v2 from files. <https://github.com/grafana/grafana/pull/113620>
const V2_SINCE: u64 = 13;

/// Does this Grafana, by its version or its image's tag, reject the file for its schema? One that hides its version does
/// not.
pub fn too_new(model: &Value, grafana: &str) -> bool {
    let release =
        grafana.trim_start_matches('v').split(['.', '-']).next().and_then(|number| number.parse::<u64>().ok());
    form(model) == Form::V2Resource && release.is_some_and(|release| release < V2_SINCE)
}

/// What Grafana stores, without its own numbers, in a form that it accepts from files.
pub fn exported(mut model: Value, uid: &str) -> Value {
    match form(&model) {
        Form::Classic => {
            for key in ["id", "version", "iteration"] {
                model.as_object_mut().and_then(|map| map.shift_remove(key));
            }
            model
        }
        Form::ClassicResource => exported(classic(&model).into_owned(), uid),
        Form::V2Spec => v2::resource(None, uid, model),
        Form::V2Resource => {
            let spec = model["spec"].take();
            v2::resource(model["apiVersion"].as_str(), uid, spec)
        }
    }
}

/// `None` when the dashboard has none. Grafana reads a text as the number that it spells.
pub fn schema_version(model: &Value) -> Option<u64> {
    let version = &model["schemaVersion"];
    version.as_u64().or_else(|| version.as_str()?.trim().parse().ok())
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

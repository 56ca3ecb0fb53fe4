//! A dashboard from elsewhere, made such that Grafana takes it from a file and finds its data sources here.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{MAX_SCHEMA_VERSION, is_schema_v2, is_uid, text, title, uid};
use crate::error::{Error, Result};

/// A data source that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    pub name: String,
    pub uid: String,
    /// `prometheus`, `alertmanager`
    pub kind: String,
}

/// What is known of the place that the dashboard comes to.
#[derive(Debug, Clone, Default)]
pub struct Place<'a> {
    pub sources: Vec<Source>,
    /// Uids that people choose for inputs and data sources of the file: `DS_LOKI=my-loki`.
    pub mapped: BTreeMap<String, String>,
    /// What names the dashboard when it has no uid: `gnet-1860`, the file's name.
    pub origin: &'a str,
    /// Uids of other dashboards there.
    pub taken: Vec<String>,
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

/// Inputs make all texts of a file no longer than this together, in bytes.
const MOST: usize = 1 << 20;

/// Keys that file provisioning rejects or misreads.
const STRIPPED: [&str; 6] = ["__inputs", "__elements", "__requires", "id", "version", "iteration"];

/// Errors: schema v2, a data source that the stack does not have, a library panel that the file does not hold, inputs
/// that stand for far more than a name.
pub fn import(model: &Value, place: &Place<'_>) -> Result<Imported> {
    let mut model = unwrapped(model)?;
    let mut notes = Vec::new();
    libraries(&mut model, &mut notes)?;
    let inputs = inputs(&model, place, &mut notes)?;
    let mut room = MOST;
    replace(&mut model, &inputs, &mut room).map_err(|name| {
        Error::new(format!("the input `{name}` would make the dashboard larger than one can be"))
            .cause("an input stands for a data source or a short text")
            .hint("shorten its `value` under `__inputs` in the file")
    })?;
    let mut sources =
        Sources { place, variables: variable_names(&model), missing: Vec::new(), taken_for_prometheus: Vec::new() };
    sources.fix(&mut model, None);
    sources.told(&mut notes)?;
    templating(&mut model, place);
    for key in STRIPPED {
        model.as_object_mut().and_then(|map| map.shift_remove(key));
    }
    named(&mut model, place, &mut notes)?;
    Ok(Imported { uid: uid(&model).into(), title: title(&model).into(), text: text(&model), notes })
}

/// The classic JSON inside what the API and newer exports wrap around it.
fn unwrapped(model: &Value) -> Result<Value> {
    let way_out = "in Grafana, choose Share, Export and there `Classic` (or `V1 resource`), and import that file";
    if is_schema_v2(model) {
        return Err(Error::new("this is a dashboard of schema v2, which Grafana does not take from files")
            .cause("it has `elements` and `layout` where classic JSON has `panels`")
            .hint(way_out));
    }
    let inner = match (model.get("spec"), model.get("dashboard")) {
        (Some(spec), _) if model.get("apiVersion").is_some() => {
            let mut spec = spec.clone();
            // A resource's name is the dashboard's uid.
            if let (Some(map), Some(name)) = (spec.as_object_mut(), model["metadata"].get("name")) {
                map.entry("uid").or_insert_with(|| name.clone());
            }
            spec
        }
        (_, Some(dashboard)) if dashboard.is_object() => dashboard.clone(),
        _ => model.clone(),
    };
    let is_dashboard = inner.get("panels").is_some() || inner.get("rows").is_some();
    if !is_dashboard {
        return Err(Error::new("this is no dashboard: it has no `panels`").hint("export the dashboard as JSON"));
    }
    if inner["schemaVersion"].as_u64().is_some_and(|version| version > MAX_SCHEMA_VERSION) {
        return Err(Error::new(format!(
            "`schemaVersion` {} is newer than Grafana takes from files",
            inner["schemaVersion"]
        ))
        .hint(way_out));
    }
    Ok(inner)
}

/// Puts the panels of `__elements` where the dashboard refers to them.
fn libraries(model: &mut Value, notes: &mut Vec<String>) -> Result<()> {
    let elements = elements(model);
    let mut missing = Vec::new();
    let mut inlined = 0;
    each_panel(model, &mut |panel| {
        let Some(reference) = panel.get("libraryPanel").cloned() else { return };
        let uid = reference["uid"].as_str().unwrap_or_default();
        let body = elements.get(uid).or(reference.get("model")).filter(|body| body.is_object());
        if let (Some(body), Some(map)) = (body, panel.as_object()) {
            let mut whole = body.as_object().cloned().unwrap_or_default();
            // Where it stands is the dashboard's affair, what it shows is the library's.
            for key in ["id", "gridPos", "repeat", "repeatDirection", "maxPerRow"] {
                match map.get(key) {
                    Some(value) => drop(whole.insert(key.into(), value.clone())),
                    None => drop(whole.shift_remove(key)),
                }
            }
            *panel = Value::Object(whole);
            inlined += 1;
        } else if panel["targets"].as_array().is_some_and(|targets| !targets.is_empty()) {
            inlined += 1;
        } else {
            missing.push(reference["name"].as_str().unwrap_or(uid).to_owned());
        }
        panel.as_object_mut().and_then(|map| map.shift_remove("libraryPanel"));
    });
    if let Some(name) = missing.first() {
        return Err(Error::new(format!("the library panel `{name}` is not in the file"))
            .hint("export it once more with `Export for sharing externally` switched on"));
    }
    if inlined > 0 {
        notes.push(format!("{inlined} library panel{} put in", if inlined == 1 { "" } else { "s" }));
    }
    Ok(())
}

/// Library panels by uid; `__elements` is a mapping, and was a list.
fn elements(model: &Value) -> BTreeMap<String, Value> {
    let entries: Vec<&Value> = match &model["__elements"] {
        Value::Object(map) => map.values().collect(),
        Value::Array(items) => items.iter().collect(),
        _ => Vec::new(),
    };
    entries.into_iter().filter_map(|entry| Some((entry["uid"].as_str()?.to_owned(), entry["model"].clone()))).collect()
}

fn each_panel(holder: &mut Value, change: &mut dyn FnMut(&mut Value)) {
    for panel in holder.get_mut("panels").and_then(Value::as_array_mut).into_iter().flatten() {
        each_panel(panel, change);
        change(panel);
    }
    for row in holder.get_mut("rows").and_then(Value::as_array_mut).into_iter().flatten() {
        each_panel(row, change);
    }
}

/// What each of `__inputs` stands for here.
fn inputs(model: &Value, place: &Place<'_>, notes: &mut Vec<String>) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for input in model["__inputs"].as_array().into_iter().flatten() {
        let name = input["name"].as_str().unwrap_or_default();
        let plugin = input["pluginId"].as_str().unwrap_or_default();
        let value = match (place.mapped.get(name), input["type"].as_str()) {
            (Some(uid), _) => uid.clone(),
            (None, Some("datasource")) if matches!(plugin, "datasource" | "__expr__") => continue,
            (None, Some("datasource")) => {
                of_kind(place, plugin).ok_or_else(|| lacking(place, name, plugin))?.uid.clone()
            }
            (None, _) => input["value"].as_str().unwrap_or_default().to_owned(),
        };
        notes.push(format!("`{name}` is `{value}`"));
        found.insert(name.to_owned(), value);
    }
    Ok(found)
}

fn of_kind<'a>(place: &'a Place<'_>, kind: &str) -> Option<&'a Source> {
    place.sources.iter().find(|source| source.kind == kind)
}

fn lacking(place: &Place<'_>, name: &str, kind: &str) -> Error {
    let known: Vec<String> = place.sources.iter().map(|source| format!("`{}` ({})", source.uid, source.kind)).collect();
    Error::new(format!("the dashboard needs a data source of the type `{kind}` as `{name}`"))
        .cause(format!("the stack has {}", known.join(" and ")))
        .hint(format!("name one that you have added to Grafana: `--datasource {name}=UID`"))
}

/// `${DS_PROMETHEUS}` and `$DS_PROMETHEUS` by what they stand for, in every text. `room`: how many bytes may be added.
///
/// Errors: the input that there is no room for.
fn replace(value: &mut Value, inputs: &BTreeMap<String, String>, room: &mut usize) -> Result<(), String> {
    match value {
        Value::String(text) if text.contains('$') => {
            for (name, stands_for) in inputs {
                let (braced, bare) = (format!("${{{name}}}"), format!("${name}"));
                let whole = *text == bare;
                let mark = if whole { &bare } else { &braced };
                let found = if whole { 1 } else { text.matches(mark.as_str()).count() };
                let added = found.saturating_mul(stands_for.len().saturating_sub(mark.len()));
                *room = room.checked_sub(added).ok_or_else(|| name.clone())?;
                if found > 0 {
                    *text = text.replace(mark.as_str(), stands_for);
                }
            }
            Ok(())
        }
        Value::Object(map) => map.values_mut().try_for_each(|inner| replace(inner, inputs, room)),
        Value::Array(items) => items.iter_mut().try_for_each(|inner| replace(inner, inputs, room)),
        _ => Ok(()),
    }
}

fn variable_names(model: &Value) -> Vec<String> {
    let list = model["templating"]["list"].as_array().into_iter().flatten();
    list.filter(|entry| entry["type"] == "datasource")
        .filter_map(|entry| Some(entry["name"].as_str()?.to_owned()))
        .collect()
}

/// Makes every `datasource` the `{type, uid}` of one that is there.
struct Sources<'a> {
    place: &'a Place<'a>,
    /// Variables of the dashboard that choose a data source.
    variables: Vec<String>,
    missing: Vec<(String, String)>,
    taken_for_prometheus: Vec<String>,
}

impl Sources<'_> {
    /// `kind`: what the data source around is, for those that leave it open.
    fn fix(&mut self, value: &mut Value, kind: Option<&str>) {
        match value {
            Value::Object(map) => {
                let asks_prometheus = map.get("expr").is_some_and(Value::is_string)
                    || map
                        .get("targets")
                        .and_then(Value::as_array)
                        .is_some_and(|all| all.iter().any(|t| t["expr"].is_string()));
                let open = asks_prometheus && map.get("datasource").is_none_or(Value::is_null);
                // A query without one takes its panel's.
                if open && !map.contains_key("refId") {
                    map.insert("datasource".into(), Value::Null);
                }
                if let Some(source) = map.get_mut("datasource") {
                    let whole = open || !source.is_null();
                    if whole && !(source.is_null() && kind.is_some()) {
                        *source = self.found(source, asks_prometheus);
                    }
                }
                let inner_kind = map.get("datasource").and_then(|s| s["type"].as_str()).map(str::to_owned);
                for (key, inner) in map.iter_mut() {
                    if key != "datasource" {
                        self.fix(inner, inner_kind.as_deref().or(kind));
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|inner| self.fix(inner, kind)),
            _ => {}
        }
    }

    fn found(&mut self, source: &Value, asks_prometheus: bool) -> Value {
        let by_uid = |source: &Source| json!({"type": source.kind, "uid": source.uid});
        let given = source["uid"].as_str().or(source.as_str()).unwrap_or_default();
        let kind = source["type"].as_str().unwrap_or_default();
        match given {
            "-- Grafana --" | "grafana" => return json!({"type": "grafana", "uid": "-- Grafana --"}),
            "-- Mixed --" | "-- Dashboard --" => return json!({"type": "datasource", "uid": given}),
            "__expr__" => return json!({"type": "__expr__", "uid": "__expr__"}),
            _ => {}
        }
        let bare = given.trim_start_matches(['$', '{', '[']).trim_end_matches(['}', ']']);
        if self.variables.iter().any(|name| name == bare) && bare != given {
            let kind = if kind.is_empty() { "prometheus" } else { kind };
            return json!({"type": kind, "uid": format!("${{{bare}}}")});
        }
        if let Some(uid) = self.place.mapped.get(given).or(self.place.mapped.get(bare)) {
            let kind = if kind.is_empty() { "prometheus" } else { kind };
            return json!({"type": kind, "uid": uid});
        }
        if let Some(known) = self.place.sources.iter().find(|known| known.uid == given || known.name == given) {
            return by_uid(known);
        }
        // A mapped input's uid is of a data source that people have added themselves.
        if self.place.mapped.values().any(|uid| uid == given) {
            return source.clone();
        }
        let wanted = if kind.is_empty() && (asks_prometheus || given.is_empty() || given == "default") {
            "prometheus"
        } else if kind.is_empty() {
            self.taken_for_prometheus.push(given.to_owned());
            "prometheus"
        } else {
            kind
        };
        match of_kind(self.place, wanted) {
            Some(known) => by_uid(known),
            None => {
                self.missing.push((bare.to_owned(), wanted.to_owned()));
                source.clone()
            }
        }
    }

    fn told(self, notes: &mut Vec<String>) -> Result<()> {
        if let Some((name, kind)) = self.missing.first() {
            return Err(lacking(self.place, name, kind));
        }
        let mut names = self.taken_for_prometheus;
        names.sort();
        names.dedup();
        notes.extend(names.into_iter().map(|name| format!("the data source `{name}` was taken for Prometheus")));
        Ok(())
    }
}

/// What was last chosen elsewhere is not to be had here; the choices are asked anew when the dashboard is opened.
fn templating(model: &mut Value, place: &Place<'_>) {
    let list = model.pointer_mut("/templating/list").and_then(Value::as_array_mut);
    for entry in list.into_iter().flatten() {
        let Some(map) = entry.as_object_mut() else { continue };
        match map.get("type").and_then(Value::as_str) {
            Some("query") => {
                let all = map.get("includeAll").is_some_and(|all| *all == true);
                let current = if all { json!({"text": ["All"], "value": ["$__all"]}) } else { json!({}) };
                map.insert("current".into(), current);
                map.shift_remove("options");
                if !matches!(map.get("refresh").and_then(Value::as_u64), Some(1 | 2)) {
                    map.insert("refresh".into(), json!(1));
                }
            }
            Some("datasource") => {
                let kind = map.get("query").and_then(Value::as_str).unwrap_or_default();
                let current = of_kind(place, kind).map(|source| json!({"text": source.name, "value": source.uid}));
                map.insert("current".into(), current.unwrap_or_else(|| json!({})));
                map.shift_remove("options");
                map.insert("regex".into(), json!(""));
            }
            _ => {}
        }
    }
}

/// A title, and a uid that stays the same from import to import.
fn named(model: &mut Value, place: &Place<'_>, notes: &mut Vec<String>) -> Result<()> {
    if title(model).trim().is_empty() {
        return Err(Error::new("the dashboard has no `title`").hint("give it one: people look for it by title"));
    }
    let given = uid(model).to_owned();
    let fits = is_uid(&given) && !place.taken.contains(&given);
    if fits {
        return Ok(());
    }
    let stem = slug(if place.origin.is_empty() { title(model) } else { place.origin });
    let mut chosen = stem.clone();
    let mut number = 2;
    while place.taken.contains(&chosen) {
        chosen = format!("{}-{number}", &stem[..stem.len().min(36)]);
        number += 1;
    }
    if !given.is_empty() {
        notes.push(format!(
            "the uid `{given}` {} and became `{chosen}`",
            if is_uid(&given) { "is taken" } else { "is not usable" }
        ));
    }
    let Some(map) = model.as_object_mut() else { return Ok(()) };
    let mut ordered = Map::new();
    ordered.insert("uid".into(), Value::String(chosen));
    map.shift_remove("uid");
    ordered.extend(std::mem::take(map));
    *map = ordered;
    Ok(())
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

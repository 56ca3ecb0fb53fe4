//! Schema v2, Grafana's newer form of a dashboard (`elements` and `layout`), read as classic JSON.
//!
//! The schema: <https://github.com/grafana/grafana/tree/main/apps/dashboard/kinds>, `v2`, `v2beta1` and `v2alpha1`. All
//! that comes after this module, from variables to lint, sees one form of a dashboard only.

use serde_json::{Map, Value, json};

use super::MAX_SCHEMA_VERSION;

const API_VERSION: &str = "dashboard.grafana.app/v2";
/// Layouts lie in each other; a file that nests them deeper than people do is not read to its end.
const DEEPEST: usize = 32;

/// The classic JSON of a resource's `spec`. `uid`: the resource's name.
pub fn classic(spec: &Value, uid: &str) -> Value {
    let time = &spec["timeSettings"];
    let or = |value: &Value, default: &str| value.as_str().unwrap_or(default).to_owned();
    let mut variables = list(&spec["variables"]).iter().map(variable).collect();
    let panels = panels(spec, &mut variables);
    let mut model = json!({
        "title": spec["title"], "schemaVersion": MAX_SCHEMA_VERSION,
        "graphTooltip": position(&spec["cursorSync"], &["Off", "Crosshair", "Tooltip"]),
        "time": {"from": or(&time["from"], "now-6h"), "to": or(&time["to"], "now")},
        "timezone": time["timezone"], "refresh": time["autoRefresh"],
        "annotations": {"list": list(&spec["annotations"]).iter().map(annotation).collect::<Vec<_>>()},
        "templating": {"list": variables}, "panels": panels,
    });
    for key in ["description", "tags", "links", "editable", "liveNow"] {
        copy(spec, key, &mut model);
    }
    if !uid.is_empty() {
        model["uid"] = uid.into();
    }
    model
}

/// The resource that Grafana accepts from files. `version`: of the API, its newest when left out.
pub fn resource(version: Option<&str>, name: &str, mut spec: Value) -> Value {
    // These are the resource's, under other names.
    for key in ["uid", "id", "version"] {
        spec.as_object_mut().and_then(|map| map.shift_remove(key));
    }
    let version = version.unwrap_or(API_VERSION);
    json!({"apiVersion": version, "kind": "Dashboard", "metadata": {"name": name}, "spec": spec})
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn copy(from: &Value, key: &str, to: &mut Value) {
    if let Some(value) = from.get(key) {
        to[key] = value.clone();
    }
}

/// The number that classic JSON has for a word.
fn position(word: &Value, words: &[&str]) -> usize {
    words.iter().position(|known| word == known).unwrap_or_default()
}

// Panels

/// The elements that the layout shows, in its order; all of them where there is no layout to be read.
fn panels(spec: &Value, variables: &mut Vec<Value>) -> Vec<Value> {
    let mut shown = Layout { elements: &spec["elements"], variables, panels: Vec::new() };
    if spec["layout"]["spec"].is_object() {
        shown.place(&spec["layout"], None, 0);
    } else {
        let names: Vec<&String> = spec["elements"].as_object().into_iter().flat_map(Map::keys).collect();
        names.into_iter().for_each(|name| shown.show(name, &Value::Null, None));
    }
    shown.panels
}

struct Layout<'a> {
    elements: &'a Value,
    variables: &'a mut Vec<Value>,
    panels: Vec<Value>,
}

impl Layout<'_> {
    /// Grids, automatic grids, rows and tabs. `repeat`: the variable that what is around is repeated by.
    fn place(&mut self, layout: &Value, repeat: Option<&str>, depth: usize) {
        let keys = ["items", "rows", "tabs", "elements"];
        for entry in keys.into_iter().flat_map(|key| list(&layout["spec"][key])) {
            let spec = &entry["spec"];
            let repeat = spec["repeat"]["value"].as_str().or(repeat);
            if let Some(name) = spec["element"]["name"].as_str() {
                self.show(name, spec, repeat);
            } else if depth < DEEPEST {
                self.variables.extend(list(&spec["variables"]).iter().map(variable));
                // A row of the first v2 grids holds its items itself.
                self.place(if spec["layout"].is_object() { &spec["layout"] } else { entry }, repeat, depth + 1);
            }
        }
    }

    fn show(&mut self, name: &str, item: &Value, repeat: Option<&str>) {
        let element = &self.elements[name];
        let spec = &element["spec"];
        if !spec.is_object() {
            return;
        }
        let mut panel =
            if element["kind"] == "LibraryPanel" { json!({"type": "library-panel-ref"}) } else { panel(spec) };
        for key in ["id", "title", "description", "links", "transparent", "libraryPanel"] {
            copy(spec, key, &mut panel);
        }
        if item["width"].is_number() {
            panel["gridPos"] = json!({"x": item["x"], "y": item["y"], "w": item["width"], "h": item["height"]});
        }
        if let Some(variable) = repeat {
            panel["repeat"] = variable.into();
        }
        self.panels.push(panel);
    }
}

fn panel(spec: &Value) -> Value {
    let (data, config) = (&spec["data"]["spec"], &spec["vizConfig"]);
    let mut panel = json!({
        "type": group(config, "VizConfig"), "pluginVersion": config["version"],
        "options": config["spec"]["options"], "fieldConfig": config["spec"]["fieldConfig"],
        "targets": list(&data["queries"]).iter().map(target).collect::<Vec<_>>(),
    });
    if !list(&data["transformations"]).is_empty() {
        panel["transformations"] = data["transformations"].clone();
    }
    for (key, value) in data["queryOptions"].as_object().into_iter().flatten() {
        panel[key] = value.clone();
    }
    panel
}

/// The plugin of a panel or query. In the first v2 the `kind` itself names it.
fn group<'a>(entry: &'a Value, kind: &str) -> &'a str {
    match entry["kind"].as_str() {
        Some(known) if known != kind => known,
        _ => entry["group"].as_str().unwrap_or_default(),
    }
}

fn target(query: &Value) -> Value {
    let spec = &query["spec"];
    let mut target = asked(&spec["query"]);
    target["refId"] = spec["refId"].as_str().unwrap_or("A").into();
    target["hide"] = (spec["hidden"] == true).into();
    target["datasource"] = data_source(&spec["query"], &spec["datasource"]);
    target
}

/// What a query asks, in the words of its data source.
fn asked(query: &Value) -> Value {
    if query["spec"].is_object() { query["spec"].clone() } else { json!({}) }
}

/// `{type, uid}`. `own`: the reference of the first v2, beside the query. Without a name, Grafana takes the data source
/// of the query's type.
fn data_source(query: &Value, own: &Value) -> Value {
    if own.is_object() {
        return own.clone();
    }
    let (kind, name) = (group(query, "DataQuery"), query["datasource"]["name"].as_str().unwrap_or_default());
    match (kind, name) {
        ("", "") => Value::Null,
        (kind, "") => json!({"type": kind}),
        ("", name) => json!({"uid": name}),
        (kind, name) => json!({"type": kind, "uid": name}),
    }
}

fn annotation(entry: &Value) -> Value {
    let spec = &entry["spec"];
    let mut annotation = asked(&spec["query"]);
    for key in ["name", "enable", "hide", "iconColor", "filter"] {
        copy(spec, key, &mut annotation);
    }
    annotation["datasource"] = data_source(&spec["query"], &spec["datasource"]);
    if spec["builtIn"] == true {
        annotation["builtIn"] = 1.into();
        annotation["type"] = "dashboard".into();
    }
    annotation
}

// Variables

const HIDE: [&str; 4] = ["dontHide", "hideLabel", "hideVariable", "inControlsMenu"];
const REFRESH: [&str; 3] = ["never", "onDashboardLoad", "onTimeRangeChanged"];
const SORT: [&str; 9] = [
    "disabled",
    "alphabeticalAsc",
    "alphabeticalDesc",
    "numericalAsc",
    "numericalDesc",
    "alphabeticalCaseInsensitiveAsc",
    "alphabeticalCaseInsensitiveDesc",
    "naturalAsc",
    "naturalDesc",
];

fn variable(entry: &Value) -> Value {
    let spec = &entry["spec"];
    let mut variable = if spec.is_object() { spec.clone() } else { json!({}) };
    let kind = entry["kind"].as_str().unwrap_or_default().trim_end_matches("Variable");
    variable["type"] = match kind {
        "Text" => "textbox".to_owned(),
        other => other.to_lowercase(),
    }
    .into();
    variable["hide"] = position(&spec["hide"], &HIDE).into();
    match kind {
        "Query" => {
            variable["query"] = variable_query(&spec["query"]);
            variable["datasource"] = data_source(&spec["query"], &spec["datasource"]);
            variable["refresh"] = position(&spec["refresh"], &REFRESH).into();
            variable["sort"] = position(&spec["sort"], &SORT).into();
        }
        "Datasource" => variable["query"] = spec["pluginId"].clone(),
        "Adhoc" | "GroupBy" => variable["datasource"] = data_source(entry, &spec["datasource"]),
        "Switch" => variable["current"] = json!({"value": spec["current"]}),
        _ => {}
    }
    variable
}

/// The text of a variable's query, under the keys that its data source has for it.
fn variable_query(query: &Value) -> Value {
    let spec = &query["spec"];
    match (&spec["__legacyStringValue"], spec.is_object()) {
        (text @ Value::String(_), _) => text.clone(),
        (_, true) => spec.clone(),
        _ => query.clone(),
    }
}

#[cfg(test)]
mod tests;

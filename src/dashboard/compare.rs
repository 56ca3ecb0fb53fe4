//! What differs between a dashboard's file and what Grafana has, as far as it matters.
//!
//! Numbers that Grafana gives (`id`, `version`, `iteration`), what somebody last chose (`current`), the order of keys, and
//! what says nothing (null, `false`, 0, an empty text or list) do not. When Grafana has brought the dashboard to a newer
//! `schemaVersion`, what that adds, takes away or renames does not either.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value};

/// One difference.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// `panels[Locks].targets[A].expr`
    pub path: String,
    /// Null when the file does not have it.
    pub file: Value,
    /// Null when Grafana does not have it.
    pub grafana: Value,
}

/// Keys that Grafana fills by itself.
const GIVEN: [&str; 7] = ["id", "version", "iteration", "schemaVersion", "gnetId", "pluginVersion", "style"];
/// Of a variable: what was last chosen, and what was last found.
const CHOSEN: [&str; 3] = ["current", "options", "definition"];
/// Keys that a migration rewrites.
const MIGRATED: [&str; 4] = ["type", "gridPos", "datasource", "hide"];
/// Lists whose elements people add and remove.
const LISTS: [&str; 4] = ["panels", "targets", "list", "links"];

/// Every change from `file` to `grafana`, in the order of the file.
pub fn changes(file: &Value, grafana: &Value) -> Vec<Change> {
    let version = |model: &Value| model["schemaVersion"].as_u64().unwrap_or_default();
    let mut comparison = Comparison { migrated: version(file) < version(grafana), changes: Vec::new() };
    comparison.value("", &said(file, true), &said(grafana, true));
    comparison.changes
}

struct Comparison {
    migrated: bool,
    changes: Vec<Change>,
}

impl Comparison {
    fn value(&mut self, path: &str, file: &Value, grafana: &Value) {
        match (file, grafana) {
            (Value::Object(a), Value::Object(b)) => self.object(path, a, b),
            (Value::Array(a), Value::Array(b)) => self.list(path, a, b),
            _ if same(file, grafana) => {}
            _ => self.differs(path, file, grafana),
        }
    }

    fn object(&mut self, path: &str, file: &Map<String, Value>, grafana: &Map<String, Value>) {
        let added = grafana.keys().filter(|key| !file.contains_key(*key));
        for key in file.keys().chain(added) {
            let inner = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            let (a, b) = (file.get(key).unwrap_or(&Value::Null), grafana.get(key).unwrap_or(&Value::Null));
            let one_sided = a.is_null() || b.is_null();
            let by_migration = one_sided && !LISTS.contains(&key.as_str()) || MIGRATED.contains(&key.as_str());
            if (self.migrated && by_migration) || (a.is_null() && is_default(key, b)) {
                continue;
            }
            match (a, b) {
                (Value::Null, Value::Array(b)) => self.list(&inner, &[], b),
                (Value::Array(a), Value::Null) => self.list(&inner, a, &[]),
                _ => self.value(&inner, a, b),
            }
        }
    }

    /// Elements that have each a name of its own are held against those of the same name, others by their place.
    fn list(&mut self, path: &str, file: &[Value], grafana: &[Value]) {
        let named = |items: &[Value]| {
            let mut seen = BTreeSet::new();
            items.iter().all(|item| key_of(item).is_some_and(|key| seen.insert(key)))
        };
        if !(named(file) && named(grafana)) {
            for index in 0..file.len().max(grafana.len()) {
                let (a, b) = (file.get(index).unwrap_or(&Value::Null), grafana.get(index).unwrap_or(&Value::Null));
                self.value(&format!("{path}[{index}]"), a, b);
            }
            return;
        }
        let find =
            |items: &'_ [Value], wanted: &Value| items.iter().find(|item| key_of(item) == key_of(wanted)).cloned();
        for item in file {
            let other = find(grafana, item).unwrap_or(Value::Null);
            self.value(&format!("{path}[{}]", label(item)), item, &other);
        }
        for item in grafana.iter().filter(|item| find(file, item).is_none()) {
            self.differs(&format!("{path}[{}]", label(item)), &Value::Null, item);
        }
    }

    fn differs(&mut self, path: &str, file: &Value, grafana: &Value) {
        self.changes.push(Change { path: path.to_owned(), file: file.clone(), grafana: grafana.clone() });
    }
}

/// `1` and `1.0` are one number.
fn same(a: &Value, b: &Value) -> bool {
    a == b || matches!((a.as_f64(), b.as_f64()), (Some(a), Some(b)) if a == b)
}

/// What Grafana writes out when a file leaves it open.
fn is_default(key: &str, value: &Value) -> bool {
    match key {
        "editable" => value == true,
        "timezone" => value == "browser",
        "time" => value["from"] == "now-6h",
        "annotations" => value["list"].as_array().is_none_or(|list| list.iter().all(|entry| entry["builtIn"] == 1)),
        "refId" | "editorMode" | "intervalFactor" => true,
        "range" => value == true,
        _ => false,
    }
}

/// What identifies an element of a list: a panel's number, a query's letter, a variable's name.
fn key_of(item: &Value) -> Option<String> {
    let scalar = |key: &str| item.get(key).filter(|value| value.is_string() || value.is_number()).map(Value::to_string);
    scalar("\u{0}id").or_else(|| scalar("refId")).or_else(|| scalar("name"))
}

fn label(item: &Value) -> String {
    let text = |key: &str| item[key].as_str().map(str::to_owned).filter(|text| !text.is_empty());
    text("title").or(text("refId")).or(text("name")).unwrap_or_else(|| item["\u{0}id"].to_string())
}

/// Without what says nothing. A panel's number is kept aside, to find it again.
fn said(value: &Value, top: bool) -> Value {
    match value {
        Value::Object(map) => {
            let is_variable = map.contains_key("name") && map.contains_key("type") && !map.contains_key("targets");
            let mut kept = Map::new();
            for (key, inner) in map {
                let passed = GIVEN.contains(&key.as_str()) || (is_variable && CHOSEN.contains(&key.as_str()));
                if !passed {
                    let inner = said(inner, false);
                    if !is_nothing(&inner) {
                        kept.insert(key.clone(), inner);
                    }
                }
            }
            if let (false, Some(id)) = (top, map.get("id").filter(|id| id.is_number())) {
                kept.insert("\u{0}id".into(), id.clone());
            }
            Value::Object(kept)
        }
        Value::Array(items) => items.iter().map(|item| said(item, false)).collect(),
        plain => plain.clone(),
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn board() -> Value {
        json!({
            "uid": "shop", "title": "Shop", "schemaVersion": 41,
            "templating": {"list": [{"name": "host", "type": "query", "query": "label_values(up, instance)"}]},
            "panels": [
                {"id": 1, "title": "Sales", "type": "stat", "targets": [{"refId": "A", "expr": "sales"}],
                 "fieldConfig": {"defaults": {"thresholds": {"steps": [{"color": "green", "value": null}, {"color": "red", "value": 80}]}}}},
                {"id": 2, "title": "Locks", "type": "stat", "targets": [{"refId": "A", "expr": "locks"}]}]})
    }

    fn paths(grafana: &Value) -> Vec<String> {
        changes(&board(), grafana).into_iter().map(|change| change.path).collect()
    }

    #[test]
    fn what_grafana_gives_and_the_order_do_not_matter() {
        let mut other = board();
        other["id"] = json!(17);
        other["version"] = json!(4);
        other["editable"] = json!(true);
        other["links"] = json!([]);
        other["templating"]["list"][0]["current"] = json!({"value": "db-1"});
        other["panels"][0]["pluginVersion"] = json!("13.2.3");
        other["panels"][0]["fieldConfig"]["defaults"]["thresholds"]["steps"][0]["value"] = json!(0);
        other["panels"].as_array_mut().expect("panels").reverse();
        assert_eq!(paths(&other), Vec::<String>::new());
    }

    #[test]
    fn edits_are_named_by_panel_and_query() {
        let mut other = board();
        other["title"] = json!("Our shop");
        other["panels"][1]["targets"][0]["expr"] = json!("sum(locks)");
        other["panels"][1]["fieldConfig"] = json!({"defaults": {"unit": "s"}});
        other["panels"].as_array_mut().expect("panels").push(json!({"id": 3, "title": "New", "targets": []}));
        other["templating"]["list"] = json!([]);
        assert_eq!(
            paths(&other),
            ["title", "templating", "panels[Locks].targets[A].expr", "panels[Locks].fieldConfig", "panels[New]"]
        );
        let change = &changes(&board(), &other)[2];
        assert_eq!((&change.file, &change.grafana), (&json!("locks"), &json!("sum(locks)")));
    }

    #[test]
    fn what_a_migration_adds_does_not_matter_but_an_edit_beside_it_does() {
        let mut other = board();
        other["schemaVersion"] = json!(42);
        other["panels"][0]["datasource"] = json!({"type": "prometheus", "uid": "p"});
        other["panels"][0]["options"] = json!({"percentChangeColorMode": "standard"});
        assert_eq!(paths(&other), Vec::<String>::new());
        other["panels"][0]["targets"][0]["expr"] = json!("sum(sales)");
        assert_eq!(paths(&other), ["panels[Sales].targets[A].expr"]);
    }
    #[test]
    fn elements_of_one_name_are_held_against_those_in_their_place() {
        let mut file = board();
        file["panels"][1]["id"] = json!(1);
        file["annotations"] = json!({"list": [{"name": "Deploys", "expr": "a"}, {"name": "Deploys", "expr": "b"}]});
        assert_eq!(changes(&file, &file), []);
        let mut other = file.clone();
        other["panels"][1]["targets"][0]["expr"] = json!("sum(locks)");
        other["annotations"]["list"][1]["expr"] = json!("c");
        let paths: Vec<String> = changes(&file, &other).into_iter().map(|change| change.path).collect();
        assert_eq!(paths, ["panels[1].targets[A].expr", "annotations.list[1].expr"]);
    }
}

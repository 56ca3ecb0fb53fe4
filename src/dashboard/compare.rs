//! What differs between a dashboard's file and what Grafana has, as far as it matters.
//!
//! Numbers that Grafana gives (`id`, `version`, `iteration`), what somebody last chose (`current`), the order of keys, and
//! what says nothing (null, `false`, 0, an empty text or list) do not. When Grafana has brought the dashboard to a newer
//! `schemaVersion`, what that adds, takes away or renames does not either.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value};

use super::{classic, schema_version};

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
    let (file, grafana) = (classic(file), classic(grafana));
    let version = |model: &Value| schema_version(model).unwrap_or_default();
    let mut comparison = Comparison { migrated: version(&file) < version(&grafana), changes: Vec::new() };
    comparison.value("", &said(&file, true), &said(&grafana, true));
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

    /// The paths that differ when Grafana has `more` beside what the file has.
    fn differing(file: Value, more: Value) -> Vec<String> {
        let mut grafana = file.clone();
        for (key, value) in more.as_object().expect("an object") {
            grafana[key] = value.clone();
        }
        changes(&file, &grafana).into_iter().map(|change| change.path).collect()
    }

    #[test]
    fn what_grafana_writes_out_by_default_does_not_matter_but_another_value_does() {
        let annotation = |built_in: u64| json!({"list": [{"builtIn": built_in, "name": "A"}]});
        for (key, default, other) in [
            ("editable", json!(true), json!("no")),
            ("timezone", json!("browser"), json!("utc")),
            ("time", json!({"from": "now-6h", "to": "now"}), json!({"from": "now-1h", "to": "now"})),
            ("annotations", annotation(1), annotation(2)),
            ("annotations", json!({"enable": true}), json!({"list": [{"builtIn": 1}, {"name": "B"}]})),
            ("range", json!(true), json!("no")),
            ("weekStart", json!(""), json!("monday")),
        ] {
            assert_eq!(differing(board(), json!({ key: default })), Vec::<String>::new(), "{key}");
            assert_eq!(differing(board(), json!({ key: other })), [key], "{key}");
        }
        for key in ["refId", "editorMode", "intervalFactor"] {
            assert_eq!(differing(board(), json!({ key: "anything" })), Vec::<String>::new(), "{key}");
        }
        // A default where the file says something else is an edit.
        let mut file = board();
        file["timezone"] = json!("utc");
        assert_eq!(differing(file, json!({"timezone": "browser"})), ["timezone"]);
    }

    #[test]
    fn a_list_that_one_side_lacks_is_told_element_by_element() {
        let links = json!([{"title": "Runbook", "name": "r", "url": "a"}, {"title": "Wiki", "name": "w", "url": "b"}]);
        assert_eq!(differing(board(), json!({"links": links})), ["links[Runbook]", "links[Wiki]"]);
        let mut file = board();
        file["links"] = links;
        assert_eq!(differing(file, json!({"links": null})), ["links[Runbook]", "links[Wiki]"]);
        assert_eq!(differing(board(), json!({"tags": ["a", "b"]})), ["tags[0]", "tags[1]"]);
    }

    #[test]
    fn what_was_last_chosen_matters_only_where_it_is_no_variable() {
        let entry = |more: Value| {
            let mut entry = json!({"name": "host", "type": "query", "query": "q"});
            more.as_object().into_iter().flatten().for_each(|(key, value)| entry[key] = value.clone());
            json!({"list": [entry]})
        };
        let file = |more: Value| json!({"uid": "a", "schemaVersion": 41, "templating": entry(more)});
        for key in ["current", "options", "definition"] {
            assert_eq!(changes(&file(json!({})), &file(json!({ key: "x" }))), [], "{key}");
            let with_targets = |value: &str| file(json!({"targets": [], "targets2": 1, key: value}));
            assert_eq!(changes(&with_targets("x"), &with_targets("y")).len(), 1, "{key}");
            for lacking in ["name", "type"] {
                let other = |value: &str| {
                    let mut model = file(json!({ key: value }));
                    model["templating"]["list"][0].as_object_mut().expect("an object").remove(lacking);
                    model
                };
                assert_eq!(changes(&other("x"), &other("y")).len(), 1, "{key} without {lacking}");
            }
        }
    }

    #[test]
    fn numbers_are_kept_only_inside_and_only_when_they_are_numbers() {
        let other = |id: Value| {
            let mut model = board();
            model["panels"][0]["id"] = id;
            model
        };
        // Another number is another panel: one gone, one come.
        let paths = |model: &Value| changes(&board(), model).into_iter().map(|c| c.path).collect::<Vec<_>>();
        assert_eq!(paths(&other(json!(9))), ["panels[Sales]", "panels[Sales]"]);
        // Without numbers, elements are held against those in their place.
        assert_eq!(paths(&other(json!("1"))), ["panels[0].\u{0}id"]);
    }
}

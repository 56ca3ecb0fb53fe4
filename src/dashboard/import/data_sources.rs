//! Data sources: every `datasource` becomes the `{type, uid}` of one that exists here.

use serde_json::{Map, Value, json};

use super::{Destination, ProvisionedSource};
use crate::dashboard::source::kind_in_name;
use crate::error::Result;

/// Errors: a data source that the stack does not have.
pub fn pin(model: &mut Value, destination: &Destination<'_>) -> Result<()> {
    let variables = data_source_variables(model);
    let mut pins = Pins { destination, variables, missing: Vec::new() };
    pins.pin_all(model, None);
    if let Some((name, kind)) = pins.missing.first() {
        return Err(destination.missing_data_source(name, kind));
    }
    Ok(())
}

/// Variables of the dashboard that choose a data source.
fn data_source_variables(model: &Value) -> Vec<String> {
    let list = model["templating"]["list"].as_array().into_iter().flatten();
    list.filter(|entry| entry["type"] == "datasource")
        .filter_map(|entry| Some(entry["name"].as_str()?.to_owned()))
        .collect()
}

struct Pins<'a> {
    destination: &'a Destination<'a>,
    variables: Vec<String>,
    /// Data sources that nothing here can replace: (name, kind).
    missing: Vec<(String, String)>,
}

impl Pins<'_> {
    /// `around`: the kind of the enclosing object's data source, which inner ones without their own inherit.
    fn pin_all(&mut self, value: &mut Value, around: Option<&str>) {
        match value {
            Value::Object(map) => {
                self.pin_own(map, around);
                let own = map.get("datasource").and_then(|source| source["type"].as_str()).map(str::to_owned);
                for (key, inner) in map.iter_mut() {
                    if key != "datasource" {
                        self.pin_all(inner, own.as_deref().or(around));
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|inner| self.pin_all(inner, around)),
            _ => {}
        }
    }

    /// The data source of one object: a panel, a query, a variable, an annotation.
    fn pin_own(&mut self, map: &mut Map<String, Value>, around: Option<&str>) {
        let promql = has_promql(map);
        let open = map.get("datasource").is_none_or(Value::is_null);
        let is_query = map.contains_key("refId");
        let has_queries = map.get("targets").and_then(Value::as_array).is_some_and(|targets| !targets.is_empty());
        let asks = is_query || has_queries || map.get("type").is_some_and(|kind| kind == "query");
        if open && promql && !is_query {
            map.insert("datasource".into(), Value::Null);
        }
        let Some(source) = map.get_mut("datasource") else { return };
        // An open query uses its panel's data source, and an open panel without PromQL none of ours.
        let inherits = open && (around.is_some() || !promql);
        if !inherits {
            *source = self.replacement(source, promql, asks);
        }
    }

    fn replacement(&mut self, source: &Value, promql: bool, asks: bool) -> Value {
        let given = source["uid"].as_str().or(source.as_str()).unwrap_or_default();
        if let Some(built_in) = built_in(given) {
            return built_in;
        }
        let kind = source["type"].as_str().filter(|kind| !kind.is_empty()).or(kind_in_name(given)).unwrap_or_default();
        let kind_or_prometheus = if kind.is_empty() { "prometheus" } else { kind };
        let bare = given.trim_start_matches(['$', '{', '[']).trim_end_matches(['}', ']']);
        if bare != given && self.variables.iter().any(|name| name == bare) {
            return json!({"type": kind_or_prometheus, "uid": format!("${{{bare}}}")});
        }
        let mapping = &self.destination.mapping;
        if let Some(uid) = mapping.get(given).or(mapping.get(bare)) {
            return json!({"type": kind_or_prometheus, "uid": uid});
        }
        let mut existing = self.destination.data_sources.iter();
        if let Some(known) = existing.find(|known| known.uid == given || known.name == given) {
            return reference(known);
        }
        // An input was replaced by the uid of a data source that the user has added to Grafana.
        if mapping.values().any(|uid| uid == given) {
            return source.clone();
        }
        if kind.is_empty() && !given.is_empty() && given != "default" {
            // Nothing is mapped to ours by guess: its queries must be PromQL.
            if !promql {
                self.missing.extend(asks.then(|| (bare.to_owned(), String::new())));
                return source.clone();
            }
        }
        match self.destination.data_source(kind_or_prometheus) {
            Some(known) => reference(known),
            None => {
                self.missing.push((bare.to_owned(), kind_or_prometheus.to_owned()));
                source.clone()
            }
        }
    }
}

/// Does the object ask Prometheus, by itself or by one of its queries?
fn has_promql(map: &Map<String, Value>) -> bool {
    let queries = map.get("targets").and_then(Value::as_array).into_iter().flatten();
    let is_promql = |expr: &Value| expr.as_str().is_some_and(|expr| !is_logql(expr));
    let lookup = |query: &Value| {
        let text = query.as_str().or(query["query"].as_str()).unwrap_or_default().trim_start();
        ["label_values(", "query_result(", "metrics(", "label_names("].iter().any(|call| text.starts_with(call))
    };
    map.get("expr").is_some_and(is_promql)
        || queries.into_iter().any(|query| is_promql(&query["expr"]))
        || map.get("type").is_some_and(|kind| kind == "query") && map.get("query").is_some_and(lookup)
}

/// Loki's queries begin with a selector without a metric, and go on with filters over lines.
fn is_logql(expr: &str) -> bool {
    let unnamed = expr.trim_start().starts_with('{') && !expr.contains("__name__");
    unnamed || ["|=", "|~", "| json", "| logfmt", "| line_format"].iter().any(|filter| expr.contains(filter))
}

/// Grafana's own pseudo sources, which exist everywhere.
fn built_in(uid: &str) -> Option<Value> {
    match uid {
        "-- Grafana --" | "grafana" => Some(json!({"type": "grafana", "uid": "-- Grafana --"})),
        "-- Mixed --" | "-- Dashboard --" => Some(json!({"type": "datasource", "uid": uid})),
        "__expr__" => Some(json!({"type": "__expr__", "uid": "__expr__"})),
        _ => None,
    }
}

fn reference(source: &ProvisionedSource) -> Value {
    json!({"type": source.kind, "uid": source.uid})
}

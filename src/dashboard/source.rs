//! What the `datasource` of a panel, a query, a variable or an annotation refers to, in every form that dashboards have:
//! `{type, uid}`, a name, a variable, an input of the import dialog, one of Grafana's own, or nothing.

use std::collections::BTreeMap;

use serde_json::Value;

use super::scope::{self, Scope};
use super::variable::{Kind, variables};

/// What Grafana asks for one query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// Grafana's default data source.
    Default,
    /// Grafana itself: its annotations, the results of other panels, expressions.
    BuiltIn,
    /// By uid or name; `kind` is its type, where the dashboard says it.
    Named { name: String, kind: Option<String> },
    /// Any data source of this type.
    OfKind(String),
    /// A variable that chooses a data source and has no value.
    Empty { variable: String, kind: Option<String> },
    /// A variable that the dashboard does not have: most often an input, which only the import dialog resolves.
    Unknown { variable: String, kind: Option<String> },
}

/// The types of the data sources that a dashboard chooses by variables, and that it asks for when it is imported.
#[derive(Debug, Clone, Default)]
pub struct Kinds<'a> {
    variables: BTreeMap<&'a str, &'a str>,
    inputs: BTreeMap<&'a str, &'a str>,
}

impl<'a> Kinds<'a> {
    pub fn of(model: &'a Value) -> Self {
        let mut kinds = Self::default();
        for variable in variables(model) {
            if let Kind::Datasource(kind) = variable.kind {
                kinds.variables.insert(variable.name, kind);
            }
        }
        for input in model["__inputs"].as_array().into_iter().flatten() {
            if let (Some(name), Some(kind)) = (input["name"].as_str(), input["pluginId"].as_str()) {
                kinds.inputs.insert(name, kind);
            }
        }
        kinds
    }

    fn find(&self, name: &str) -> Option<String> {
        self.variables.get(name).or(self.inputs.get(name)).map(|kind| (*kind).to_owned())
    }
}

impl Reference {
    pub fn read(reference: &Value, scope: &Scope, kinds: &Kinds<'_>) -> Self {
        let text = reference["uid"].as_str().or(reference.as_str()).unwrap_or_default().trim();
        let kind = reference["type"].as_str().filter(|kind| !kind.is_empty() && *kind != "datasource");
        if is_built_in(text) || matches!(kind, Some("__expr__" | "grafana")) {
            return Self::BuiltIn;
        }
        // Each query of a mixed panel has its own; without one it is the default.
        if text.is_empty() || text == "-- Mixed --" {
            return kind.map_or(Self::Default, |kind| Self::OfKind(kind.to_owned()));
        }
        let kind = kind.map(str::to_owned);
        let Some(variable) = scope::whole(text) else { return Self::named(scope.fill(text).text, kind) };
        let kind = kind.or_else(|| kinds.find(variable));
        match scope.get(variable) {
            None => Self::Unknown { variable: variable.to_owned(), kind },
            Some(chosen) => match chosen.values.iter().find(|value| !value.is_empty()) {
                None => Self::Empty { variable: variable.to_owned(), kind: kinds.find(variable).or(kind) },
                Some(value) => Self::named(value.clone(), kind),
            },
        }
    }

    fn named(name: String, kind: Option<String>) -> Self {
        if name == "default" {
            return Self::Default;
        }
        let kind = kind.or_else(|| kind_in_name(&name).map(str::to_owned));
        Self::Named { name, kind }
    }

    /// The type that is asked for, where it is known.
    pub fn kind(&self) -> Option<&str> {
        match self {
            Self::Default | Self::BuiltIn => None,
            Self::OfKind(kind) => Some(kind),
            Self::Named { kind, .. } | Self::Empty { kind, .. } | Self::Unknown { kind, .. } => kind.as_deref(),
        }
    }
}

/// Grafana's own data sources, which exist everywhere.
pub fn is_built_in(uid: &str) -> bool {
    matches!(uid, "-- Grafana --" | "grafana" | "-- Dashboard --" | "__expr__" | "-100")
}

/// Types of data sources, by the word that people put into their names.
const NAMED: [(&str, &str); 18] = [
    ("loki", "loki"),
    ("influx", "influxdb"),
    ("elastic", "elasticsearch"),
    ("opensearch", "grafana-opensearch-datasource"),
    ("graphite", "graphite"),
    ("opentsdb", "opentsdb"),
    ("tempo", "tempo"),
    ("jaeger", "jaeger"),
    ("zipkin", "zipkin"),
    ("mysql", "mysql"),
    ("mssql", "mssql"),
    ("postgres", "grafana-postgresql-datasource"),
    ("clickhouse", "grafana-clickhouse-datasource"),
    ("cloudwatch", "cloudwatch"),
    ("stackdriver", "stackdriver"),
    ("azure", "grafana-azure-monitor-datasource"),
    ("zabbix", "alexanderzobnin-zabbix-datasource"),
    ("testdata", "grafana-testdata-datasource"),
];

/// The type that a name says: `InfluxDB (telegraf)`.
pub fn kind_in_name(name: &str) -> Option<&'static str> {
    let name = name.to_lowercase().replace([' ', '_', '-'], "");
    NAMED.iter().find(|(word, _)| name.contains(word)).map(|(_, kind)| *kind)
}

/// The type that a query is written for, by the keys that only this type has.
pub fn kind_of_query(target: &Value) -> Option<&'static str> {
    let has = |key: &str| target.get(key).is_some_and(|value| !value.is_null());
    let is = |keys: &[&str]| keys.iter().all(|key| has(key));
    match () {
        () if has("bucketAggs") => Some("elasticsearch"),
        () if is(&["measurement"]) || is(&["select", "groupBy"]) || is(&["rawQuery", "resultFormat"]) => {
            Some("influxdb")
        }
        () if is(&["dimensions", "namespace"]) => Some("cloudwatch"),
        () if has("azureMonitor") => Some("grafana-azure-monitor-datasource"),
        () if is(&["host", "item", "application"]) => Some("alexanderzobnin-zabbix-datasource"),
        () if has("rawSql") => Some("SQL"),
        () if target["target"].is_string() && !has("expr") => Some("graphite"),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::dashboard::variable::Chosen;

    fn read(reference: Value) -> Reference {
        let model = json!({
            "__inputs": [{"name": "DS_LOKI", "type": "datasource", "pluginId": "loki"}],
            "templating": {"list": [
                {"name": "logs", "type": "datasource", "query": "loki"},
                {"name": "ds", "type": "datasource", "query": "prometheus"},
                {"name": "DS_PROM", "type": "datasource", "query": "prometheus"}]}});
        let mut scope = Scope::default();
        scope.set("ds", Chosen::one("p"));
        scope.set("DS_PROM", Chosen::one("p"));
        scope.set("logs", Chosen { values: Vec::new(), choices: Vec::new(), verbatim: false, multi: false });
        Reference::read(&reference, &scope, &Kinds::of(&model))
    }

    fn named(name: &str, kind: Option<&str>) -> Reference {
        Reference::Named { name: name.into(), kind: kind.map(str::to_owned) }
    }

    #[test]
    fn every_form_of_a_reference_is_read() {
        let unknown = |variable: &str, kind: Option<&str>| Reference::Unknown {
            variable: variable.into(),
            kind: kind.map(str::to_owned),
        };
        for (reference, expected) in [
            (Value::Null, Reference::Default),
            (json!("default"), Reference::Default),
            (json!({"uid": ""}), Reference::Default),
            (json!("-- Mixed --"), Reference::Default),
            (json!({"type": "datasource", "uid": "-- Mixed --"}), Reference::Default),
            (json!("-- Grafana --"), Reference::BuiltIn),
            (json!({"type": "datasource", "uid": "grafana"}), Reference::BuiltIn),
            (json!({"type": "datasource", "uid": "-- Dashboard --"}), Reference::BuiltIn),
            (json!({"type": "__expr__", "uid": "x"}), Reference::BuiltIn),
            (json!("Prometheus"), named("Prometheus", None)),
            (json!("InfluxDB"), named("InfluxDB", Some("influxdb"))),
            (json!({"type": "loki", "uid": "P8E80F9AEF21F6940"}), named("P8E80F9AEF21F6940", Some("loki"))),
            (json!({"type": "loki"}), Reference::OfKind("loki".into())),
            (json!("$ds"), named("p", Some("prometheus"))),
            (json!({"type": "prometheus", "uid": "${DS_PROM}"}), named("p", Some("prometheus"))),
            (json!({"uid": "[[ds]]"}), named("p", Some("prometheus"))),
            (json!("${ds:raw}"), named("p", Some("prometheus"))),
            (
                json!({"type": "prometheus", "uid": "$logs"}),
                Reference::Empty { variable: "logs".into(), kind: Some("loki".into()) },
            ),
            (json!("${DS_LOKI}"), unknown("DS_LOKI", Some("loki"))),
            (json!({"type": "prometheus", "uid": "${DS_X}"}), unknown("DS_X", Some("prometheus"))),
            (json!("$nobody"), unknown("nobody", None)),
            (json!("prefix-$ds"), named("prefix-p", None)),
        ] {
            assert_eq!(read(reference.clone()), expected, "{reference}");
        }
    }

    #[test]
    fn a_query_tells_by_its_keys_what_it_is_written_for() {
        for (target, expected) in [
            (json!({"expr": "up"}), None),
            (json!({"measurement": "cpu"}), Some("influxdb")),
            (json!({"query": "SELECT 1", "rawQuery": true, "resultFormat": "time_series"}), Some("influxdb")),
            (json!({"bucketAggs": [], "metrics": []}), Some("elasticsearch")),
            (json!({"target": "a.b.c"}), Some("graphite")),
            (json!({"target": "a.b.c", "expr": "up"}), None),
            (json!({"rawSql": "SELECT 1"}), Some("SQL")),
            (json!({"dimensions": {}, "namespace": "AWS/EC2"}), Some("cloudwatch")),
            (json!({"measurement": null}), None),
            (json!({}), None),
        ] {
            assert_eq!(kind_of_query(&target), expected, "{target}");
        }
    }
}

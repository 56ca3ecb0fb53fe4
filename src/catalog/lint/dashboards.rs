//! Dashboards as Grafana's file provisioning takes them.

use serde_json::Value;

use super::{Report, place};
use crate::catalog::{Catalog, CatalogFile, Component};
use crate::error::Error;
use crate::yaml::Source;

/// Grafana 13 provisions classic JSON up to this version; what its page exports beyond is another schema.
const MAX_SCHEMA_VERSION: u64 = 42;

pub(super) fn check(catalog: &Catalog, component: &Component, report: &mut Report<'_>) {
    for (path, file) in component.files_in("dashboards", ".json") {
        match parse(file) {
            Ok(dashboard) => {
                identity(catalog, file, &dashboard, report);
                schema(file, &dashboard, report);
                dashboard["panels"].as_array().into_iter().flatten().for_each(|panel| self::panel(file, panel, report));
                datasources(file, &dashboard, report);
            }
            Err(error) => report.error(error.within(format!("`dashboards/{path}` is no JSON"))),
        }
    }
}

fn parse(file: &CatalogFile) -> crate::error::Result<Value> {
    serde_json::from_str(file.text()?).map_err(|error| {
        let source = Source::new(&file.name, file.text().unwrap_or_default());
        Error::new(error.to_string()).at(source.location(error.line(), error.column().max(1), 1))
    })
}

/// One uid, or one title, used twice takes write access from Grafana's whole provider (grafana/grafana#89085).
fn identity(catalog: &Catalog, file: &CatalogFile, dashboard: &Value, report: &mut Report<'_>) {
    let uid = dashboard["uid"].as_str().unwrap_or_default();
    let valid = (1..=40).contains(&uid.len()) && uid.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    if !valid {
        let error = Error::new("the dashboard has no usable `uid`").at(place(file, "\"uid\""));
        report.error(error.hint("1 to 40 letters, digits, `-` and `_`; links and updates go by it"));
    }
    if dashboard["title"].as_str().is_none_or(|title| title.trim().is_empty()) {
        report.error(
            Error::new("the dashboard has no `title`").at(place(file, "\"title\"")).hint("people look for it by title"),
        );
    }
    let others = catalog.components.values().flat_map(|component| component.files_in("dashboards", ".json"));
    for (_, other) in others.filter(|(_, other)| other.name != file.name) {
        let Ok(other_dashboard) = parse(other) else { continue };
        for key in ["uid", "title"] {
            let value = &dashboard[key];
            if value.is_string() && *value == other_dashboard[key] {
                let error = Error::new(format!("`{}` has the same `{key}`, {value}", other.name));
                report.error(error.at(place(file, &value.to_string())).hint("Grafana then stops updating all of them"));
            }
        }
    }
}

fn schema(file: &CatalogFile, dashboard: &Value, report: &mut Report<'_>) {
    if dashboard.get("elements").is_some() || dashboard.get("apiVersion").is_some() {
        let error = Error::new("this is the newer schema, which Grafana does not take from files").at(place(file, ""));
        return report.error(error.hint("export it as classic JSON (Share, Export, `V1 resource` or `Classic`)"));
    }
    match dashboard["schemaVersion"].as_u64() {
        Some(version) if version <= MAX_SCHEMA_VERSION => {}
        version => {
            let given = version.map_or("none".into(), |version| version.to_string());
            let error = Error::new(format!("`schemaVersion` must be at most {MAX_SCHEMA_VERSION}, not {given}"));
            report.error(error.at(place(file, "\"schemaVersion\"")).hint("export it as classic JSON"));
        }
    }
    for key in ["__inputs", "__requires", "__elements"].into_iter().filter(|key| dashboard.get(key).is_some()) {
        let error = Error::new(format!("`{key}` is for the import dialog; from files Grafana passes over it"));
        report.error(error.at(place(file, key)).hint("take it out, and let data sources be `${datasource}`"));
    }
    if dashboard["id"].is_number() {
        let error = Error::new("`id` is another Grafana's number of this dashboard").at(place(file, "\"id\""));
        report.error(error.hint("take it out; `uid` identifies the dashboard"));
    }
}

fn panel(file: &CatalogFile, panel: &Value, report: &mut Report<'_>) {
    let kind = panel["type"].as_str().unwrap_or_default();
    panel["panels"].as_array().into_iter().flatten().for_each(|inner| self::panel(file, inner, report));
    if matches!(kind, "row" | "text" | "news" | "dashlist" | "alertlist") {
        return;
    }
    let title = panel["title"].as_str().unwrap_or_default();
    if title.trim().is_empty() {
        let at = panel["id"].as_u64().map(|id| format!("\"id\": {id}")).unwrap_or_default();
        let error = Error::new(format!("a panel of type `{kind}` has no title")).at(place(file, &at));
        report.warn(error.hint("a few words that name what it shows, with its unit set"));
    }
    if panel["targets"].as_array().is_none_or(Vec::is_empty) {
        let error = Error::new(format!("the panel `{title}` asks nothing")).at(place(file, title));
        report.error(error.hint("give it a query below `targets`"));
    }
    for expr in panel["targets"].as_array().into_iter().flatten().filter_map(|target| target["expr"].as_str()) {
        if fixed_rate(expr) {
            let error =
                Error::new(format!("the panel `{title}` takes a rate over a fixed time")).at(place(file, title));
            report.warn(error.hint("write `[$__rate_interval]`, which follows the zoom and the scrape interval"));
        }
    }
}

fn fixed_rate(expr: &str) -> bool {
    // A constant pattern, compiled in the tests.
    regex_lite::Regex::new(r"\b(rate|irate|increase)\([^\[\]]*\[\d").is_ok_and(|pattern| pattern.is_match(expr))
}

/// A data source is `{type, uid}`, its uid ours or a variable's; a name or an unresolved input finds nothing.
fn datasources(file: &CatalogFile, value: &Value, report: &mut Report<'_>) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(name)) = map.get("datasource") {
                let error = Error::new(format!("the data source `{name}` is given by name")).at(place(file, name));
                report.error(error.hint("write `{\"type\": \"prometheus\", \"uid\": \"${datasource}\"}`"));
            }
            let uid = map.get("datasource").and_then(|source| source["uid"].as_str()).unwrap_or_default();
            if uid.starts_with("${DS_") {
                let error = Error::new(format!("nothing resolves the data source `{uid}`")).at(place(file, uid));
                report.error(
                    error.hint("only the import dialog does; write `${datasource}`, a variable of the dashboard"),
                );
            }
            map.values().for_each(|inner| datasources(file, inner, report));
        }
        Value::Array(items) => items.iter().for_each(|inner| datasources(file, inner, report)),
        _ => {}
    }
}

//! Whether Grafana accepts a dashboard from a file, and whether its panels can show data.

mod panels;
mod subject;

use std::collections::BTreeMap;

use serde_json::Value;

use super::{MAX_SCHEMA_VERSION, is_schema_v2, is_uid, panel, parse, place, title, uid};
use crate::error::{Error, Severity};
pub use subject::{Finding, Origin, Surroundings};
use subject::{LintedDashboard, quoted};

/// All findings about one of your dashboards; errors are what Grafana rejects or what shows nothing.
pub fn lint(name: &str, text: &str, around: &Surroundings) -> Vec<Finding> {
    let model = match parse(name, text) {
        Ok(model) => model,
        Err(problem) => return vec![Finding { severity: Severity::Error, panel: None, problem }],
    };
    let mut findings = structure(name, text, &model, Origin::Own);
    if is_schema_v2(&model) {
        return findings;
    }
    let mut subject = LintedDashboard { name, text, model: &model, origin: Origin::Own, findings: Vec::new() };
    if around.shipped_uids.contains(uid(&model)) {
        let error = Error::new(format!("the uid `{}` belongs to a dashboard of Watchpost", uid(&model)));
        subject.add(
            Severity::Error,
            None,
            "\"uid\"",
            error.hint("choose another: Grafana would keep only one of the two"),
        );
    }
    panels::check(&mut subject, around);
    findings.extend(subject.findings);
    findings.sort_by_key(|finding| finding.severity);
    findings
}

/// Expressions of a dashboard that our parser cannot read, with their variables filled in; for Prometheus to judge.
pub fn unread(text: &str) -> Vec<String> {
    parse("", text).map(|model| panels::unread(&model)).unwrap_or_default()
}

/// The queries of a dashboard with placeholders for its variables, each with the panel it is in.
pub fn filled_queries(model: &Value) -> Vec<(String, String)> {
    panels::filled(model)
}

/// Whether Grafana accepts it: schema, uid, title, data sources, panels without queries.
pub fn structure(name: &str, text: &str, model: &Value, origin: Origin) -> Vec<Finding> {
    let mut subject = LintedDashboard { name, text, model, origin, findings: Vec::new() };
    identity(&mut subject);
    if schema(&mut subject) {
        for panel in panel::panels(model) {
            queries(&mut subject, &panel);
        }
        datasources(&mut subject, model);
    }
    subject.findings
}

/// One uid, or one title, used twice in a folder takes write access from Grafana's whole provider
/// (grafana/grafana#89085). Files by name and text; those that are not JSON are skipped.
pub fn twins<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<Finding> {
    let mut seen: BTreeMap<(&str, String), &str> = BTreeMap::new();
    let mut findings = Vec::new();
    for (name, text) in files {
        let Ok(model) = parse(name, text) else { continue };
        for (key, value) in [("uid", uid(&model)), ("title", title(&model))] {
            if value.is_empty() {
                continue;
            }
            if let Some(first) = seen.get(&(key, value.to_owned())) {
                let at = place(name, text, &Value::from(value).to_string());
                let problem = Error::new(format!("`{first}` has the same `{key}`, \"{value}\"")).at(at);
                let problem =
                    problem.hint("change one: with both, Grafana stops updating all dashboards of the folder");
                findings.push(Finding { severity: Severity::Error, panel: None, problem });
            } else {
                seen.insert((key, value.to_owned()), name);
            }
        }
    }
    findings
}

fn identity(subject: &mut LintedDashboard<'_>) {
    let uid = uid(subject.model);
    if !is_uid(uid) {
        // Grafana gives a uid to a dashboard without one, and rejects an invalid one.
        let severity = if uid.is_empty() { subject.strict() } else { Severity::Error };
        let error = Error::new("the dashboard has no valid `uid`");
        subject.add(
            severity,
            None,
            "\"uid\"",
            error.hint("write 1 to 40 letters, digits, `-` and `_`; links and updates use it"),
        );
    }
    if title(subject.model).trim().is_empty() && !is_schema_v2(subject.model) {
        let error = Error::new("the dashboard has no `title`").hint("people look for it by title");
        subject.add(Severity::Error, None, "\"title\"", error);
    }
}

/// False when the other checks cannot read the schema.
fn schema(subject: &mut LintedDashboard<'_>) -> bool {
    let model = subject.model;
    if is_schema_v2(model) || model.get("apiVersion").is_some() {
        let error = Error::new("this is the newer schema, which Grafana rejects in files");
        let hint = match subject.origin {
            Origin::Own if !is_schema_v2(model) => "`watchpost dashboards import FILE` extracts the classic JSON",
            _ => "export it as classic JSON (Share, Export, `V1 resource` or `Classic`)",
        };
        subject.add(Severity::Error, None, "", error.hint(hint));
        return false;
    }
    let missing = model.get("schemaVersion").is_none() && subject.origin == Origin::Own;
    match model["schemaVersion"].as_u64() {
        Some(version) if version <= MAX_SCHEMA_VERSION => {}
        None if missing => {}
        version => {
            let given = version.map_or("none".into(), |version| version.to_string());
            let error = Error::new(format!("`schemaVersion` must be at most {MAX_SCHEMA_VERSION}, not {given}"));
            subject.add(Severity::Error, None, "\"schemaVersion\"", error.hint("export it as classic JSON"));
        }
    }
    for key in ["__inputs", "__requires", "__elements"].into_iter().filter(|key| model.get(key).is_some()) {
        let error = Error::new(format!("`{key}` is for the import dialog; Grafana ignores it in files"));
        let (severity, hint) = match subject.origin {
            Origin::Catalog => (Severity::Error, "remove it, and write `${datasource}` as the data source"),
            Origin::Own if key == "__requires" => (Severity::Warning, "remove it"),
            Origin::Own => (Severity::Error, "`watchpost dashboards import FILE` resolves it"),
        };
        subject.add(severity, None, key, error.hint(hint));
    }
    if model["id"].is_number() {
        let error = Error::new("`id` is another Grafana's number of this dashboard");
        subject.add(subject.strict(), None, "\"id\"", error.hint("remove it; `uid` identifies the dashboard"));
    }
    true
}

/// Kinds of panels without queries.
const WITHOUT_QUERIES: [&str; 8] =
    ["text", "news", "dashlist", "alertlist", "annolist", "welcome", "gettingstarted", "nodeGraph"];

fn queries(subject: &mut LintedDashboard<'_>, panel: &panel::Panel<'_>) {
    if WITHOUT_QUERIES.contains(&panel.kind) {
        return;
    }
    let title = panel.title;
    if title.trim().is_empty() {
        let at = if panel.id > 0 { format!("\"id\": {}", panel.id) } else { String::new() };
        let error = Error::new(format!("a panel of type `{}` has no title", panel.kind));
        subject.add(Severity::Warning, None, &at, error.hint("a few words that name what it shows, with its unit set"));
    }
    if panel.model.get("libraryPanel").is_some() && panel.model["targets"].as_array().is_none_or(Vec::is_empty) {
        let name = panel.model["libraryPanel"]["name"].as_str().unwrap_or(title);
        let error = Error::new(format!("the library panel `{name}` is in another Grafana's library"));
        let hint = "export with `Export for sharing externally`, then `watchpost dashboards import FILE` inlines it";
        return subject.add(Severity::Error, Some(title), "\"libraryPanel\"", error.hint(hint));
    }
    if panel.model["targets"].as_array().is_none_or(Vec::is_empty) {
        let error = Error::new(format!("the panel `{title}` has no query")).hint("add a query under `targets`");
        subject.add(Severity::Error, Some(title), title, error);
    }
    for query in panel.queries().iter().filter(|query| fixed_rate(query.expr)) {
        let error = Error::new(format!("the panel `{title}` takes a rate over a fixed time"));
        let needle = if subject.origin == Origin::Own { quoted(query.expr) } else { title.to_owned() };
        let hint = "write `[$__rate_interval]`, which follows the zoom and the scrape interval";
        subject.add(Severity::Warning, Some(title), &needle, error.hint(hint));
    }
}

fn fixed_rate(expr: &str) -> bool {
    // A constant pattern, compiled in the tests.
    regex_lite::Regex::new(r"\b(rate|irate|increase)\([^\[\]]*\[\d").is_ok_and(|pattern| pattern.is_match(expr))
}

/// A data source is `{type, uid}`; a name or an unresolved input finds nothing.
fn datasources(subject: &mut LintedDashboard<'_>, value: &Value) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(name)) = map.get("datasource") {
                named_source(subject, name);
            }
            let uid = map.get("datasource").and_then(|source| source["uid"].as_str()).unwrap_or_default();
            if uid.starts_with("${DS_") {
                let error = Error::new(format!("nothing resolves the data source `{uid}`"));
                let hint = match subject.origin {
                    Origin::Catalog => {
                        "only the import dialog does; write `${datasource}`, a variable of the dashboard"
                    }
                    Origin::Own => "only the import dialog does; `watchpost dashboards import FILE` resolves it",
                };
                subject.add(Severity::Error, None, uid, error.hint(hint));
            }
            map.values().for_each(|inner| datasources(subject, inner));
        }
        Value::Array(items) => items.iter().for_each(|inner| datasources(subject, inner)),
        _ => {}
    }
}

fn named_source(subject: &mut LintedDashboard<'_>, name: &str) {
    let built_in = name.starts_with("-- ") || name == "grafana";
    if built_in && subject.origin == Origin::Own {
        return;
    }
    let is_variable = name.starts_with('$') && !name.trim_start_matches(['$', '{']).starts_with("DS_");
    let severity = if is_variable { subject.strict() } else { Severity::Error };
    let hint = match subject.origin {
        Origin::Catalog => "write `{\"type\": \"prometheus\", \"uid\": \"${datasource}\"}`",
        Origin::Own => {
            "write `{\"type\": \"prometheus\", \"uid\": \"watchpost-prometheus\"}`, or `watchpost dashboards import FILE`"
        }
    };
    let error = Error::new(format!("the data source `{name}` is given by name")).hint(hint);
    subject.add(severity, None, &Value::from(name).to_string(), error);
}

#[cfg(test)]
mod tests;

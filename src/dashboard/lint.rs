//! Whether Grafana accepts a dashboard from a file, and whether its panels can show data.

mod panels;
mod sources;
mod subject;

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    Form, MAX_SCHEMA_VERSION, classic, form, is_uid, panel, parse, place, schema_version, title, too_new, uid,
};
use crate::error::{Error, Severity};
pub use subject::{Finding, Origin, Surroundings};
use subject::{LintedDashboard, Spot};

/// All findings about one of your dashboards; errors are what Grafana rejects or what shows nothing.
pub fn lint(name: &str, text: &str, around: &Surroundings) -> Vec<Finding> {
    let file = match parse(name, text) {
        Ok(file) => file,
        Err(problem) => return vec![Finding { severity: Severity::Error, panel: None, problem }],
    };
    let model = classic(&file);
    let mut subject = LintedDashboard::new(name, text, &file, &model, Origin::Own);
    if structural(&mut subject, around) {
        panels::check(&mut subject, around);
    }
    subject.findings.sort_by_key(|finding| finding.severity);
    subject.findings
}

/// Expressions of a dashboard that our parser cannot read, with their variables filled in; for Prometheus to judge.
pub fn unread(text: &str) -> Vec<String> {
    parse("", text).map(|model| panels::unread(&classic(&model))).unwrap_or_default()
}

/// The queries of a dashboard with placeholders for its variables, each with the panel it is in.
pub fn filled_queries(model: &Value) -> Vec<(String, String)> {
    panels::filled(&classic(model))
}

/// Whether Grafana accepts it: schema, uid, title, data sources, panels without queries.
pub fn structure(name: &str, text: &str, file: &Value, origin: Origin) -> Vec<Finding> {
    let model = classic(file);
    let mut subject = LintedDashboard::new(name, text, file, &model, origin);
    structural(&mut subject, &Surroundings::default());
    subject.findings
}

/// False when the other checks cannot read the schema.
fn structural(subject: &mut LintedDashboard<'_>, around: &Surroundings) -> bool {
    if !schema(subject, around) {
        return false;
    }
    identity(subject, around);
    let model = subject.model;
    for panel in panel::panels(model) {
        queries(subject, &panel);
    }
    sources::check(subject, around);
    true
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

fn identity(subject: &mut LintedDashboard<'_>, around: &Surroundings) {
    let (uid, is_classic) = (uid(subject.file), form(subject.file) == Form::Classic);
    if !is_uid(uid) {
        // Grafana gives a uid to a dashboard without one, and rejects an invalid one.
        let severity = if uid.is_empty() && is_classic { subject.strict() } else { Severity::Error };
        let (key, spot) = if is_classic { ("uid", "\"uid\"") } else { ("metadata.name", "\"metadata\"") };
        let error = Error::new(format!("the dashboard has no valid `{key}`"));
        let hint = "write 1 to 40 letters, digits, `-` and `_`; links and updates use it";
        subject.add(severity, None, Spot::First(spot), error.hint(hint));
    }
    if around.shipped_uids.contains(uid) {
        let error = Error::new(format!("the uid `{uid}` belongs to a dashboard of Watchpost"))
            .hint("choose another: Grafana would keep only one of the two");
        let at = if is_classic { &subject.file["uid"] } else { &subject.file["metadata"]["name"] };
        subject.add(Severity::Error, None, Spot::Value(at), error);
    }
    if title(subject.file).trim().is_empty() {
        let error = Error::new("the dashboard has no `title`").hint("people look for it by title");
        subject.add(Severity::Error, None, Spot::First("\"title\""), error);
    }
}

/// False when the other checks cannot read the schema.
fn schema(subject: &mut LintedDashboard<'_>, around: &Surroundings) -> bool {
    let import = "`watchpost dashboards import FILE`";
    let (error, hint) = match (form(subject.file), subject.origin) {
        (Form::Classic, _) if subject.file.get("apiVersion").is_none() => return classic_schema(subject),
        (_, Origin::Catalog) => {
            (Error::new("this is the newer schema; the catalog ships classic JSON"), "export it as classic JSON".into())
        }
        (Form::V2Spec, _) => {
            (Error::new("this is a bare schema v2 spec, which Grafana rejects in files"), format!("{import} wraps it"))
        }
        (Form::Classic | Form::ClassicResource, _) => (
            Error::new("this is classic JSON inside a resource, which Grafana rejects in files"),
            format!("{import} extracts the classic JSON"),
        ),
        (Form::V2Resource, _) if too_new(subject.file, &around.grafana) => (
            Error::new(format!("Grafana {} does not accept schema v2 from files", around.grafana)),
            "export it as classic JSON, or deploy Grafana 13 or newer".into(),
        ),
        (Form::V2Resource, _) if subject.file.get("id").is_some() => {
            (Error::new("Grafana rejects a resource with an `id` beside its `spec`"), "remove it".into())
        }
        (Form::V2Resource, _) => return true,
    };
    subject.add(Severity::Error, None, Spot::First(""), error.hint(hint));
    false
}

fn classic_schema(subject: &mut LintedDashboard<'_>) -> bool {
    let model = subject.model;
    let missing = model.get("schemaVersion").is_none() && subject.origin == Origin::Own;
    match schema_version(model) {
        Some(version) if version <= MAX_SCHEMA_VERSION => {}
        None if missing => {}
        version => {
            let given = version.map_or("none".into(), |version| version.to_string());
            let error = Error::new(format!("`schemaVersion` must be at most {MAX_SCHEMA_VERSION}, not {given}"));
            let error = error.hint("export it as classic JSON");
            subject.add(Severity::Error, None, Spot::First("\"schemaVersion\""), error);
        }
    }
    for key in ["__inputs", "__requires", "__elements"].into_iter().filter(|key| model.get(key).is_some()) {
        let error = Error::new(format!("`{key}` is for the import dialog; Grafana ignores it in files"));
        let (severity, hint) = match subject.origin {
            Origin::Catalog => (Severity::Error, "remove it, and write `${datasource}` as the data source"),
            Origin::Own if key == "__requires" || is_empty(&model[key]) => (Severity::Warning, "remove it"),
            Origin::Own => (Severity::Error, "`watchpost dashboards import FILE` resolves it"),
        };
        subject.add(severity, None, Spot::First(key), error.hint(hint));
    }
    if model["id"].is_number() {
        let error = Error::new("`id` is another Grafana's number of this dashboard");
        let error = error.hint("remove it; `uid` identifies the dashboard");
        subject.add(subject.strict(), None, Spot::Value(&model["id"]), error);
    }
    true
}

fn is_empty(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(serde_json::Map::is_empty)
}

/// Kinds of panels without queries.
const WITHOUT_QUERIES: [&str; 8] =
    ["text", "news", "dashlist", "alertlist", "annolist", "welcome", "gettingstarted", "nodeGraph"];

fn queries(subject: &mut LintedDashboard<'_>, panel: &panel::Panel<'_>) {
    if WITHOUT_QUERIES.contains(&panel.kind) {
        return;
    }
    let (title, model) = (panel.title, panel.model);
    if title.trim().is_empty() {
        let at = if panel.id > 0 { &model["id"] } else { model };
        let error = Error::new(format!("a panel of type `{}` has no title", panel.kind))
            .hint("a few words that name what it shows, with its unit set");
        subject.add(Severity::Warning, None, Spot::Value(at), error);
    }
    let at = Spot::Value(if title.is_empty() { model } else { &model["title"] });
    let asks_nothing = model["targets"].as_array().is_none_or(Vec::is_empty);
    if asks_nothing && model.get("libraryPanel").is_some() {
        let name = model["libraryPanel"]["name"].as_str().unwrap_or(title);
        let error = Error::new(format!("the library panel `{name}` is in another Grafana's library"));
        let hint = "export with `Export for sharing externally`, then `watchpost dashboards import FILE` inlines it";
        return subject.add(Severity::Error, Some(title), at, error.hint(hint));
    }
    if asks_nothing {
        let error = Error::new(format!("the panel `{title}` has no query")).hint("add a query under `targets`");
        return subject.add(Severity::Error, Some(title), at, error);
    }
    if subject.origin == Origin::Catalog {
        for query in panel.queries().iter().filter(|query| panels::takes_fixed_rate(query.expr)) {
            let error = Error::new(format!("the panel `{title}` takes a rate over a fixed time"));
            let hint = "write `[$__rate_interval]`, which follows the zoom and the scrape interval";
            subject.add(Severity::Warning, Some(title), Spot::Value(&query.model["expr"]), error.hint(hint));
        }
    }
}

#[cfg(test)]
mod tests;

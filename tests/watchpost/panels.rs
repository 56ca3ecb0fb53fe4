//! Dashboards, held against the recorded samples, and to one language.

use std::collections::BTreeSet;

use serde_json::Value;
use watchpost::promql::Query;

use crate::content::unknown;
use crate::known::{self, PanelQuery, Sample, parsed};

/// Dashboards that show other components too.
const SHOWS: [(&str, &[&str]); 1] =
    [("Overview", &["alertmanager", "node-exporter", "cadvisor", "blackbox-exporter", "grafana"])];
/// Windows in panels that do not follow the zoom, and why: none.
const FIXED_WINDOWS: [(&str, &str); 0] = [];
/// Counters that stand in a panel without a rate, and why.
const BARE_COUNTERS: [(&str, &str); 1] = [("node_cpu_seconds_total", "its series are counted, to know the processors")];

fn sample_for(component: &str, place: &str) -> Sample {
    let others = SHOWS.iter().find(|(title, _)| place.starts_with(&format!("\"{title}\"")));
    known::known_to(component, others.map_or(&[], |(_, others)| others))
}

#[test]
fn every_panel_asks_only_for_what_the_samples_have() {
    let mut problems = Vec::new();
    for PanelQuery { component, place, expr, legend, .. } in known::panel_queries() {
        let sample = sample_for(&component, &place);
        problems.extend(unknown(&place, &expr, &sample));
        let labels = known::output_labels(&parsed(&place, &expr), &sample);
        for name in legend.split("{{").skip(1).map(|rest| rest.split("}}").next().unwrap_or_default().trim()) {
            if !labels.contains(name) {
                problems.push(format!("{place}: its legend names `{name}`, and the query has {labels:?}"));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn every_variable_asks_for_what_is_recorded() {
    for dashboard in known::dashboards() {
        for variable in dashboard.json["templating"]["list"].as_array().expect("a list") {
            let query = variable["query"]["query"].as_str().expect("a query");
            let place = format!("{}, {}", dashboard.json["title"], variable["name"]);
            let inner = query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')'));
            let (selector, label) =
                inner.and_then(|inner| inner.rsplit_once(", ")).expect("label_values(SERIES, LABEL)");
            let sample = sample_for(&dashboard.component, &place);
            let counted = format!("count by ({label}) ({selector})");
            assert_eq!(unknown(&place, &counted.replace("\"$", "\".*"), &sample), Vec::<String>::new());
        }
    }
}

#[test]
fn windows_follow_the_zoom_and_counters_are_shown_as_rates() {
    let fixed = regex_lite::Regex::new(r"\[[0-9]").expect("a pattern");
    let mut problems = Vec::new();
    for PanelQuery { component, place, raw, expr, .. } in known::panel_queries() {
        if fixed.is_match(&raw) && !FIXED_WINDOWS.iter().any(|(panel, _)| place.contains(panel)) {
            problems.push(format!("{place}: a fixed window in {raw}"));
        }
        let sample = sample_for(&component, &place);
        for selector in Query::parse(&expr).expect("PromQL").shown() {
            let excused = BARE_COUNTERS.iter().any(|(metric, _)| *metric == selector.metric);
            if sample.counters.contains(&selector.metric) && !excused {
                problems.push(format!("{place}: the counter `{}` without a rate", selector.metric));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

fn panel_is_complete(name: &str, dashboard: &Value, panel: &Value) {
    let (title, kind) = (&panel["title"], panel["type"].as_str().expect("a type"));
    assert!(title.as_str().is_some_and(|title| !title.is_empty()), "{name}");
    assert!(
        ["row", "timeseries", "stat", "table", "gauge", "bargauge", "alertlist"].contains(&kind),
        "{name}: {title} is a {kind}"
    );
    if kind == "row" {
        return;
    }
    let description = panel["description"].as_str().unwrap_or_default();
    assert!(description.len() > 15, "{name}: {title} says not how it is read");
    if known::empty_when(description).is_some() {
        let said = dashboard["description"].as_str().unwrap_or_default();
        assert!(said.contains(title.as_str().expect("a title")), "{name} does not say that {title} may be empty");
    }
    if kind != "alertlist" {
        assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{name}: {title} has no unit");
    }
    for target in panel["targets"].as_array().into_iter().flatten() {
        assert_eq!(target["datasource"]["uid"], "watchpost-prometheus", "{name}");
    }
}

#[test]
fn dashboards_speak_one_language() {
    let mut uids = BTreeSet::new();
    let mut titles = BTreeSet::new();
    for dashboard in known::dashboards() {
        let (name, json) = (dashboard.path.display().to_string(), &dashboard.json);
        let first = uids.insert(json["uid"].to_string()) && titles.insert(json["title"].to_string());
        assert!(first, "{name}: uid or title of another");
        assert!((39..=42).contains(&json["schemaVersion"].as_i64().expect("a number")), "{name}");
        let names = json["templating"]["list"].as_array().expect("a list").iter().map(|variable| &variable["name"]);
        let variables: BTreeSet<&str> = names.map(|name| name.as_str().expect("a name")).collect();
        json["panels"].as_array().expect("panels").iter().for_each(|panel| panel_is_complete(&name, json, panel));
        let selects = variables.contains("instance") || variables.contains("job") || json["title"] == "Overview";
        assert!(selects, "{name} shows all instances at once");
        let text = json["panels"].to_string();
        for word in text.split('$').skip(1) {
            let word = word.trim_start_matches('{');
            let used: String = word.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            assert!(used.starts_with("__") || variables.contains(used.as_str()), "{name}: no variable `{used}`");
        }
    }
    assert_eq!(uids.len(), 10);
}

/// A link to another dashboard names one that is there, and a variable that it has.
#[test]
fn links_between_dashboards_lead_somewhere() {
    let dashboards = known::dashboards();
    let mut links = 0;
    for dashboard in &dashboards {
        let text = dashboard.json["panels"].to_string();
        for url in text.split("\"/d/").skip(1).map(|rest| rest.split('"').next().unwrap_or_default()) {
            let (uid, rest) = url.split_once('/').expect("a slug");
            let target = dashboards.iter().find(|other| other.json["uid"] == uid);
            let target = target.unwrap_or_else(|| panic!("{}: no dashboard `{uid}`", dashboard.path.display()));
            let variable = rest.split_once("?var-").and_then(|(_, rest)| rest.split_once('=')).expect("a variable").0;
            let variables = target.json["templating"]["list"].as_array().expect("a list");
            assert!(variables.iter().any(|known| known["name"] == variable), "{uid} has no variable `{variable}`");
            links += 1;
        }
    }
    assert!(links > 10, "{links} links");
}

//! Rules and dashboards, held against the recorded samples and against each other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use promql_parser::parser::{Expr, LabelModifier, VectorSelector};
use promql_parser::util::{ExprVisitor, walk_expr};
use serde_json::Value;

use crate::support::watchpost;

/// Labels that every series gets by being scraped, or by Prometheus itself.
const TARGET_LABELS: [&str; 5] = ["job", "instance", "alertname", "alertstate", "severity"];
/// Series that Prometheus makes itself.
const SYNTHETIC: [&str; 4] = ["up", "ALERTS", "scrape_duration_seconds", "scrape_samples_scraped"];
/// Metrics that the recording host cannot show, and why.
const UNRECORDED: [(&str, &str); 4] = [
    ("node_md_disks", "needs a software RAID"),
    ("node_md_disks_required", "needs a software RAID"),
    ("probe_ssl_earliest_cert_expiry", "needs an address with a certificate"),
    ("grafana_http_request_in_flight", "the name of newer Grafana; the older one is asked as well"),
];
/// Names of labels that a target's own relabelling adds.
const RELABELLED: [&str; 1] = ["module"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(pattern_folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for component in
        std::fs::read_dir(root().join("templates")).expect("templates").map(|e| e.expect("an entry").path())
    {
        let folder = component.join(pattern_folder);
        for file in std::fs::read_dir(folder).into_iter().flatten().map(|e| e.expect("an entry").path()) {
            if file.extension().is_some_and(|found| found == extension) {
                found.push(file);
            }
        }
    }
    found.sort();
    found
}

/// Label names by metric, from all recorded samples.
fn samples() -> BTreeMap<String, BTreeSet<String>> {
    let mut metrics: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for sample in files("", "prom") {
        for line in std::fs::read_to_string(sample)
            .expect("UTF-8")
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty())
        {
            let end = line.find(['{', ' ']).expect("a value");
            let labels = metrics.entry(line[..end].to_owned()).or_default();
            let mut rest = line[end..].strip_prefix('{').unwrap_or_default();
            while let Some((name, value)) = rest.split_once("=\"") {
                labels.insert(name.trim_start_matches(',').to_owned());
                let mut escaped = false;
                let close = value.find(|c| {
                    let ends = c == '"' && !escaped;
                    escaped = c == '\\' && !escaped;
                    ends
                });
                rest = &value[close.expect("a closing quote") + 1..];
            }
        }
    }
    metrics
}

/// One rule or query: where it stands, and its expression.
struct Query {
    place: String,
    text: String,
}

fn rendered_rules() -> Vec<(String, Value)> {
    let folder = tempfile::tempdir().expect("a folder");
    let spec = "stack: standard\ncomponents:\n  pushgateway: true\n  postgres-exporter: {host: db, password: {secret: x}}\n  redis-exporter: {address: \"r:6379\"}\nsecrets: {x: {env: X}}\n";
    std::fs::write(folder.path().join("watchpost.yaml"), spec).expect("written");
    let bundle = watchpost(["render", "-o", "json"]).inside(folder.path()).run().expect(0).json();
    let mut rules = Vec::new();
    for (path, text) in
        bundle.as_object().expect("files").iter().filter(|(path, _)| path.starts_with("files/prometheus/rules/"))
    {
        let document = watchpost::yaml::parse(path, text.as_str().expect("text")).expect("YAML").to_json();
        for group in document["groups"].as_array().expect("groups") {
            rules.extend(group["rules"].as_array().expect("rules").iter().map(|rule| (path.clone(), rule.clone())));
        }
    }
    rules
}

fn dashboards() -> Vec<(PathBuf, Value)> {
    let read = |path: PathBuf| {
        let value = serde_json::from_str(&std::fs::read_to_string(&path).expect("UTF-8")).expect("JSON");
        (path, value)
    };
    files("dashboards", "json").into_iter().map(read).collect()
}

/// Grafana's variables as Prometheus would see them.
fn substituted(text: &str) -> String {
    let mut text = text.replace("$__rate_interval", "1m").replace("$__range", "1h").replace("$__interval", "1m");
    while let Some(at) = text.find('$') {
        let end = text[at + 1..]
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .map_or(text.len(), |end| at + 1 + end);
        text.replace_range(at..end, ".*");
    }
    text
}

/// Dashboard, panel and expression of every query, with variables that stand for everything.
pub fn panel_queries() -> Vec<(Value, String, String)> {
    let mut queries = Vec::new();
    for (_, dashboard) in dashboards() {
        for panel in dashboard["panels"].as_array().expect("panels") {
            for target in panel["targets"].as_array().into_iter().flatten() {
                let title = panel["title"].as_str().expect("a title").to_owned();
                queries.push((dashboard.clone(), title, substituted(target["expr"].as_str().expect("an expression"))));
            }
        }
    }
    queries
}

fn queries() -> Vec<Query> {
    let mut queries: Vec<Query> = rendered_rules()
        .into_iter()
        .map(|(path, rule)| Query {
            place: format!(
                "{path}: {}{}",
                rule["alert"].as_str().unwrap_or_default(),
                rule["record"].as_str().unwrap_or_default()
            ),
            text: rule["expr"].as_str().expect("an expression").to_owned(),
        })
        .collect();
    for (path, dashboard) in dashboards() {
        for panel in dashboard["panels"].as_array().expect("panels") {
            for target in panel["targets"].as_array().into_iter().flatten() {
                let place = format!("{}: {}", path.file_name().expect("a name").display(), panel["title"]);
                queries.push(Query { place, text: substituted(target["expr"].as_str().expect("an expression")) });
            }
        }
    }
    queries
}

/// Metrics with the labels that are matched on, and labels that are grouped by.
#[derive(Default)]
struct Named {
    metrics: Vec<(String, BTreeSet<String>)>,
    grouped: BTreeSet<String>,
}

impl ExprVisitor for Named {
    type Error = String;

    fn pre_visit(&mut self, expr: &Expr) -> Result<bool, String> {
        let mut selector = |vector: &VectorSelector| {
            let by_matcher = vector
                .matchers
                .matchers
                .iter()
                .find(|matcher| matcher.name == "__name__")
                .map(|matcher| matcher.value.clone());
            let name = vector.name.clone().or(by_matcher).unwrap_or_default();
            let labels = vector
                .matchers
                .matchers
                .iter()
                .map(|matcher| matcher.name.clone())
                .filter(|name| name != "__name__")
                .collect();
            self.metrics.push((name, labels));
        };
        match expr {
            Expr::VectorSelector(vector) => selector(vector),
            Expr::MatrixSelector(matrix) => selector(&matrix.vs),
            Expr::Aggregate(aggregate) => {
                if let Some(LabelModifier::Include(labels)) = &aggregate.modifier {
                    self.grouped.extend(labels.labels.iter().cloned());
                }
            }
            _ => {}
        }
        Ok(true)
    }
}

fn named(query: &Query) -> Named {
    let expr = promql_parser::parser::parse(&query.text)
        .unwrap_or_else(|error| panic!("{}: {error}\n{}", query.place, query.text));
    let mut named = Named::default();
    walk_expr(&mut named, &expr).expect("visited");
    named
}

#[test]
fn every_metric_and_label_is_in_a_recorded_sample_or_recorded_by_a_rule() {
    let samples = samples();
    let recorded: BTreeSet<String> =
        rendered_rules().iter().filter_map(|(_, rule)| rule["record"].as_str().map(str::to_owned)).collect();
    let mut problems = Vec::new();
    for query in queries() {
        let named = named(&query);
        let mut available: BTreeSet<&str> = TARGET_LABELS.into_iter().chain(RELABELLED).collect();
        for (metric, labels) in &named.metrics {
            if recorded.contains(metric)
                || SYNTHETIC.contains(&metric.as_str())
                || UNRECORDED.iter().any(|(name, _)| name == metric)
            {
                available.extend(["device", "name", "container_label_com_docker_compose_project"]);
                continue;
            }
            let Some(known) = samples.get(metric) else {
                problems.push(format!("{}: no sample has `{metric}`", query.place));
                continue;
            };
            available.extend(known.iter().map(String::as_str));
            for label in
                labels.iter().filter(|label| !known.contains(*label) && !TARGET_LABELS.contains(&label.as_str()))
            {
                problems.push(format!("{}: `{metric}` has no label `{label}`", query.place));
            }
        }
        for label in named.grouped.iter().filter(|label| !available.contains(label.as_str())) {
            problems.push(format!("{}: groups by `{label}`, which none of its metrics has", query.place));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn what_is_excused_from_the_samples_is_really_absent_from_them() {
    let samples = samples();
    for (metric, why) in UNRECORDED {
        assert!(!samples.contains_key(metric), "`{metric}` is recorded now; take it out of the list ({why})");
    }
}

#[test]
fn every_alert_has_texts_and_a_runbook_that_exists() {
    let mut names = BTreeSet::new();
    let mut expressions: BTreeMap<String, String> = BTreeMap::new();
    for (path, rule) in rendered_rules() {
        let Some(name) = rule["alert"].as_str() else { continue };
        assert!(names.insert(name.to_owned()), "{path}: a second alert `{name}`");
        let expr = rule["expr"].as_str().expect("an expression").to_owned();
        if let Some(other) = expressions.insert(expr, name.to_owned()) {
            panic!("`{name}` and `{other}` have the same expression");
        }
        assert!(
            matches!(rule["labels"]["severity"].as_str(), Some("critical" | "warning" | "info" | "none")),
            "{name}"
        );
        for text in ["summary", "description"] {
            assert!(rule["annotations"][text].as_str().is_some_and(|text| text.len() > 10), "{name} has no {text}");
        }
        let runbook = rule["annotations"]["runbook"].as_str().unwrap_or_else(|| panic!("{name} has no runbook"));
        let (page, anchor) = runbook.split_once('#').expect("an anchor");
        let text = std::fs::read_to_string(root().join(page)).unwrap_or_else(|error| panic!("{page}: {error}"));
        assert_eq!(anchor, name.to_lowercase());
        let section = text
            .split("\n## ")
            .find(|section| section.starts_with(&format!("{name}\n")))
            .unwrap_or_else(|| panic!("{page} lacks {name}"));
        for part in ["**Meaning.**", "**Impact.**", "1. ", "2. ", "3. "] {
            assert!(section.contains(part), "{page}, {name}: no {part}");
        }
    }
    assert!(names.len() >= 80, "{} alerts", names.len());
}

#[test]
fn every_alert_is_tested_firing_and_quiet() {
    let mut firing = BTreeSet::new();
    let mut quiet = BTreeSet::new();
    for file in files("rules/tests", "yml") {
        let text = std::fs::read_to_string(&file).expect("UTF-8");
        let document = watchpost::yaml::parse("test", &text).expect("YAML").to_json();
        for case in document["tests"]
            .as_array()
            .expect("tests")
            .iter()
            .flat_map(|test| test["alert_rule_test"].as_array().expect("cases"))
        {
            let name = case["alertname"].as_str().expect("a name").to_owned();
            let fires = case["exp_alerts"].as_array().is_some_and(|alerts| !alerts.is_empty());
            if fires {
                firing.insert(name)
            } else {
                quiet.insert(name)
            };
        }
    }
    for (_, rule) in rendered_rules() {
        let Some(name) = rule["alert"].as_str() else { continue };
        assert!(firing.contains(name), "no test lets {name} fire");
        // The Watchdog is never quiet.
        assert!(name == "Watchdog" || quiet.contains(name), "no test keeps {name} quiet");
    }
}

#[test]
fn dashboards_speak_one_language() {
    let mut uids = BTreeSet::new();
    let mut titles = BTreeSet::new();
    for (path, dashboard) in dashboards() {
        let name = path.display();
        assert!(
            uids.insert(dashboard["uid"].to_string()) && titles.insert(dashboard["title"].to_string()),
            "{name}: uid or title of another"
        );
        assert!((39..=42).contains(&dashboard["schemaVersion"].as_i64().expect("a number")), "{name}");
        let variables: BTreeSet<&str> = dashboard["templating"]["list"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|v| v["name"].as_str().expect("a name"))
            .collect();
        for panel in dashboard["panels"].as_array().expect("panels") {
            let kind = panel["type"].as_str().expect("a type");
            assert!(
                ["row", "timeseries", "stat", "table", "gauge", "bargauge", "alertlist"].contains(&kind),
                "{name}: {kind}"
            );
            assert!(panel["title"].as_str().is_some_and(|title| !title.is_empty()), "{name}");
            if kind == "row" {
                continue;
            }
            assert!(
                panel["description"].as_str().is_some_and(|text| text.len() > 15),
                "{name}: {} says not how it is read",
                panel["title"]
            );
            for target in panel["targets"].as_array().into_iter().flatten() {
                let expr = target["expr"].as_str().expect("an expression");
                assert_eq!(target["datasource"]["uid"], "watchpost-prometheus", "{name}");
                assert!(!expr.contains("rate(") || expr.contains("$__rate_interval"), "{name}: {expr}");
                for word in expr.split('$').skip(1) {
                    let variable: String =
                        word.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                    assert!(
                        variable.starts_with("__") || variables.contains(variable.as_str()),
                        "{name}: no variable `{variable}`"
                    );
                }
            }
        }
    }
    assert_eq!(uids.len(), 10);
}

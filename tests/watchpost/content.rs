//! Rules, their tests and their runbooks, held against the recorded samples and against each other.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::known::{self, Labels, Named, Rule, Sample, TARGET_LABELS, parsed};

/// Alerts that there are at least, by file.
const AT_LEAST: [(&str, usize); 10] = [
    ("prometheus/general.yml", 3),
    ("prometheus/prometheus.yml", 20),
    ("alertmanager/alertmanager.yml", 8),
    ("node-exporter/host.yml", 20),
    ("cadvisor/containers.yml", 6),
    ("blackbox-exporter/probes.yml", 4),
    ("pushgateway/pushgateway.yml", 1),
    ("postgres-exporter/postgres.yml", 12),
    ("redis-exporter/redis.yml", 6),
    ("grafana/grafana.yml", 2),
];
/// What a runbook quotes that reads like a metric and is none.
const NO_METRIC: [(&str, &str); 3] = [
    ("pg_stat_wal_receiver", "a view of PostgreSQL"),
    ("container_label_restartcount", "a label"),
    ("topk(10, count by (__name__) ({job=\"JOB\"}))", "asks for every metric of a job"),
];
/// What the names of metrics begin with; other words are settings and commands.
const PREFIXES: [&str; 9] =
    ["node_", "container_", "prometheus_", "alertmanager_", "pg_", "redis_", "probe_", "push_", "grafana_"];

/// What stands in the way of an expression that this sample should answer.
pub fn unknown(place: &str, expr: &str, sample: &Sample) -> Vec<String> {
    let named = Named::of(&parsed(place, expr));
    let mut problems = Vec::new();
    let mut available = Labels::new();
    for (metric, labels) in &named.metrics {
        match sample.labels(metric) {
            None => problems.push(format!("{place}: the sample has no `{metric}`")),
            Some(known) => {
                let missing = labels.iter().filter(|label| !known.contains(*label));
                problems.extend(missing.map(|label| format!("{place}: `{metric}` has no label `{label}`")));
                available.extend(known);
            }
        }
    }
    if problems.is_empty() {
        let missing = named.joined_by.difference(&available);
        problems.extend(missing.map(|label| format!("{place}: joins by `{label}`, which none of its metrics has")));
    }
    problems
}

/// `{{ $labels.NAME }}` of a text.
fn labels_of_template(text: &str) -> Vec<&str> {
    let names = text.split("$labels.").skip(1);
    names.map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default()).collect()
}

#[test]
fn every_rule_asks_only_for_what_its_own_sample_has() {
    let mut problems = Vec::new();
    for rule in known::rules() {
        let sample = known::known_to(&rule.component, &[]);
        problems.extend(unknown(rule.name(), rule.expr(), &sample));
        let labels = known::output_labels(&parsed(rule.name(), rule.expr()), &sample);
        for text in ["summary", "description"].map(|text| rule.rule["annotations"][text].as_str().unwrap_or_default()) {
            let missing = labels_of_template(text).into_iter().filter(|label| !labels.contains(*label));
            problems.extend(missing.map(|label| format!("{}: its alert has no label `{label}`", rule.name())));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn what_no_sample_has_is_declared_by_its_manifest() {
    let catalog = known::catalog();
    for (metric, _) in known::UNRECORDED {
        assert!(known::absences(&catalog).iter().any(|pattern| pattern.is_match(metric)), "{metric}");
    }
}

#[test]
fn every_sample_is_of_the_pinned_version() {
    for (name, component) in known::catalog().components {
        let pinned = component.manifest.image.tag.trim_start_matches('v').to_owned();
        let sample = Sample::of(&name).text;
        let info = sample.lines().find(|line| {
            let metric = line.split('{').next().unwrap_or_default();
            metric == format!("{}_build_info", name.replace('-', "_"))
                || (name == "node-exporter" && metric == "node_exporter_build_info")
                || (name == "cadvisor" && metric == "cadvisor_version_info")
        });
        let labels = known::labels_in(
            info.unwrap_or_else(|| panic!("{name} tells no version")).split_once('{').expect("labels").1,
        );
        let version = labels.get("version").or(labels.get("cadvisorVersion")).expect("a version");
        let version = version.trim_start_matches('v').split(['+', '-']).next().expect("a version");
        assert_eq!(version, pinned, "{name}: run tests/images/record-samples");
    }
}

#[test]
fn every_alert_has_texts_and_no_rule_is_another_one() {
    let mut names = BTreeSet::new();
    let mut expressions: BTreeMap<String, String> = BTreeMap::new();
    for rule in known::rules() {
        let name = rule.name();
        assert!(names.insert(name.to_owned()), "{}: a second `{name}`", rule.path);
        if let Some(other) = expressions.insert(rule.expr().to_owned(), name.to_owned()) {
            panic!("`{name}` and `{other}` have the same expression");
        }
        if !rule.is_alert() {
            continue;
        }
        let severity = rule.rule["labels"]["severity"].as_str();
        assert!(matches!(severity, Some("critical" | "warning" | "info" | "none")), "{name}");
        for text in ["summary", "description"] {
            assert!(
                rule.rule["annotations"][text].as_str().is_some_and(|text| text.len() > 10),
                "{name} has no {text}"
            );
        }
    }
}

#[test]
fn there_are_as_many_alerts_as_promised() {
    let rules = known::rules();
    let alerts = |path: &str| rules.iter().filter(|rule| rule.path == path && rule.is_alert()).count();
    for (path, least) in AT_LEAST {
        assert!(alerts(path) >= least, "{path}: {} alerts", alerts(path));
    }
    assert!(AT_LEAST.iter().map(|(path, _)| alerts(path)).sum::<usize>() >= 80);
}

/// The section of an alert in its runbook.
fn section(rule: &Rule) -> String {
    let name = rule.name();
    let runbook = rule.rule["annotations"]["runbook"].as_str().unwrap_or_else(|| panic!("{name} has no runbook"));
    let (page, anchor) = runbook.split_once('#').expect("an anchor");
    assert_eq!(anchor, name.to_lowercase());
    let text = std::fs::read_to_string(known::root().join(page)).unwrap_or_else(|error| panic!("{page}: {error}"));
    let found = text.split("\n## ").find(|section| section.starts_with(&format!("{name}\n")));
    found.unwrap_or_else(|| panic!("{page} lacks {name}")).to_owned()
}

#[test]
fn every_runbook_says_what_the_rule_says_and_where_to_look() {
    let components: Vec<String> = known::catalog().components.into_keys().collect();
    let components: Vec<&str> = components.iter().map(String::as_str).collect();
    let everything = known::known_to("prometheus", &components);
    let mut problems = Vec::new();
    for rule in known::rules().iter().filter(|rule| rule.is_alert()) {
        let (name, section) = (rule.name(), section(rule));
        let after = rule.rule["for"].as_str().map_or(String::new(), |wait| format!(", after {wait}"));
        let severity = rule.rule["labels"]["severity"].as_str().expect("a severity");
        for part in [&format!("Severity {severity}{after}."), "**Meaning.**", "**Impact.**", "1. ", "2. ", "3. "] {
            if !section.contains(part) {
                problems.push(format!("{name}: its runbook lacks `{part}`"));
            }
        }
        let quoted =
            section.split('`').skip(1).step_by(2).filter(|text| !NO_METRIC.iter().any(|(name, _)| name == text));
        let mut queries = 0;
        // Commands parse too, when they are one word.
        for text in quoted.filter(|text| promql_parser::parser::parse(text).is_ok()) {
            let unknown = unknown(name, text, &everything);
            if unknown.is_empty() && !Named::of(&parsed(name, text)).metrics.is_empty() {
                queries += 1;
            } else if PREFIXES.iter().any(|prefix| text.contains(prefix)) {
                problems.push(format!("{}, in its runbook: `{text}`", unknown.join("; ")));
            }
        }
        if queries == 0 {
            problems.push(format!("{name}: its runbook has no query"));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// Every `tests:` entry of a component's unit tests.
fn unit_tests() -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for (component, file) in known::files("rules/tests", "yml") {
        let text = std::fs::read_to_string(&file).expect("UTF-8");
        let document = watchpost::yaml::parse("test", &text).expect("YAML").to_json();
        found.extend(document["tests"].as_array().expect("tests").iter().map(|test| (component.clone(), test.clone())));
    }
    found
}

#[test]
fn every_alert_is_tested_firing_and_quiet() {
    let mut firing = BTreeSet::new();
    let mut quiet = BTreeSet::new();
    for (_, test) in unit_tests() {
        for case in test["alert_rule_test"].as_array().expect("cases") {
            let name = case["alertname"].as_str().expect("a name").to_owned();
            let fires = case["exp_alerts"].as_array().is_some_and(|alerts| !alerts.is_empty());
            if fires {
                firing.insert(name)
            } else {
                quiet.insert(name)
            };
        }
    }
    for rule in known::rules().iter().filter(|rule| rule.is_alert()) {
        let name = rule.name();
        assert!(firing.contains(name), "no test lets {name} fire");
        // The Watchdog is never quiet.
        assert!(name == "Watchdog" || quiet.contains(name), "no test keeps {name} quiet");
    }
}

#[test]
fn the_series_of_unit_tests_have_the_labels_that_are_recorded() {
    let catalog = known::catalog();
    let mut problems = Vec::new();
    let mut checked = 0;
    for (component, test) in unit_tests() {
        let sample = Sample::of(&component);
        let scrape = catalog.components[&component].manifest.scrape.as_ref().expect("scraped");
        for series in test["input_series"].as_array().into_iter().flatten() {
            let series = series["series"].as_str().expect("a series");
            let (metric, rest) = series.split_once('{').unwrap_or((series, ""));
            let labels = known::labels_in(rest);
            // Alerts have the labels of whatever they are about; what was pushed keeps its own.
            if metric == "ALERTS" || scrape.honor_labels {
                continue;
            }
            let target = TARGET_LABELS.iter().all(|label| labels.contains_key(*label));
            let job =
                labels.get("job").is_some_and(|job| *job == scrape.job || job.starts_with("probe-") || metric == "up");
            let own: Labels = labels.into_keys().filter(|label| !TARGET_LABELS.contains(&label.as_str())).collect();
            let variants = sample.variants.get(metric).cloned().unwrap_or_else(|| BTreeSet::from([Labels::new()]));
            if !target || !job || !variants.contains(&own) {
                problems.push(format!("{}: {series}\n    recorded: {variants:?}", test["name"]));
            }
            checked += 1;
        }
    }
    assert!(problems.is_empty() && checked > 200, "{checked} series\n{}", problems.join("\n"));
}

//! Whether the metrics that rules and dashboards use exist: recorded by a component, or made by a recording rule.

use std::collections::{BTreeMap, BTreeSet};

use regex_lite::Regex;

use super::{Report, place};
use crate::catalog::{Catalog, CatalogFile, Component};
use crate::dashboard;
use crate::error::Error;
use crate::promql::{self, Query};
use crate::yaml::{self, Node};

/// What Prometheus adds to every target and every alert.
const OF_PROMETHEUS: [&str; 7] = [
    "up",
    "ALERTS",
    "ALERTS_FOR_STATE",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
];

/// The metrics of a whole catalog.
pub(super) struct Known {
    names: BTreeSet<String>,
    /// Metrics that exist only sometimes, from the manifests.
    sometimes: Vec<Regex>,
}

impl Known {
    pub fn read(catalog: &Catalog) -> Self {
        let mut names: BTreeSet<String> = OF_PROMETHEUS.map(str::to_owned).into();
        let mut sometimes = Vec::new();
        for component in catalog.components.values() {
            let recorded = component.files.get("metrics.prom").and_then(|file| file.text().ok()).unwrap_or_default();
            names.extend(recorded.lines().filter_map(name).map(str::to_owned));
            for (_, file) in component.files_in("rules", ".yml") {
                let records = file.text().unwrap_or_default().lines().filter_map(record);
                names.extend(records.map(str::to_owned));
            }
            // A pattern that does not compile is the manifest's finding.
            let manifest = &component.manifest;
            let patterns = manifest.sometimes.iter().map(|absent| &absent.metrics);
            let patterns = patterns.chain(manifest.collectors.iter().map(|collector| &collector.metrics));
            sometimes.extend(patterns.filter_map(|pattern| Regex::new(&format!("^(?:{pattern})$")).ok()));
        }
        Self { names, sometimes }
    }

    fn has(&self, metric: &str) -> bool {
        self.names.contains(metric) || self.sometimes.iter().any(|pattern| pattern.is_match(metric))
    }
}

/// The metric of a line of Prometheus's text format.
fn name(line: &str) -> Option<&str> {
    let line = line.trim();
    let end = line.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | ':'))).unwrap_or(line.len());
    (end > 0).then(|| &line[..end])
}

/// What a line of a rules file records: `- record: NAME`.
fn record(line: &str) -> Option<&str> {
    line.trim().trim_start_matches("- ").strip_prefix("record:").map(|name| name.trim().trim_matches(['"', '\'']))
}

/// Without `metrics.prom` nothing is known of the component's own metrics, which is a finding of its own.
pub(super) fn check(
    component: &Component,
    known: &Known,
    rendered: &BTreeMap<String, String>,
    report: &mut Report<'_>,
) {
    if !component.files.contains_key("metrics.prom") {
        return;
    }
    let mut missing = Missing { known, reported: BTreeSet::new(), report };
    for (path, file) in component.files_in("rules", ".yml") {
        let Some(text) = rendered.get(&format!("rules/{path}")) else { continue };
        let Ok(node) = yaml::parse(&file.name, text) else { continue };
        for group in node.get("groups").map(Node::items).unwrap_or_default() {
            for rule in group.get("rules").map(Node::items).unwrap_or_default() {
                let field = |key| rule.get(key).and_then(Node::as_str).unwrap_or_default();
                let user = if field("alert").is_empty() { field("record") } else { field("alert") };
                missing.query(file, field("expr"), &format!("the rule `{user}`"));
            }
        }
    }
    for (_, file) in component.files_in("dashboards", ".json") {
        let Ok(model) = file.text().and_then(|text| dashboard::parse(&file.name, text)) else { continue };
        for (panel, query) in dashboard::lint::filled_queries(&model) {
            missing.query(file, &query, &format!("the panel `{panel}`"));
        }
    }
}

struct Missing<'a, 'r, 'c> {
    known: &'a Known,
    reported: BTreeSet<String>,
    report: &'r mut Report<'c>,
}

impl Missing<'_, '_, '_> {
    /// An expression that our parser does not read is left to Prometheus.
    fn query(&mut self, file: &CatalogFile, expr: &str, user: &str) {
        let Ok(query) = Query::parse(expr) else { return };
        for metric in query.selectors().into_iter().map(|selector| selector.metric) {
            let at = place(file, &metric);
            let made_up = !file.text().is_ok_and(|text| text.contains(&metric));
            if metric.is_empty() || made_up || self.known.has(&metric) || !self.reported.insert(metric.clone()) {
                continue;
            }
            let hint = match promql::meant(&metric, &self.known.names) {
                Some(guess) => format!("did you mean `{guess}`?"),
                None => "record `metrics.prom` from the service again, or list the metric under `sometimes:`".into(),
            };
            let error = Error::new(format!("{user} uses `{metric}`, which no component exports or records"));
            self.report.error(error.at(at).hint(hint));
        }
    }
}

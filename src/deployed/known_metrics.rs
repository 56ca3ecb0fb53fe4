//! What the catalog knows about metrics: which component exports or records them, with which labels, and which exist only
//! on some hosts, after some events, or with some collector.

use std::collections::{BTreeMap, BTreeSet};

use regex_lite::Regex;

use super::stack::Services;
use crate::catalog::{Catalog, Collector, Component};
use crate::clients::exposition::Exposition;

#[derive(Debug, Default)]
pub struct KnownMetrics {
    /// By metric, from the recorded samples.
    metrics: BTreeMap<String, Known>,
    /// The components that record a metric, by its name.
    recorded: BTreeMap<String, String>,
    /// Metrics that exist only sometimes, and why, from the manifests.
    sometimes: Vec<Sometimes>,
    /// The scrape job of each component.
    jobs: BTreeMap<String, String>,
}

#[derive(Debug, Default)]
struct Known {
    /// The first that exports it.
    component: String,
    job: String,
    labels: BTreeSet<String>,
    /// Do several components export it, as all programs in Go do?
    shared: bool,
}

#[derive(Debug)]
struct Sometimes {
    /// What the pattern begins with, as plain text: most names are told apart by it.
    prefix: String,
    pattern: Regex,
    component: String,
    why: Why,
}

#[derive(Debug)]
enum Why {
    Words(String),
    Collector(Collector),
}

impl KnownMetrics {
    pub fn read(catalog: &Catalog) -> Self {
        let mut known_metrics = Self::default();
        for component in catalog.components.values() {
            known_metrics.read_manifest(component);
            known_metrics.read_sample(component);
            for (_, file) in component.files_in("rules", ".yml") {
                for metric in file.text().unwrap_or_default().lines().filter_map(recorded) {
                    known_metrics.recorded.insert(metric.to_owned(), component.manifest.name.clone());
                }
            }
        }
        known_metrics
    }

    fn read_manifest(&mut self, component: &Component) {
        let manifest = &component.manifest;
        let words = manifest.sometimes.iter().map(|some| (&some.metrics, Why::Words(some.why.clone())));
        let collectors = manifest.collectors.iter().map(|one| (&one.metrics, Why::Collector(one.clone())));
        for (metrics, why) in words.chain(collectors) {
            // Lint rejects patterns that do not compile.
            if let Ok(pattern) = Regex::new(&format!("^(?:{metrics})$")) {
                let prefix = literal_prefix(metrics);
                let component = manifest.name.clone();
                self.sometimes.push(Sometimes { prefix, pattern, component, why });
            }
        }
        if let Some(scrape) = &manifest.scrape {
            self.jobs.insert(manifest.name.clone(), scrape.job.clone());
        }
    }

    fn read_sample(&mut self, component: &Component) {
        let Some(scrape) = &component.manifest.scrape else { return };
        let sample = component.files.get("metrics.prom").and_then(|file| file.text().ok()).unwrap_or_default();
        for sample in Exposition::read(sample).samples() {
            let known = self.metrics.entry(sample.name.clone()).or_default();
            if known.job.is_empty() {
                known.job.clone_from(&scrape.job);
                known.component.clone_from(&component.manifest.name);
            }
            known.shared |= known.component != component.manifest.name;
            known.labels.extend(sample.labels.keys().cloned());
        }
    }

    fn sometimes(&self, metric: &str) -> Option<&Sometimes> {
        let fits = |one: &&Sometimes| metric.starts_with(&one.prefix) && one.pattern.is_match(metric);
        self.sometimes.iter().find(fits)
    }

    /// Does any component export this metric?
    pub fn knows(&self, metric: &str) -> bool {
        self.metrics.contains_key(metric) || self.sometimes(metric).is_some()
    }

    pub fn job(&self, metric: &str) -> Option<&str> {
        let of_component = || self.jobs.get(&self.sometimes(metric)?.component).map(String::as_str);
        self.metrics.get(metric).map(|known| known.job.as_str()).or_else(of_component)
    }

    /// The one component that exports or records the metric.
    pub fn component(&self, metric: &str) -> Option<&str> {
        if let Some(known) = self.metrics.get(metric) {
            return (!known.shared).then_some(known.component.as_str());
        }
        let recorded = self.recorded.get(metric).map(String::as_str);
        recorded.or_else(|| self.sometimes(metric).map(|one| one.component.as_str()))
    }

    /// The scrape job of a component.
    pub fn job_of(&self, component: &str) -> Option<&str> {
        self.jobs.get(component).map(String::as_str)
    }

    /// The first component whose scrape job is as `fits` says.
    pub fn component_with_job(&self, fits: impl Fn(&str) -> bool) -> Option<&str> {
        self.jobs.iter().find(|(_, job)| fits(job)).map(|(component, _)| component.as_str())
    }

    /// Has any recorded series of the metric this label?
    pub fn has_label(&self, metric: &str, label: &str) -> bool {
        self.metrics.get(metric).is_some_and(|known| known.labels.contains(label))
    }

    /// Why the metric does not exist everywhere, for one that exists only sometimes. Whether a collector is on is a matter
    /// of the deployed services.
    pub fn reason(&self, metric: &str, services: &Services) -> Option<String> {
        let one = self.sometimes(metric)?;
        Some(match &one.why {
            Why::Words(why) => why.clone(),
            Why::Collector(collector) => {
                let command = services.all_of(&one.component).next();
                let command = command.and_then(|(_, deployed)| deployed.service.command.as_deref()).unwrap_or_default();
                absent_collector(collector, command)
            }
        })
    }
}

/// What every name begins with that the pattern matches, as plain text.
fn literal_prefix(pattern: &str) -> String {
    let mut depth = 0;
    let mut choice = false;
    for c in pattern.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            '|' => choice |= depth == 0,
            _ => {}
        }
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let literal = pattern.find(|c| !plain(c)).unwrap_or(pattern.len());
    // A repetition takes back the character before it.
    let optional = usize::from(pattern[literal..].starts_with(['?', '*', '{']));
    if choice { String::new() } else { pattern[..literal.saturating_sub(optional)].to_owned() }
}

fn absent_collector(collector: &Collector, command: &[String]) -> String {
    let Collector { name, flag, finds, .. } = collector;
    match (collector.is_on(command), finds) {
        (false, _) => format!("the collector `{name}` is off: `{flag}` turns it on"),
        (true, Some(finds)) => format!("the collector `{name}` finds no {finds} on this host"),
        (true, None) => format!("the collector `{name}` finds nothing of the kind on this host"),
    }
}

/// What a line of a rules file records: `- record: NAME`.
fn recorded(line: &str) -> Option<&str> {
    let name = line.trim().trim_start_matches("- ").strip_prefix("record:")?;
    Some(name.trim().trim_matches(['"', '\'']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ships_is_known() {
        let known = KnownMetrics::read(&Catalog::embedded().expect("the catalog"));
        assert_eq!(known.job("node_load1"), Some("node"));
        assert!(known.has_label("node_cpu_seconds_total", "mode"));
        assert!(!known.knows("no_such_metric"));
        assert_eq!((known.component("node_load1"), known.component("go_goroutines")), (Some("node-exporter"), None));
        assert_eq!(known.job_of("node-exporter"), Some("node"));
        assert_eq!(known.component_with_job(|job| job == "node"), Some("node-exporter"));
    }

    #[test]
    fn the_plain_beginning_of_a_pattern_is_what_all_its_names_share() {
        for (pattern, prefix) in [
            ("node_zfs_.+", "node_zfs_"),
            ("node_(a|b)_x", "node_"),
            ("pg_slots?_.+", "pg_slot"),
            ("a(b)|c", ""),
            ("(a|b)", ""),
            ("up", "up"),
        ] {
            assert_eq!(literal_prefix(pattern), prefix, "{pattern}");
        }
    }

    #[test]
    fn a_collector_that_is_off_names_its_setting_and_one_that_is_on_what_it_looks_for() {
        let collector = |off| Collector {
            name: "hwmon".into(),
            metrics: String::new(),
            flag: "--collector.hwmon".into(),
            off,
            finds: Some("hardware sensors".into()),
        };
        let said = |off, command: &[&str]| {
            let command: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
            absent_collector(&collector(off), &command)
        };
        let off = "the collector `hwmon` is off: `--collector.hwmon` turns it on";
        let on = "the collector `hwmon` finds no hardware sensors on this host";
        assert_eq!((said(true, &[]), said(true, &["--collector.hwmon"])), (off.to_owned(), on.to_owned()));
        assert_eq!((said(false, &[]), said(false, &["--no-collector.hwmon"])), (on.to_owned(), off.to_owned()));
    }
}

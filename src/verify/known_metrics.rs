//! What the catalog knows about metrics: which component exports them, with which labels, and which exist only sometimes.

use std::collections::{BTreeMap, BTreeSet};

use regex_lite::Regex;

use crate::catalog::Catalog;
use crate::clients::exposition::Exposition;

#[derive(Debug, Default)]
pub struct KnownMetrics {
    /// By metric, from the recorded samples.
    metrics: BTreeMap<String, Known>,
    /// Metrics that exist only sometimes, and why, from the manifests.
    sometimes: Vec<(Regex, String)>,
}

#[derive(Debug, Default)]
struct Known {
    job: String,
    labels: BTreeSet<String>,
}

impl KnownMetrics {
    pub fn read(catalog: &Catalog) -> Self {
        let mut known_metrics = Self::default();
        for component in catalog.components.values() {
            for absent in &component.manifest.sometimes {
                // Lint rejects patterns that do not compile.
                if let Ok(pattern) = Regex::new(&format!("^(?:{})$", absent.metrics)) {
                    known_metrics.sometimes.push((pattern, absent.why.clone()));
                }
            }
            let Some(scrape) = &component.manifest.scrape else { continue };
            let sample = component.files.get("metrics.prom").and_then(|file| file.text().ok()).unwrap_or_default();
            for sample in Exposition::read(sample).samples() {
                let known = known_metrics.metrics.entry(sample.name.clone()).or_default();
                if known.job.is_empty() {
                    known.job.clone_from(&scrape.job);
                }
                known.labels.extend(sample.labels.keys().cloned());
            }
        }
        known_metrics
    }

    /// Does any component export this metric?
    pub fn knows(&self, metric: &str) -> bool {
        self.metrics.contains_key(metric) || self.sometimes.iter().any(|(pattern, _)| pattern.is_match(metric))
    }

    pub fn job(&self, metric: &str) -> Option<&str> {
        self.metrics.get(metric).map(|known| known.job.as_str())
    }

    /// Has any recorded series of the metric this label?
    pub fn has_label(&self, metric: &str, label: &str) -> bool {
        self.metrics.get(metric).is_some_and(|known| known.labels.contains(label))
    }

    /// Why the metric does not exist everywhere, for one that exists only sometimes.
    pub fn reason(&self, metric: &str) -> Option<&str> {
        self.sometimes.iter().find(|(pattern, _)| pattern.is_match(metric)).map(|(_, why)| why.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ships_is_known() {
        let known_metrics = KnownMetrics::read(&Catalog::embedded().expect("the catalog"));
        assert_eq!(known_metrics.job("node_load1"), Some("node"));
        assert!(known_metrics.has_label("node_cpu_seconds_total", "mode"));
        assert!(!known_metrics.knows("no_such_metric"));
    }
}

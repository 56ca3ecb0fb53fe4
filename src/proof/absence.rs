//! Why a metric is not there: its target is down, this host has nothing of the kind, or nobody knows it.

use std::collections::BTreeMap;

use regex_lite::Regex;

use super::facts::Facts;
use crate::catalog::Catalog;
use crate::promql::Selector;

/// What the catalog knows of metrics.
#[derive(Debug, Default)]
pub struct Knowledge {
    /// The scrape job of each metric of a recorded sample.
    jobs: BTreeMap<String, String>,
    /// Metrics that are there only sometimes, and why, from the manifests.
    sometimes: Vec<(Regex, String)>,
}

/// Why something that is asked for is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Absence {
    /// The broken target that would bring it: the finding's id.
    TargetDown(String),
    /// Known to the catalog, and not on this host or with these settings; in words.
    Expected(String),
    /// No target has it, and the catalog does not know it; in words.
    Unknown(String),
}

impl Knowledge {
    pub fn of(catalog: &Catalog) -> Self {
        let mut knowledge = Self::default();
        for component in catalog.components.values() {
            for absent in &component.manifest.sometimes {
                // Lint has refused patterns that do not compile.
                if let Ok(pattern) = Regex::new(&format!("^(?:{})$", absent.metrics)) {
                    knowledge.sometimes.push((pattern, absent.why.clone()));
                }
            }
            let Some(scrape) = &component.manifest.scrape else { continue };
            let sample = component.files.get("metrics.prom").and_then(|file| file.text().ok()).unwrap_or_default();
            for line in sample.lines().filter(|line| !line.starts_with('#')) {
                let name = line.split(['{', ' ']).next().unwrap_or_default();
                if !name.is_empty() && !knowledge.jobs.contains_key(name) {
                    knowledge.jobs.insert(name.to_owned(), scrape.job.clone());
                }
            }
        }
        knowledge
    }

    /// Does any component bring this metric?
    pub fn knows(&self, metric: &str) -> bool {
        self.jobs.contains_key(metric) || self.sometimes.iter().any(|(pattern, _)| pattern.is_match(metric))
    }

    fn reason(&self, metric: &str) -> Option<&str> {
        self.sometimes.iter().find(|(pattern, _)| pattern.is_match(metric)).map(|(_, why)| why.as_str())
    }
}

/// Why the selector yields nothing now.
pub fn explain(selector: &Selector, facts: &Facts<'_>) -> Absence {
    let metric = selector.metric.as_str();
    let knowledge = &facts.knowledge;
    let by_matcher = selector.matchers.iter().find(|m| m.label == "job").map(|m| m.value.as_str());
    let job = by_matcher.or(knowledge.jobs.get(metric).map(String::as_str));
    let same = |down: &&super::facts::Down| job == Some(down.job.as_str());
    if let Some(down) = facts.down.iter().find(same) {
        return Absence::TargetDown(down.id.clone());
    }
    if let Some(why) = knowledge.reason(metric) {
        return Absence::Expected(why.to_owned());
    }
    let scraped =
        |job: &str| facts.targets.as_ref().is_ok_and(|all| all.iter().any(|target| target.label("job") == job));
    match knowledge.jobs.get(metric) {
        Some(job) if !scraped(job) => Absence::Expected(format!("no target of the job `{job}` in this stack")),
        Some(_) => Absence::Expected("this host has nothing of the kind, or the exporter does not look at it".into()),
        None if metric.is_empty() => Absence::Unknown(format!("nothing matches {}", selector.text)),
        None => Absence::Unknown(format!("no target has `{metric}`")),
    }
}

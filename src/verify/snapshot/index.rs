//! Finds rules and intervals by name: ten thousand rules ask for them.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use crate::clients::prometheus::{Group, Rule, Target};
use crate::deployed::prometheus::Configuration;
use crate::units::parse_duration;

/// Made from the snapshot when it is first needed.
#[derive(Debug, Default)]
pub struct Index {
    /// Of recording rules: the group's place and the rule's, by the name of the metric.
    recordings: OnceCell<BTreeMap<String, (usize, usize)>>,
    /// Seconds by job.
    intervals: OnceCell<BTreeMap<String, f64>>,
}

impl Index {
    pub fn recording<'g>(&self, groups: &'g [Group], metric: &str) -> Option<(&'g Group, &'g Rule)> {
        let recordings = self.recordings.get_or_init(|| {
            let mut found = BTreeMap::new();
            for (at, group) in groups.iter().enumerate() {
                for (rule_at, rule) in group.rules.iter().enumerate().filter(|(_, rule)| !rule.is_alert()) {
                    found.entry(rule.name.clone()).or_insert((at, rule_at));
                }
            }
            found
        });
        let (group, rule) = recordings.get(metric)?;
        let group = groups.get(*group)?;
        Some((group, group.rules.get(*rule)?))
    }

    pub fn interval(&self, targets: &[Target], configuration: &Configuration, job: &str) -> Option<f64> {
        let intervals = self.intervals.get_or_init(|| {
            let mut found: BTreeMap<String, f64> = BTreeMap::new();
            let discovered = targets
                .iter()
                .filter_map(|target| Some((target.label("job"), parse_duration(&target.scrape_interval)?)));
            for (job, interval) in discovered {
                let fastest = found.entry(job.to_owned()).or_insert(interval);
                *fastest = fastest.min(interval);
            }
            for job in &configuration.jobs {
                found.entry(job.name.clone()).or_insert(job.interval.unwrap_or(configuration.scrape_interval));
            }
            found
        });
        intervals.get(job).copied()
    }
}

//! What several links need, asked once: services, targets, rules, the metrics that exist.

mod index;

use std::collections::BTreeSet;

use crate::catalog::Catalog;
use crate::clients::api::ApiError;
use crate::clients::prometheus::{Group, Rule, Target};
use crate::deployed::freshness::Freshness;
use crate::deployed::known_metrics::KnownMetrics;
use crate::deployed::prometheus::{Configuration, configuration};
use crate::deployed::stack::{Services, Stack};
use crate::render::Bundle;
use crate::time;
use index::Index;

/// A series exists when it has a sample this recent, in seconds; Prometheus's own lookback.
const RECENT: f64 = 300.0;

pub struct Snapshot<'a> {
    pub catalog: &'a Catalog,
    /// What the spec renders to, where there is a spec.
    pub bundle: Option<&'a Bundle>,
    pub services: Services,
    pub targets: Result<Vec<Target>, ApiError>,
    /// Which of their scrapes are older than what they speak of.
    pub freshness: Freshness,
    pub groups: Result<Vec<Group>, ApiError>,
    /// Names of the metrics that have recent samples.
    pub names: Result<BTreeSet<String>, ApiError>,
    /// Prometheus's configuration as it was deployed.
    pub configuration: Configuration,
    /// Values of the label `job` that series have now.
    pub jobs_seen: BTreeSet<String>,
    /// How many seconds the configuration has been in force; infinite when Prometheus does not say.
    pub configured_ago: f64,
    /// The time by Prometheus's clock, in seconds since 1970: its timestamps are compared with that.
    pub now: f64,
    /// Broken targets.
    pub down: Vec<Down>,
    pub known_metrics: KnownMetrics,
    pub(in crate::verify) index: Index,
}

/// A target that is not scraped, or whose exporter does not reach what it watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Down {
    /// The id of its finding.
    pub id: String,
    pub job: String,
    pub instance: String,
}

impl<'a> Snapshot<'a> {
    pub async fn gather(stack: &Stack, catalog: &'a Catalog, bundle: Option<&'a Bundle>) -> Snapshot<'a> {
        let services = stack.services.clone();
        let mut snapshot = Snapshot { bundle, services, ..Snapshot::empty(catalog) };
        snapshot.configuration = configuration(stack).await;
        if let Some(prometheus) = stack.prometheus().await {
            if let Ok(Some(now)) = prometheus.value("time()").await {
                snapshot.now = now;
            }
            let start = snapshot.now - RECENT;
            let (targets, groups, names, jobs, age) = tokio::join!(
                prometheus.targets(),
                prometheus.rules(),
                prometheus.metric_names(start),
                prometheus.label_values("job", start),
                prometheus.configured_ago(),
            );
            (snapshot.targets, snapshot.groups, snapshot.names) = (targets, groups, names);
            snapshot.jobs_seen = jobs.unwrap_or_default();
            snapshot.configured_ago = age.unwrap_or(f64::INFINITY);
        }
        snapshot
    }

    /// Of a stack without any service.
    pub fn empty(catalog: &'a Catalog) -> Self {
        let absent = || ApiError::new("Prometheus does not run");
        Snapshot {
            catalog,
            bundle: None,
            services: Services::default(),
            targets: Err(absent()),
            freshness: Freshness::default(),
            groups: Err(absent()),
            names: Err(absent()),
            configuration: Configuration::default(),
            jobs_seen: BTreeSet::new(),
            configured_ago: f64::INFINITY,
            now: time::now(),
            down: Vec::new(),
            known_metrics: KnownMetrics::read(catalog),
            index: Index::default(),
        }
    }

    /// Has the metric recent samples?
    pub fn has(&self, metric: &str) -> bool {
        self.names.as_ref().is_ok_and(|names| names.contains(metric))
    }

    /// The rule that records the metric, and its group.
    pub fn recording(&self, metric: &str) -> Option<(&Group, &Rule)> {
        self.index.recording(self.groups.as_deref().unwrap_or_default(), metric)
    }

    /// Seconds between two scrapes of a job; `None` when there is no such job. Its fastest target counts.
    pub fn interval_of(&self, job: &str) -> Option<f64> {
        self.index.interval(self.targets.as_deref().unwrap_or_default(), &self.configuration, job)
    }

    /// Targets of the job, as the label says.
    pub fn targets_of(&self, job: &str) -> impl Iterator<Item = &Target> {
        self.targets.iter().flatten().filter(move |target| target.label("job") == job)
    }

    /// Is one of the component's services part of the stack, running or not?
    pub fn has_component(&self, component: &str) -> bool {
        self.services.first_of(component).is_some()
    }
}

//! What several links need, asked once: services, targets, rules, the metrics that exist.

use std::collections::BTreeSet;

use crate::catalog::Catalog;
use crate::clients::api::ApiError;
use crate::clients::prometheus::{Group, Target};
use crate::deployed::stack::{Services, Stack};
use crate::render::Bundle;
use crate::time;
use crate::verify::known_metrics::KnownMetrics;

/// A series exists when it has a sample this recent, in seconds; Prometheus's own lookback.
const RECENT: f64 = 300.0;

pub struct Snapshot<'a> {
    pub catalog: &'a Catalog,
    /// What the spec renders to, where there is a spec.
    pub bundle: Option<&'a Bundle>,
    pub services: Services,
    pub targets: Result<Vec<Target>, ApiError>,
    pub groups: Result<Vec<Group>, ApiError>,
    /// Names of the metrics that have recent samples.
    pub names: Result<BTreeSet<String>, ApiError>,
    /// The time by Prometheus's clock, in seconds since 1970: its timestamps are compared with that.
    pub now: f64,
    /// Broken targets.
    pub down: Vec<Down>,
    pub known_metrics: KnownMetrics,
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
        if let Some(prometheus) = stack.prometheus().await {
            if let Ok(Some(now)) = prometheus.value("time()").await {
                snapshot.now = now;
            }
            let (targets, groups, names) =
                tokio::join!(prometheus.targets(), prometheus.rules(), prometheus.metric_names(snapshot.now - RECENT));
            (snapshot.targets, snapshot.groups, snapshot.names) = (targets, groups, names);
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
            groups: Err(absent()),
            names: Err(absent()),
            now: time::now(),
            down: Vec::new(),
            known_metrics: KnownMetrics::read(catalog),
        }
    }

    /// Has the metric recent samples?
    pub fn has(&self, metric: &str) -> bool {
        self.names.as_ref().is_ok_and(|names| names.contains(metric))
    }
}

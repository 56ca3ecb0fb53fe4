//! What several links rest on, asked once: targets, rules, the metrics that exist.

use std::collections::BTreeSet;

use crate::catalog::Catalog;
use crate::clients::api::Refusal;
use crate::clients::prometheus::{Group, Target};
use crate::deployed::stack::Stack;
use crate::render::Bundle;
use crate::time;
use crate::verify::known_metrics::Knowledge;

/// A series is there when it has a sample this recent, in seconds; Prometheus's own lookback.
const RECENT: f64 = 300.0;

pub struct Facts<'a> {
    pub catalog: &'a Catalog,
    /// What the spec renders to, where there is a spec.
    pub bundle: Option<&'a Bundle>,
    pub targets: Result<Vec<Target>, Refusal>,
    pub groups: Result<Vec<Group>, Refusal>,
    /// Names of the metrics that have recent samples.
    pub names: Result<BTreeSet<String>, Refusal>,
    /// What time it is by Prometheus's clock, in seconds since the epoch: its times are compared with that.
    pub now: f64,
    /// Broken targets: (finding's id, job, instance).
    pub down: Vec<Down>,
    pub knowledge: Knowledge,
}

/// A target that is not scraped, or an exporter that does not reach what it watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Down {
    /// Of the finding.
    pub id: String,
    pub job: String,
    pub instance: String,
}

impl<'a> Facts<'a> {
    pub async fn gather(stack: &Stack, catalog: &'a Catalog, bundle: Option<&'a Bundle>) -> Facts<'a> {
        let mut facts = Facts {
            catalog,
            bundle,
            targets: Err(Refusal::said("Prometheus is not there")),
            groups: Err(Refusal::said("Prometheus is not there")),
            names: Err(Refusal::said("Prometheus is not there")),
            now: time::now(),
            down: Vec::new(),
            knowledge: Knowledge::of(catalog),
        };
        if let Some(prometheus) = stack.prometheus().await {
            if let Ok(Some(now)) = prometheus.value("time()").await {
                facts.now = now;
            }
            let (targets, groups, names) =
                tokio::join!(prometheus.targets(), prometheus.rules(), prometheus.metric_names(facts.now - RECENT));
            (facts.targets, facts.groups, facts.names) = (targets, groups, names);
        }
        facts
    }

    /// Has the metric recent samples?
    pub fn has(&self, metric: &str) -> bool {
        self.names.as_ref().is_ok_and(|names| names.contains(metric))
    }
}

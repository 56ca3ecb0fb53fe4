//! Asks Prometheus, the exporters' logs and the targets themselves why a scrape fails.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::StreamExt;
use futures_util::stream;
use serde::{Deserialize, Serialize};

use super::address;
use super::scrape_error::{ScrapeFailure, explain};
use crate::clients::prometheus::{Prometheus, Target};
use crate::deployed::prometheus::rendered_jobs;
use crate::deployed::redact;
use crate::deployed::stack::Stack;
use crate::docker::{self, reach};
use crate::verify::snapshot::Snapshot;

/// Targets that fail are asked from inside, this many at once.
const AT_ONCE: usize = 8;
/// Of an answer, so much is quoted, in characters.
const QUOTED: usize = 60;

/// What there is to know of the targets beyond Prometheus's list of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TargetsSnapshot {
    /// Names of the scrape jobs in the deployed configuration.
    pub jobs: Vec<String>,
    /// Did Prometheus accept the configuration that it was given last? `None`: it does not say.
    pub accepted: Option<bool>,
    /// By scrape URL.
    pub failing: BTreeMap<String, FailingTarget>,
    /// Exporters whose own metric says that they do not reach what they watch.
    pub cut_off: Vec<CutOff>,
    /// Addresses whose probe fails.
    pub failed_probes: Vec<String>,
    /// The ends of the logs of services that may explain something, without secrets.
    pub logs: BTreeMap<String, Vec<String>>,
}

/// A target that Prometheus cannot scrape, seen from inside the stack's network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailingTarget {
    /// What a container of the stack gets when it asks the same: `401 Unauthorized`; `None` when none can ask.
    pub answer: Option<String>,
    /// Ports that the image of the target's container declares, when the target refuses the connection.
    pub ports: Vec<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CutOff {
    pub job: String,
    /// The exporter's service.
    pub instance: String,
}

pub async fn look(stack: &Stack, snapshot: &Snapshot<'_>) -> TargetsSnapshot {
    let (Ok(targets), Some(prometheus)) = (&snapshot.targets, stack.prometheus().await) else {
        return TargetsSnapshot::default();
    };
    let down: Vec<&Target> = targets.iter().filter(|target| target.health == "down").collect();
    let (jobs, accepted, cut_off, failed_probes) = tokio::join!(
        rendered_jobs(stack),
        accepted(&prometheus),
        cut_off(stack, snapshot, &prometheus),
        failed_probes(&prometheus),
    );
    let logs = logs(stack, &down, &cut_off, accepted).await;
    // Where an exporter's log names the cause, its target is not asked.
    let unexplained = down.into_iter().filter(|target| silent_exporter(snapshot, &logs, target).is_none());
    let failing = unexplained.map(async |target| (target.scrape_url.clone(), failing(stack, target).await));
    let failing = stream::iter(failing).buffered(AT_ONCE).collect().await;
    TargetsSnapshot { jobs, accepted, failing, cut_off, failed_probes, logs }
}

async fn failing(stack: &Stack, target: &Target) -> FailingTarget {
    let (answer, ports) = tokio::join!(answer(stack, target), ports(stack, target));
    FailingTarget { answer, ports }
}

/// Asked only where the port may be wrong.
async fn ports(stack: &Stack, target: &Target) -> Vec<u16> {
    let (host, port) = address(&target.scrape_url);
    let error = explain(&target.last_error, host, port, &target.scrape_timeout);
    if error.failure != ScrapeFailure::Refused {
        return Vec::new();
    }
    let container = docker::inspect(&stack.client, host).await.ok().flatten();
    container.map(|container| container.exposed_ports).unwrap_or_default()
}

/// What a container of the stack gets when it asks the same.
async fn answer(stack: &Stack, target: &Target) -> Option<String> {
    let (host, port) = address(&target.scrape_url);
    let rest = target.scrape_url.strip_prefix("http://")?;
    let path = rest.find('/').map_or("/", |at| &rest[at..]);
    let helper = stack.helpers().into_iter().next()?;
    match reach::get_from(&stack.client, &helper, host, port, path).await {
        Ok(answer) => {
            let first = answer.body.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
            let first: String = redact::redact(first, &[]).chars().take(QUOTED).collect();
            Some(format!("{} {first}", answer.status).trim_end().to_owned())
        }
        Err(reach::TransportError::Unreachable) => None,
        Err(error) => Some(error.to_string()),
    }
}

/// From its own metrics: what it scrapes may hold another Prometheus too.
async fn accepted(prometheus: &Prometheus<'_>) -> Option<bool> {
    let metrics = prometheus.metrics().await.ok()?;
    Some(metrics.value("prometheus_config_last_reload_successful")? != 0.0)
}

async fn cut_off(stack: &Stack, snapshot: &Snapshot<'_>, prometheus: &Prometheus<'_>) -> Vec<CutOff> {
    let mut found = Vec::new();
    for component in snapshot.catalog.components.values() {
        let Some(scrape) = &component.manifest.scrape else { continue };
        let Some(up) = &scrape.up else { continue };
        if stack.first_of(&component.manifest.name).is_none() {
            continue;
        }
        let zero = format!("{up}{{job=\"{}\"}} == 0", scrape.job);
        for mut sample in prometheus.query(&zero).await.unwrap_or_default() {
            let instance = sample.labels.remove("instance").unwrap_or_default();
            found.push(CutOff { job: scrape.job.clone(), instance });
        }
    }
    found
}

async fn failed_probes(prometheus: &Prometheus<'_>) -> Vec<String> {
    let failed = prometheus.query("probe_success == 0").await.unwrap_or_default();
    failed.into_iter().map(|mut sample| sample.labels.remove("instance").unwrap_or_default()).collect()
}

async fn logs(
    stack: &Stack,
    down: &[&Target],
    cut_off: &[CutOff],
    accepted: Option<bool>,
) -> BTreeMap<String, Vec<String>> {
    let mut wanted: BTreeSet<&str> = down.iter().map(|target| address(&target.scrape_url).0).collect();
    wanted.extend(cut_off.iter().map(|exporter| exporter.instance.as_str()));
    if accepted == Some(false) {
        wanted.extend(stack.first_of("prometheus").map(|(name, _)| name));
    }
    let mut logs = BTreeMap::new();
    for name in wanted.into_iter().filter(|name| stack.services.contains_key(*name)) {
        logs.insert(name.to_owned(), stack.log(name).await);
    }
    logs
}

/// An exporter that gives no answer because it waits for what it watches: its log says for what.
pub fn silent_exporter(
    snapshot: &Snapshot<'_>,
    logs: &BTreeMap<String, Vec<String>>,
    target: &Target,
) -> Option<CutOff> {
    let instance = address(&target.scrape_url).0;
    let deployed = snapshot.services.get(instance)?;
    let manifest = &snapshot.catalog.components.get(deployed.component())?.manifest;
    manifest.scrape.as_ref()?.up.as_ref()?;
    docker::error_line(logs.get(instance)?)?;
    Some(CutOff { job: target.label("job").to_owned(), instance: instance.to_owned() })
}

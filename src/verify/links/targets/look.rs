//! Asks Prometheus, the exporters' logs and the targets themselves why a scrape fails.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use serde::{Deserialize, Serialize};

use super::{exporter, host};
use crate::clients::exposition::Exposition;
use crate::clients::prometheus::scrape::ScrapeFailure;
use crate::clients::prometheus::{Prometheus, Target};
use crate::deployed::inside;
use crate::deployed::prometheus::rendered_jobs;
use crate::deployed::stack::Stack;
use crate::docker::{self, Neighbour, Request, ServiceEndpoint};
use crate::verify::snapshot::Snapshot;

/// Targets that fail are asked from inside, this many at once.
const AT_ONCE: usize = 8;
/// So long an exporter is asked that waits for what it watches.
const PATIENCE: Duration = Duration::from_secs(2);

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
    /// The containers that the target's host may mean, when it does not answer.
    pub containers: Vec<Neighbour>,
    /// Addresses of this machine that the target's port is open on, when the target is the Docker host and that is this
    /// machine.
    pub listening: Option<Vec<IpAddr>>,
}

/// An exporter that does not reach what it watches.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CutOff {
    pub job: String,
    /// The exporter's service.
    pub instance: String,
    /// Why, where one of its metrics says so.
    pub reason: Option<String>,
    /// Asked now, it reaches it again.
    pub reaches: bool,
    /// The containers that the host in the reason may mean.
    pub servers: Vec<Neighbour>,
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
    let mut cut_off = cut_off;
    for exporter in &mut cut_off {
        if let Some(host) = exporter::server(snapshot, &logs, exporter) {
            exporter.servers = docker::neighbours(&stack.client, &host).await;
        }
    }
    // Where an exporter's log names the cause, its target is not asked.
    let unexplained = down.into_iter().filter(|target| exporter::silent(snapshot, &logs, target).is_none());
    let failing = unexplained.map(async |target| (target.scrape_url.clone(), failing(stack, target).await));
    let failing = stream::iter(failing).buffered(AT_ONCE).collect().await;
    TargetsSnapshot { jobs, accepted, failing, cut_off, failed_probes, logs }
}

async fn failing(stack: &Stack, target: &Target) -> FailingTarget {
    let (host, port) = target.address();
    let failure = target.failure().failure;
    let (answer, ports) = tokio::join!(inside::ask(stack, target), ports(stack, target));
    use ScrapeFailure::{NoHost, NoRoute, Refused, TimedOut};
    let unreachable = matches!(failure, NoHost | NoRoute | Refused | TimedOut);
    let containers = if unreachable { docker::neighbours(&stack.client, host).await } else { Vec::new() };
    let on_host = unreachable && stack.client.engine.local && host::means_host(host);
    let listening = on_host.then(|| docker::listening(port)).flatten();
    FailingTarget { answer: answer.map(|answer| answer.text), ports, containers, listening }
}

/// Asked only where the port may be wrong.
async fn ports(stack: &Stack, target: &Target) -> Vec<u16> {
    if target.failure().failure != ScrapeFailure::Refused {
        return Vec::new();
    }
    let container = docker::inspect(&stack.client, target.address().0).await.ok().flatten();
    container.map(|container| container.exposed_ports).unwrap_or_default()
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
            let now = match stack.endpoint(&instance).await {
                Some(endpoint) => metrics(endpoint, &scrape.path).await,
                None => Exposition::default(),
            };
            let reason = scrape.reason.as_ref().and_then(|reason| now.label_of(&reason.metric, &reason.label));
            let reaches = now.value(up) == Some(1.0);
            found.push(CutOff { job: scrape.job.clone(), instance, reason, reaches, servers: Vec::new() });
        }
    }
    found
}

/// An exporter's own metrics, as they are now; none when it does not answer.
async fn metrics(endpoint: &ServiceEndpoint, path: &str) -> Exposition {
    let answer = endpoint.send_within(&Request::get(path), PATIENCE).await.ok().filter(|answer| answer.status == 200);
    answer.map(|answer| Exposition::read(&answer.body)).unwrap_or_default()
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
    let mut wanted: BTreeSet<&str> = down.iter().map(|target| target.address().0).collect();
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

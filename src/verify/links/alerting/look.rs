//! What the link rests on, asked side by side.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clients::alertmanager::Alertmanager;
use crate::clients::prometheus::{Group, Rule};
use crate::deployed::alertmanager::config_in_force;
use crate::deployed::stack::{Deployed, ServiceState, Stack};
use crate::docker::{self, TransportError, reach};
use crate::time;
use crate::verify::links::alerting::connection::{Answer, Connection, Peer};
use crate::verify::links::alerting::external_url::{self, Linked};
use crate::verify::links::alerting::watchdog::{self, Arrival};
use crate::verify::links::delivery;
use crate::verify::reload;
use crate::yaml;

/// An alert that Prometheus has just begun to send may take so long to arrive.
const ARRIVAL: Duration = Duration::from_secs(5);
/// The same when Prometheus or Alertmanager has just started: what was sent before they knew each other is sent again.
const SOON: Duration = Duration::from_secs(1);
/// Alertmanager does not announce alerts: they are asked for again after this.
const PAUSE: Duration = Duration::from_millis(200);

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AlertingSnapshot {
    /// `None`: the stack has none.
    pub prometheus: Option<ServiceState>,
    pub alertmanager: Option<ServiceState>,
    /// To each Alertmanager in the deployed prometheus.yml.
    pub connections: Vec<Connection>,
    /// Alertmanager's configuration in force, or why Alertmanager does not answer.
    pub config: Result<Value, String>,
    /// Did Alertmanager accept its last configuration? `None`: it does not say.
    pub reload_succeeded: Option<bool>,
    /// `None`: there is no Watchdog that fires, or Alertmanager does not answer.
    pub watchdog: Option<Arrival>,
    /// The last lines of each log, read only where they may hold a reason.
    pub prometheus_log: Vec<String>,
    pub alertmanager_log: Vec<String>,
    /// Where links in messages lead.
    #[serde(default)]
    pub links: Vec<Linked>,
    /// Names and ids of services and containers.
    #[serde(default)]
    pub inside: BTreeSet<String>,
}

pub async fn look(stack: &Stack, groups: &[Group]) -> AlertingSnapshot {
    let (connections, config, reload_succeeded) =
        tokio::join!(connections(stack), config_in_force(stack), reload_succeeded(stack));
    // Across a broken connection nothing arrives, and an Alertmanager that is silent shows nothing: not waited for.
    let watchdog = match config.is_ok() && connections.iter().all(Connection::holds) {
        true => arrival(stack, groups).await,
        false => None,
    };
    let (prometheus, alertmanager) = (stack.state_of("prometheus"), stack.state_of("alertmanager"));
    let mut snapshot = AlertingSnapshot {
        prometheus,
        alertmanager,
        connections,
        config,
        reload_succeeded,
        watchdog,
        prometheus_log: Vec::new(),
        alertmanager_log: Vec::new(),
        links: external_url::COMPONENTS
            .iter()
            .flat_map(|component| stack.services.all_of(component))
            .map(|(name, deployed)| Linked::of(name, &deployed.service))
            .collect(),
        inside: inside(stack),
    };
    if let (Some(arrival), Some(prometheus)) = (&snapshot.watchdog, &snapshot.prometheus)
        && watchdog::firing(groups).is_some_and(|(group, _)| arrival.is_late(group))
    {
        snapshot.prometheus_log = stack.log(&prometheus.service).await;
    }
    if let (Some(false), Some(alertmanager)) = (snapshot.reload_succeeded, &snapshot.alertmanager) {
        snapshot.alertmanager_log = stack.log(&alertmanager.service).await;
    }
    snapshot
}

fn inside(stack: &Stack) -> BTreeSet<String> {
    let names = stack.services.iter().flat_map(|(name, deployed)| {
        let container = &deployed.container;
        [name.clone(), container.name.clone(), container.id.clone()]
    });
    names.collect()
}

async fn reload_succeeded(stack: &Stack) -> Option<bool> {
    let metrics = stack.alertmanager().await?.metrics().await.ok()?;
    reload::succeeded("alertmanager", &metrics)
}

async fn connections(stack: &Stack) -> Vec<Connection> {
    let Some((name, prometheus)) = stack.first_of("prometheus") else { return Vec::new() };
    let Some(client) = stack.prometheus().await else { return Vec::new() };
    let (targets, active) = tokio::join!(configured(stack, name), client.alertmanagers());
    let active: Vec<String> = active.unwrap_or_default();
    join_all(targets.into_iter().map(|target| connection(stack, prometheus, target, &active))).await
}

/// `host:port` of each Alertmanager in the deployed prometheus.yml.
async fn configured(stack: &Stack, prometheus: &str) -> Vec<String> {
    let file = stack.files(prometheus).await.get("prometheus.yml");
    let text = file.and_then(|file| std::str::from_utf8(file).ok()).unwrap_or_default();
    let config: Value = yaml::read("prometheus.yml", text).unwrap_or_default();
    targets(&config)
}

fn targets(config: &Value) -> Vec<String> {
    let mut targets = Vec::new();
    for alertmanager in list(&config["alerting"], "alertmanagers") {
        for group in list(alertmanager, "static_configs") {
            targets.extend(list(group, "targets").iter().filter_map(Value::as_str).map(str::to_owned));
        }
    }
    targets
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

async fn connection(stack: &Stack, prometheus: &Deployed, target: String, active: &[String]) -> Connection {
    let (host, port) = target.rsplit_once(':').unwrap_or((&target, "9093"));
    let container = &prometheus.container;
    let asked = reach::get_from(&stack.client, &container.id, host, port.parse().unwrap_or(9093), "/-/ready").await;
    let answer = match asked {
        Ok(response) if response.is_success() => Answer::Ready,
        Ok(response) => Answer::Status(response.status),
        Err(TransportError::Unreachable) => Answer::CannotAsk,
        Err(TransportError::NoAnswer(why)) => Answer::None(why),
    };
    let peer = stack.services.get(host).map(|peer| {
        let network = container.addresses.keys().next();
        let shared = container.addresses.keys().any(|network| peer.container.addresses.contains_key(network));
        Peer {
            service: host.to_owned(),
            container: peer.container.name.clone(),
            running: peer.is_running(),
            missing_network: network.filter(|_| !shared).cloned(),
        }
    });
    let active = active.iter().any(|url| authority(url) == target);
    Connection { target, active, answer, peer }
}

/// `http://alertmanager:9093/api/v2/alerts` to `alertmanager:9093`.
fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or_default()
}

/// When the Watchdog last arrived at Alertmanager; waits a little for the first time.
async fn arrival(stack: &Stack, groups: &[Group]) -> Option<Arrival> {
    let (group, rule) = watchdog::firing(groups)?;
    let alertmanager = stack.alertmanager().await?;
    let ahead = delivery::clock_ahead(stack).await;
    let mut arrival =
        Arrival { now: time::now() + ahead, updated_at: None, youngest: youngest(stack, rule, ahead).await };
    let patience = if arrival.is_young(group) { SOON } else { ARRIVAL };
    arrival.updated_at = newest(&alertmanager, patience).await;
    arrival.now = time::now() + ahead;
    Some(arrival)
}

/// How long the alert fires, or Alertmanager runs, whichever is shorter; in seconds.
async fn youngest(stack: &Stack, rule: &Rule, ahead: f64) -> Option<f64> {
    let (_, deployed) = stack.first_of("alertmanager")?;
    let inspection = docker::inspect(&stack.client, &deployed.container.id).await.ok().flatten();
    let started = inspection.and_then(|found| time::age(&found.started_at));
    let firing = rule.alerts.first().and_then(|alert| time::age(alert.active_at.as_deref()?));
    [started, firing].into_iter().flatten().map(|age| age + ahead).min_by(f64::total_cmp)
}

async fn newest(alertmanager: &Alertmanager<'_>, patience: Duration) -> Option<String> {
    let began = Instant::now();
    loop {
        let held = alertmanager.alerts("alertname=\"Watchdog\"").await.unwrap_or_default();
        let newest = held.into_iter().map(|alert| alert.updated_at).max();
        if newest.is_some() || began.elapsed() > patience {
            return newest;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_address_is_taken_from_its_url() {
        assert_eq!(authority("http://alertmanager:9093/api/v2/alerts"), "alertmanager:9093");
        assert_eq!(authority("alertmanager:9093"), "alertmanager:9093");
    }

    #[test]
    fn all_alertmanagers_of_the_configuration_are_looked_at() {
        let group = |targets: &[&str]| json!({"static_configs": [{"targets": targets}]});
        let config = json!({"alerting": {"alertmanagers": [group(&["a:1", "b:2"]), group(&["c:3"])]}});
        assert_eq!(targets(&config), ["a:1", "b:2", "c:3"]);
        assert_eq!(targets(&json!({"global": {}})), Vec::<String>::new());
    }
}

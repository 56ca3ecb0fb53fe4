//! A stack as it changes: services from Docker's events, targets and alerts by asking Prometheus.

use std::pin::Pin;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use serde::Serialize;
use tokio::time::{Interval, MissedTickBehavior};

use crate::clients::prometheus::{Alert, Target};
use crate::deployed::stack::Stack;
use crate::docker::{self, Client};
use crate::error::Result;
use crate::plan::Observed;

pub use crate::docker::ServiceStatus;

/// The state at one moment. As JSON, with the stack's name, it is a line of `status --watch -o json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Live {
    pub services: Vec<ServiceStatus>,
    /// `None`: Prometheus did not answer.
    pub targets: Option<Targets>,
    /// Firing alerts, without those of severity `none`, which always fire.
    pub alerts: Vec<FiringAlert>,
    /// Who does not answer, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub silent: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Targets {
    pub up: usize,
    /// Not scraped yet.
    pub waiting: usize,
    pub down: Vec<DownTarget>,
}

impl Targets {
    pub fn total(&self) -> usize {
        self.up + self.waiting + self.down.len()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DownTarget {
    /// `node/localhost`
    pub name: String,
    /// In Prometheus's words.
    pub error: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FiringAlert {
    pub name: String,
    /// Empty: the alert has none.
    pub severity: String,
    /// What it is about: `node/localhost`, or the labels that distinguish it.
    pub subject: String,
    /// RFC 3339.
    pub since: Option<String>,
}

/// The stack, unless nothing of it exists, and its services by name, with those whose container was removed.
pub async fn services(client: &Client, observed: &Observed, name: &str) -> Result<(Option<Stack>, Vec<ServiceStatus>)> {
    let stack = Stack::read(client, name, observed).await.ok();
    let mut services = docker::status(client, observed).await?;
    let removed = stack.iter().flat_map(|stack| &stack.services.removed);
    services.extend(removed.map(|name| ServiceStatus::missing(name)));
    services.sort_by(|a, b| a.service.cmp(&b.service));
    Ok((stack, services))
}

/// Follows a stack.
pub struct Watcher<'a> {
    client: &'a Client,
    name: &'a str,
    changes: Option<Pin<Box<dyn Stream<Item = ()>>>>,
    tick: Interval,
    stack: Option<Stack>,
    /// Is there a change that was not read yet? Kept when a call of `next` is dropped.
    services_changed: bool,
    due: bool,
    live: Live,
    /// Why Docker does not answer, and why Prometheus does not.
    silent: (Option<String>, Option<String>),
}

impl<'a> Watcher<'a> {
    /// Asks Prometheus every `interval`; Docker reports changes itself.
    pub fn new(client: &'a Client, name: &'a str, interval: Duration) -> Self {
        let mut tick = tokio::time::interval(interval);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            client,
            name,
            changes: Some(Box::pin(docker::changes(client, name))),
            tick,
            stack: None,
            services_changed: true,
            due: false,
            live: Live::default(),
            silent: (None, None),
        }
    }

    /// The next state: after something happened to a container, or when the interval is over. The future may be dropped
    /// and the call repeated.
    pub async fn next(&mut self) -> Live {
        loop {
            if self.services_changed {
                self.look().await;
                self.services_changed = false;
                self.due = true;
            }
            if self.due {
                self.ask().await;
                self.due = false;
                let silent = [&self.silent.0, &self.silent.1];
                self.live.silent = silent.into_iter().flatten().cloned().collect();
                return self.live.clone();
            }
            tokio::select! {
                change = next_change(&mut self.changes) => match change {
                    Some(()) => self.services_changed = true,
                    None => self.changes = None,
                },
                _ = self.tick.tick() => {
                    self.due = true;
                    if self.changes.is_none() {
                        // The daemon was gone; it may be back.
                        self.changes = Some(Box::pin(docker::changes(self.client, self.name)));
                        self.services_changed = true;
                    }
                }
            }
        }
    }

    async fn look(&mut self) {
        let looked = async {
            let observed = docker::observe(self.client, self.name, None).await?;
            let services = services(self.client, &observed, self.name).await?;
            Ok::<_, crate::error::Error>(services)
        };
        match looked.await {
            Ok((stack, services)) => {
                (self.stack, self.live.services) = (stack, services);
                self.silent.0 = None;
            }
            Err(error) => self.silent.0 = Some(format!("Docker: {error:#}")),
        }
    }

    async fn ask(&mut self) {
        let prometheus = match &self.stack {
            Some(stack) => stack.prometheus().await,
            None => None,
        };
        let Some(prometheus) = prometheus else {
            (self.live.targets, self.live.alerts) = (None, Vec::new());
            self.silent.1 = self.stack.as_ref().map(|_| "Prometheus: it does not run".into());
            return;
        };
        let (targets, alerts) = tokio::join!(prometheus.targets(), prometheus.alerts());
        match (targets, alerts) {
            (Ok(targets), Ok(alerts)) => {
                self.live.targets = Some(count_by_health(&targets));
                self.live.alerts = firing(&alerts);
                self.silent.1 = None;
            }
            (Err(why), _) | (_, Err(why)) => {
                (self.live.targets, self.live.alerts) = (None, Vec::new());
                self.silent.1 = Some(format!("Prometheus: {why}"));
            }
        }
    }
}

/// Waits for ever when the stream has ended.
async fn next_change(changes: &mut Option<Pin<Box<dyn Stream<Item = ()>>>>) -> Option<()> {
    match changes {
        Some(changes) => changes.next().await,
        None => std::future::pending().await,
    }
}

fn count_by_health(all: &[Target]) -> Targets {
    let mut targets = Targets::default();
    for target in all {
        match target.health.as_str() {
            "up" => targets.up += 1,
            "down" => targets.down.push(DownTarget { name: target.name(), error: without_url(&target.last_error) }),
            _ => targets.waiting += 1,
        }
    }
    targets.down.sort_by(|a, b| a.name.cmp(&b.name));
    targets
}

/// Without the URL, which the target's name already says: `Get "http://...": dial tcp 172.18.0.3:9100: connect: ...`
fn without_url(error: &str) -> String {
    let error = error.strip_prefix("Get \"").and_then(|rest| rest.split_once("\": ")).map_or(error, |(_, rest)| rest);
    error.lines().next().unwrap_or_default().to_owned()
}

/// The worst first.
fn firing(alerts: &[Alert]) -> Vec<FiringAlert> {
    let mut firing = Vec::new();
    for alert in alerts.iter().filter(|alert| alert.state == "firing") {
        let label = |name: &str| alert.labels.get(name).cloned().unwrap_or_default();
        let (name, severity) = (label("alertname"), label("severity"));
        if severity != "none" {
            firing.push(FiringAlert { name, severity, subject: subject(alert), since: alert.active_at.clone() });
        }
    }
    firing.sort_by(|a, b| (rank(a), &a.name, &a.subject).cmp(&(rank(b), &b.name, &b.subject)));
    firing
}

fn rank(alert: &FiringAlert) -> usize {
    const WORST_FIRST: [&str; 3] = ["critical", "warning", "info"];
    WORST_FIRST.iter().position(|name| *name == alert.severity).unwrap_or(WORST_FIRST.len())
}

/// Its job and instance, and the labels it has besides.
fn subject(alert: &Alert) -> String {
    let plain = ["alertname", "severity", "job", "instance"];
    let label = |name: &str| alert.labels.get(name).map(String::as_str);
    let target: Vec<&str> = [label("job"), label("instance")].into_iter().flatten().collect();
    let more = alert.labels.iter().filter(|(name, _)| !plain.contains(&name.as_str()));
    let more = more.map(|(name, value)| format!("{name}={value}"));
    std::iter::once(target.join("/")).chain(more).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_shown_without_the_url_that_the_target_already_names() {
        let error = "Get \"http://node-exporter:9100/metrics\": dial tcp 172.18.0.3:9100: connect: connection refused";
        assert_eq!(without_url(error), "dial tcp 172.18.0.3:9100: connect: connection refused");
        assert_eq!(without_url("server returned HTTP status 401"), "server returned HTTP status 401");
    }

    #[test]
    fn what_always_fires_is_no_news_and_the_worst_comes_first() {
        let alert = |name: &str, severity: &str, state: &str| -> Alert {
            let labels =
                serde_json::json!({"alertname": name, "severity": severity, "job": "j", "instance": "i", "disk": "a"});
            serde_json::from_value(serde_json::json!({"labels": labels, "state": state})).expect("an alert")
        };
        let all = [
            alert("Watchdog", "none", "firing"),
            alert("Slow", "warning", "firing"),
            alert("Down", "critical", "firing"),
            alert("Soon", "critical", "pending"),
        ];
        let names: Vec<String> =
            firing(&all).into_iter().map(|alert| format!("{} {}", alert.name, alert.subject)).collect();
        assert_eq!(names, ["Down j/i disk=a", "Slow j/i disk=a"]);
    }
}

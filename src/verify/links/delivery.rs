//! A marked test alert, sent through the real route to the real receiver and followed: accepted by Alertmanager,
//! grouped, sent, answered, and resolved.
//!
//! Alertmanager's counters by receiver show that something was sent and answered; its log shows why not.
//!
//! Alertmanager has no API for what became of an alert. A receiver that hangs is distinguished from an unreachable one by the connections in
//! its `/proc/net/tcp`. Values of secrets and paths of addresses are redacted before a receiver's answer is shown.

mod judge;
mod look;
mod test_alert;

use std::time::{Duration, Instant};

use futures_util::{Stream, StreamExt};

use crate::clients::alertmanager::{Alertmanager, Held, Posted};
use crate::clients::api::ApiError;
use crate::delivery::attempt;
use crate::delivery::tracker::{Delivery, DeliveryTracker, Observation, State};
use crate::deployed::alertmanager::{config_in_force, deployed_config};
use crate::deployed::redact;
use crate::deployed::stack::Stack;
use crate::docker;
use crate::event::{Event, Sink};
use crate::fix::Fix;
use crate::routing::{Labels, Receiver, Tree};
use crate::time;
use crate::verify::report::{Checked, Link};

use look::DeliverySnapshot;
use test_alert::TestAlert;

pub use judge::routes_in_force;
pub use look::clock_ahead;

/// How long a receiver may take to answer, unless somebody says otherwise.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// Alertmanager does not announce its counters: they are read again after this.
const PAUSE: Duration = Duration::from_millis(200);
/// The alert ends by itself so long after all that is waited for, in seconds.
const SPARE: f64 = 60.0;

/// Who gets a test alert.
#[derive(Debug, Clone)]
pub enum Recipients {
    /// Each receiver that notifies somebody.
    All,
    /// These, by name.
    Receivers(Vec<String>),
    /// Those that get an alert with these labels.
    Labels(Labels),
}

pub async fn check(stack: &Stack, sink: Sink<'_>) -> Checked {
    match tree(stack, Link::Delivery).await {
        Ok(tree) => deliver(stack, &tree, &Recipients::All, PATIENCE, sink).await,
        Err(checked) => checked,
    }
}

/// The routes and receivers that Alertmanager has in force; otherwise why `link` cannot be judged.
pub async fn tree(stack: &Stack, link: Link) -> Result<Tree, Checked> {
    let alertmanager = stack.state_of("alertmanager");
    routes_in_force(link, alertmanager.as_ref(), &config_in_force(stack).await)
}

/// Sends and follows. Receivers go side by side; none takes longer than its group's wait and `patience` after that.
pub async fn deliver(
    stack: &Stack,
    tree: &Tree,
    recipients: &Recipients,
    patience: Duration,
    sink: Sink<'_>,
) -> Checked {
    if tree.notifying().next().is_none() {
        let how = Fix::spec("alerting", "add receivers and routes").then(Fix::up());
        return Checked::not_checked(Link::Delivery, "no receiver is configured", Some(how));
    }
    let (alerts, mut findings) = test_alert::plan(tree, recipients);
    let deliveries = deliveries(tree, &alerts, patience);
    if !deliveries.is_empty() {
        match follow(stack, &alerts, deliveries, sink).await {
            Ok(snapshot) => findings.extend(judge::judge(&snapshot)),
            Err(error) => findings.push(judge::not_accepted(stack.state_of("alertmanager").as_ref(), &error)),
        }
    }
    let receivers = findings.iter().filter(|finding| finding.id.starts_with("receiver:")).count();
    Checked::new(Link::Delivery, &[("receiver", receivers)], findings)
}

/// One for each receiver and kind of integration that an alert reaches.
fn deliveries(tree: &Tree, alerts: &[TestAlert], patience: Duration) -> Vec<Delivery> {
    let mut deliveries: Vec<Delivery> = Vec::new();
    for alert in alerts {
        for hit in tree.hits(&alert.labels) {
            let Some(receiver) = tree.receiver(&hit.route.receiver) else { continue };
            for delivery in by_kind(receiver, &alert.id, patience) {
                let known = |other: &Delivery| (&other.receiver, &other.kind) == (&delivery.receiver, &delivery.kind);
                if !deliveries.iter().any(known) {
                    deliveries.push(delivery.on_route(hit.route, &alert.separate()));
                }
            }
        }
    }
    deliveries
}

/// Each kind of integration once. It sends a resolved message when all integrations of the kind do.
fn by_kind(receiver: &Receiver, id: &str, patience: Duration) -> Vec<Delivery> {
    let mut deliveries: Vec<Delivery> = Vec::new();
    for integration in &receiver.integrations {
        if let Some(delivery) = deliveries.iter_mut().find(|delivery| delivery.kind == integration.kind) {
            delivery.number += 1;
            delivery.send_resolved &= integration.send_resolved;
            continue;
        }
        deliveries.push(Delivery {
            receiver: receiver.name.clone(),
            kind: integration.kind.clone(),
            number: 1,
            send_resolved: integration.send_resolved,
            id: id.to_owned(),
            alone: false,
            wait: 0.0,
            interval: 0.0,
            muted: Vec::new(),
            patience,
        });
    }
    deliveries
}

/// Errors: Alertmanager rejects the alerts, or stops answering.
async fn follow(
    stack: &Stack,
    alerts: &[TestAlert],
    deliveries: Vec<Delivery>,
    sink: Sink<'_>,
) -> Result<DeliverySnapshot, ApiError> {
    let stopped = || ApiError::new("it does not run");
    let (service, deployed) = stack.first_of("alertmanager").ok_or_else(stopped)?;
    let client = stack.alertmanager().await.ok_or_else(stopped)?;
    let (ahead, config, secrets) = tokio::join!(clock_ahead(stack), deployed_config(stack), stack.secrets(service));
    // From a moment before anything is sent, so that no line is missed.
    let log = docker::follow(&stack.client, &deployed.container.id, (time::now() + ahead) as i32);
    let metrics = client.metrics().await?;
    let began = Instant::now();
    let trackers = deliveries.into_iter().map(|delivery| DeliveryTracker::new(delivery, &metrics, Duration::ZERO));
    let mut run = Run {
        stack,
        client,
        container: &deployed.container.id,
        routes: config.as_ref().and_then(|config| Tree::parse(config).ok()),
        secrets,
        log,
        trackers: trackers.collect(),
        began,
        sink,
    };
    run.send(alerts, ahead).await?;
    let trackers = run.trackers;
    let alertmanager = stack.state_of("alertmanager").ok_or_else(stopped)?;
    Ok(DeliverySnapshot { alertmanager, deployed: config, trackers })
}

/// Deliveries under way, and where they are watched.
struct Run<'a, L> {
    stack: &'a Stack,
    client: Alertmanager<'a>,
    container: &'a str,
    /// As deployed; the receivers' addresses are in them.
    routes: Option<Tree>,
    secrets: Vec<String>,
    log: L,
    trackers: Vec<DeliveryTracker>,
    began: Instant,
    sink: Sink<'a>,
}

impl<L: Stream<Item = String> + Unpin> Run<'_, L> {
    /// Posts the alerts, follows them until all are settled, resolves them, and follows that.
    async fn send(&mut self, alerts: &[TestAlert], ahead: f64) -> Result<(), ApiError> {
        let longest =
            self.trackers.iter().map(|tracker| tracker.delivery.wait + tracker.delivery.patience.as_secs_f64());
        let start = time::now() + ahead;
        let end = start + longest.fold(0.0, f64::max) + SPARE;
        self.client.post(&posted(alerts, start, end)).await?;
        for tracker in &self.trackers {
            self.report(tracker, &accepted(&tracker.delivery));
        }
        self.look_at_held().await;
        while !self.trackers.iter().all(DeliveryTracker::is_settled) {
            self.turn().await?;
        }
        if self.trackers.iter().any(|tracker| matches!(tracker.state, State::NotSent { .. })) {
            self.look_at_held().await;
        }
        let metrics = self.client.metrics().await?;
        self.client.post(&posted(alerts, start, time::now() + ahead)).await?;
        self.observe(Observation::Resolved(&metrics));
        while !self.trackers.iter().all(DeliveryTracker::is_done) {
            self.turn().await?;
        }
        Ok(())
    }

    /// Listens to the log until it is time to read the counters again, and reads them.
    async fn turn(&mut self) -> Result<(), ApiError> {
        let until = Instant::now() + PAUSE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match tokio::time::timeout(left, self.log.next()).await {
                Ok(Some(line)) => self.hear(&line),
                // A log that has ended yields at once; the counters still show something.
                Ok(None) => break tokio::time::sleep(left).await,
                Err(_) => break,
            }
        }
        let metrics = self.client.metrics().await?;
        self.observe(Observation::Counted(&metrics));
        self.look_at_connections().await;
        Ok(())
    }

    fn hear(&mut self, line: &str) {
        let Some(mut attempt) = attempt::parse(line) else { return };
        attempt.error = redact::redact(&attempt.error, &self.secrets);
        self.observe(Observation::AttemptFailed(&attempt));
    }

    /// Moves every tracker on, and reports what is new.
    fn observe(&mut self, observation: Observation<'_>) {
        let now = self.began.elapsed();
        let mut trackers = std::mem::take(&mut self.trackers);
        for tracker in &mut trackers {
            if let Some(news) = tracker.advance(observation, now) {
                self.report(tracker, news);
            }
        }
        self.trackers = trackers;
    }

    fn report(&self, tracker: &DeliveryTracker, step: &str) {
        (self.sink)(Event::DeliveryStep { receiver: tracker.delivery.receiver.clone(), step: step.to_owned() });
    }

    /// What Alertmanager says of each alert, while it has the alert.
    async fn look_at_held(&mut self) {
        let Ok(held) = self.client.alerts("watchpost_test!=\"\"").await else { return };
        let now = self.began.elapsed();
        for tracker in &mut self.trackers {
            let is_own = |alert: &&Held| alert.labels.get(test_alert::MARK) == Some(&tracker.delivery.id);
            let status = held.iter().find(is_own).map(|alert| &alert.status);
            tracker.advance(Observation::Held(status), now);
        }
    }

    async fn look_at_connections(&mut self) {
        let now = self.began.elapsed();
        if !self.trackers.iter().any(|tracker| tracker.wants_connection(now)) {
            return;
        }
        let outgoing = docker::outgoing(&self.stack.client, self.container).await.unwrap_or_default();
        for tracker in self.trackers.iter_mut().filter(|tracker| tracker.wants_connection(now)) {
            let connection = judge::connection(&tracker.delivery, self.routes.as_ref(), &outgoing);
            tracker.advance(Observation::Connection(connection), now);
        }
    }
}

fn accepted(delivery: &Delivery) -> String {
    match delivery.wait {
        0.0 => "accepted".into(),
        wait => format!("accepted, waits {wait} s for more of its group"),
    }
}

fn posted(alerts: &[TestAlert], starts: f64, ends: f64) -> Vec<Posted> {
    let post = |alert: &TestAlert| Posted {
        labels: alert.labels.clone(),
        annotations: test_alert::annotations(),
        starts_at: time::text(starts),
        ends_at: time::text(ends),
    };
    alerts.iter().map(post).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_kind_of_integration_of_a_receiver_is_followed_once() {
        let receiver = json!({"name": "team", "slack_configs": [{"send_resolved": true}],
            "webhook_configs": [{"send_resolved": true}, {"send_resolved": false}]});
        let config = json!({"receivers": [receiver],
            "route": {"receiver": "team", "group_by": ["watchpost_test"], "group_wait": "1s", "group_interval": "3s",
                "routes": [{"receiver": "team", "match": {"severity": "warning"}, "continue": true}]}});
        let tree = Tree::parse(&config).expect("a tree");
        let (alerts, _) = test_alert::plan(&tree, &Recipients::All);
        let deliveries = deliveries(&tree, &alerts, PATIENCE);
        let seen: Vec<_> = deliveries.iter().map(|d| (d.kind.as_str(), d.number, d.send_resolved, d.wait)).collect();
        assert_eq!(seen, [("slack", 1, true, 1.0), ("webhook", 2, false, 1.0)]);
        assert!(deliveries.iter().all(|delivery| delivery.alone && delivery.id == alerts[0].id));
    }

    #[test]
    fn all_test_alerts_are_posted_with_one_time() {
        let tree =
            Tree::parse(&json!({"route": {"receiver": "a"}, "receivers": [{"name": "a", "webhook_configs": [{}]}]}));
        let (alerts, _) = test_alert::plan(&tree.expect("a tree"), &Recipients::All);
        let posted = posted(&alerts, 60.0, 120.0);
        assert_eq!(
            (posted[0].starts_at.as_str(), posted[0].ends_at.as_str()),
            ("1970-01-01T00:01:00Z", "1970-01-01T00:02:00Z")
        );
        assert!(posted[0].annotations["summary"].starts_with("[TEST]"));
    }
}

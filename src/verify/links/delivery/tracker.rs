//! One receiver's part of a delivery: what was counted and logged, and what follows from it.

use std::time::{Duration, Instant};

use crate::clients::alertmanager::HeldStatus;
use crate::clients::exposition::Exposition;
use crate::routing::Route;
use crate::verify::links::delivery::attempt::Attempt;

/// Alertmanager tries again after half a second, then ever later: so long a failure may turn out to be one of a moment.
const RETRIES: Duration = Duration::from_secs(3);
/// What sending may take beyond the wait of the group.
const SLACK: Duration = Duration::from_secs(5);
/// A resolved message is followed when it is due within this.
const SOON: f64 = 15.0;

/// Alertmanager's counters of one receiver and kind of integration.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Counters {
    /// Messages begun.
    begun: f64,
    /// Requests that have ended, and those of them that failed.
    requests: f64,
    failed: f64,
}

impl Counters {
    /// Without receivers' names in the metrics, those of all receivers of the kind.
    pub fn of(metrics: &Exposition, receiver: &str, kind: &str) -> Self {
        let named = metrics.of("alertmanager_notifications_total").any(|s| s.labels.contains_key("receiver_name"));
        let labels = [("integration", kind), ("receiver_name", receiver)];
        let sum = |name: &str| metrics.sum(name, if named { &labels } else { &labels[..1] });
        Self {
            begun: sum("alertmanager_notifications_total"),
            requests: sum("alertmanager_notification_requests_total"),
            failed: sum("alertmanager_notification_requests_failed_total"),
        }
    }

    /// What came to it since; counters begin anew when Alertmanager reads its configuration.
    fn since(self, before: Self) -> Self {
        if self.begun < before.begun || self.requests < before.requests || self.failed < before.failed {
            return self;
        }
        Self {
            begun: self.begun - before.begun,
            requests: self.requests - before.requests,
            failed: self.failed - before.failed,
        }
    }

    fn answered(self) -> f64 {
        self.requests - self.failed
    }
}

/// How it ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Answered after so long; how many requests failed before.
    Delivered { took: Duration, retries: usize },
    /// In Alertmanager's words.
    Refused(String),
    /// Sent, and no answer within the patience.
    Unanswered,
    /// Alertmanager sent nothing.
    NotSent,
}

/// What becomes of the message that the alert is over.
#[derive(Debug, Clone, PartialEq)]
pub enum Over {
    /// This kind of receiver is set not to be told.
    Untold,
    /// It follows in so many seconds, which is not waited for.
    Later(f64),
    Waiting,
    Told,
    /// It did not come, or was refused; in words.
    Failed(String),
}

pub struct DeliveryTracker {
    pub receiver: String,
    pub kind: String,
    /// Integrations of this kind in the receiver: each sends a message.
    pub number: usize,
    pub send_resolved: bool,
    /// The alert's own id, and whether the route's groups are told apart by it.
    pub id: String,
    pub alone: bool,
    /// Until the first message, in seconds.
    pub wait: f64,
    pub interval: f64,
    pub muted: Vec<String>,
    before: Counters,
    posted: Instant,
    sent: Option<Instant>,
    failing: Option<(Instant, String)>,
    /// What Alertmanager said of the alert when it had it.
    pub held: Option<HeldStatus>,
    pub outcome: Option<Outcome>,
    pub over: Over,
    /// Does a connection to it stand, looked at half way of the patience?
    pub connected: Option<bool>,
    pub looked: bool,
}

impl DeliveryTracker {
    pub fn new(receiver: &str, kind: &str, number: usize, route: &Route, id: &str, separate: &[&str]) -> Self {
        let alone = route.group_by.iter().any(|label| label == "..." || separate.contains(&label.as_str()));
        Self {
            receiver: receiver.to_owned(),
            kind: kind.to_owned(),
            number,
            send_resolved: false,
            id: id.to_owned(),
            alone,
            wait: if alone { route.group_wait } else { route.group_wait.max(route.group_interval) },
            interval: route.group_interval,
            muted: [route.muted_in.as_slice(), &route.active_in].concat(),
            before: Counters::default(),
            posted: Instant::now(),
            sent: None,
            failing: None,
            held: None,
            outcome: None,
            over: Over::Untold,
            connected: None,
            looked: false,
        }
    }

    pub fn begin(&mut self, metrics: &Exposition) {
        self.before = Counters::of(metrics, &self.receiver, &self.kind);
        self.posted = Instant::now();
    }

    /// Is the line about this message?
    pub fn hears(&self, attempt: &Attempt) -> bool {
        let same = attempt.receiver == self.receiver && attempt.kind == self.kind;
        same && (!self.alone || attempt.group.contains(&self.id))
    }

    pub fn heard(&mut self, attempt: &Attempt) -> Option<String> {
        if !self.hears(attempt) {
            return None;
        }
        if matches!(self.over, Over::Waiting) && attempt.last {
            self.over = Over::Failed(attempt.said.clone());
        }
        if self.outcome.is_some() {
            return None;
        }
        let first = self.failing.is_none();
        let hangs = attempt.said.contains("context deadline exceeded");
        if attempt.last {
            let before = self.failing.as_ref().map(|(_, said)| said.clone());
            // Giving up after the time for it repeats no cause; an attempt before may have had one.
            self.outcome = Some(match before {
                Some(said) if hangs => Outcome::Refused(said),
                _ if hangs => Outcome::Unanswered,
                _ => Outcome::Refused(attempt.said.clone()),
            });
            return Some("failed".into());
        }
        let since = self.failing.as_ref().map_or_else(Instant::now, |(since, _)| *since);
        self.failing = Some((since, attempt.said.clone()));
        // With what is said at the end, when secrets have been taken out.
        first.then(|| "failed, is tried again".into())
    }

    /// Goes on by what is counted now; what is new, in words.
    pub fn step(&mut self, metrics: &Exposition, patience: Duration) -> Option<String> {
        let now = Counters::of(metrics, &self.receiver, &self.kind).since(self.before);
        if self.outcome.is_some() {
            return self.step_over(now, patience);
        }
        let newly = self.sent.is_none() && now.begun > 0.0;
        if newly {
            self.sent = Some(Instant::now());
        }
        let Some(sent) = self.sent else {
            if self.posted.elapsed() > Duration::from_secs_f64(self.wait) + SLACK {
                self.outcome = Some(Outcome::NotSent);
            }
            return None;
        };
        if now.answered() >= self.number as f64 {
            self.outcome = Some(Outcome::Delivered { took: sent.elapsed(), retries: now.failed as usize });
            return Some("answered".into());
        }
        match &self.failing {
            Some((since, said)) if since.elapsed() >= RETRIES => self.outcome = Some(Outcome::Refused(said.clone())),
            None if sent.elapsed() >= patience => self.outcome = Some(Outcome::Unanswered),
            _ => {}
        }
        (newly && self.failing.is_none()).then(|| "sent, waiting for an answer".into())
    }

    /// Has half of the patience gone without an answer? Then it is time to look at the connections.
    pub fn is_slow(&self, patience: Duration) -> bool {
        self.outcome.is_none()
            && !self.looked
            && self.failing.is_none()
            && self.sent.is_some_and(|sent| sent.elapsed() >= patience / 2)
    }

    /// The alert is over now: is the receiver told, and soon enough to follow it?
    pub fn end(&mut self, metrics: &Exposition) -> Option<String> {
        if !matches!(self.outcome, Some(Outcome::Delivered { .. })) || !self.send_resolved {
            return None;
        }
        if self.interval > SOON || !self.alone {
            self.over = Over::Later(self.interval);
            return None;
        }
        self.before = Counters::of(metrics, &self.receiver, &self.kind);
        (self.posted, self.over) = (Instant::now(), Over::Waiting);
        Some("resolved, waiting for that to be answered".into())
    }

    fn step_over(&mut self, now: Counters, patience: Duration) -> Option<String> {
        if self.over != Over::Waiting {
            return None;
        }
        if now.answered() >= self.number as f64 {
            self.over = Over::Told;
            return Some("the end was answered too".into());
        }
        if self.posted.elapsed() > Duration::from_secs_f64(self.interval) + SLACK + patience {
            self.over = Over::Failed("no answer to it".into());
        }
        None
    }

    pub fn is_done(&self) -> bool {
        self.outcome.is_some() && self.over != Over::Waiting
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route() -> Route {
        let config = serde_json::json!({"route": {"receiver": "a", "group_by": ["instance"], "group_wait": "1s", "group_interval": "2s"}});
        crate::routing::Tree::of(&config).expect("a tree").root
    }

    fn metrics(begun: u32, requests: u32, failed: u32) -> Exposition {
        let labels = "{integration=\"webhook\",receiver_name=\"a\"}";
        Exposition::read(&format!(
            "alertmanager_notifications_total{labels} {begun}\nalertmanager_notification_requests_total{labels} {requests}\nalertmanager_notification_requests_failed_total{labels} {failed}\n"
        ))
    }

    fn attempt(last: bool, said: &str) -> Attempt {
        Attempt {
            receiver: "a".into(),
            kind: "webhook".into(),
            group: "{instance=\"x1\"}".into(),
            last,
            said: said.into(),
        }
    }

    fn track() -> DeliveryTracker {
        let mut track = DeliveryTracker::new("a", "webhook", 1, &route(), "x1", &["instance"]);
        track.send_resolved = true;
        track.begin(&metrics(5, 5, 1));
        track
    }

    #[test]
    fn a_message_is_sent_answered_and_its_end_too() {
        let patience = Duration::from_secs(10);
        let mut track = track();
        assert_eq!(track.step(&metrics(5, 5, 1), patience), None);
        assert_eq!(track.step(&metrics(6, 5, 1), patience).as_deref(), Some("sent, waiting for an answer"));
        track.step(&metrics(6, 6, 1), patience);
        assert!(matches!(track.outcome, Some(Outcome::Delivered { retries: 0, .. })));
        assert!(track.end(&metrics(6, 6, 1)).is_some() && !track.is_done());
        track.step(&metrics(7, 7, 1), patience);
        assert!(track.over == Over::Told && track.is_done());
    }

    #[test]
    fn a_reload_in_between_starts_the_counting_anew() {
        let mut track = track();
        track.step(&metrics(1, 1, 0), Duration::from_secs(10));
        assert!(matches!(track.outcome, Some(Outcome::Delivered { .. })));
    }

    #[test]
    fn a_failure_is_final_when_alertmanager_gives_up_and_not_answered_when_it_only_ran_out_of_time() {
        let mut first = track();
        assert!(first.heard(&attempt(false, "status code 500")).is_some() && first.outcome.is_none());
        first.heard(&attempt(true, "context deadline exceeded"));
        assert_eq!(first.outcome, Some(Outcome::Refused("status code 500".into())));
        let mut second = track();
        second.heard(&attempt(true, "context deadline exceeded"));
        assert_eq!(second.outcome, Some(Outcome::Unanswered));
        let mut third = track();
        third.heard(&Attempt { group: "{instance=\"y\"}".into(), ..attempt(true, "another's") });
        assert_eq!(third.outcome, None);
    }
}

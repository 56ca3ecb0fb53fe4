//! One receiver's part of a delivery, as a state machine: what was counted and logged moves it on.
//!
//! Time is passed in, as the time since the delivery began, so that every transition can be tried.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clients::alertmanager::HeldStatus;
use crate::clients::exposition::Exposition;
use crate::delivery::attempt::FailedAttempt;
use crate::routing::Route;

/// Alertmanager tries again after half a second, then ever later: so long a failure may turn out to be one of a moment.
const RETRIES: Duration = Duration::from_secs(3);
/// What sending may take beyond the wait of the group.
const SLACK: Duration = Duration::from_secs(5);
/// A resolved message is waited for when it is due within this, in seconds.
const SOON: f64 = 15.0;

/// Alertmanager's counters of one receiver and kind of integration.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Counters {
    /// Messages begun.
    begun: f64,
    /// Requests that have ended, and those of them that failed.
    requests: f64,
    failed: f64,
}

impl Counters {
    /// Without receivers' names in the metrics, those of all receivers of the kind.
    fn read(metrics: &Exposition, receiver: &str, kind: &str) -> Self {
        let named = metrics.of("alertmanager_notifications_total").any(|s| s.labels.contains_key("receiver_name"));
        let labels = [("integration", kind), ("receiver_name", receiver)];
        let sum = |name: &str| metrics.sum(name, if named { &labels } else { &labels[..1] });
        Self {
            begun: sum("alertmanager_notifications_total"),
            requests: sum("alertmanager_notification_requests_total"),
            failed: sum("alertmanager_notification_requests_failed_total"),
        }
    }

    /// What was added since. Counters start at 0 again when Alertmanager loads its configuration.
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

/// What is sent to whom, and how long that may take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    pub receiver: String,
    /// `webhook`
    pub kind: String,
    /// Integrations of this kind in the receiver: each sends a message.
    pub number: usize,
    pub send_resolved: bool,
    /// The alert's own id, and whether the route gives it a group of its own.
    pub id: String,
    pub alone: bool,
    /// Until the first message, in seconds.
    pub wait: f64,
    /// Between messages of one group, in seconds.
    pub interval: f64,
    /// Names of the time intervals that may mute the route.
    pub muted: Vec<String>,
    /// How long the receiver may take to answer.
    pub patience: Duration,
}

impl Delivery {
    /// `separate` are labels whose values no other alert has.
    pub fn on_route(mut self, route: &Route, separate: &[&str]) -> Self {
        self.alone = route.group_by.iter().any(|label| label == "..." || separate.contains(&label.as_str()));
        self.wait = if self.alone { route.group_wait } else { route.group_wait.max(route.group_interval) };
        self.interval = route.group_interval;
        self.muted = [route.muted_in.as_slice(), &route.active_in].concat();
        self
    }
}

/// Is Alertmanager connected to the receiver while it waits for the answer?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Connection {
    Established,
    /// Asked for, and not accepted.
    Pending,
    /// Several may be meant, or none is seen.
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum State {
    /// Alertmanager has the alert and waits for more of its group.
    Waiting {
        since: Duration,
    },
    /// The message is sent and not answered. The connection is looked at once half of the patience is over.
    Sent {
        at: Duration,
        connection: Option<Connection>,
    },
    /// An attempt failed, and Alertmanager tries again; in its words.
    Retrying {
        sent: Duration,
        since: Duration,
        error: String,
    },
    Delivered {
        took: Duration,
        retries: usize,
        resolved: Resolved,
    },
    /// In Alertmanager's words.
    Refused {
        error: String,
    },
    Unanswered {
        connection: Option<Connection>,
    },
    /// Alertmanager sent nothing; what it says of the alert, when it has it.
    NotSent {
        held: Option<HeldStatus>,
    },
}

/// What becomes of the message that the alert is resolved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Resolved {
    /// The alert still fires.
    NotYet,
    /// This receiver does not send one.
    Off,
    /// It follows in so many seconds, which is not waited for.
    Later(f64),
    Waiting {
        since: Duration,
    },
    Delivered,
    /// It did not come, or was refused; in words.
    Failed(String),
}

/// What moves a delivery on.
#[derive(Debug, Clone, Copy)]
pub enum Observation<'a> {
    /// Alertmanager's metrics now.
    Counted(&'a Exposition),
    /// A line of its log.
    AttemptFailed(&'a FailedAttempt),
    /// What Alertmanager says of the alert; `None` when it does not have it.
    Held(Option<&'a HeldStatus>),
    Connection(Connection),
    /// The alert was resolved; the metrics just before.
    Resolved(&'a Exposition),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeliveryTracker {
    pub delivery: Delivery,
    pub state: State,
    before: Counters,
}

impl DeliveryTracker {
    /// `metrics` are those from before the alert is posted.
    pub fn new(delivery: Delivery, metrics: &Exposition, now: Duration) -> Self {
        let before = Counters::read(metrics, &delivery.receiver, &delivery.kind);
        Self { delivery, state: State::Waiting { since: now }, before }
    }

    /// Moves on; returns what is new, in words.
    pub fn advance(&mut self, observation: Observation<'_>, now: Duration) -> Option<&'static str> {
        match observation {
            Observation::Counted(metrics) => self.counted(self.added(metrics), now),
            Observation::AttemptFailed(attempt) if self.concerns(attempt) => self.attempt_failed(attempt, now),
            Observation::AttemptFailed(_) => None,
            Observation::Held(held) => {
                self.held(held);
                None
            }
            Observation::Connection(seen) => {
                if let State::Sent { connection, .. } = &mut self.state {
                    *connection = Some(seen);
                }
                None
            }
            Observation::Resolved(metrics) => self.resolved(metrics, now),
        }
    }

    fn added(&self, metrics: &Exposition) -> Counters {
        Counters::read(metrics, &self.delivery.receiver, &self.delivery.kind).since(self.before)
    }

    /// Is the line about this message?
    fn concerns(&self, attempt: &FailedAttempt) -> bool {
        let Delivery { receiver, kind, id, alone, .. } = &self.delivery;
        attempt.receiver == *receiver && attempt.kind == *kind && (!alone || attempt.group.contains(id))
    }

    fn counted(&mut self, added: Counters, now: Duration) -> Option<&'static str> {
        if let State::Delivered { resolved: Resolved::Waiting { since }, .. } = self.state {
            return self.counted_after_resolve(added, since, now);
        }
        let mut news = None;
        if let State::Waiting { since } = self.state {
            if added.begun > 0.0 {
                self.state = State::Sent { at: now, connection: None };
                news = Some("sent; waiting for the answer");
            } else if now - since > Duration::from_secs_f64(self.delivery.wait) + SLACK {
                self.state = State::NotSent { held: None };
            }
        }
        let (State::Sent { at: sent, .. } | State::Retrying { sent, .. }) = self.state else { return news };
        if added.answered() >= self.delivery.number as f64 {
            let (took, retries) = (now - sent, added.failed as usize);
            self.state = State::Delivered { took, retries, resolved: Resolved::NotYet };
            return Some("answered");
        }
        match &self.state {
            State::Retrying { since, error, .. } if now - *since >= RETRIES => {
                self.state = State::Refused { error: error.clone() };
            }
            State::Sent { at, connection } if now - *at >= self.delivery.patience => {
                self.state = State::Unanswered { connection: *connection };
            }
            _ => {}
        }
        news
    }

    fn counted_after_resolve(&mut self, added: Counters, since: Duration, now: Duration) -> Option<&'static str> {
        if added.answered() >= self.delivery.number as f64 {
            self.set_resolved(Resolved::Delivered);
            return Some("the resolved message was answered too");
        }
        let due = Duration::from_secs_f64(self.delivery.interval) + SLACK + self.delivery.patience;
        if now - since > due {
            self.set_resolved(Resolved::Failed("no answer to the resolved message".into()));
        }
        None
    }

    fn set_resolved(&mut self, phase: Resolved) {
        if let State::Delivered { resolved, .. } = &mut self.state {
            *resolved = phase;
        }
    }

    fn attempt_failed(&mut self, attempt: &FailedAttempt, now: Duration) -> Option<&'static str> {
        if let State::Delivered { resolved: Resolved::Waiting { .. }, .. } = self.state {
            if attempt.gives_up {
                self.set_resolved(Resolved::Failed(attempt.error.clone()));
            }
            return None;
        }
        let (sent, connection, earlier) = match &self.state {
            State::Waiting { .. } => (now, None, None),
            State::Sent { at, connection } => (*at, *connection, None),
            State::Retrying { sent, since, error } => (*sent, None, Some((*since, error.clone()))),
            _ => return None,
        };
        if !attempt.gives_up {
            let (since, first) = (earlier.as_ref().map_or(now, |(since, _)| *since), earlier.is_none());
            self.state = State::Retrying { sent, since, error: attempt.error.clone() };
            return first.then_some("failed; Alertmanager retries");
        }
        // Giving up after the time for it names no cause; an attempt before may have.
        let timed_out = attempt.error.contains("context deadline exceeded");
        self.state = match earlier {
            Some((_, error)) if timed_out => State::Refused { error },
            None if timed_out => State::Unanswered { connection },
            _ => State::Refused { error: attempt.error.clone() },
        };
        Some("failed")
    }

    fn held(&mut self, held: Option<&HeldStatus>) {
        match &mut self.state {
            State::NotSent { held: known } => *known = held.cloned(),
            // What is silenced is not sent: nothing more is waited for.
            State::Waiting { .. } if held.is_some_and(|held| !held.silenced_by.is_empty()) => {
                self.state = State::NotSent { held: held.cloned() };
            }
            _ => {}
        }
    }

    fn resolved(&mut self, metrics: &Exposition, now: Duration) -> Option<&'static str> {
        let State::Delivered { resolved, .. } = &mut self.state else { return None };
        if !self.delivery.send_resolved {
            *resolved = Resolved::Off;
            return None;
        }
        if self.delivery.interval > SOON || !self.delivery.alone {
            *resolved = Resolved::Later(self.delivery.interval);
            return None;
        }
        *resolved = Resolved::Waiting { since: now };
        self.before = Counters::read(metrics, &self.delivery.receiver, &self.delivery.kind);
        Some("resolved; waiting for the answer")
    }

    /// Is it time to look at the connection? Half of the patience has gone without an answer.
    pub fn wants_connection(&self, now: Duration) -> bool {
        matches!(self.state, State::Sent { at, connection: None } if now - at >= self.delivery.patience / 2)
    }

    /// Is it known what became of the alert's message?
    pub fn is_settled(&self) -> bool {
        !matches!(self.state, State::Waiting { .. } | State::Sent { .. } | State::Retrying { .. })
    }

    /// And of the message that it is resolved?
    pub fn is_done(&self) -> bool {
        self.is_settled() && !matches!(self.state, State::Delivered { resolved: Resolved::Waiting { .. }, .. })
    }
}

#[cfg(test)]
mod tests;

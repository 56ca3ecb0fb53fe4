use serde_json::json;

use super::*;
use crate::routing::Tree;

const PATIENCE: Duration = Duration::from_secs(10);

fn at(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn delivery() -> Delivery {
    let config =
        json!({"route": {"receiver": "a", "group_by": ["instance"], "group_wait": "1s", "group_interval": "2s"}});
    let delivery = Delivery {
        receiver: "a".into(),
        kind: "webhook".into(),
        number: 1,
        send_resolved: true,
        id: "x1".into(),
        alone: false,
        wait: 0.0,
        interval: 0.0,
        muted: Vec::new(),
        patience: PATIENCE,
    };
    delivery.on_route(&Tree::parse(&config).expect("a tree").root, &["instance"])
}

/// Counters of the receiver `a` as Alertmanager shows them.
fn metrics(begun: u32, requests: u32, failed: u32) -> Exposition {
    let labels = "{integration=\"webhook\",receiver_name=\"a\"}";
    Exposition::read(&format!(
        "alertmanager_notifications_total{labels} {begun}\n\
         alertmanager_notification_requests_total{labels} {requests}\n\
         alertmanager_notification_requests_failed_total{labels} {failed}\n"
    ))
}

/// Began with 5 messages, of whose requests 1 failed.
fn tracker() -> DeliveryTracker {
    DeliveryTracker::new(delivery(), &metrics(5, 5, 1), at(0.0))
}

fn sent() -> DeliveryTracker {
    let mut tracker = tracker();
    tracker.advance(Observation::Counted(&metrics(6, 5, 1)), at(1.0));
    tracker
}

fn delivered() -> DeliveryTracker {
    let mut tracker = sent();
    tracker.advance(Observation::Counted(&metrics(6, 6, 1)), at(1.5));
    tracker
}

fn failed(gives_up: bool, error: &str) -> FailedAttempt {
    FailedAttempt {
        receiver: "a".into(),
        kind: "webhook".into(),
        group: "{instance=\"x1\"}".into(),
        gives_up,
        error: error.into(),
    }
}

fn retrying() -> DeliveryTracker {
    let mut tracker = sent();
    let news = tracker.advance(Observation::AttemptFailed(&failed(false, "status code 500")), at(2.0));
    assert_eq!(news, Some("failed; Alertmanager retries"));
    tracker
}

fn held(silenced_by: &[&str]) -> HeldStatus {
    serde_json::from_value(json!({"state": "active", "silencedBy": silenced_by})).expect("a status")
}

fn resolved(tracker: &DeliveryTracker) -> Resolved {
    match &tracker.state {
        State::Delivered { resolved, .. } => resolved.clone(),
        other => panic!("not delivered: {other:?}"),
    }
}

#[test]
fn a_message_that_is_begun_is_sent_and_one_that_is_answered_delivered() {
    let mut tracker = tracker();
    assert_eq!(tracker.advance(Observation::Counted(&metrics(5, 5, 1)), at(0.5)), None);
    assert_eq!(tracker.state, State::Waiting { since: at(0.0) });
    let news = tracker.advance(Observation::Counted(&metrics(6, 5, 1)), at(1.0));
    assert_eq!((news, tracker.is_settled()), (Some("sent; waiting for the answer"), false));
    let news = tracker.advance(Observation::Counted(&metrics(6, 6, 1)), at(1.5));
    assert_eq!(news, Some("answered"));
    let expected = State::Delivered { took: at(0.5), retries: 0, resolved: Resolved::NotYet };
    assert_eq!((&tracker.state, tracker.is_done()), (&expected, true));
}

#[test]
fn each_integration_of_the_receiver_has_to_answer() {
    let two = Delivery { number: 2, ..delivery() };
    let mut tracker = DeliveryTracker::new(two, &metrics(0, 0, 0), at(0.0));
    tracker.advance(Observation::Counted(&metrics(2, 1, 0)), at(1.0));
    assert!(!tracker.is_settled());
    tracker.advance(Observation::Counted(&metrics(2, 2, 0)), at(1.2));
    assert!(matches!(tracker.state, State::Delivered { .. }));
}

#[test]
fn counters_that_start_at_zero_again_are_counted_from_there() {
    let mut tracker = tracker();
    tracker.advance(Observation::Counted(&metrics(1, 1, 0)), at(1.0));
    assert!(matches!(tracker.state, State::Delivered { .. }));
}

#[test]
fn counters_without_receivers_names_are_those_of_the_kind() {
    let read = |text: &str| Exposition::read(text);
    let before = read("alertmanager_notifications_total{integration=\"webhook\"} 1\n");
    let mut tracker = DeliveryTracker::new(delivery(), &before, at(0.0));
    tracker
        .advance(Observation::Counted(&read("alertmanager_notifications_total{integration=\"webhook\"} 2\n")), at(1.0));
    assert!(matches!(tracker.state, State::Sent { .. }));
}

#[test]
fn nothing_sent_within_the_wait_of_the_group_and_some_slack_is_not_sent() {
    let mut tracker = tracker();
    tracker.advance(Observation::Counted(&metrics(5, 5, 1)), at(6.0));
    assert!(!tracker.is_settled());
    tracker.advance(Observation::Counted(&metrics(5, 5, 1)), at(6.1));
    assert_eq!(tracker.state, State::NotSent { held: None });
    tracker.advance(Observation::Held(Some(&held(&[]))), at(6.2));
    assert_eq!(tracker.state, State::NotSent { held: Some(held(&[])) });
}

#[test]
fn what_is_silenced_is_not_waited_for() {
    let mut tracker = tracker();
    tracker.advance(Observation::Held(Some(&held(&[]))), at(0.1));
    assert!(!tracker.is_settled());
    tracker.advance(Observation::Held(Some(&held(&["s1"]))), at(0.1));
    assert_eq!(tracker.state, State::NotSent { held: Some(held(&["s1"])) });
    let mut later = sent();
    later.advance(Observation::Held(Some(&held(&["s1"]))), at(1.1));
    assert!(matches!(later.state, State::Sent { .. }));
}

#[test]
fn no_answer_within_the_patience_is_unanswered_with_what_was_seen_of_the_connection() {
    let mut tracker = sent();
    assert!(!tracker.wants_connection(at(5.9)) && tracker.wants_connection(at(6.0)));
    tracker.advance(Observation::Connection(Connection::Established), at(6.0));
    assert!(!tracker.wants_connection(at(6.1)));
    tracker.advance(Observation::Counted(&metrics(6, 5, 1)), at(10.9));
    assert!(!tracker.is_settled());
    tracker.advance(Observation::Counted(&metrics(6, 5, 1)), at(11.0));
    assert_eq!(tracker.state, State::Unanswered { connection: Some(Connection::Established) });
}

#[test]
fn a_failure_that_lasts_is_a_refusal_and_one_of_a_moment_a_retry() {
    let mut lasting = retrying();
    lasting.advance(Observation::Counted(&metrics(6, 6, 2)), at(4.9));
    assert!(!lasting.is_settled());
    // A later attempt says the newest words, and does not start the time again.
    assert_eq!(lasting.advance(Observation::AttemptFailed(&failed(false, "status code 502")), at(4.9)), None);
    lasting.advance(Observation::Counted(&metrics(6, 7, 3)), at(5.0));
    assert_eq!(lasting.state, State::Refused { error: "status code 502".into() });
    let mut passing = retrying();
    assert!(!passing.wants_connection(at(9.0)));
    passing.advance(Observation::Counted(&metrics(6, 7, 2)), at(3.0));
    assert_eq!(passing.state, State::Delivered { took: at(2.0), retries: 1, resolved: Resolved::NotYet });
}

#[test]
fn a_failure_in_the_log_may_come_before_the_counters_move() {
    let mut tracker = tracker();
    tracker.advance(Observation::AttemptFailed(&failed(false, "refused")), at(1.0));
    assert_eq!(tracker.state, State::Retrying { sent: at(1.0), since: at(1.0), error: "refused".into() });
}

#[test]
fn alertmanager_giving_up_ends_it_in_the_words_of_the_attempt_that_had_any() {
    let gives_up = |mut tracker: DeliveryTracker, error: &str| {
        let news = tracker.advance(Observation::AttemptFailed(&failed(true, error)), at(3.0));
        assert_eq!(news, Some("failed"));
        tracker.state
    };
    let timed_out = "context deadline exceeded";
    assert_eq!(gives_up(sent(), "status code 404"), State::Refused { error: "status code 404".into() });
    assert_eq!(gives_up(tracker(), "status code 404"), State::Refused { error: "status code 404".into() });
    assert_eq!(gives_up(retrying(), timed_out), State::Refused { error: "status code 500".into() });
    assert_eq!(gives_up(sent(), timed_out), State::Unanswered { connection: None });
    let mut done = delivered();
    assert_eq!(done.advance(Observation::AttemptFailed(&failed(true, "late")), at(3.0)), None);
    assert!(matches!(done.state, State::Delivered { .. }));
}

#[test]
fn lines_about_other_messages_are_passed_over() {
    for other in [
        FailedAttempt { group: "{instance=\"y\"}".into(), ..failed(true, "x") },
        FailedAttempt { receiver: "b".into(), ..failed(true, "x") },
        FailedAttempt { kind: "slack".into(), ..failed(true, "x") },
    ] {
        let mut tracker = sent();
        assert_eq!(tracker.advance(Observation::AttemptFailed(&other), at(2.0)), None);
        assert!(!tracker.is_settled());
    }
    // Where the group is not the alert's own, every line about the receiver counts.
    let shared = Delivery { alone: false, ..delivery() };
    let mut tracker = DeliveryTracker::new(shared, &metrics(0, 0, 0), at(0.0));
    let attempt = FailedAttempt { group: "{}".into(), ..failed(true, "x") };
    tracker.advance(Observation::AttemptFailed(&attempt), at(2.0));
    assert!(tracker.is_settled());
}

#[test]
fn a_resolved_message_is_followed_until_it_is_answered() {
    let mut tracker = delivered();
    assert!(tracker.advance(Observation::Resolved(&metrics(6, 6, 1)), at(2.0)).is_some());
    assert!(tracker.is_settled() && !tracker.is_done());
    tracker.advance(Observation::Counted(&metrics(6, 6, 1)), at(3.0));
    assert!(!tracker.is_done());
    tracker.advance(Observation::Counted(&metrics(7, 7, 1)), at(4.0));
    assert_eq!((resolved(&tracker), tracker.is_done()), (Resolved::Delivered, true));
}

#[test]
fn a_resolved_message_that_fails_or_does_not_come_is_a_failure() {
    let mut refused = delivered();
    refused.advance(Observation::Resolved(&metrics(6, 6, 1)), at(2.0));
    refused.advance(Observation::AttemptFailed(&failed(false, "status code 500")), at(3.0));
    assert!(!refused.is_done());
    refused.advance(Observation::AttemptFailed(&failed(true, "status code 500")), at(4.0));
    assert_eq!(resolved(&refused), Resolved::Failed("status code 500".into()));
    // The interval of 2 s, 5 s of slack and the patience of 10 s.
    let mut missing = delivered();
    missing.advance(Observation::Resolved(&metrics(6, 6, 1)), at(2.0));
    missing.advance(Observation::Counted(&metrics(6, 6, 1)), at(19.0));
    assert!(!missing.is_done());
    missing.advance(Observation::Counted(&metrics(6, 6, 1)), at(19.1));
    assert_eq!(resolved(&missing), Resolved::Failed("no answer to the resolved message".into()));
}

#[test]
fn a_resolved_message_that_is_off_or_far_away_is_not_waited_for() {
    let after = |delivery: Delivery| {
        let mut tracker = DeliveryTracker { delivery, ..delivered() };
        assert_eq!(tracker.advance(Observation::Resolved(&metrics(6, 6, 1)), at(2.0)), None);
        assert!(tracker.is_done());
        resolved(&tracker)
    };
    assert_eq!(after(Delivery { send_resolved: false, ..delivery() }), Resolved::Off);
    assert_eq!(after(Delivery { interval: 300.0, ..delivery() }), Resolved::Later(300.0));
    assert_eq!(after(Delivery { alone: false, ..delivery() }), Resolved::Later(2.0));
    let mut unanswered = sent();
    unanswered.advance(Observation::Counted(&metrics(6, 5, 1)), at(11.0));
    assert_eq!(unanswered.advance(Observation::Resolved(&metrics(6, 6, 1)), at(12.0)), None);
}

#[test]
fn an_alert_without_a_group_of_its_own_waits_for_the_interval_too() {
    let route =
        json!({"route": {"receiver": "a", "group_by": ["alertname"], "group_wait": "1s", "group_interval": "9s"}});
    let shared = delivery().on_route(&Tree::parse(&route).expect("a tree").root, &["instance"]);
    assert_eq!((shared.alone, shared.wait), (false, 9.0));
    let all = json!({"route": {"receiver": "a", "group_by": ["..."], "group_wait": "1s", "group_interval": "9s"}});
    let own = delivery().on_route(&Tree::parse(&all).expect("a tree").root, &[]);
    assert_eq!((own.alone, own.wait, own.interval), (true, 1.0, 9.0));
}

#[test]
fn a_tracker_is_the_same_after_a_round_through_json() {
    for tracker in [tracker(), sent(), retrying(), delivered()] {
        let text = serde_json::to_string(&tracker).expect("JSON");
        assert_eq!(serde_json::from_str::<DeliveryTracker>(&text).expect("a tracker"), tracker);
    }
}

//! What came of a delivery, as findings.

use std::net::IpAddr;
use std::time::Duration;

use serde_json::Value;

use crate::clients::alertmanager::HeldStatus;
use crate::clients::api::ApiError;
use crate::delivery::failure::{self, DeliveryFailure, FailedReceiver};
use crate::delivery::tracker::{Connection, Delivery, DeliveryTracker, Resolved, State};
use crate::deployed::stack::ServiceState;
use crate::docker::Outgoing;
use crate::fix::Fix;
use crate::routing::{Integration, Tree};
use crate::units::format_span;
use crate::verify::links::containers;
use crate::verify::links::delivery::look::DeliverySnapshot;
use crate::verify::report::{Checked, Finding, Link};

/// The counters are looked at so often, in seconds: a quicker answer came at once.
const AT_ONCE: f64 = 0.25;

/// The routes in the configuration that Alertmanager has in force; otherwise why `link` cannot be judged.
pub fn routes_in_force(
    link: Link,
    alertmanager: Option<&ServiceState>,
    config: &Result<Value, String>,
) -> Result<Tree, Checked> {
    let Some(alertmanager) = alertmanager else {
        return Err(Checked::not_checked(link, "this stack has no Alertmanager", None));
    };
    match config {
        // Alertmanager itself may well accept what cannot be read here.
        Ok(config) => Tree::parse(config)
            .map_err(|why| Checked::not_checked(link, format!("its routes cannot be read here: {why}"), None)),
        Err(why) => {
            let service = alertmanager.service.as_str();
            let finding = Finding::broken(format!("alertmanager:{}", link.name()), service, "does not answer");
            let finding = finding.why(why.as_str());
            let finding = match alertmanager.running {
                true => finding.fix(Fix::watchpost(["logs", service])),
                false => finding.because(Some(containers::id(service))).fix(Fix::up()),
            };
            Err(Checked::new(link, &[], vec![finding]))
        }
    }
}

/// Alertmanager did not accept the test alerts, or stopped answering.
pub fn not_accepted(alertmanager: Option<&ServiceState>, error: &ApiError) -> Finding {
    let service = alertmanager.map_or("alertmanager", |state| state.service.as_str());
    let what = if error.status.is_some() { "rejects the test alert" } else { "does not answer" };
    Finding::broken("delivery:alertmanager", service, what)
        .why(error.message.as_str())
        .fix(Fix::watchpost(["logs", service]))
}

pub fn judge(seen: &DeliverySnapshot) -> Vec<Finding> {
    let deployed = seen.deployed.as_ref().and_then(|config| Tree::parse(config).ok());
    let mut findings = Vec::new();
    for tracker in &seen.trackers {
        let kinds = seen.trackers.iter().filter(|other| other.delivery.receiver == tracker.delivery.receiver).count();
        findings.push(judge_one(&seen.alertmanager, tracker, kinds > 1, deployed.as_ref()));
    }
    findings
}

fn judge_one(
    alertmanager: &ServiceState,
    tracker: &DeliveryTracker,
    several_kinds: bool,
    deployed: Option<&Tree>,
) -> Finding {
    let delivery = &tracker.delivery;
    let name =
        if several_kinds { format!("{}/{}", delivery.receiver, delivery.kind) } else { delivery.receiver.clone() };
    let id = format!("receiver:{name}");
    let receiver = failed_receiver(delivery, deployed);
    match &tracker.state {
        State::Delivered { took, retries, resolved } => {
            delivered(delivery, id, name, &answered(*took, *retries), resolved)
        }
        State::Refused { error } => broken(id, name, failure::explain(&receiver, error)),
        State::Unanswered { connection } => {
            let connection = connection.unwrap_or(Connection::Unknown);
            broken(id, name, failure::unanswered(&receiver, delivery.patience.as_secs(), connection))
        }
        State::NotSent { held } => not_sent(alertmanager, delivery, id, name, held.as_ref()),
        // Only when following was broken off.
        State::Waiting { .. } | State::Sent { .. } | State::Retrying { .. } => {
            not_sent(alertmanager, delivery, id, name, None)
        }
    }
}

fn broken(id: String, name: String, failure: DeliveryFailure) -> Finding {
    let mut finding = Finding::broken(id, name, failure.what).fix(failure.fix);
    for why in failure.why {
        finding = finding.why(why);
    }
    finding
}

/// `answered after 1.2 s at the second try`
fn answered(took: Duration, retries: usize) -> String {
    let tries = match retries {
        0 => String::new(),
        1 => " at the second try".to_owned(),
        more => format!(" after {more} tries that failed"),
    };
    match took.as_secs_f64() {
        ..AT_ONCE => format!("answered at once{tries}"),
        seconds => format!("answered after {seconds:.1} s{tries}"),
    }
}

fn delivered(delivery: &Delivery, id: String, name: String, answered: &str, resolved: &Resolved) -> Finding {
    let end = match resolved {
        Resolved::Failed(error) => {
            return Finding::broken(id, name, "accepts alerts but not their resolved message")
                .why(format!("the alert was {answered}"))
                .why(format!("then Alertmanager says: {error}"))
                .fix(Fix::watchpost(["alerts", "test", &delivery.receiver]));
        }
        Resolved::Off => "gets no resolved message".to_owned(),
        Resolved::Later(seconds) => format!("the resolved message follows within {}", format_span(*seconds)),
        Resolved::NotYet | Resolved::Waiting { .. } => "the alert is not resolved yet".to_owned(),
        Resolved::Delivered => "the resolved message was answered too".to_owned(),
    };
    let mut finding = Finding::ok(id, name);
    finding.what = format!("{answered}; {end}");
    finding
}

/// Alertmanager has the alert and sent nothing: it says itself what holds the alert back.
fn not_sent(
    alertmanager: &ServiceState,
    delivery: &Delivery,
    id: String,
    name: String,
    held: Option<&HeldStatus>,
) -> Finding {
    let test = |when: &str| Fix::watchpost(["alerts", "test", &delivery.receiver]).note(when);
    let names = |names: fn(&HeldStatus) -> &Vec<String>| held.map(|held| names(held).clone()).unwrap_or_default();
    if let Some(silence) = names(|held| &held.silenced_by).first() {
        let url = "--alertmanager.url=http://127.0.0.1:9093";
        return Finding::broken(id, name, "gets nothing: a silence holds the alert back")
            .why(format!("silence {silence}"))
            .fix(Fix::docker(["exec", &alertmanager.container, "amtool", url, "silence", "expire", silence]));
    }
    let muted_by = names(|held| &held.muted_by);
    let muted_by = if muted_by.is_empty() { &delivery.muted } else { &muted_by };
    if !muted_by.is_empty() {
        let what = format!("its route is muted at this time, by `{}`", muted_by.join(", "));
        return Finding::not_checked(id, name, what).fix(test("at another time"));
    }
    if !names(|held| &held.inhibited_by).is_empty() {
        let what = "a more severe alert that fires now inhibits the test alert";
        return Finding::not_checked(id, name, what).fix(test("when that alert is over"));
    }
    let why = match held {
        None => "Alertmanager no longer has the alert",
        Some(_) => "Alertmanager has the alert, but sent nothing",
    };
    Finding::broken(id, name, "gets nothing").why(why).fix(Fix::watchpost(["logs", &alertmanager.service]))
}

fn failed_receiver<'a>(delivery: &'a Delivery, deployed: Option<&'a Tree>) -> FailedReceiver<'a> {
    let Delivery { receiver, kind, .. } = delivery;
    FailedReceiver { receiver, kind, integration: deployed.and_then(|tree| integration(tree, receiver, kind)) }
}

fn integration<'a>(tree: &'a Tree, receiver: &str, kind: &str) -> Option<&'a Integration> {
    tree.receiver(receiver)?.integrations.iter().find(|integration| integration.kind == kind)
}

/// Is Alertmanager connected to the receiver?
pub fn connection(delivery: &Delivery, deployed: Option<&Tree>, outgoing: &Outgoing) -> Connection {
    let address = failed_receiver(delivery, deployed).address();
    let fits = |(ip, port): &(IpAddr, u16)| match &address {
        // A host that is a name may have any address.
        Some((host, wanted)) => port == wanted && host.parse::<IpAddr>().map_or(true, |host| host == *ip),
        None => true,
    };
    match (outgoing.connected.iter().any(fits), outgoing.connecting.iter().any(fits)) {
        (true, false) => Connection::Established,
        (false, true) => Connection::Pending,
        _ => Connection::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::verify::report::Verdict;

    fn alertmanager(running: bool) -> ServiceState {
        ServiceState { service: "alertmanager".into(), container: "shop-alertmanager-1".into(), running }
    }

    fn delivery() -> Delivery {
        Delivery {
            receiver: "oncall".into(),
            kind: "webhook".into(),
            number: 1,
            send_resolved: true,
            id: "x1".into(),
            alone: true,
            wait: 1.0,
            interval: 3.0,
            muted: Vec::new(),
            patience: Duration::from_secs(10),
        }
    }

    fn deployed() -> Value {
        let hook = json!({"url": "http://10.0.0.9:8080/x"});
        json!({"route": {"receiver": "oncall"}, "receivers": [{"name": "oncall", "webhook_configs": [hook]}]})
    }

    fn snapshot(states: &[State]) -> DeliverySnapshot {
        let kinds = ["webhook", "slack"];
        let tracker = |(state, kind): (&State, &&str)| {
            let delivery = Delivery { kind: (*kind).to_owned(), ..delivery() };
            let mut tracker = DeliveryTracker::new(delivery, &Default::default(), Duration::ZERO);
            tracker.state = state.clone();
            tracker
        };
        let trackers = states.iter().zip(&kinds).map(tracker).collect();
        DeliverySnapshot { alertmanager: alertmanager(true), deployed: Some(deployed()), trackers }
    }

    fn found(state: State) -> Finding {
        judge(&snapshot(&[state])).remove(0)
    }

    fn delivered(seconds: f64, retries: usize, resolved: Resolved) -> Finding {
        found(State::Delivered { took: Duration::from_secs_f64(seconds), retries, resolved })
    }

    fn held(status: Value) -> Finding {
        found(State::NotSent { held: Some(serde_json::from_value(status).expect("a status")) })
    }

    #[test]
    fn a_message_that_was_answered_is_fine_and_says_how() {
        for (finding, what) in [
            (delivered(0.2, 0, Resolved::Delivered), "answered at once; the resolved message was answered too"),
            (delivered(1.25, 1, Resolved::Off), "answered after 1.2 s at the second try; gets no resolved message"),
            (
                delivered(4.0, 2, Resolved::Later(300.0)),
                "answered after 4.0 s after 2 tries that failed; the resolved message follows within 5 min",
            ),
        ] {
            assert_eq!((finding.id.as_str(), finding.verdict), ("receiver:oncall", Verdict::Ok));
            assert_eq!(finding.what, what);
        }
    }

    #[test]
    fn a_receiver_that_rejects_the_resolved_message_is_broken() {
        let finding = delivered(0.1, 0, Resolved::Failed("status code 500".into()));
        assert!(finding.is_broken());
        assert_eq!(finding.why, ["the alert was answered at once", "then Alertmanager says: status code 500"]);
        assert_eq!(finding.fix_text(), "watchpost alerts test oncall");
    }

    #[test]
    fn a_refusal_and_silence_are_explained_by_the_deployed_settings() {
        let refused = found(State::Refused { error: "unexpected status code 404: gone".into() });
        assert_eq!((refused.what.as_str(), refused.is_broken()), ("answers 404 Not Found", true));
        assert!(refused.fix_text().contains("correct `url` of the receiver `oncall`"), "{}", refused.fix_text());
        let silent = found(State::Unanswered { connection: Some(Connection::Pending) });
        assert_eq!(silent.what, "does not accept the connection: no answer from 10.0.0.9:8080 for 10 s");
        let unknown = found(State::Unanswered { connection: None });
        assert_eq!(unknown.what, "has not answered for 10 s");
    }

    #[test]
    fn what_holds_an_alert_back_is_named() {
        let silenced = held(json!({"state": "suppressed", "silencedBy": ["75155e88-1e9b"]}));
        assert_eq!(
            (silenced.what.as_str(), silenced.is_broken()),
            ("gets nothing: a silence holds the alert back", true)
        );
        assert_eq!(
            silenced.fix_text(),
            "docker exec shop-alertmanager-1 amtool --alertmanager.url=http://127.0.0.1:9093 silence expire 75155e88-1e9b"
        );
        let muted = held(json!({"state": "active", "mutedBy": ["nights"]}));
        assert_eq!(
            (muted.verdict, muted.what.as_str()),
            (Verdict::NotChecked, "its route is muted at this time, by `nights`")
        );
        assert_eq!(muted.fix_text(), "watchpost alerts test oncall (at another time)");
        let inhibited = held(json!({"state": "suppressed", "inhibitedBy": ["f1"]}));
        assert_eq!(inhibited.verdict, Verdict::NotChecked);
        let nothing = held(json!({"state": "active"}));
        assert_eq!(nothing.why, ["Alertmanager has the alert, but sent nothing"]);
        let gone = found(State::NotSent { held: None });
        assert_eq!(gone.why, ["Alertmanager no longer has the alert"]);
        assert_eq!(gone.fix_text(), "watchpost logs alertmanager");
    }

    #[test]
    fn a_route_with_time_intervals_may_be_muted_even_when_alertmanager_does_not_say() {
        let mut seen = snapshot(&[State::NotSent { held: None }]);
        seen.trackers[0].delivery.muted = vec!["weekends".into()];
        assert_eq!(judge(&seen)[0].what, "its route is muted at this time, by `weekends`");
    }

    #[test]
    fn a_receiver_of_several_kinds_has_a_finding_for_each() {
        let findings = judge(&snapshot(&[State::NotSent { held: None }, State::Unanswered { connection: None }]));
        assert_eq!(
            findings.iter().map(|f| f.id.as_str()).collect::<Vec<_>>(),
            ["receiver:oncall/webhook", "receiver:oncall/slack"]
        );
    }

    #[test]
    fn a_snapshot_is_the_same_after_a_round_through_json() {
        let seen = snapshot(&[State::Unanswered { connection: Some(Connection::Established) }]);
        let text = serde_json::to_string(&seen).expect("JSON");
        assert_eq!(serde_json::from_str::<DeliverySnapshot>(&text).expect("a snapshot"), seen);
    }

    #[test]
    fn an_alertmanager_that_does_not_answer_or_rejects_the_alert_is_broken() {
        let silent = not_accepted(Some(&alertmanager(true)), &ApiError::new("no answer in time"));
        assert_eq!((silent.id.as_str(), silent.what.as_str()), ("delivery:alertmanager", "does not answer"));
        let rejects = not_accepted(None, &ApiError::status(400, "at least one label pair required"));
        assert_eq!(rejects.what, "rejects the test alert");
        assert_eq!(rejects.why, ["HTTP 400: at least one label pair required"]);
    }

    #[test]
    fn routes_come_from_the_configuration_in_force_or_it_is_known_why_not() {
        let config = Ok(deployed());
        let tree = routes_in_force(Link::Delivery, Some(&alertmanager(true)), &config).expect("routes");
        assert_eq!(tree.notifying_names(), ["oncall"]);
        let failed = |state: Option<&ServiceState>, config: &Result<Value, String>| {
            routes_in_force(Link::Delivery, state, config).expect_err("no routes").findings.remove(0)
        };
        let silent = failed(Some(&alertmanager(true)), &Err("no answer in time".into()));
        assert_eq!((silent.id.as_str(), silent.why[0].as_str()), ("alertmanager:delivery", "no answer in time"));
        assert_eq!((silent.because.as_deref(), silent.fix_text().as_str()), (None, "watchpost logs alertmanager"));
        let stopped = failed(Some(&alertmanager(false)), &Err("it does not run".into()));
        assert_eq!(
            (stopped.because.as_deref(), stopped.fix_text().as_str()),
            (Some("container:alertmanager"), "watchpost up")
        );
        assert_eq!(failed(None, &config).verdict, Verdict::NotChecked);
        assert_eq!(failed(Some(&alertmanager(true)), &Ok(json!({}))).verdict, Verdict::NotChecked);
    }

    #[test]
    fn a_connection_is_the_receivers_by_its_address() {
        let tree = Tree::parse(&deployed()).expect("a tree");
        let to = |text: &str, port: u16| (text.parse::<IpAddr>().expect("an address"), port);
        let seen = |connected: &[(IpAddr, u16)], connecting: &[(IpAddr, u16)]| {
            let outgoing = Outgoing { connected: connected.to_vec(), connecting: connecting.to_vec() };
            connection(&delivery(), Some(&tree), &outgoing)
        };
        let (own, other) = (to("10.0.0.9", 8080), to("10.0.0.8", 8080));
        assert_eq!(seen(&[own], &[]), Connection::Established);
        assert_eq!(seen(&[other], &[own]), Connection::Pending);
        assert_eq!(seen(&[own], &[own]), Connection::Unknown);
        assert_eq!(seen(&[other], &[]), Connection::Unknown);
        let outgoing = Outgoing { connected: vec![other], connecting: Vec::new() };
        assert_eq!(connection(&delivery(), None, &outgoing), Connection::Established);
    }
}

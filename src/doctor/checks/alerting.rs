//! Receivers that nothing was ever sent to, and a Watchdog that nobody outside watches.

use crate::clients::exposition::Exposition;
use crate::doctor::fine;
use crate::doctor::look::Seen;
use crate::fix::Fix;
use crate::routing::{Labels, Tree};
use crate::verify::links::alerting::routes;
use crate::verify::report::Finding;

/// The labels of the alert that fires for as long as the pipeline works.
const WATCHDOG: [(&str, &str); 2] = [("alertname", "Watchdog"), ("severity", "none")];

pub fn receivers(seen: &Seen<'_>) -> Vec<Finding> {
    let (id, subject) = ("receivers", "receivers");
    let asked = seen.alertmanager.as_ref().and_then(|seen| Ok((seen.in_force.as_ref()?, seen.metrics.as_ref()?)));
    let (config, metrics) = match asked {
        Ok(asked) => asked,
        Err(why) => return vec![Finding::not_checked(id, subject, why)],
    };
    match Tree::parse(config) {
        Ok(tree) => judge_receivers(&tree, metrics),
        Err(why) => vec![Finding::not_checked(id, subject, why)],
    }
}

fn judge_receivers(tree: &Tree, metrics: &Exposition) -> Vec<Finding> {
    if let Some(finding) = routes::no_receivers(tree) {
        return vec![finding];
    }
    let unrouted: Vec<&str> = tree.unrouted().map(|receiver| receiver.name.as_str()).collect();
    let mut findings = Vec::new();
    for receiver in tree.notifying() {
        let name = receiver.name.as_str();
        findings.push(match unrouted.contains(&name) {
            true => routes::unrouted(format!("receiver:{name}"), receiver),
            false => judge_messages(name, metrics),
        });
    }
    findings
}

/// A receiver by the messages that were sent to it.
fn judge_messages(name: &str, metrics: &Exposition) -> Finding {
    let id = format!("receiver:{name}");
    let sent = metrics.total("alertmanager_notifications_total", &[("receiver_name", name)]);
    if sent.is_none() && !metrics.samples().iter().any(|sample| sample.labels.contains_key("receiver_name")) {
        let flag = "start Alertmanager with `--enable-feature=receiver-name-in-metrics`";
        return Finding::not_checked(id, name, "Alertmanager does not count by receiver").fix(flag);
    }
    let sent = sent.unwrap_or(0.0);
    let failed = metrics.sum("alertmanager_notifications_failed_total", &[("receiver_name", name)]);
    let test = Fix::watchpost(["alerts", "test", name]);
    if sent == 0.0 {
        return Finding::note(id, name, "got no message since Alertmanager started")
            .why("only a message shows whether the receiver accepts one")
            .fix(test);
    }
    if failed >= sent {
        let what = match sent {
            1.0 => "rejected the only message".to_owned(),
            _ => format!("rejected all {sent:.0} messages"),
        };
        let finding = Finding::broken(id, name, what).fix(test.note("shows the answer"));
        return match reasons(name, metrics) {
            none if none.is_empty() => finding,
            reasons => finding.why(format!("Alertmanager names the reason {}", reasons.join(", "))),
        };
    }
    let what = match (sent, failed) {
        (1.0, 0.0) => "accepted the only message".to_owned(),
        (_, 0.0) => format!("accepted all {sent:.0} messages"),
        _ => format!("accepted {:.0} of {sent:.0} messages", sent - failed),
    };
    fine(id, name, what)
}

/// In Alertmanager's own words: `clientError`.
fn reasons<'a>(name: &str, metrics: &'a Exposition) -> Vec<&'a str> {
    let mut reasons = Vec::new();
    for sample in metrics.of("alertmanager_notifications_failed_total") {
        let is_own = sample.labels.get("receiver_name").is_some_and(|receiver| receiver == name);
        if let Some(reason) = sample.labels.get("reason").filter(|_| is_own && sample.value > 0.0) {
            reasons.push(reason.as_str());
        }
    }
    reasons
}

/// A pipeline that is dead sends no alert about itself: only somebody outside who misses the Watchdog notices.
pub fn watchdog(seen: &Seen<'_>) -> Vec<Finding> {
    let config = seen.alertmanager.as_ref().and_then(|seen| seen.in_force.as_ref());
    match config.map(Tree::parse) {
        Ok(Ok(tree)) => vec![judge_watchdog(&tree)],
        // Reported once, with the receivers.
        Ok(Err(_)) | Err(_) => Vec::new(),
    }
}

fn judge_watchdog(tree: &Tree) -> Finding {
    let (id, subject) = ("watchdog", "Watchdog");
    let labels: Labels = WATCHDOG.map(|(label, value)| (label.to_owned(), value.to_owned())).into();
    let receivers = tree.notified(&labels);
    if !receivers.is_empty() {
        return fine(id, subject, format!("goes to {}", receivers.join(", ")));
    }
    let add = "add `receivers: [{name: heartbeat, type: webhook, url: ADDRESS}]` and \
               `routes: [{match: {alertname: Watchdog}, to: heartbeat, repeat_interval: 5m}]`; \
               ADDRESS is a service that raises the alarm when calls stop";
    Finding::note(id, subject, "goes nowhere: nobody outside notices when alerting itself is dead")
        .why("it always fires, so that a service which misses it can raise the alarm")
        .fix(Fix::spec("alerting", add).then(Fix::up()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::verify::report::Verdict;

    const METRICS: &str = "\
alertmanager_notifications_total{integration=\"webhook\",receiver_name=\"good\"} 4
alertmanager_notifications_total{integration=\"webhook\",receiver_name=\"bad\"} 2
alertmanager_notifications_total{integration=\"webhook\",receiver_name=\"new\"} 0
alertmanager_notifications_failed_total{integration=\"webhook\",reason=\"clientError\",receiver_name=\"bad\"} 2
alertmanager_notifications_failed_total{integration=\"webhook\",reason=\"other\",receiver_name=\"bad\"} 0
";

    fn tree(routes: Value, receivers: &[&str]) -> Tree {
        let receiver = |name: &&str| json!({"name": name, "webhook_configs": [{}]});
        let mut all: Vec<Value> = receivers.iter().map(receiver).collect();
        all.push(json!({"name": "nobody"}));
        let config = json!({"route": {"receiver": "nobody", "routes": routes}, "receivers": all});
        Tree::parse(&config).expect("a tree")
    }

    #[test]
    fn a_receiver_is_judged_by_what_was_sent_to_it() {
        let metrics = Exposition::read(METRICS);
        let good = judge_messages("good", &metrics);
        assert_eq!((good.verdict, good.what.as_str()), (Verdict::Ok, "accepted all 4 messages"));
        let new = judge_messages("new", &metrics);
        assert_eq!((new.verdict, new.fix_text().as_str()), (Verdict::Note, "watchpost alerts test new"));
        let bad = judge_messages("bad", &metrics);
        assert_eq!((bad.id.as_str(), bad.verdict), ("receiver:bad", Verdict::Broken));
        assert_eq!(bad.what, "rejected all 2 messages");
        assert_eq!(bad.why, ["Alertmanager names the reason clientError"]);
        assert_eq!(judge_messages("x", &Exposition::default()).verdict, Verdict::NotChecked);
    }

    #[test]
    fn receivers_that_are_missing_or_have_no_route_are_judged_as_verify_does() {
        let metrics = Exposition::read(METRICS);
        let none = judge_receivers(&tree(json!([]), &[]), &metrics);
        assert_eq!((none.len(), none[0].id.as_str(), none[0].verdict), (1, "receivers", Verdict::Warning));
        let found = judge_receivers(&tree(json!([{"receiver": "good"}]), &["good", "new"]), &metrics);
        let seen: Vec<_> = found.iter().map(|f| (f.id.as_str(), f.verdict)).collect();
        assert_eq!(seen, [("receiver:good", Verdict::Ok), ("receiver:new", Verdict::Note)]);
        assert_eq!(found[1].what, "gets no alert: no route leads to it");
    }

    #[test]
    fn a_watchdog_that_nobody_gets_is_noted() {
        let silent = judge_watchdog(&tree(json!([{"receiver": "good", "match": {"severity": "critical"}}]), &["good"]));
        assert_eq!((silent.id.as_str(), silent.verdict), ("watchdog", Verdict::Note));
        let heard = judge_watchdog(&tree(json!([{"receiver": "good", "match": {"alertname": "Watchdog"}}]), &["good"]));
        assert_eq!((heard.verdict, heard.what.as_str()), (Verdict::Ok, "goes to good"));
    }
}

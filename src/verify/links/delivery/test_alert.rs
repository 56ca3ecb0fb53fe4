//! Test alerts, with labels that lead them to their receivers.

use crate::error::did_you_mean;
use crate::fix::Fix;
use crate::routing::{Labels, Tree};
use crate::verify::links::delivery::Recipients;
use crate::verify::report::Finding;

/// The label that marks a test alert.
pub const MARK: &str = "watchpost_test";
/// Severities that are tried, the likeliest first.
const SEVERITIES: [&str; 4] = ["warning", "critical", "info", "none"];

/// One test alert.
#[derive(Debug, Clone, PartialEq)]
pub struct TestAlert {
    /// No other alert has it.
    pub id: String,
    pub labels: Labels,
}

impl TestAlert {
    fn new(labels: Labels, id: String) -> Self {
        let mut labels = labels;
        labels.entry("alertname".into()).or_insert_with(|| "WatchpostTest".into());
        labels.entry("instance".into()).or_insert_with(|| format!("watchpost-test-{id}"));
        labels.insert(MARK.into(), id.clone());
        Self { id, labels }
    }

    /// Labels by which no other alert falls into its group.
    pub fn separate(&self) -> Vec<&str> {
        let unique = |value: &String| value.contains(&self.id);
        self.labels.iter().filter(|(_, value)| unique(value)).map(|(label, _)| label.as_str()).collect()
    }
}

pub fn annotations() -> Labels {
    let text = [
        ("summary", "[TEST] This is a test of Watchpost; nothing is wrong"),
        ("description", "Sent by `watchpost alerts test` to see whether messages arrive. There is nothing to do."),
    ];
    text.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

/// As few alerts as reach all recipients, and findings for those that no alert reaches.
pub fn plan(tree: &Tree, recipients: &Recipients) -> (Vec<TestAlert>, Vec<Finding>) {
    let names: Vec<String> = match recipients {
        Recipients::Labels(labels) => return plan_by_labels(tree, labels),
        Recipients::Receivers(names) => names.clone(),
        Recipients::All => tree.notifying().map(|receiver| receiver.name.clone()).collect(),
    };
    let run = new_id();
    let (mut alerts, mut findings): (Vec<TestAlert>, Vec<Finding>) = (Vec::new(), Vec::new());
    for name in names {
        if alerts.iter().any(|alert| tree.notified(&alert.labels).contains(&name.as_str())) {
            continue;
        }
        let id = format!("{run}-{}", alerts.len() + 1);
        match alert_for(tree, &name, &id) {
            Some(alert) => alerts.push(alert),
            None => findings.push(unreached(tree, &name)),
        }
    }
    (alerts, findings)
}

fn alert_for(tree: &Tree, receiver: &str, id: &str) -> Option<TestAlert> {
    for severity in SEVERITIES {
        let base = TestAlert::new(Labels::from([("severity".to_owned(), severity.to_owned())]), id.to_owned());
        let Some(labels) = tree.labels_for(receiver, &base.labels) else { continue };
        let alert = TestAlert::new(labels, id.to_owned());
        if tree.notified(&alert.labels).contains(&receiver) {
            return Some(alert);
        }
    }
    None
}

fn plan_by_labels(tree: &Tree, labels: &Labels) -> (Vec<TestAlert>, Vec<Finding>) {
    let alert = TestAlert::new(labels.clone(), format!("{}-1", new_id()));
    if !tree.notified(&alert.labels).is_empty() {
        return (vec![alert], Vec::new());
    }
    let subject: Vec<String> = labels.iter().map(|(label, value)| format!("{label}={value}")).collect();
    let end = tree.reached(labels).join(", ");
    let name = tree.notifying_names().first().copied().unwrap_or_default();
    let finding = Finding::broken("route:labels", subject.join(","), "reaches nobody")
        .why(format!("its route ends at `{end}`, which notifies nobody"))
        .fix(Fix::spec("alerting.routes", format!("add a route for it, such as `- {{to: {name}}}`")).then(Fix::up()));
    (Vec::new(), vec![finding])
}

fn unreached(tree: &Tree, name: &str) -> Finding {
    let finding = Finding::broken(format!("receiver:{name}"), name, "gets no alert");
    if tree.receiver(name).is_none() {
        let known = tree.notifying_names();
        let fix = match did_you_mean(name, known.iter().copied()) {
            Some(guess) => format!("did you mean `{guess}`?"),
            None => format!("name one of {}", known.join(", ")),
        };
        return finding.why("Alertmanager has no receiver of this name").fix(fix);
    }
    let add = format!("add a route such as `- {{match: {{severity: warning}}, to: {name}}}`");
    finding
        .why("no route leads to it, or an earlier route matches every alert meant for it")
        .fix(Fix::spec("alerting.routes", add).then(Fix::up()))
}

/// Eight characters that no other test has.
fn new_id() -> String {
    let mut bytes = [0; 4];
    if getrandom::fill(&mut bytes).is_err() {
        // The time tells two tests apart as well.
        bytes = (crate::time::now() as u32).to_be_bytes();
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tree() -> Tree {
        Tree::parse(&json!({
            "route": {"receiver": "chat", "routes": [
                {"receiver": "oncall", "matchers": ["severity=\"critical\""], "continue": true},
                {"receiver": "log", "matchers": ["severity=~\"critical|none\""]},
                {"receiver": "db", "matchers": ["team=\"db\"", "alertname=\"Lag\""]},
            ]},
            "receivers": [{"name": "chat", "webhook_configs": [{}]}, {"name": "oncall", "webhook_configs": [{}]},
                {"name": "log", "webhook_configs": [{}]}, {"name": "db", "webhook_configs": [{}]},
                {"name": "forgotten", "webhook_configs": [{}]}, {"name": "nobody"}],
        }))
        .expect("a tree")
    }

    #[test]
    fn few_alerts_reach_every_receiver_and_one_without_a_route_is_named() {
        let tree = tree();
        let (alerts, findings) = plan(&tree, &Recipients::All);
        let notified: Vec<Vec<&str>> = alerts.iter().map(|alert| tree.notified(&alert.labels)).collect();
        assert_eq!(notified, [vec!["chat"], vec!["oncall", "log"], vec!["db"]]);
        assert_eq!(findings.iter().map(|f| f.id.as_str()).collect::<Vec<_>>(), ["receiver:forgotten"]);
        assert_eq!(
            findings[0].fix_text(),
            "in watchpost.yaml under `alerting.routes`: add a route such as \
             `- {match: {severity: warning}, to: forgotten}`, then watchpost up"
        );
        assert!(alerts.iter().all(|alert| alert.labels["watchpost_test"] == alert.id));
        assert_eq!(alerts[2].labels["alertname"], "Lag");
        assert_eq!(alerts[0].separate(), ["instance", "watchpost_test"]);
    }

    #[test]
    fn a_receiver_that_does_not_exist_is_named_with_the_likely_one() {
        let (alerts, findings) = plan(&tree(), &Recipients::Receivers(vec!["oncal".into()]));
        assert!(alerts.is_empty());
        assert_eq!(findings[0].fix_text(), "did you mean `oncall`?");
        let (_, findings) = plan(&tree(), &Recipients::Receivers(vec!["zzzzzz".into()]));
        assert_eq!(findings[0].fix_text(), "name one of chat, oncall, log, db, forgotten");
    }

    #[test]
    fn labels_that_reach_nobody_are_named() {
        let mut config = tree();
        config.root.receiver = "nobody".into();
        let labels = Labels::from([("severity".into(), "warning".into())]);
        let (alerts, findings) = plan(&config, &Recipients::Labels(labels.clone()));
        assert!(alerts.is_empty() && findings[0].is_broken());
        assert_eq!((findings[0].id.as_str(), findings[0].subject.as_str()), ("route:labels", "severity=warning"));
        let (alerts, findings) = plan(&tree(), &Recipients::Labels(labels));
        assert!(alerts.len() == 1 && findings.is_empty());
    }
}

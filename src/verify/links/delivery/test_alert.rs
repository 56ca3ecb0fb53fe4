//! Test alerts, with labels that lead them to their receivers.

use crate::error::did_you_mean;
use crate::routing::{Labels, Tree};
use crate::verify::links::delivery::To;
use crate::verify::report::Finding;

/// The label by which a test alert is told from others.
const MARK: &str = "watchpost_test";
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

/// As few alerts as reach all who are meant, and findings for those that no alert reaches.
pub fn letters(tree: &Tree, to: &To) -> (Vec<TestAlert>, Vec<Finding>) {
    let names: Vec<String> = match to {
        To::Labels(labels) => return by_labels(tree, labels),
        To::Receivers(names) => names.clone(),
        To::Everybody => tree.people().map(|receiver| receiver.name.clone()).collect(),
    };
    let run = new_id();
    let (mut letters, mut findings): (Vec<TestAlert>, Vec<Finding>) = (Vec::new(), Vec::new());
    for name in names {
        if letters.iter().any(|letter| tree.told(&letter.labels).contains(&name.as_str())) {
            continue;
        }
        let id = format!("{run}-{}", letters.len() + 1);
        match lead(tree, &name, &id) {
            Some(letter) => letters.push(letter),
            None => findings.push(unreached(tree, &name)),
        }
    }
    (letters, findings)
}

fn lead(tree: &Tree, receiver: &str, id: &str) -> Option<TestAlert> {
    SEVERITIES.iter().find_map(|severity| {
        let base =
            TestAlert::new(Labels::from([("severity".to_owned(), (*severity).to_owned())]), id.to_owned()).labels;
        let found = tree.labels_for(receiver, &base)?;
        let letter = TestAlert::new(found, id.to_owned());
        tree.told(&letter.labels).contains(&receiver).then_some(letter)
    })
}

fn by_labels(tree: &Tree, labels: &Labels) -> (Vec<TestAlert>, Vec<Finding>) {
    let letter = TestAlert::new(labels.clone(), format!("{}-1", new_id()));
    if !tree.told(&letter.labels).is_empty() {
        return (vec![letter], Vec::new());
    }
    let shown: Vec<String> = labels.iter().map(|(label, value)| format!("{label}={value}")).collect();
    let to = tree.reached(labels).join(", ");
    let somebody = tree.people().next().map_or("", |receiver| receiver.name.as_str());
    let finding = Finding::broken("route:labels", shown.join(","), "reaches nobody")
        .why(format!("its route ends at `{to}`, which tells nobody"))
        .fix(format!("add a route for it to watchpost.yaml, such as `- {{to: {somebody}}}`, then: watchpost up"));
    (Vec::new(), vec![finding])
}

fn unreached(tree: &Tree, name: &str) -> Finding {
    let finding = Finding::broken(format!("receiver:{name}"), name, "is reached by no alert");
    if tree.receiver(name).is_none() {
        let people: Vec<&str> = tree.people().map(|receiver| receiver.name.as_str()).collect();
        let guess = did_you_mean(name, people.iter().copied()).map(|guess| format!("did you mean `{guess}`?"));
        return finding
            .why("Alertmanager has no receiver of this name")
            .fix(guess.unwrap_or_else(|| format!("one of {}", people.join(", "))));
    }
    finding
        .why("no route leads to it, or one before takes all that would")
        .fix(format!("add a route such as `- {{match: {{severity: warning}}, to: {name}}}` to `alerting.routes` in watchpost.yaml, then: watchpost up"))
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
        Tree::of(&json!({
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
    fn few_alerts_reach_everybody_and_who_is_not_reached_is_named() {
        let tree = tree();
        let (letters, findings) = letters(&tree, &To::Everybody);
        let told: Vec<Vec<&str>> = letters.iter().map(|letter| tree.told(&letter.labels)).collect();
        assert_eq!(told, [vec!["chat"], vec!["oncall", "log"], vec!["db"]]);
        assert_eq!(findings.iter().map(|f| f.id.as_str()).collect::<Vec<_>>(), ["receiver:forgotten"]);
        assert!(letters.iter().all(|letter| letter.labels["watchpost_test"] == letter.id));
        assert_eq!(letters[2].labels["alertname"], "Lag");
        assert_eq!(letters[0].separate(), ["instance", "watchpost_test"]);
    }

    #[test]
    fn labels_that_reach_nobody_are_named() {
        let mut config = tree();
        config.root.receiver = "nobody".into();
        let (letters, findings) = letters(&config, &To::Labels(Labels::from([("severity".into(), "warning".into())])));
        assert!(letters.is_empty() && findings[0].is_broken());
    }
}

//! Alertmanager's routes: which receivers an alert reaches, and by which path.
//!
//! Routing is worked out here as Alertmanager does it, from its effective configuration; a test holds it against
//! `amtool config routes test`. <https://prometheus.io/docs/alerting/latest/configuration/#route>

use std::collections::BTreeSet;

use serde_json::Value;

use super::matcher::{self, Labels, Matcher};
use crate::promql::MatchKind;
use crate::units::parse_duration;

/// Combinations of labels that are tried to reach a receiver.
const TRIES: usize = 512;

/// One node of the tree, with what it inherits already in it.
#[derive(Debug, Clone)]
pub struct Route {
    pub receiver: String,
    pub matchers: Vec<Matcher>,
    /// Are the routes after it tried too when it matches?
    pub continues: bool,
    /// `...` stands for all labels.
    pub group_by: Vec<String>,
    /// Seconds.
    pub group_wait: f64,
    pub group_interval: f64,
    pub repeat_interval: f64,
    /// Names of time intervals in which it does not notify, and outside of which it does not.
    pub muted_in: Vec<String>,
    pub active_in: Vec<String>,
    pub routes: Vec<Route>,
}

/// The whole tree and the receivers it leads to.
#[derive(Debug, Clone)]
pub struct Tree {
    pub root: Route,
    pub receivers: Vec<Receiver>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Receiver {
    pub name: String,
    pub integrations: Vec<Integration>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Integration {
    /// `webhook`, `slack`, ... as Alertmanager's metrics name it.
    pub kind: String,
    /// Does it also notify when an alert is resolved?
    pub send_resolved: bool,
    /// Its settings, secrets as `<secret>`.
    pub settings: Value,
}

impl Receiver {
    /// A receiver without integrations drops its alerts.
    pub fn notifies(&self) -> bool {
        !self.integrations.is_empty()
    }
}

/// A node, and the way to it from the root.
#[derive(Debug, Clone)]
pub struct Hit<'a> {
    pub route: &'a Route,
    /// From the root to the node itself.
    pub path: Vec<&'a Route>,
}

impl Hit<'_> {
    /// Each step as people read it: `everything`, `severity="critical"`.
    pub fn steps(&self) -> Vec<String> {
        self.path.iter().map(|route| route.condition()).collect()
    }
}

impl Route {
    /// Its own matchers, or `everything`.
    pub fn condition(&self) -> String {
        if self.matchers.is_empty() {
            return "everything".into();
        }
        self.matchers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }

    /// Errors: a matcher that cannot be read.
    fn parse(value: &Value, parent: &Route) -> Result<Self, String> {
        let text = |key: &str| value.get(key).and_then(Value::as_str);
        let seconds = |key: &str| text(key).and_then(parse_duration);
        let list = |key: &str| value.get(key).and_then(Value::as_array).map(|items| strings(items));
        let mut route = Self {
            receiver: text("receiver").unwrap_or(&parent.receiver).to_owned(),
            matchers: matchers(value)?,
            continues: value.get("continue").and_then(Value::as_bool).unwrap_or(false),
            group_by: list("group_by").unwrap_or_else(|| parent.group_by.clone()),
            group_wait: seconds("group_wait").unwrap_or(parent.group_wait),
            group_interval: seconds("group_interval").unwrap_or(parent.group_interval),
            repeat_interval: seconds("repeat_interval").unwrap_or(parent.repeat_interval),
            muted_in: list("mute_time_intervals").unwrap_or_default(),
            active_in: list("active_time_intervals").unwrap_or_default(),
            routes: Vec::new(),
        };
        for child in value.get("routes").and_then(Value::as_array).into_iter().flatten() {
            let child = Self::parse(child, &route)?;
            route.routes.push(child);
        }
        Ok(route)
    }

    /// What the root inherits: Alertmanager's own defaults.
    fn defaults() -> Self {
        Self {
            receiver: String::new(),
            matchers: Vec::new(),
            continues: false,
            group_by: Vec::new(),
            group_wait: 30.0,
            group_interval: 300.0,
            repeat_interval: 14_400.0,
            muted_in: Vec::new(),
            active_in: Vec::new(),
            routes: Vec::new(),
        }
    }

    /// Adds the nodes at which an alert with these labels ends. An alert goes to the first child that matches, to
    /// those after it while `continue` is set, and stays at the node itself when no child matches.
    ///
    /// Returns whether the alert matches the node itself.
    fn collect_hits<'a>(&'a self, labels: &Labels, above: &[&'a Route], hits: &mut Vec<Hit<'a>>) -> bool {
        if !self.matchers.iter().all(|matcher| matcher.matches(labels)) {
            return false;
        }
        let path = extended(above, self);
        let mut child_matches = false;
        for child in &self.routes {
            if child.collect_hits(labels, &path, hits) {
                child_matches = true;
                if !child.continues {
                    break;
                }
            }
        }
        if !child_matches {
            hits.push(Hit { route: self, path });
        }
        true
    }

    /// Adds this node and all below it, depth first.
    fn collect_nodes<'a>(&'a self, above: &[&'a Route], nodes: &mut Vec<Hit<'a>>) {
        let path = extended(above, self);
        nodes.push(Hit { route: self, path: path.clone() });
        for child in &self.routes {
            child.collect_nodes(&path, nodes);
        }
    }
}

fn extended<'a>(above: &[&'a Route], route: &'a Route) -> Vec<&'a Route> {
    let mut path = above.to_vec();
    path.push(route);
    path
}

/// Conditions in all notations: `matchers`, and the older `match` and `match_re`.
fn matchers(value: &Value) -> Result<Vec<Matcher>, String> {
    let mut found = Vec::new();
    for entry in value.get("matchers").and_then(Value::as_array).into_iter().flatten() {
        found.extend(matcher::parse(entry.as_str().unwrap_or_default())?);
    }
    for (key, kind) in [("match", MatchKind::Equal), ("match_re", MatchKind::Like)] {
        for (label, wanted) in value.get(key).and_then(Value::as_object).into_iter().flatten() {
            let wanted = wanted.as_str().map_or_else(|| wanted.to_string(), str::to_owned);
            found.push(Matcher::new(label, kind, &wanted)?);
        }
    }
    Ok(found)
}

fn strings(items: &[Value]) -> Vec<String> {
    items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

impl Receiver {
    fn parse(value: &Value) -> Self {
        let name = value.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut integrations = Vec::new();
        for (key, configs) in value.as_object().into_iter().flatten() {
            let Some(kind) = key.strip_suffix("_configs") else { continue };
            for settings in configs.as_array().into_iter().flatten() {
                integrations.push(Integration {
                    kind: kind.to_owned(),
                    send_resolved: settings.get("send_resolved").and_then(Value::as_bool).unwrap_or(false),
                    settings: settings.clone(),
                });
            }
        }
        Self { name, integrations }
    }
}

impl Tree {
    /// From Alertmanager's configuration as JSON: the one in force, or the file.
    ///
    /// Errors: there is no root, or a matcher cannot be read.
    pub fn parse(config: &Value) -> Result<Self, String> {
        let root = config.get("route").ok_or("the configuration has no `route`")?;
        let receivers = config.get("receivers").and_then(Value::as_array).into_iter().flatten();
        Ok(Self { root: Route::parse(root, &Route::defaults())?, receivers: receivers.map(Receiver::parse).collect() })
    }

    /// The nodes at which an alert with these labels ends, in Alertmanager's order.
    pub fn hits(&self, labels: &Labels) -> Vec<Hit<'_>> {
        let mut hits = Vec::new();
        self.root.collect_hits(labels, &[], &mut hits);
        hits
    }

    /// The receivers that get an alert with these labels, each once.
    pub fn reached(&self, labels: &Labels) -> Vec<&str> {
        let mut names = Vec::new();
        for hit in self.hits(labels) {
            if !names.contains(&hit.route.receiver.as_str()) {
                names.push(hit.route.receiver.as_str());
            }
        }
        names
    }

    /// Those of them that notify somebody.
    pub fn notified(&self, labels: &Labels) -> Vec<&str> {
        let mut names = self.reached(labels);
        names.retain(|name| self.receiver(name).is_some_and(Receiver::notifies));
        names
    }

    pub fn receiver(&self, name: &str) -> Option<&Receiver> {
        self.receivers.iter().find(|receiver| receiver.name == name)
    }

    /// Receivers that notify somebody.
    pub fn notifying(&self) -> impl Iterator<Item = &Receiver> {
        self.receivers.iter().filter(|receiver| receiver.notifies())
    }

    /// Their names.
    pub fn notifying_names(&self) -> Vec<&str> {
        self.notifying().map(|receiver| receiver.name.as_str()).collect()
    }

    /// Receivers that would notify, and that no route names.
    pub fn unrouted(&self) -> impl Iterator<Item = &Receiver> {
        let nodes = self.nodes();
        let routed: BTreeSet<String> = nodes.iter().map(|node| node.route.receiver.clone()).collect();
        self.notifying().filter(move |receiver| !routed.contains(&receiver.name))
    }

    /// Every node, with the way to it.
    pub fn nodes(&self) -> Vec<Hit<'_>> {
        let mut nodes = Vec::new();
        self.root.collect_nodes(&[], &mut nodes);
        nodes
    }

    /// Labels with which an alert reaches the receiver: those of `base`, unless a matcher wants others.
    pub fn labels_for(&self, receiver: &str, base: &Labels) -> Option<Labels> {
        let nodes = self.nodes().into_iter().filter(|node| node.route.receiver == receiver);
        nodes.filter_map(|node| self.labels_for_node(&node, base)).next()
    }

    /// Tries every combination of likely values for the labels on the way to the node, up to a bound.
    fn labels_for_node(&self, node: &Hit<'_>, base: &Labels) -> Option<Labels> {
        let conditions: Vec<&Matcher> = node.path.iter().flat_map(|route| &route.matchers).collect();
        let names: BTreeSet<&str> = conditions.iter().map(|matcher| matcher.label.as_str()).collect();
        let mut combinations: Vec<Labels> = vec![base.clone()];
        for name in names {
            let values = allowed_values(name, &conditions, base);
            let mut longer = Vec::new();
            for labels in &combinations {
                for value in values.iter().take(TRIES - longer.len()) {
                    longer.push(with_label(labels, name, value));
                }
            }
            combinations = longer;
        }
        combinations.into_iter().find(|labels| self.hits(labels).iter().any(|hit| std::ptr::eq(hit.route, node.route)))
    }
}

/// The empty value stands for no label.
fn with_label(labels: &Labels, name: &str, value: &str) -> Labels {
    let mut labels = labels.clone();
    match value {
        "" => labels.remove(name),
        value => labels.insert(name.to_owned(), value.to_owned()),
    };
    labels
}

/// Values of one label that all conditions on it allow.
fn allowed_values(name: &str, conditions: &[&Matcher], base: &Labels) -> Vec<String> {
    let own: Vec<&&Matcher> = conditions.iter().filter(|matcher| matcher.label == name).collect();
    let mut values: Vec<String> = base.get(name).cloned().into_iter().collect();
    values.extend(own.iter().flat_map(|matcher| matcher.examples()));
    values.retain(|value| own.iter().all(|matcher| matcher.holds(value)));
    values
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tree() -> Tree {
        Tree::parse(&json!({
            "route": {
                "receiver": "nobody", "group_by": ["alertname"], "group_wait": "10s",
                "routes": [
                    {"receiver": "nobody", "matchers": ["alertname=~\"Watchdog|InfoInhibitor\""]},
                    {"receiver": "oncall", "matchers": ["severity=\"critical\""], "continue": true, "group_wait": "1s"},
                    {"receiver": "db", "match_re": {"team": "db.*"}, "routes": [{"receiver": "dba", "match": {"severity": "critical"}}]},
                    {"receiver": "chat", "matchers": ["severity=~\"critical|warning\"", "team!=\"quiet\""]},
                ],
            },
            "receivers": [{"name": "nobody"}, {"name": "oncall", "webhook_configs": [{"send_resolved": true}]},
                {"name": "db", "slack_configs": [{}]}, {"name": "dba", "slack_configs": [{}]}, {"name": "chat", "slack_configs": [{}]},
                {"name": "forgotten", "slack_configs": [{}]}],
        }))
        .expect("a tree")
    }

    fn labels(text: &str) -> Labels {
        text.split(',').filter_map(|pair| pair.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
    }

    #[test]
    fn an_alert_goes_where_alertmanager_would_send_it() {
        let tree = tree();
        for (text, reached) in [
            ("severity=critical", vec!["oncall", "chat"]),
            ("severity=critical,team=db1", vec!["oncall", "dba"]),
            ("severity=warning,team=quiet", vec!["nobody"]),
            ("alertname=Watchdog,severity=critical", vec!["nobody"]),
            ("", vec!["nobody"]),
        ] {
            assert_eq!(tree.reached(&labels(text)), reached, "{text}");
        }
        let hits = tree.hits(&labels("severity=critical"));
        assert_eq!((hits[0].route.group_wait, hits[1].route.group_wait), (1.0, 10.0));
        assert_eq!(hits[0].steps(), ["everything", "severity=\"critical\""]);
    }

    #[test]
    fn receivers_that_notify_are_told_from_those_that_drop_alerts() {
        let tree = tree();
        assert_eq!(tree.notifying_names(), ["oncall", "db", "dba", "chat", "forgotten"]);
        assert_eq!(tree.unrouted().map(|receiver| receiver.name.as_str()).collect::<Vec<_>>(), ["forgotten"]);
        assert_eq!(tree.notified(&labels("severity=critical")), ["oncall", "chat"]);
        assert_eq!(tree.notified(&labels("severity=none")), Vec::<&str>::new());
    }

    #[test]
    fn a_route_inherits_what_it_does_not_set() {
        let tree = tree();
        let nodes = tree.nodes();
        let dba = nodes.iter().find(|node| node.route.receiver == "dba").expect("a node").route;
        assert_eq!((dba.group_wait, dba.group_interval, dba.repeat_interval), (10.0, 300.0, 14_400.0));
        assert_eq!(dba.group_by, ["alertname"]);
    }

    #[test]
    fn labels_are_found_for_every_receiver_that_something_reaches() {
        let tree = tree();
        let base = labels("alertname=WatchpostTest");
        for receiver in ["oncall", "db", "dba", "chat", "nobody"] {
            let found = tree.labels_for(receiver, &base).unwrap_or_else(|| panic!("{receiver} is not reached"));
            assert!(tree.reached(&found).contains(&receiver), "{receiver}: {found:?}");
        }
        assert_eq!(tree.labels_for("forgotten", &base), None);
    }

    #[test]
    fn a_pattern_that_cannot_be_read_is_an_error() {
        let config = json!({"route": {"receiver": "a", "routes": [{"matchers": ["a=~\"(\""]}]}});
        assert!(Tree::parse(&config).is_err());
        assert!(Tree::parse(&json!({})).is_err());
    }
}

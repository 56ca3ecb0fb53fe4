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
    /// Do the routes after it see the alert too?
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
    /// Does it tell when an alert is over?
    pub send_resolved: bool,
    /// Its settings, secrets as `<secret>`.
    pub settings: Value,
}

impl Receiver {
    /// A receiver without integrations throws alerts away.
    pub fn is_nobody(&self) -> bool {
        self.integrations.is_empty()
    }
}

/// A node that takes an alert, and the way to it from the root.
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
    fn read(value: &Value, parent: Option<&Route>) -> Result<Self, String> {
        let text = |key: &str| value.get(key).and_then(Value::as_str);
        let seconds = |key: &str, inherited: f64| text(key).and_then(parse_duration).unwrap_or(inherited);
        let list = |key: &str| value.get(key).and_then(Value::as_array).map(|all| strings(all));
        let mut route = Self {
            receiver: text("receiver").map(str::to_owned).or(parent.map(|p| p.receiver.clone())).unwrap_or_default(),
            matchers: matchers(value)?,
            continues: value.get("continue").and_then(Value::as_bool).unwrap_or(false),
            group_by: list("group_by").or(parent.map(|p| p.group_by.clone())).unwrap_or_default(),
            group_wait: seconds("group_wait", parent.map_or(30.0, |p| p.group_wait)),
            group_interval: seconds("group_interval", parent.map_or(300.0, |p| p.group_interval)),
            repeat_interval: seconds("repeat_interval", parent.map_or(14_400.0, |p| p.repeat_interval)),
            muted_in: list("mute_time_intervals").unwrap_or_default(),
            active_in: list("active_time_intervals").unwrap_or_default(),
            routes: Vec::new(),
        };
        let children = value.get("routes").and_then(Value::as_array).into_iter().flatten();
        route.routes = children.map(|child| Self::read(child, Some(&route))).collect::<Result<_, _>>()?;
        Ok(route)
    }

    fn find<'a>(&'a self, labels: &Labels, above: &[&'a Route], hits: &mut Vec<Hit<'a>>) -> bool {
        if !self.matchers.iter().all(|matcher| matcher.matches(labels)) {
            return false;
        }
        let path: Vec<&Route> = above.iter().copied().chain([self]).collect();
        let mut taken = false;
        for child in &self.routes {
            if child.find(labels, &path, hits) {
                taken = true;
                if !child.continues {
                    break;
                }
            }
        }
        if !taken {
            hits.push(Hit { route: self, path });
        }
        true
    }

    /// Every node with the way to it, depth first.
    fn walk<'a>(&'a self, above: &[&'a Route], visit: &mut dyn FnMut(Hit<'a>)) {
        let path: Vec<&Route> = above.iter().copied().chain([self]).collect();
        visit(Hit { route: self, path: path.clone() });
        self.routes.iter().for_each(|child| child.walk(&path, visit));
    }
}

/// Conditions in all notations: `matchers`, and the older `match` and `match_re`.
fn matchers(value: &Value) -> Result<Vec<Matcher>, String> {
    let mut all = Vec::new();
    for entry in value.get("matchers").and_then(Value::as_array).into_iter().flatten() {
        all.extend(matcher::parse(entry.as_str().unwrap_or_default())?);
    }
    for (key, kind) in [("match", MatchKind::Equal), ("match_re", MatchKind::Like)] {
        for (label, wanted) in value.get(key).and_then(Value::as_object).into_iter().flatten() {
            let wanted = wanted.as_str().map_or_else(|| wanted.to_string(), str::to_owned);
            all.push(Matcher::new(label, kind, &wanted)?);
        }
    }
    Ok(all)
}

fn strings(all: &[Value]) -> Vec<String> {
    all.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

impl Receiver {
    fn read(value: &Value) -> Self {
        let configs = value.as_object().into_iter().flatten().filter_map(|(key, all)| {
            let kind = key.strip_suffix("_configs")?;
            Some(all.as_array()?.iter().map(move |settings| Integration {
                kind: kind.to_owned(),
                send_resolved: settings.get("send_resolved").and_then(Value::as_bool).unwrap_or(false),
                settings: settings.clone(),
            }))
        });
        let name = value.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        Self { name, integrations: configs.flatten().collect() }
    }
}

impl Tree {
    /// From the configuration as JSON, as Alertmanager says it or as it stands in the file.
    ///
    /// Errors: there is no root, or a matcher cannot be read.
    pub fn of(config: &Value) -> Result<Self, String> {
        let root = config.get("route").ok_or("the configuration has no `route`")?;
        let receivers = config.get("receivers").and_then(Value::as_array).into_iter().flatten();
        Ok(Self { root: Route::read(root, None)?, receivers: receivers.map(Receiver::read).collect() })
    }

    /// The nodes that take an alert with these labels, in the order in which Alertmanager asks them.
    pub fn hits(&self, labels: &Labels) -> Vec<Hit<'_>> {
        let mut hits = Vec::new();
        self.root.find(labels, &[], &mut hits);
        hits
    }

    /// The receivers of an alert with these labels, each once.
    pub fn reached(&self, labels: &Labels) -> Vec<&str> {
        let mut names = Vec::new();
        for hit in self.hits(labels) {
            if !names.contains(&hit.route.receiver.as_str()) {
                names.push(hit.route.receiver.as_str());
            }
        }
        names
    }

    /// Those of them that tell somebody.
    pub fn told(&self, labels: &Labels) -> Vec<&str> {
        let mut names = self.reached(labels);
        names.retain(|name| self.receiver(name).is_some_and(|receiver| !receiver.is_nobody()));
        names
    }

    pub fn receiver(&self, name: &str) -> Option<&Receiver> {
        self.receivers.iter().find(|receiver| receiver.name == name)
    }

    /// Receivers that tell somebody.
    pub fn people(&self) -> impl Iterator<Item = &Receiver> {
        self.receivers.iter().filter(|receiver| !receiver.is_nobody())
    }

    /// Every node, with the way to it.
    pub fn nodes(&self) -> Vec<Hit<'_>> {
        let mut all = Vec::new();
        self.root.walk(&[], &mut |hit| all.push(hit));
        all
    }

    /// Labels with which an alert reaches the receiver, `base` among them unless a matcher wants otherwise.
    pub fn labels_for(&self, receiver: &str, base: &Labels) -> Option<Labels> {
        let ways = self.nodes().into_iter().filter(|hit| hit.route.receiver == receiver);
        let mut tried = ways.filter_map(|way| self.labels_on(&way, base));
        tried.next()
    }

    fn labels_on(&self, way: &Hit<'_>, base: &Labels) -> Option<Labels> {
        let conditions: Vec<&Matcher> = way.path.iter().flat_map(|route| &route.matchers).collect();
        let names: BTreeSet<&str> = conditions.iter().map(|matcher| matcher.label.as_str()).collect();
        let mut choices: Vec<Labels> = vec![base.clone()];
        for name in names {
            let values = values(name, &conditions, base);
            let with = |labels: &Labels, value: &String| {
                let mut labels = labels.clone();
                if value.is_empty() {
                    labels.remove(name)
                } else {
                    labels.insert(name.to_owned(), value.clone())
                };
                labels
            };
            choices = choices
                .iter()
                .flat_map(|labels| values.iter().map(move |value| with(labels, value)))
                .take(TRIES)
                .collect();
        }
        choices.into_iter().find(|labels| self.hits(labels).iter().any(|hit| std::ptr::eq(hit.route, way.route)))
    }
}

/// Values of one label that all conditions on it allow.
fn values(name: &str, conditions: &[&Matcher], base: &Labels) -> Vec<String> {
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
        Tree::of(&json!({
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
        assert!(Tree::of(&config).is_err());
        assert!(Tree::of(&json!({})).is_err());
    }
}

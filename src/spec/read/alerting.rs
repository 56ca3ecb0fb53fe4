//! Receivers and routes.

use std::collections::BTreeSet;

use super::upstream::Place;
use super::{Reader, answers};
use crate::error::did_you_mean;
use crate::spec::alerting::{Alerting, NOBODY, Receiver, Route};
use crate::spec::names;
use crate::yaml::Node;

impl Reader {
    pub(super) fn alerting(&mut self, root: &Node) -> Alerting {
        let Some(node) = root.get("alerting") else { return Alerting::default() };
        self.mapping(node, "`alerting`", "write `receivers:` and `routes:` below it");
        if !self.upstream(node, Place::Alerting) {
            self.known_keys(node, &["receivers", "routes"]);
        }
        let mut alerting = Alerting::default();
        for item in self.items(node, "receivers") {
            self.receiver(item, &mut alerting.receivers);
        }
        let routes: Vec<(Route, &Node)> = self.entries(node, "routes", Place::Route);
        self.check_routes(&alerting.receivers, &routes);
        // Routes that cannot be read have errors of their own.
        if routes.len() == node.get("routes").map_or(0, |routes| routes.items().len()) {
            self.unrouted(&alerting.receivers, &routes, node);
        }
        alerting.routes = routes.into_iter().map(|(route, _)| route).collect();
        alerting
    }

    fn receiver(&mut self, item: &Node, receivers: &mut Vec<Receiver>) {
        const EXAMPLE: &str = "such as `{name: oncall, type: slack, …}`";
        let before = self.errors.len();
        self.mapping(item, "a receiver", EXAMPLE);
        if self.upstream(item, Place::Receiver) {
            return;
        }
        let (Some(name), Some(kind)) = (self.text_under(item, "name"), self.text_under(item, "type")) else {
            if self.errors.len() == before {
                self.errors.push(item.error("a receiver needs a `name` and a `type`").hint(EXAMPLE));
            }
            return;
        };
        let place = item.get("name").unwrap_or(item);
        if name == NOBODY {
            let error = place.error(format!("a receiver cannot be named `{NOBODY}`"));
            self.errors.push(error.hint("alerts without a route go to a receiver of that name; choose another"));
        }
        if receivers.iter().any(|other| other.name == name) {
            self.errors.push(place.error(format!("two receivers are named `{name}`")).hint("give each its own name"));
        }
        let settings = answers(item, &["name", "type"]);
        receivers.push(Receiver { name, kind, settings, node: Some(item.clone()) });
    }

    fn check_routes(&mut self, receivers: &[Receiver], routes: &[(Route, &Node)]) {
        for (route, place) in routes {
            let known = receivers.iter().map(|receiver| receiver.name.as_str());
            if !known.clone().any(|name| name == route.to) {
                let error = place.get("to").unwrap_or(place).error(format!("unknown receiver `{}`", route.to));
                self.errors.push(match did_you_mean(&route.to, known.clone()) {
                    Some(guess) => error.label(format!("did you mean `{guess}`?")),
                    None => error.hint("define it under `alerting.receivers`"),
                });
            }
            for label in route.matches.keys().filter(|label| !names::is_label(label)) {
                let place = place.get("match").and_then(|labels| labels.key(label)).unwrap_or(place);
                self.errors.push(place.error(format!("`{label}` is not a valid label")));
            }
            for (key, value) in [("group_wait", &route.group_wait), ("repeat_interval", &route.repeat_interval)] {
                self.duration(place, key, value.as_deref());
            }
        }
        let end = routes.iter().position(|(route, _)| route.matches.is_empty() && !route.continues);
        let rest = end.map(|end| &routes[end + 1..]).unwrap_or_default();
        for (_, place) in rest.iter().filter(|(route, _)| !route.asks_for_a_quiet_one()) {
            self.errors.push(
                place
                    .error("no alert reaches this route")
                    .cause("a route before it matches every alert, and does not `continue`")
                    .hint("add `continue: true` to that route, or move it to the end"),
            );
        }
    }

    /// A single receiver without routes gets everything; any other is led to by a route.
    fn unrouted(&mut self, receivers: &[Receiver], routes: &[(Route, &Node)], node: &Node) {
        if receivers.len() == 1 && routes.is_empty() {
            return;
        }
        let used: BTreeSet<&str> = routes.iter().map(|(route, _)| route.to.as_str()).collect();
        for receiver in receivers.iter().filter(|receiver| !used.contains(receiver.name.as_str())) {
            let place = receiver.node.as_ref().and_then(|node| node.get("name")).unwrap_or(node);
            self.errors.push(place.error(format!("no route leads to the receiver `{}`", receiver.name)).hint(format!(
                "add `{{match: {{severity: critical}}, to: {}}}` under `alerting.routes`, or remove the receiver",
                receiver.name
            )));
        }
    }
}

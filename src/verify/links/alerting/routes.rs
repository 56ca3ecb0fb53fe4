//! Who gets the stack's own alerts, and routes that match none of them.
//!
//! Rules fix the severity and the name of an alert, so a route with a misspelt one is broken. Any other label may come
//! with a series, and such a route is no fault.
//!
//! That nobody is notified works as it is configured, and is a warning: of a stack without receivers, and of a severity
//! that no route names. Of critical alerts it is broken where receivers exist, since those were meant for them.

use std::collections::{BTreeMap, BTreeSet};

use crate::clients::prometheus::Rule;
use crate::error::did_you_mean;
use crate::fix::Fix;
use crate::promql::MatchKind;
use crate::routing::{Hit, Labels, Matcher, Receiver, Tree};
use crate::verify::report::{Finding, Verdict};

/// Severities, and what it is that nobody is notified of them.
const SEVERITIES: [(&str, Verdict); 3] =
    [("critical", Verdict::Broken), ("warning", Verdict::Warning), ("info", Verdict::Ok)];
/// Alerts that are named as examples.
const EXAMPLES: usize = 3;
/// Values of a label that are named as examples.
const VALUES: usize = 8;

/// What is wrong with the routes, and who gets each severity: `critical → oncall, warning → chat`.
pub fn judge(tree: &Tree, rules: &[&Rule]) -> (Vec<Finding>, Option<String>) {
    if let Some(finding) = no_receivers(tree) {
        return (vec![finding], None);
    }
    let mut findings = Vec::new();
    let mut summary = Vec::new();
    for (severity, lost) in SEVERITIES {
        let rules: Vec<&Rule> = rules.iter().copied().filter(|rule| severity_of(rule) == Some(severity)).collect();
        if rules.is_empty() {
            continue;
        }
        summary.push(format!("{severity} → {}", most_common_receivers(tree, &rules)));
        if lost != Verdict::Ok {
            findings.extend(lost_severity(tree, severity, lost, &rules));
        }
    }
    for node in tree.nodes() {
        findings.extend(unused(tree, &node, rules));
        findings.extend(shadowed(node.route));
    }
    findings.extend(tree.unrouted().map(|receiver| unrouted(format!("unrouted:{}", receiver.name), receiver)));
    if !findings.iter().any(Finding::is_broken) {
        findings.push(Finding::ok("routes", "routes"));
    }
    (findings, (!summary.is_empty()).then(|| summary.join(", ")))
}

/// A stack whose alerts notify nobody.
pub fn no_receivers(tree: &Tree) -> Option<Finding> {
    if tree.notifying().next().is_some() {
        return None;
    }
    let add = "add receivers and routes, such as `receivers: [{name: team, type: webhook, url: \"https://…\"}]`";
    let finding = Finding::warning("receivers", "alerts", "notify nobody: no receiver is configured");
    Some(finding.fix(Fix::spec("alerting", add).then(Fix::up())))
}

/// A receiver that no route names.
pub fn unrouted(id: String, receiver: &Receiver) -> Finding {
    let name = receiver.name.as_str();
    Finding::note(id, name, "gets no alert: no route leads to it")
        .fix(in_routes(format!("add a route `to: {name}`, or remove the receiver")))
}

fn severity_of(rule: &Rule) -> Option<&str> {
    rule.labels.get("severity").map(String::as_str)
}

/// Labels that every alert of the rule has. Those with a template are only known when it fires.
fn labels(rule: &Rule) -> Labels {
    let fixed = rule.labels.iter().filter(|(_, value)| !value.contains("{{"));
    let mut labels: Labels = fixed.map(|(label, value)| (label.clone(), value.clone())).collect();
    labels.insert("alertname".into(), rule.name.clone());
    labels
}

/// The receivers that get the alerts of most of the rules.
fn most_common_receivers(tree: &Tree, rules: &[&Rule]) -> String {
    let mut counts: BTreeMap<Vec<&str>, usize> = BTreeMap::new();
    for rule in rules {
        *counts.entry(tree.notified(&labels(rule))).or_default() += 1;
    }
    match counts.into_iter().max_by_key(|(_, count)| *count) {
        Some((receivers, _)) if !receivers.is_empty() => receivers.join(" and "),
        _ => "nobody".into(),
    }
}

/// A severity of which nobody is notified, at least for some of its rules.
fn lost_severity(tree: &Tree, severity: &str, verdict: Verdict, rules: &[&Rule]) -> Option<Finding> {
    let mut lost = Vec::new();
    for rule in rules {
        if tree.notified(&labels(rule)).is_empty() {
            lost.push(rule.name.as_str());
        }
    }
    let what = match lost.len() {
        0 => return None,
        all if all == rules.len() => "reach nobody".to_owned(),
        1 => format!("reach nobody for 1 of {} rules", rules.len()),
        some => format!("reach nobody for {some} of {} rules", rules.len()),
    };
    let examples = lost.iter().take(EXAMPLES).copied().collect::<Vec<_>>().join(", ");
    let more = if lost.len() > EXAMPLES { format!(" and {} more", lost.len() - EXAMPLES) } else { String::new() };
    let to = tree.notifying_names().first().copied().unwrap_or_default();
    let (id, subject) = (format!("route:severity={severity}"), format!("{severity} alerts"));
    let finding = match verdict {
        Verdict::Broken => Finding::broken(id, subject, what),
        _ => Finding::warning(id, subject, what),
    };
    let finding = finding
        .why(format!("no route leads to a receiver for {examples}{more}"))
        .fix(in_routes(format!("add `- {{match: {{severity: {severity}}}, to: {to}}}`")));
    Some(finding)
}

/// A route to somebody that matches no rule's alerts.
fn unused(tree: &Tree, node: &Hit<'_>, rules: &[&Rule]) -> Option<Finding> {
    let notifies = tree.receiver(&node.route.receiver).is_some_and(Receiver::notifies);
    let conditions: Vec<&Matcher> = node.path.iter().flat_map(|route| &route.matchers).collect();
    let used = rules.iter().any(|rule| conditions.iter().all(|condition| may_hold(condition, rule)));
    if !notifies || node.route.matchers.is_empty() || used {
        return None;
    }
    let condition = node.route.condition();
    let finding = Finding::broken(format!("route:{condition}"), format!("the route {condition}"), "matches no alert");
    let impossible = node.route.matchers.iter().find(|matcher| !rules.iter().any(|rule| may_hold(matcher, rule)));
    Some(match impossible {
        Some(matcher) => impossible_condition(finding, matcher, rules),
        None => finding.why("no rule has all of these labels").fix(in_routes("correct the route")),
    })
}

/// Says which condition no rule meets, and which value was probably meant.
fn impossible_condition(finding: Finding, matcher: &Matcher, rules: &[&Rule]) -> Finding {
    let known: BTreeSet<&str> = rules.iter().filter_map(|rule| fixed_value(&matcher.label, rule)).collect();
    let finding = finding.why(format!("no rule has {matcher}"));
    let guess = did_you_mean(&matcher.value, known.iter().copied()).filter(|_| matcher.kind == MatchKind::Equal);
    match guess {
        Some(guess) => finding
            .why(format!("did you mean `{guess}`?"))
            .fix(in_routes(format!("write `{}: {guess}` instead of `{}`", matcher.label, matcher.value))),
        None => {
            let examples = known.iter().take(VALUES).copied().collect::<Vec<_>>().join(", ");
            finding.fix(in_routes(format!("write a {} that rules have, such as {examples}", matcher.label)))
        }
    }
}

fn in_routes(what: impl Into<String>) -> Fix {
    Fix::spec("alerting.routes", what).then(Fix::up())
}

/// The value that the rule itself fixes; `None` when a series or a template may set it.
fn fixed_value<'a>(label: &str, rule: &'a Rule) -> Option<&'a str> {
    match label {
        "alertname" => Some(&rule.name),
        _ => rule.labels.get(label).map(String::as_str).filter(|value| !value.contains("{{")),
    }
}

/// Could an alert of the rule meet this condition?
fn may_hold(matcher: &Matcher, rule: &Rule) -> bool {
    match fixed_value(&matcher.label, rule) {
        Some(value) => matcher.holds(value),
        // A severity comes from the rule alone; all other labels may come with the series.
        None => matcher.label != "severity" || rule.labels.contains_key("severity") || matcher.holds(""),
    }
}

/// Routes behind one that matches everything and does not continue.
fn shadowed(route: &crate::routing::Route) -> Vec<Finding> {
    let Some(at) = route.routes.iter().position(|child| child.matchers.is_empty() && !child.continues) else {
        return Vec::new();
    };
    let first = &route.routes[at].receiver;
    let mut findings = Vec::new();
    for behind in &route.routes[at + 1..] {
        let condition = behind.condition();
        let finding =
            Finding::broken(format!("route:{condition}"), format!("the route {condition}"), "never gets an alert")
                .why(format!("the route to `{first}` before it matches everything"))
                .fix(in_routes(format!("move `- {{to: {first}}}` to the end, or add `continue: true` to it")));
        findings.push(finding);
    }
    findings
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn rules() -> Vec<Rule> {
        [("HostDown", "critical"), ("DiskFull", "critical"), ("Slow", "warning"), ("Watchdog", "none"), ("Hint", "info")]
            .iter()
            .map(|(name, severity)| {
                serde_json::from_value(json!({"name": name, "query": "x", "type": "alerting", "health": "ok", "labels": {"severity": severity}}))
                    .expect("a rule")
            })
            .collect()
    }

    fn found(routes: Value, root: &str) -> (Vec<String>, Option<String>) {
        let config = json!({
            "route": {"receiver": root, "routes": routes},
            "receivers": [{"name": "nobody"}, {"name": "oncall", "webhook_configs": [{}]}, {"name": "chat", "slack_configs": [{}]}],
        });
        let rules = rules();
        let (findings, remark) = judge(&Tree::parse(&config).expect("a tree"), &rules.iter().collect::<Vec<_>>());
        let faults = findings.iter().filter(|f| f.verdict != Verdict::Ok);
        (
            faults
                .map(|f| format!("{}: {} {} | {} | {}", f.id, f.subject, f.what, f.why.join("; "), f.fix_text()))
                .collect(),
            remark,
        )
    }

    #[test]
    fn who_gets_each_severity_is_summed_up() {
        let watchdog = json!({"receiver": "nobody", "matchers": ["alertname=~\"Watchdog|InfoInhibitor\""]});
        let critical = json!({"receiver": "oncall", "matchers": ["severity=\"critical\""], "continue": true});
        let rest = json!({"receiver": "chat", "matchers": []});
        let (findings, remark) = found(json!([watchdog, critical, rest]), "nobody");
        assert_eq!(findings, Vec::<String>::new());
        assert_eq!(remark.as_deref(), Some("critical → oncall and chat, warning → chat, info → chat"));
        let (findings, remark) = found(json!([watchdog, critical]), "chat");
        assert_eq!(findings, Vec::<String>::new());
        assert_eq!(remark.as_deref(), Some("critical → oncall, warning → chat, info → chat"));
    }

    #[test]
    fn a_typo_in_a_route_is_named_with_what_was_meant_and_the_severity_that_is_lost() {
        let (findings, remark) = found(
            json!([{"receiver": "oncall", "matchers": ["severity=\"critcal\""]}, {"receiver": "chat", "matchers": ["severity=\"warning\""]}]),
            "nobody",
        );
        insta::assert_snapshot!(findings.join("\n"), @r#"
        route:severity=critical: critical alerts reach nobody | no route leads to a receiver for HostDown, DiskFull | in watchpost.yaml under `alerting.routes`: add `- {match: {severity: critical}, to: oncall}`, then watchpost up
        route:severity="critcal": the route severity="critcal" matches no alert | no rule has severity="critcal"; did you mean `critical`? | in watchpost.yaml under `alerting.routes`: write `severity: critical` instead of `critcal`, then watchpost up
        "#);
        assert_eq!(remark.as_deref(), Some("critical → nobody, warning → chat, info → nobody"));
    }

    #[test]
    fn a_route_behind_one_that_matches_everything_is_broken() {
        let (findings, _) = found(
            json!([{"receiver": "chat"}, {"receiver": "oncall", "matchers": ["severity=\"critical\""]}]),
            "nobody",
        );
        insta::assert_snapshot!(findings.join("\n"), @r#"route:severity="critical": the route severity="critical" never gets an alert | the route to `chat` before it matches everything | in watchpost.yaml under `alerting.routes`: move `- {to: chat}` to the end, or add `continue: true` to it, then watchpost up"#);
    }

    #[test]
    fn labels_that_a_series_may_bring_are_no_fault() {
        let (findings, _) = found(json!([{"receiver": "oncall", "match": {"team": "web"}}]), "chat");
        assert_eq!(findings, Vec::<String>::new());
    }

    #[test]
    fn a_stack_without_receivers_is_noted_once() {
        let nobody = Tree::parse(&json!({"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}));
        let (findings, remark) = judge(&nobody.expect("a tree"), &[]);
        assert_eq!((findings.len(), findings[0].id.as_str(), findings[0].verdict), (1, "receivers", Verdict::Warning));
        assert_eq!(remark, None);
    }

    /// As in the README: who wants critical alerts only gets no warnings, by choice.
    #[test]
    fn a_stack_that_routes_critical_alerts_alone_has_a_warning_and_nothing_broken() {
        let config = json!({
            "route": {"receiver": "nobody", "routes": [{"receiver": "oncall", "matchers": ["severity=\"critical\""]}]},
            "receivers": [{"name": "nobody"}, {"name": "oncall", "slack_configs": [{}]}],
        });
        let rules = rules();
        let (findings, remark) = judge(&Tree::parse(&config).expect("a tree"), &rules.iter().collect::<Vec<_>>());
        let seen: Vec<_> = findings.iter().map(|f| (f.id.as_str(), f.verdict)).collect();
        assert_eq!(seen, [("route:severity=warning", Verdict::Warning), ("routes", Verdict::Ok)]);
        assert_eq!(findings[0].what, "reach nobody");
        assert!(findings[0].fix_text().contains("add `- {match: {severity: warning}, to: oncall}`"));
        assert_eq!(remark.as_deref(), Some("critical → oncall, warning → nobody, info → nobody"));
    }

    #[test]
    fn a_receiver_without_a_route_is_noted() {
        let (findings, _) = found(json!([]), "chat");
        insta::assert_snapshot!(findings.join("\n"), @r"unrouted:oncall: oncall gets no alert: no route leads to it |  | in watchpost.yaml under `alerting.routes`: add a route `to: oncall`, or remove the receiver, then watchpost up");
    }

    #[test]
    fn a_severity_that_is_lost_in_part_is_counted() {
        let (findings, _) = found(
            json!([{"receiver": "nobody", "matchers": ["alertname=\"DiskFull\""]}, {"receiver": "oncall", "match": {"severity": "info"}}]),
            "chat",
        );
        insta::assert_snapshot!(findings.join("\n"), @r"route:severity=critical: critical alerts reach nobody for 1 of 2 rules | no route leads to a receiver for DiskFull | in watchpost.yaml under `alerting.routes`: add `- {match: {severity: critical}, to: oncall}`, then watchpost up");
    }

    #[test]
    fn labels_that_no_rule_has_together_are_named() {
        let (findings, _) =
            found(json!([{"receiver": "oncall", "matchers": ["severity=\"info\"", "alertname=\"HostDown\""]}]), "chat");
        insta::assert_snapshot!(findings.join("\n"), @r#"route:severity="info", alertname="HostDown": the route severity="info", alertname="HostDown" matches no alert | no rule has all of these labels | in watchpost.yaml under `alerting.routes`: correct the route, then watchpost up"#);
    }

    #[test]
    fn a_severity_that_no_rule_has_is_named_with_those_that_exist() {
        let (findings, _) = found(json!([{"receiver": "oncall", "match": {"severity": "page"}}]), "chat");
        insta::assert_snapshot!(findings.join("\n"), @r#"route:severity="page": the route severity="page" matches no alert | no rule has severity="page" | in watchpost.yaml under `alerting.routes`: write a severity that rules have, such as critical, info, none, warning, then watchpost up"#);
    }
}

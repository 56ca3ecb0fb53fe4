//! Whom the stack's own alerts reach, and routes that none of them takes.

use std::collections::{BTreeMap, BTreeSet};

use crate::clients::prometheus::Rule;
use crate::error::did_you_mean;
use crate::promql::MatchKind;
use crate::routing::{Hit, Labels, Matcher, Tree};
use crate::verify::report::Finding;

/// Severities, and whether somebody must hear of them.
const SEVERITIES: [(&str, bool); 3] = [("critical", true), ("warning", true), ("info", false)];
/// Alerts that are named as examples.
const EXAMPLES: usize = 3;

/// What is wrong with the routes, and whom each severity reaches: `critical → oncall, warning → chat`.
pub fn findings(tree: &Tree, rules: &[&Rule]) -> (Vec<Finding>, Option<String>) {
    let people: Vec<&str> = tree.people().map(|receiver| receiver.name.as_str()).collect();
    if people.is_empty() {
        let fix = "add to watchpost.yaml, for example: `alerting: {receivers: [{name: team, type: webhook, url: \"https://…\"}]}`, then: watchpost up";
        let finding = Finding::note("receivers", "alerts", "reach nobody: no receiver is configured").fix(fix);
        return (vec![finding], None);
    }
    let mut findings = Vec::new();
    let mut paths = Vec::new();
    for (severity, needed) in SEVERITIES {
        let of: Vec<&Rule> = rules.iter().copied().filter(|rule| severity_of(rule) == Some(severity)).collect();
        if of.is_empty() {
            continue;
        }
        let told: Vec<Vec<&str>> = of.iter().map(|rule| tree.told(&labels(rule))).collect();
        paths.push(format!("{severity} → {}", most(&told)));
        let lost: Vec<&str> =
            of.iter().zip(&told).filter(|(_, told)| told.is_empty()).map(|(r, _)| r.name.as_str()).collect();
        if needed && !lost.is_empty() {
            findings.push(lost_severity(severity, of.len(), &lost, &people));
        }
    }
    findings.extend(tree.nodes().iter().filter_map(|node| dead(tree, node, rules)));
    findings.extend(tree.nodes().iter().flat_map(shadowed));
    findings.extend(forgotten(tree));
    if !findings.iter().any(Finding::is_broken) {
        findings.push(Finding::ok("routes", "routes"));
    }
    (findings, (!paths.is_empty()).then(|| paths.join(", ")))
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

/// The receivers of most of them.
fn most(told: &[Vec<&str>]) -> String {
    let mut counts: BTreeMap<&[&str], usize> = BTreeMap::new();
    for receivers in told {
        *counts.entry(receivers).or_default() += 1;
    }
    match counts.into_iter().max_by_key(|(_, count)| *count).map(|(receivers, _)| receivers) {
        Some([]) | None => "nobody".into(),
        Some(receivers) => receivers.join(" and "),
    }
}

fn lost_severity(severity: &str, all: usize, lost: &[&str], people: &[&str]) -> Finding {
    let id = format!("route:severity={severity}");
    let what = if lost.len() == all {
        "reach nobody".to_owned()
    } else {
        format!("reach somebody only in part: {} of {all} rules reach nobody", lost.len())
    };
    let examples = lost.iter().take(EXAMPLES).copied().collect::<Vec<_>>().join(", ");
    let more = if lost.len() > EXAMPLES { format!(" and {} more", lost.len() - EXAMPLES) } else { String::new() };
    Finding::broken(id, format!("{severity} alerts"), what)
        .why(format!("no route leads to a receiver for {examples}{more}"))
        .fix(format!(
            "add `- {{match: {{severity: {severity}}}, to: {}}}` to `alerting.routes` in watchpost.yaml, then: watchpost up",
            people.first().copied().unwrap_or_default()
        ))
}

/// A route to somebody that no rule's alerts can take.
fn dead(tree: &Tree, node: &Hit<'_>, rules: &[&Rule]) -> Option<Finding> {
    let tells = tree.receiver(&node.route.receiver).is_some_and(|receiver| !receiver.is_nobody());
    let conditions: Vec<&Matcher> = node.path.iter().flat_map(|route| &route.matchers).collect();
    if !tells || node.route.matchers.is_empty() || rules.iter().any(|rule| conditions.iter().all(|m| may_hold(m, rule)))
    {
        return None;
    }
    let condition = node.route.condition();
    let finding =
        Finding::broken(format!("route:{condition}"), format!("the route {condition}"), "is taken by no alert");
    let impossible = node.route.matchers.iter().find(|matcher| !rules.iter().any(|rule| may_hold(matcher, rule)));
    let Some(matcher) = impossible else {
        return Some(finding.why("no rule has all of these labels").fix(in_the_spec("correct the route")));
    };
    let known: BTreeSet<&str> = rules.iter().filter_map(|rule| value(&matcher.label, rule)).collect();
    let finding = finding.why(format!("no rule has {matcher}"));
    let guess = did_you_mean(&matcher.value, known.iter().copied()).filter(|_| matcher.kind == MatchKind::Equal);
    Some(match guess {
        Some(guess) => finding
            .why(format!("did you mean `{guess}`?"))
            .fix(in_the_spec(&format!("write `{}: {guess}` instead of `{}`", matcher.label, matcher.value))),
        None => {
            let some = known.iter().take(8).copied().collect::<Vec<_>>().join(", ");
            finding.fix(in_the_spec(&format!("write a {} that rules have, such as {some},", matcher.label)))
        }
    })
}

fn in_the_spec(what: &str) -> String {
    format!("{what} in `alerting.routes` of watchpost.yaml, then: watchpost up")
}

/// The value that the rule itself fixes; `None` when a series or a template may bring it.
fn value<'a>(label: &str, rule: &'a Rule) -> Option<&'a str> {
    match label {
        "alertname" => Some(&rule.name),
        _ => rule.labels.get(label).map(String::as_str).filter(|value| !value.contains("{{")),
    }
}

/// Could an alert of the rule meet this condition?
fn may_hold(matcher: &Matcher, rule: &Rule) -> bool {
    match value(&matcher.label, rule) {
        Some(value) => matcher.holds(value),
        // A severity comes from the rule alone; all other labels may come with the series.
        None => matcher.label != "severity" || rule.labels.contains_key("severity") || matcher.holds(""),
    }
}

/// Routes behind one that takes everything and does not go on.
fn shadowed(node: &Hit<'_>) -> Vec<Finding> {
    let routes = &node.route.routes;
    let Some(at) = routes.iter().position(|route| route.matchers.is_empty() && !route.continues) else {
        return Vec::new();
    };
    let (taker, behind) = (&routes[at], &routes[at + 1..]);
    let finding = |condition: String| {
        Finding::broken(format!("route:{condition}"), format!("the route {condition}"), "is never asked")
            .why(format!("the route to `{}` before it takes everything", taker.receiver))
            .fix(in_the_spec(&format!(
                "move `- {{to: {}}}` to the end, or add `continue: true` to it,",
                taker.receiver
            )))
    };
    behind.iter().map(|route| finding(route.condition())).collect()
}

/// Receivers that are there and that no route names.
fn forgotten(tree: &Tree) -> Vec<Finding> {
    let named: BTreeSet<&str> = tree.nodes().iter().map(|node| node.route.receiver.as_str()).collect();
    let forgotten = tree.people().filter(|receiver| !named.contains(receiver.name.as_str()));
    forgotten
        .map(|receiver| {
            let fix = format!("add a route `to: {}`, or remove the receiver,", receiver.name);
            Finding::note(
                format!("unrouted:{}", receiver.name),
                receiver.name.as_str(),
                "is a receiver that no route leads to",
            )
            .fix(in_the_spec(&fix))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::verify::report::Verdict;

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
        let (findings, remark) = findings(&Tree::of(&config).expect("a tree"), &rules.iter().collect::<Vec<_>>());
        let told = findings.iter().filter(|f| f.verdict != Verdict::Ok);
        (told.map(|f| format!("{} {} | {} | {}", f.subject, f.what, f.why.join("; "), f.fix_text())).collect(), remark)
    }

    #[test]
    fn routes_that_reach_everybody_are_said_by_severity() {
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
    fn a_misspelt_route_is_named_with_what_was_meant_and_who_is_lost() {
        let (findings, remark) = found(
            json!([{"receiver": "oncall", "matchers": ["severity=\"critcal\""]}, {"receiver": "chat", "matchers": ["severity=\"warning\""]}]),
            "nobody",
        );
        insta::assert_snapshot!(findings.join("\n"), @r#"
        critical alerts reach nobody | no route leads to a receiver for HostDown, DiskFull | add `- {match: {severity: critical}, to: oncall}` to `alerting.routes` in watchpost.yaml, then: watchpost up
        the route severity="critcal" is taken by no alert | no rule has severity="critcal"; did you mean `critical`? | write `severity: critical` instead of `critcal` in `alerting.routes` of watchpost.yaml, then: watchpost up
        "#);
        assert_eq!(remark.as_deref(), Some("critical → nobody, warning → chat, info → nobody"));
    }

    #[test]
    fn a_route_behind_one_that_takes_everything_is_never_asked() {
        let (findings, _) = found(
            json!([{"receiver": "chat"}, {"receiver": "oncall", "matchers": ["severity=\"critical\""]}]),
            "nobody",
        );
        insta::assert_snapshot!(findings.join("\n"), @r#"the route severity="critical" is never asked | the route to `chat` before it takes everything | move `- {to: chat}` to the end, or add `continue: true` to it, in `alerting.routes` of watchpost.yaml, then: watchpost up"#);
    }

    #[test]
    fn labels_that_a_series_may_bring_are_no_fault() {
        let (findings, _) = found(json!([{"receiver": "oncall", "match": {"team": "web"}}]), "chat");
        assert_eq!(findings, Vec::<String>::new());
    }
}

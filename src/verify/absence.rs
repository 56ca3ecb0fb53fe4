//! Why a metric does not exist: its target is down, this host has nothing of the kind, or the catalog does not know it.
//!
//! The finding of a down target is then the cause, and the missing metric follows from it. A manifest's `sometimes` and
//! the recorded samples say what is normal on some hosts. Only a metric that nobody knows is broken.

use crate::clients::prometheus::Rule;
use crate::promql::{MatchKind, Query, Selector};
use crate::verify::snapshot::Snapshot;

/// Recorded metrics may use recorded metrics; a circle ends here.
const DEPTH: usize = 4;

/// Why nothing matches a selector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Absence {
    /// The broken target that would export it: the finding's id.
    TargetDown(String),
    /// The catalog knows it, and this host or these settings do not have it; in words.
    Expected(String),
    /// No target has it, and the catalog does not know it; in words.
    Unknown(String),
}

/// Why the selector matches nothing now.
pub fn explain(selector: &Selector, snapshot: &Snapshot<'_>) -> Absence {
    explain_to(selector, snapshot, DEPTH)
}

fn explain_to(selector: &Selector, snapshot: &Snapshot<'_>, depth: usize) -> Absence {
    let metric = selector.metric.as_str();
    let known_metrics = &snapshot.known_metrics;
    let named = |name: &str| selector.matchers.iter().find(|m| m.label == name && m.kind == MatchKind::Equal);
    let job = named("job").map(|matcher| matcher.value.as_str()).or(known_metrics.job(metric));
    if let Some(down) = snapshot.down.iter().find(|down| job == Some(down.job.as_str())) {
        return Absence::TargetDown(down.id.clone());
    }
    if let Some(rule) = recording_rule(snapshot, metric).filter(|_| depth > 0) {
        return not_recorded(rule, snapshot, depth - 1);
    }
    if snapshot.has(metric) {
        return no_match(selector, snapshot);
    }
    if let Some(why) = known_metrics.reason(metric) {
        return Absence::Expected(why.to_owned());
    }
    match known_metrics.job(metric) {
        Some(job) if !has_target(snapshot, job) => {
            Absence::Expected(format!("no target of the job `{job}` in this stack"))
        }
        Some(_) => Absence::Expected("this host has nothing of the kind, or the exporter does not look at it".into()),
        None if metric.is_empty() => Absence::Unknown(format!("nothing matches {}", selector.text)),
        None => Absence::Unknown(format!("no target has `{metric}`")),
    }
}

fn has_target(snapshot: &Snapshot<'_>, job: &str) -> bool {
    snapshot.targets.iter().flatten().any(|target| target.label("job") == job)
}

fn recording_rule<'f>(snapshot: &'f Snapshot<'_>, metric: &str) -> Option<&'f Rule> {
    let mut rules = snapshot.groups.iter().flatten().flat_map(|group| &group.rules);
    rules.find(|rule| !rule.is_alert() && rule.name == metric)
}

/// A rule records nothing when one of the metrics it uses does not exist.
fn not_recorded(rule: &Rule, snapshot: &Snapshot<'_>, depth: usize) -> Absence {
    let selectors = Query::parse(&rule.query).map(|query| query.selectors()).unwrap_or_default();
    match selectors.iter().find(|selector| !snapshot.has(&selector.metric)) {
        Some(selector) => explain_to(selector, snapshot, depth),
        None => Absence::Expected(format!("the rule `{}` has recorded nothing yet", rule.name)),
    }
}

/// The metric exists, but no series of it matches.
fn no_match(selector: &Selector, snapshot: &Snapshot<'_>) -> Absence {
    let metric = &selector.metric;
    for matcher in &selector.matchers {
        // These two come from the scrape, not from the exporter.
        let scraped = ["job", "instance"].contains(&matcher.label.as_str());
        if !scraped && !snapshot.known_metrics.has_label(metric, &matcher.label) {
            return Absence::Unknown(format!("`{metric}` has no label `{}` here", matcher.label));
        }
    }
    Absence::Expected(format!("no series of `{metric}` matches now"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::catalog::Catalog;
    use crate::verify::snapshot::Down;

    fn explained(expr: &str, change: impl FnOnce(&mut Snapshot<'_>)) -> Absence {
        let catalog = Catalog::embedded().expect("the catalog");
        let mut snapshot = Snapshot::empty(&catalog);
        snapshot.names = Ok(["node_load1".to_owned(), "node_cpu_seconds_total".to_owned()].into());
        change(&mut snapshot);
        let selectors = Query::parse(expr).expect("PromQL").selectors();
        explain(selectors.first().expect("a selector"), &snapshot)
    }

    fn recording(name: &str, expr: &str) -> serde_json::Value {
        json!({"name": name, "query": expr, "type": "recording", "health": "ok"})
    }

    fn rules(snapshot: &mut Snapshot<'_>, rules: &[serde_json::Value]) {
        let group = json!({"name": "g", "file": "f", "interval": 15, "lastEvaluation": "", "rules": rules});
        snapshot.groups = Ok(vec![serde_json::from_value(group).expect("a group")]);
    }

    #[test]
    fn a_metric_of_a_target_that_is_down_leads_to_that_target() {
        let down = |snapshot: &mut Snapshot<'_>| {
            snapshot.down = vec![Down { id: "target:node/x".into(), job: "node".into(), instance: "x".into() }];
        };
        assert_eq!(explained("node_load5", down), Absence::TargetDown("target:node/x".into()));
        assert_eq!(explained("no_such_thing{job=\"node\"}", down), Absence::TargetDown("target:node/x".into()));
        let other = explained("node_load5{job=\"other\"}", down);
        assert!(!matches!(other, Absence::TargetDown(_)), "{other:?}");
    }

    #[test]
    fn what_the_catalog_knows_is_expected_to_be_absent_and_the_rest_is_unknown() {
        let node = |snapshot: &mut Snapshot<'_>| {
            let target = json!({"labels": {"job": "node"}, "scrapePool": "node", "scrapeUrl": "", "lastScrape": "",
                "health": "up"});
            snapshot.targets = Ok(vec![serde_json::from_value(target).expect("a target")]);
        };
        let nothing = explained("node_load5", |_| {});
        assert_eq!(nothing, Absence::Expected("no target of the job `node` in this stack".into()));
        assert!(matches!(explained("node_load5", node), Absence::Expected(why) if why.starts_with("this host")));
        assert_eq!(explained("no_such_thing", node), Absence::Unknown("no target has `no_such_thing`".into()));
        let unnamed = explained("{no=\"name\"}", node);
        assert!(matches!(&unnamed, Absence::Unknown(why) if why.starts_with("nothing matches")), "{unnamed:?}");
    }

    #[test]
    fn a_label_that_the_metric_never_has_is_unknown_and_a_value_that_comes_and_goes_is_not() {
        let label = explained("node_load1{colour=\"red\"}", |_| {});
        assert_eq!(label, Absence::Unknown("`node_load1` has no label `colour` here".into()));
        let value = explained("node_cpu_seconds_total{mode=\"rare\", job=\"node\"}", |_| {});
        assert_eq!(value, Absence::Expected("no series of `node_cpu_seconds_total` matches now".into()));
    }

    #[test]
    fn a_recorded_metric_is_absent_for_the_reason_of_what_it_records_and_a_circle_ends() {
        let chain = |snapshot: &mut Snapshot<'_>| {
            rules(snapshot, &[recording("a:b", "c:d"), recording("c:d", "no_such_thing")]);
        };
        assert_eq!(explained("a:b", chain), Absence::Unknown("no target has `no_such_thing`".into()));
        let soon = |snapshot: &mut Snapshot<'_>| rules(snapshot, &[recording("a:b", "node_load1")]);
        assert_eq!(explained("a:b", soon), Absence::Expected("the rule `a:b` has recorded nothing yet".into()));
        let circle = |snapshot: &mut Snapshot<'_>| rules(snapshot, &[recording("a:b", "c:d"), recording("c:d", "a:b")]);
        assert!(matches!(explained("a:b", circle), Absence::Unknown(_)));
    }
}

//! Why a metric is not there: its target is down, this host has nothing of the kind, or nobody knows it.

use crate::clients::prometheus::Rule;
use crate::promql::{MatchKind, Query, Selector};
use crate::verify::snapshot::{Down, Snapshot};

/// Recorded metrics may rest on recorded metrics; a circle ends here.
const DEPTH: usize = 4;

/// Why something that is asked for is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Absence {
    /// The broken target that would bring it: the finding's id.
    TargetDown(String),
    /// Known to the catalog, and not on this host or with these settings; in words.
    Expected(String),
    /// No target has it, and the catalog does not know it; in words.
    Unknown(String),
}

/// Why the selector yields nothing now.
pub fn explain(selector: &Selector, snapshot: &Snapshot<'_>) -> Absence {
    explain_to(selector, snapshot, DEPTH)
}

fn explain_to(selector: &Selector, snapshot: &Snapshot<'_>, depth: usize) -> Absence {
    let metric = selector.metric.as_str();
    let known_metrics = &snapshot.known_metrics;
    let by_matcher =
        selector.matchers.iter().find(|m| m.label == "job" && m.kind == MatchKind::Equal).map(|m| m.value.as_str());
    let job = by_matcher.or(known_metrics.job(metric));
    let same = |down: &&Down| job == Some(down.job.as_str());
    if let Some(down) = snapshot.down.iter().find(same) {
        return Absence::TargetDown(down.id.clone());
    }
    if let Some(rule) = recording(snapshot, metric).filter(|_| depth > 0) {
        return recorded(rule, snapshot, depth - 1);
    }
    if snapshot.has(metric) {
        return label(selector, snapshot);
    }
    if let Some(why) = known_metrics.reason(metric) {
        return Absence::Expected(why.to_owned());
    }
    let scraped =
        |job: &str| snapshot.targets.as_ref().is_ok_and(|all| all.iter().any(|target| target.label("job") == job));
    match known_metrics.job(metric) {
        Some(job) if !scraped(job) => Absence::Expected(format!("no target of the job `{job}` in this stack")),
        Some(_) => Absence::Expected("this host has nothing of the kind, or the exporter does not look at it".into()),
        None if metric.is_empty() => Absence::Unknown(format!("nothing matches {}", selector.text)),
        None => Absence::Unknown(format!("no target has `{metric}`")),
    }
}

fn recording<'f>(snapshot: &'f Snapshot<'_>, metric: &str) -> Option<&'f Rule> {
    let rules = snapshot.groups.iter().flatten().flat_map(|group| &group.rules);
    rules.into_iter().find(|rule| !rule.is_alert() && rule.name == metric)
}

/// A rule that records nothing: for want of what it asks for.
fn recorded(rule: &Rule, snapshot: &Snapshot<'_>, depth: usize) -> Absence {
    let selectors = Query::parse(&rule.query).map(|query| query.selectors()).unwrap_or_default();
    let absent = selectors.iter().find(|selector| !snapshot.has(&selector.metric));
    absent.map_or_else(
        || Absence::Expected(format!("the rule `{}` has recorded nothing yet", rule.name)),
        |selector| explain_to(selector, snapshot, depth),
    )
}

/// The metric is there, and nothing of it matches.
fn label(selector: &Selector, snapshot: &Snapshot<'_>) -> Absence {
    let metric = &selector.metric;
    let scraped = ["job", "instance"];
    let unknown = selector.matchers.iter().find(|matcher| {
        !scraped.contains(&matcher.label.as_str()) && !snapshot.known_metrics.has_label(metric, &matcher.label)
    });
    match unknown {
        Some(matcher) => Absence::Unknown(format!("`{metric}` has no label `{}` here", matcher.label)),
        None => Absence::Expected(format!("nothing of `{metric}` matches just now")),
    }
}

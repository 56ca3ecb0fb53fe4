//! Why a metric is not there: its target is down, this host has nothing of the kind, or nobody knows it.

use crate::clients::prometheus::Rule;
use crate::promql::{MatchKind, Query, Selector};
use crate::verify::facts::{Down, Facts};

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
pub fn explain(selector: &Selector, facts: &Facts<'_>) -> Absence {
    explain_to(selector, facts, DEPTH)
}

fn explain_to(selector: &Selector, facts: &Facts<'_>, depth: usize) -> Absence {
    let metric = selector.metric.as_str();
    let knowledge = &facts.knowledge;
    let by_matcher =
        selector.matchers.iter().find(|m| m.label == "job" && m.kind == MatchKind::Equal).map(|m| m.value.as_str());
    let job = by_matcher.or(knowledge.job(metric));
    let same = |down: &&Down| job == Some(down.job.as_str());
    if let Some(down) = facts.down.iter().find(same) {
        return Absence::TargetDown(down.id.clone());
    }
    if let Some(rule) = recording(facts, metric).filter(|_| depth > 0) {
        return recorded(rule, facts, depth - 1);
    }
    if facts.has(metric) {
        return label(selector, facts);
    }
    if let Some(why) = knowledge.reason(metric) {
        return Absence::Expected(why.to_owned());
    }
    let scraped =
        |job: &str| facts.targets.as_ref().is_ok_and(|all| all.iter().any(|target| target.label("job") == job));
    match knowledge.job(metric) {
        Some(job) if !scraped(job) => Absence::Expected(format!("no target of the job `{job}` in this stack")),
        Some(_) => Absence::Expected("this host has nothing of the kind, or the exporter does not look at it".into()),
        None if metric.is_empty() => Absence::Unknown(format!("nothing matches {}", selector.text)),
        None => Absence::Unknown(format!("no target has `{metric}`")),
    }
}

fn recording<'f>(facts: &'f Facts<'_>, metric: &str) -> Option<&'f Rule> {
    let rules = facts.groups.iter().flatten().flat_map(|group| &group.rules);
    rules.into_iter().find(|rule| !rule.is_alert() && rule.name == metric)
}

/// A rule that records nothing: for want of what it asks for.
fn recorded(rule: &Rule, facts: &Facts<'_>, depth: usize) -> Absence {
    let selectors = Query::parse(&rule.query).map(|query| query.selectors()).unwrap_or_default();
    let absent = selectors.iter().find(|selector| !facts.has(&selector.metric));
    absent.map_or_else(
        || Absence::Expected(format!("the rule `{}` has recorded nothing yet", rule.name)),
        |selector| explain_to(selector, facts, depth),
    )
}

/// The metric is there, and nothing of it matches.
fn label(selector: &Selector, facts: &Facts<'_>) -> Absence {
    let metric = &selector.metric;
    let scraped = ["job", "instance"];
    let unknown = selector.matchers.iter().find(|matcher| {
        !scraped.contains(&matcher.label.as_str()) && !facts.knowledge.has_label(metric, &matcher.label)
    });
    match unknown {
        Some(matcher) => Absence::Unknown(format!("`{metric}` has no label `{}` here", matcher.label)),
        None => Absence::Expected(format!("nothing of `{metric}` matches just now")),
    }
}

//! Why nothing matches a selector: one judgement for rules and for panels.
//!
//! In this order: its target is down; it is too early; this host, this stack or its settings have nothing of the kind;
//! or the selector is wrong. Only the last is broken by itself. What a manifest's `sometimes` and `collectors` and the
//! recorded samples say is normal somewhere. A down target has a finding of its own, from which this one follows.

mod jobs;

use std::collections::BTreeSet;

use crate::clients::prometheus::{Group, Rule, Target};
use crate::clients::series::{Missing, OF_ALERTS, Series};
use crate::promql::{self, MatchKind, Query, Selector};
use crate::units::{format_span, parse_duration};
use crate::verify::snapshot::Snapshot;

pub use jobs::{impossible_value, of as jobs_of};

/// Recorded metrics may use recorded metrics; a circle ends here.
const DEPTH: usize = 4;
/// What Prometheus writes itself with each scrape begins with this, or is `up`.
const OF_SCRAPES: &str = "scrape_";
/// An evaluation may come this much later than its interval says, in seconds.
const SLACK: f64 = 10.0;

/// Why nothing matches a selector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Absence {
    /// The broken target that would export it: the finding's id.
    TargetDown(String),
    /// It is too early to say; in words, with when it can be: `the first evaluation of `g` comes within 10 min`.
    NotYet(String),
    /// The catalog knows it, and this host, this stack or its settings do not have it; in words.
    Expected(String),
    /// Nothing can ever match it here.
    Mistake(Mistake),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    pub lack: Lack,
    /// In words, and equal for all selectors that have it: `no target has `x``. The cause of a finding.
    pub cause: String,
    /// What may have been meant instead.
    pub guess: Option<String>,
}

/// What does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lack {
    Metric(String),
    Label {
        metric: String,
        label: String,
    },
    /// No series ever has this value of the label.
    Value {
        label: String,
        value: String,
    },
    /// A selector without a metric's name, in full.
    Series(String),
}

impl Mistake {
    /// What to do, for an edit: `correct `x`: did you mean `y`?`
    pub fn correction(&self) -> String {
        let what = match &self.lack {
            Lack::Metric(metric) => format!("correct `{metric}`"),
            Lack::Label { metric, label } => format!("correct the label `{label}` of `{metric}`"),
            Lack::Value { label, value } => format!("correct `{value}`, the value of `{label}`"),
            Lack::Series(text) => format!("correct {text}"),
        };
        match &self.guess {
            Some(guess) => format!("{what}: did you mean `{guess}`?"),
            None => what,
        }
    }
}

/// Why the selector matches nothing now. `series`: what was asked about it; what was not asked is not judged.
pub fn explain(selector: &Selector, snapshot: &Snapshot<'_>, series: &Series) -> Absence {
    explain_to(selector, snapshot, series, DEPTH)
}

fn explain_to(selector: &Selector, snapshot: &Snapshot<'_>, series: &Series, depth: usize) -> Absence {
    let metric = selector.metric.as_str();
    if OF_ALERTS.contains(&metric) {
        return Absence::Expected("no alert is pending or firing".into());
    }
    let known = &snapshot.known_metrics;
    let recording = snapshot.recording(metric);
    let named = selector.matchers.iter().find(|matcher| matcher.label == "job" && matcher.kind == MatchKind::Equal);
    let job = named.map(|matcher| matcher.value.as_str());
    let job = job.or(known.job(metric).filter(|_| recording.is_none()));
    if let Some(down) = snapshot.down.iter().find(|down| job == Some(down.job.as_str())) {
        return Absence::TargetDown(down.id.clone());
    }
    if let Some(waiting) = unscraped(snapshot, job).next().filter(|_| recording.is_none()) {
        return Absence::NotYet(first_scrape(waiting));
    }
    if let Some(value) = impossible_value(selector, snapshot) {
        return value;
    }
    if let Some((group, rule)) = recording.filter(|_| depth > 0 && !snapshot.has(metric)) {
        return not_recorded(group, rule, snapshot, series, depth - 1);
    }
    if metric.is_empty() {
        return mistake(Lack::Series(selector.text.clone()), format!("nothing matches {}", selector.text), None);
    }
    if snapshot.has(metric) {
        return no_match(selector, snapshot, series);
    }
    absent(metric, job, snapshot)
}

fn mistake(lack: Lack, cause: String, guess: Option<&str>) -> Absence {
    Absence::Mistake(Mistake { lack, cause, guess: guess.map(str::to_owned) })
}

/// Targets of the job, or of all jobs, that were never scraped.
fn unscraped<'s>(snapshot: &'s Snapshot<'_>, job: Option<&'s str>) -> impl Iterator<Item = &'s Target> {
    let targets = snapshot.targets.iter().flatten().filter(|target| target.health == "unknown");
    targets.filter(move |target| job.is_none_or(|job| target.label("job") == job))
}

fn first_scrape(target: &Target) -> String {
    match parse_duration(&target.scrape_interval) {
        Some(interval) => format!("{} is scraped for the first time within {}", target.name(), format_span(interval)),
        None => format!("{} was not scraped yet", target.name()),
    }
}

/// Within what time the first evaluation of the group comes, in words.
pub fn first_evaluation(group: &Group, snapshot: &Snapshot<'_>) -> String {
    let left = group.interval - snapshot.configured_ago;
    let within = if left > 0.0 { left.ceil() } else { group.interval };
    format!("the first evaluation of `{}` comes within {}", group.name, format_span(within))
}

/// A rule records nothing when it was not evaluated, or when one of the metrics it uses does not exist.
fn not_recorded(group: &Group, rule: &Rule, snapshot: &Snapshot<'_>, series: &Series, depth: usize) -> Absence {
    if rule.health == "unknown" {
        return Absence::NotYet(first_evaluation(group, snapshot));
    }
    let selectors = Query::parse(&rule.query).map(|query| query.selectors()).unwrap_or_default();
    if let Some(selector) = selectors.iter().find(|selector| !snapshot.has(&selector.metric)) {
        return explain_to(selector, snapshot, series, depth);
    }
    let inputs = selectors.iter().filter_map(|selector| interval(selector, snapshot, series)).fold(0.0, f64::max);
    // Two scrapes for a rate, and an evaluation after them.
    let takes = 2.0 * (inputs + group.interval) + SLACK;
    if snapshot.configured_ago < takes {
        let left = format_span((takes - snapshot.configured_ago).ceil());
        return Absence::NotYet(format!("the rule `{}` has recorded nothing yet: it takes up to {left}", rule.name));
    }
    Absence::Expected(format!("the rule `{}` records nothing now", rule.name))
}

/// Seconds between two samples of a selector's series, where that is known; of several jobs the fastest counts.
pub fn interval(selector: &Selector, snapshot: &Snapshot<'_>, series: &Series) -> Option<f64> {
    if let Some((group, _)) = snapshot.recording(&selector.metric) {
        return Some(group.interval);
    }
    if OF_ALERTS.contains(&selector.metric.as_str()) {
        return None;
    }
    let jobs = jobs::of(selector, snapshot, series);
    let intervals = jobs.into_iter().map(|job| snapshot.interval_of(job));
    // One job of which nothing is known may be faster.
    intervals.collect::<Option<Vec<f64>>>()?.into_iter().reduce(f64::min)
}

/// No target has the metric.
fn absent(metric: &str, job: Option<&str>, snapshot: &Snapshot<'_>) -> Absence {
    let known = &snapshot.known_metrics;
    if metric == "up" || metric.starts_with(OF_SCRAPES) {
        return Absence::NotYet("nothing was scraped yet".into());
    }
    let scraped = |job: &str| snapshot.targets_of(job).next().is_some();
    let component = known.component(metric);
    if let Some(component) = component.filter(|component| !snapshot.has_component(component))
        && !known.job_of(component).or(job).is_some_and(scraped)
    {
        return Absence::Expected(format!("the component {component} is not part of this stack"));
    }
    if let Some(why) = known.reason(metric, &snapshot.services) {
        return Absence::Expected(why);
    }
    match known.job(metric) {
        Some(job) if !scraped(job) => {
            return Absence::Expected(format!("no target of the job `{job}` in this stack"));
        }
        Some(_) => {
            return Absence::Expected("this host has nothing of the kind, or the exporter does not look at it".into());
        }
        None => {}
    }
    if let Some(waiting) = stranger_down(metric, snapshot) {
        return Absence::NotYet(waiting);
    }
    let none = BTreeSet::new();
    let names = snapshot.names.as_ref().unwrap_or(&none);
    let cause = match metric.contains(':') {
        true => format!("no rule records `{metric}`, and no target has it"),
        false => format!("no target has `{metric}`"),
    };
    mistake(Lack::Metric(metric.to_owned()), cause, promql::meant(metric, names))
}

/// A target that is down, of which the catalog knows nothing: it may have a metric whose family no other target has.
fn stranger_down(metric: &str, snapshot: &Snapshot<'_>) -> Option<String> {
    let family = promql::family(metric);
    let names = snapshot.names.as_ref().ok()?;
    if metric.contains(':')
        || names.range(family.to_owned()..).next().is_some_and(|name| promql::family(name) == family)
    {
        return None;
    }
    let down =
        snapshot.down.iter().find(|down| snapshot.known_metrics.component_with_job(|job| job == down.job).is_none())?;
    Some(format!("the target {}/{} is down, and its metrics are unknown", down.job, down.instance))
}

/// The metric exists, but no series of it matches.
fn no_match(selector: &Selector, snapshot: &Snapshot<'_>, series: &Series) -> Absence {
    let metric = &selector.metric;
    if let Some(Missing::Label(label)) = series.missing(selector) {
        let known = &snapshot.known_metrics;
        // These two come from the scrape, not from the exporter.
        let scraped = ["job", "instance"].contains(&label.as_str());
        if !scraped && !known.has_label(metric, &label) {
            let cause = format!("no series of `{metric}` has the label `{label}`");
            return mistake(Lack::Label { metric: metric.clone(), label }, cause, None);
        }
    }
    Absence::Expected(format!("no series of `{metric}` matches now"))
}

#[cfg(test)]
mod tests;

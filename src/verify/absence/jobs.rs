//! Which jobs a selector speaks of, and values of `job` and `instance` that no series can have.
//!
//! Both labels come from the deployed configuration, so that a value that is not written there never comes. Discovery,
//! relabeling and pushed metrics may bring others, and then nothing is certain. Other labels' values come and go.

use std::collections::BTreeSet;

use regex_lite::Regex;

use super::{Absence, Lack, OF_ALERTS, mistake};
use crate::clients::series::Series;
use crate::deployed::prometheus::Job;
use crate::error::did_you_mean;
use crate::promql::{Match, MatchKind, Selector};
use crate::verify::snapshot::Snapshot;

/// So many values are listed in a finding.
const LISTED: usize = 12;

/// The jobs whose targets may have the selector's series, as far as that is known.
pub fn of<'s>(selector: &'s Selector, snapshot: &'s Snapshot<'_>, series: &'s Series) -> BTreeSet<&'s str> {
    let matchers: Vec<&Match> = selector.matchers.iter().filter(|matcher| matcher.label == "job").collect();
    let mut jobs: BTreeSet<&str> = series.jobs(&selector.metric).collect();
    if jobs.is_empty() {
        jobs.extend(snapshot.known_metrics.job(&selector.metric));
    }
    if jobs.is_empty() {
        let equal = matchers.iter().filter(|matcher| matcher.kind == MatchKind::Equal);
        jobs.extend(equal.map(|matcher| matcher.value.as_str()));
    }
    let tests: Vec<_> = matchers.into_iter().map(test_of).collect();
    jobs.into_iter().filter(|job| tests.iter().all(|test| test(job))).collect()
}

/// Does a value satisfy the matcher? A pattern that is not understood may match anything.
fn test_of(matcher: &Match) -> Box<dyn Fn(&str) -> bool + '_> {
    let pattern = || Regex::new(&format!("^(?:{})$", matcher.value)).ok();
    match matcher.kind {
        MatchKind::Equal => Box::new(|value| matcher.value == value),
        MatchKind::NotEqual => Box::new(|value| matcher.value != value),
        MatchKind::Like => {
            let pattern = pattern();
            Box::new(move |value| pattern.as_ref().is_none_or(|pattern| pattern.is_match(value)))
        }
        MatchKind::NotLike => {
            let pattern = pattern();
            Box::new(move |value| pattern.as_ref().is_none_or(|pattern| !pattern.is_match(value)))
        }
    }
}

/// The matcher of the label that demands a value.
fn demanded<'s>(selector: &'s Selector, label: &str) -> Option<&'s Match> {
    let demands = |matcher: &&Match| {
        matcher.label == label && matches!(matcher.kind, MatchKind::Equal | MatchKind::Like) && !test_of(matcher)("")
    };
    selector.matchers.iter().find(demands)
}

/// Why no series can have the value that the selector demands of `job` or `instance`; `None`: one can.
pub fn impossible_value(selector: &Selector, snapshot: &Snapshot<'_>) -> Option<Absence> {
    let certain = !OF_ALERTS.contains(&selector.metric.as_str()) && !receives(snapshot);
    if !certain || relabeled(selector, snapshot) {
        return None;
    }
    impossible_job(selector, snapshot).or_else(|| impossible_instance(selector, snapshot))
}

/// May series come in that Prometheus does not scrape?
fn receives(snapshot: &Snapshot<'_>) -> bool {
    let prometheus = snapshot.services.first_of("prometheus");
    let command = prometheus.and_then(|(_, deployed)| deployed.service.command.as_deref()).unwrap_or_default();
    let receiver = |word: &String| word.starts_with("--web.enable-") && word.contains("-receiver");
    command.iter().any(receiver)
}

/// May a recording rule have given the series other labels than its targets have?
fn relabeled(selector: &Selector, snapshot: &Snapshot<'_>) -> bool {
    let recording = snapshot.recording(&selector.metric);
    recording.is_some_and(|(_, rule)| rule.query.contains("label_") || !rule.labels.is_empty())
}

fn impossible_job(selector: &Selector, snapshot: &Snapshot<'_>) -> Option<Absence> {
    let matcher = demanded(selector, "job")?;
    let fits = test_of(matcher);
    let configuration = &snapshot.configuration;
    let mut jobs: BTreeSet<&str> = configuration.jobs.iter().map(|job| job.name.as_str()).collect();
    if jobs.is_empty() || jobs.iter().any(|job| fits(job)) {
        return None;
    }
    jobs.extend(configuration.jobs.iter().flat_map(|job| &job.renamed).map(String::as_str));
    jobs.extend(snapshot.targets.iter().flatten().map(|target| target.label("job")));
    jobs.extend(snapshot.jobs_seen.iter().map(String::as_str));
    if jobs.iter().any(|job| fits(job)) {
        return None;
    }
    let value = &matcher.value;
    if let Some(component) = snapshot.known_metrics.component_with_job(&fits)
        && !snapshot.has_component(component)
    {
        return Some(Absence::Expected(format!("the component {component} is not part of this stack")));
    }
    if configuration.jobs.iter().any(|job| job.any_job) {
        return Some(Absence::Expected(format!("no series has the job `{value}` now")));
    }
    let guess = snapshot.known_metrics.job_of(value).filter(|job| jobs.contains(job));
    let guess = guess.or_else(|| did_you_mean(value, jobs.iter().copied()));
    let verb = if matcher.kind == MatchKind::Equal { "is called" } else { "matches" };
    let cause = format!("no job {verb} `{value}`; jobs: {}", listed(&jobs));
    Some(mistake(Lack::Value { label: "job".into(), value: value.clone() }, cause, guess))
}

fn impossible_instance(selector: &Selector, snapshot: &Snapshot<'_>) -> Option<Absence> {
    let matcher = demanded(selector, "instance")?;
    let of_job: Vec<&Match> = selector.matchers.iter().filter(|matcher| matcher.label == "job").collect();
    let tests: Vec<_> = of_job.into_iter().map(test_of).collect();
    let in_scope = |job: &str| tests.iter().all(|test| test(job));
    let fits = test_of(matcher);
    let jobs: Vec<&Job> = snapshot.configuration.jobs.iter().filter(|job| in_scope(&job.name)).collect();
    let discovered = |job: &Job| snapshot.targets.iter().flatten().any(|target| target.scrape_pool == job.name);
    if jobs.is_empty() || jobs.iter().any(|job| job.any_job || job.any_instance || !discovered(job)) {
        return None;
    }
    let targets = snapshot.targets.iter().flatten().filter(|target| in_scope(target.label("job")));
    let instances: BTreeSet<&str> = targets.map(|target| target.label("instance")).collect();
    if instances.is_empty() || instances.iter().any(|instance| fits(instance)) {
        return None;
    }
    let value = &matcher.value;
    let verb = if matcher.kind == MatchKind::Equal { "is" } else { "matches" };
    let cause = format!("no target's instance {verb} `{value}`; instances: {}", listed(&instances));
    let guess = did_you_mean(value, instances.iter().copied());
    Some(mistake(Lack::Value { label: "instance".into(), value: value.clone() }, cause, guess))
}

fn listed(values: &BTreeSet<&str>) -> String {
    let first: Vec<&str> = values.iter().take(LISTED).copied().collect();
    let more = values.len() - first.len();
    if more == 0 { first.join(", ") } else { format!("{} and {more} more", first.join(", ")) }
}

//! The wait for first scrapes and evaluations: as long as they can take, and no longer.
//!
//! What takes longer than `BOUND` is not waited for: with a scrape or evaluation every ten minutes, each verification
//! would wait in vain. The links then say what was not checked yet, and when it can be.
//!
//! Prometheus needs five seconds to find its targets after it starts, and announces nothing when it has. So it is asked
//! again until every rendered job exists, is scraped and is evaluated. A scrape counts when it is younger than its
//! target's container, and a failed one when the target still does not answer.

use std::time::{Duration, Instant};

use crate::clients::prometheus::{Group, Prometheus, Target};
use crate::deployed::freshness::Freshness;
use crate::deployed::prometheus::rendered_jobs;
use crate::deployed::stack::Stack;
use crate::event::{Event, Sink};
use crate::units::parse_duration;

/// Prometheus announces nothing: it is asked again after this.
const PAUSE: Duration = Duration::from_millis(200);
/// What an answer may take beyond intervals and time-outs, in seconds.
const SLACK: f64 = 2.0;
/// Prometheus hands new targets to its scrapers every five seconds.
/// <https://github.com/prometheus/prometheus/blob/main/discovery/manager.go>
const DISCOVERY: f64 = 5.0;
/// Nothing is waited for that takes longer than this, in seconds: a scrape every minute with a time-out of ten seconds,
/// and discovery before it.
const BOUND: f64 = 75.0;
/// Prometheus's own interval, for a target that does not report one.
const INTERVAL: f64 = 60.0;

/// Returns when every job exists, every target was scraped and every group evaluated once, or when that has had its
/// time; yields which scrapes are still older than what they speak of.
pub async fn settle(stack: &Stack, patience: Duration, sink: Sink<'_>) -> Freshness {
    let mut freshness = Freshness::look(stack).await;
    scrapes(stack, &mut freshness, patience, sink).await;
    freshness
}

async fn scrapes(stack: &Stack, freshness: &mut Freshness, patience: Duration, sink: Sink<'_>) {
    let Some(prometheus) = stack.prometheus().await else { return };
    let jobs = rendered_jobs(stack).await;
    let began = Instant::now();
    let mut announced = String::new();
    // Each kind of waiting has its time from when it begins: targets are scraped after they are discovered.
    let mut deadline = began;
    loop {
        let Some(waiting) = ask(stack, &prometheus, &jobs, freshness).await else { return };
        if waiting.kind() != announced {
            announced = waiting.kind();
            let step = Instant::now() + Duration::from_secs_f64(waiting.takes + SLACK);
            deadline = deadline.max(step).min(began + patience);
            sink(Event::ProofWaiting { what: waiting.what });
        }
        if Instant::now() >= deadline {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// `None`: nothing to wait for, or Prometheus does not answer.
async fn ask(
    stack: &Stack,
    prometheus: &Prometheus<'_>,
    jobs: &[String],
    freshness: &mut Freshness,
) -> Option<Waiting> {
    let (targets, groups) = tokio::join!(prometheus.targets(), prometheus.rules());
    let (targets, groups) = (targets.ok()?, groups.ok()?);
    let age = prometheus.configured_ago().await.unwrap_or(f64::INFINITY);
    freshness.ask(stack, &targets).await;
    outstanding(&targets, &groups, jobs, age, freshness)
}

/// What has not happened once.
#[derive(Debug, Clone, PartialEq)]
struct Waiting {
    /// `a scrape of 3 targets`
    what: String,
    /// How many seconds it can take.
    takes: f64,
}

impl Waiting {
    /// The same for fewer targets is no news.
    fn kind(&self) -> String {
        self.what.replace(|c: char| c.is_ascii_digit(), "")
    }
}

/// What is waited for: `jobs` are those of the deployed configuration, which is in force for `age` seconds.
fn outstanding(
    targets: &[Target],
    groups: &[Group],
    jobs: &[String],
    age: f64,
    freshness: &Freshness,
) -> Option<Waiting> {
    let discovered = |job: &String| targets.iter().any(|target| target.scrape_pool == *job);
    if age < DISCOVERY + SLACK && !jobs.iter().all(discovered) {
        return Some(Waiting { what: "Prometheus to find its targets".into(), takes: DISCOVERY });
    }
    let mut what = Vec::new();
    let mut takes: f64 = 0.0;
    let near = |seconds: &f64| *seconds <= BOUND;
    let mut unscraped = Vec::new();
    for target in targets {
        if let Some(seconds) = scrape_takes(target, age, freshness).filter(near) {
            takes = takes.max(seconds);
            unscraped.push(target);
        }
    }
    match unscraped.as_slice() {
        [] => {}
        [target] => what.push(format!("a scrape of {}", target.name())),
        many => what.push(format!("a scrape of {} targets", many.len())),
    }
    let mut unevaluated = Vec::new();
    for group in groups {
        if let Some(seconds) = evaluation_takes(group, age).filter(near) {
            takes = takes.max(seconds);
            unevaluated.push(group);
        }
    }
    match unevaluated.as_slice() {
        [] => {}
        [group] => what.push(format!("the first evaluation of {}", group.name)),
        many => what.push(format!("the first evaluation of {} rule groups", many.len())),
    }
    (!what.is_empty()).then(|| Waiting { what: what.join(" and "), takes })
}

/// Seconds until the scrape that counts, at most; `None`: it was.
fn scrape_takes(target: &Target, age: f64, freshness: &Freshness) -> Option<f64> {
    (awaits_scrape(target, age) || freshness.awaits(target))
        .then(|| seconds(&target.scrape_interval) + seconds(&target.scrape_timeout))
}

/// Seconds until the group's first evaluation, at most; `None`: it was. Prometheus spreads the first ones over an interval
/// after it loaded the rules.
fn evaluation_takes(group: &Group, age: f64) -> Option<f64> {
    let unknown = group.rules.iter().any(|rule| rule.health == "unknown");
    let left = group.interval - age;
    unknown.then_some(if left > 0.0 { left } else { group.interval })
}

/// The first scrape may have come before the target was ready for it: then the second one counts.
fn awaits_scrape(target: &Target, age: f64) -> bool {
    let second = DISCOVERY + 2.0 * seconds(&target.scrape_interval) + seconds(&target.scrape_timeout);
    target.health == "unknown" || target.health == "down" && age < second
}

fn seconds(duration: &str) -> f64 {
    parse_duration(duration).unwrap_or(INTERVAL)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn target(job: &str, health: &str) -> Target {
        serde_json::from_value(json!({
            "labels": {"job": job, "instance": "i"}, "scrapePool": job, "scrapeUrl": "http://i/metrics",
            "lastScrape": "", "health": health, "scrapeInterval": "15s", "scrapeTimeout": "10s",
        }))
        .expect("a target")
    }

    fn group(name: &str, health: &str) -> Group {
        let rule = json!({"name": "A", "query": "up", "type": "alerting", "health": health});
        let group = json!({"name": name, "file": "f", "interval": 30, "lastEvaluation": "", "rules": [rule]});
        serde_json::from_value(group).expect("a group")
    }

    fn waits(targets: &[Target], groups: &[Group], jobs: &[&str], age: f64) -> Option<(String, f64)> {
        let jobs: Vec<String> = jobs.iter().map(|job| (*job).to_owned()).collect();
        outstanding(targets, groups, &jobs, age, &Freshness::default()).map(|waiting| (waiting.what, waiting.takes))
    }

    #[test]
    fn a_stack_that_was_scraped_and_evaluated_is_not_waited_for() {
        assert_eq!(waits(&[target("a", "up")], &[group("g", "ok")], &["a"], 1.0), None);
        assert_eq!(waits(&[], &[], &[], 0.0), None);
    }

    #[test]
    fn targets_of_a_new_configuration_are_discovered_first_and_those_of_an_old_one_are_not_waited_for() {
        let discovery = Some(("Prometheus to find its targets".to_owned(), DISCOVERY));
        assert_eq!(waits(&[target("a", "up")], &[], &["a", "b"], 3.0), discovery);
        assert_eq!(waits(&[target("a", "up")], &[], &["a", "b"], 60.0), None);
    }

    #[test]
    fn a_target_is_waited_for_until_its_first_scrape_and_a_failing_one_until_its_second() {
        let one = waits(&[target("a", "unknown")], &[], &[], 600.0);
        assert_eq!(one, Some(("a scrape of a/i".to_owned(), 25.0)));
        assert!(waits(&[target("a", "down")], &[], &[], 44.0).is_some(), "5 s, two intervals and a time-out");
        assert_eq!(waits(&[target("a", "down")], &[], &[], 45.0), None);
        assert_eq!(waits(&[target("a", "down")], &[], &[], f64::INFINITY), None);
    }

    #[test]
    fn a_target_whose_container_is_younger_than_its_scrape_is_waited_for_and_a_later_scrape_is_not() {
        let mut scraped = target("a", "up");
        scraped.last_scrape = "2026-11-27T10:00:00Z".into();
        let waits = |started: &str| {
            let started = crate::time::parse(started).expect("a time");
            let freshness = Freshness { started: [("i".to_owned(), started)].into(), ..Freshness::default() };
            outstanding(std::slice::from_ref(&scraped), &[], &[], 600.0, &freshness).map(|waiting| waiting.what)
        };
        assert_eq!(waits("2026-11-27T10:00:01Z").as_deref(), Some("a scrape of a/i"));
        assert_eq!(waits("2026-11-27T09:59:59Z"), None);
    }

    #[test]
    fn targets_and_groups_are_waited_for_together_as_long_as_the_slower_takes() {
        let targets = [target("a", "unknown"), target("b", "unknown")];
        let groups = [group("g", "unknown"), group("h", "ok")];
        let both = waits(&targets, &groups, &[], 600.0);
        assert_eq!(both, Some(("a scrape of 2 targets and the first evaluation of g".to_owned(), 30.0)));
        let groups = [group("g", "unknown"), group("h", "unknown")];
        assert_eq!(
            waits(&[], &groups, &[], 600.0).map(|(what, _)| what).as_deref(),
            Some("the first evaluation of 2 rule groups")
        );
    }

    #[test]
    fn what_takes_minutes_is_not_waited_for_until_it_is_near() {
        let mut slow = group("g", "unknown");
        slow.interval = 600.0;
        assert_eq!(waits(&[], &[slow.clone()], &[], 10.0), None);
        assert_eq!(waits(&[], &[slow], &[], 550.0), Some(("the first evaluation of g".to_owned(), 50.0)));
        let mut rare = target("a", "unknown");
        rare.scrape_interval = "5m".into();
        assert_eq!(waits(&[rare.clone()], &[], &[], 10.0), None);
        rare.health = "down".into();
        assert_eq!(waits(&[rare], &[], &[], 100.0), None);
        let mut minute = target("a", "unknown");
        minute.scrape_interval = "1m".into();
        assert!(waits(&[minute], &[], &[], 10.0).is_some());
    }

    #[test]
    fn the_same_wait_for_fewer_targets_is_no_news() {
        let kind = |number: usize| {
            let targets = vec![target("a", "unknown"); number];
            outstanding(&targets, &[], &[], 600.0, &Freshness::default()).expect("waiting").kind()
        };
        assert_eq!(kind(3), kind(2));
        assert_ne!(kind(2), kind(1));
    }
}

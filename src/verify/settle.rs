//! The wait for first scrapes and evaluations: as long as they can take, and no longer.

use std::time::{Duration, Instant};

use crate::clients::prometheus::{Group, Prometheus, Target};
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

/// Returns when every job is there, every target was scraped and every group evaluated once, or when that has had
/// its time.
pub async fn settle(stack: &Stack, patience: Duration, sink: Sink<'_>) {
    let Some(prometheus) = stack.prometheus().await else { return };
    let jobs = rendered_jobs(stack).await;
    let began = Instant::now();
    let mut said = String::new();
    // Each kind of waiting has its time from when it begins: targets are scraped after they are discovered.
    let mut deadline = began;
    loop {
        let Some((waiting, takes)) = outstanding(&prometheus, &jobs).await else { return };
        if waiting.is_empty() {
            return;
        }
        // Fewer of the same are no news.
        let kind = waiting.replace(|c: char| c.is_ascii_digit(), "");
        if kind != said {
            let step = Instant::now() + Duration::from_secs_f64(takes + SLACK);
            deadline = deadline.max(step).min(began + patience);
            sink(Event::ProofWaiting { what: waiting });
            said = kind;
        }
        if Instant::now() >= deadline {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// What has not happened once, in words, and how many seconds it can take; `None` when Prometheus does not answer.
async fn outstanding(prometheus: &Prometheus<'_>, jobs: &[String]) -> Option<(String, f64)> {
    let (targets, groups) = tokio::join!(prometheus.targets(), prometheus.rules());
    let (targets, groups) = (targets.ok()?, groups.ok()?);
    let lacking = jobs.iter().filter(|job| !targets.iter().any(|target| target.scrape_pool == **job)).count();
    let age = prometheus.configured_ago().await.unwrap_or(f64::INFINITY);
    if lacking > 0 && age < DISCOVERY + SLACK {
        return Some(("Prometheus to find its targets".into(), DISCOVERY));
    }
    // The first scrape may have come before the target was ready for it: the second one counts.
    let second = |target: &Target| {
        let (interval, timeout) = (seconds(&target.scrape_interval), seconds(&target.scrape_timeout));
        target.health == "down" && age < DISCOVERY + 2.0 * interval + timeout
    };
    let unscraped: Vec<&Target> =
        targets.iter().filter(|target| target.health == "unknown" || second(target)).collect();
    let never = |group: &&Group| group.rules.iter().any(|rule| rule.health == "unknown");
    let unevaluated: Vec<&Group> = groups.iter().filter(never).collect();
    let scrapes = unscraped.iter().map(|t| seconds(&t.scrape_interval) + seconds(&t.scrape_timeout));
    let takes = scrapes.chain(unevaluated.iter().map(|group| group.interval)).fold(0.0, f64::max);
    let mut words = Vec::new();
    match unscraped.as_slice() {
        [] => {}
        [one] => words.push(format!("a scrape of {}", one.name())),
        many => words.push(format!("a scrape of {} targets", many.len())),
    }
    match unevaluated.as_slice() {
        [] => {}
        [one] => words.push(format!("the first evaluation of {}", one.name)),
        many => words.push(format!("the first evaluation of {} groups of rules", many.len())),
    }
    Some((words.join(" and "), takes))
}

fn seconds(duration: &str) -> f64 {
    parse_duration(duration).unwrap_or(60.0)
}

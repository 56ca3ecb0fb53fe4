//! The wait for first scrapes and evaluations: as long as they can take, and no longer.

use std::time::{Duration, Instant};

use super::prometheus::{Group, Prometheus, Target};
use super::stack::Stack;
use crate::catalog::answer::parse_duration;
use crate::event::{Event, Sink};

/// Prometheus announces nothing: it is asked again after this.
const PAUSE: Duration = Duration::from_millis(200);
/// What an answer may take beyond intervals and time-outs.
const SLACK: f64 = 2.0;

/// Returns when every target was scraped and every group evaluated once, or when that has had its time.
pub async fn settle(stack: &Stack, patience: Duration, sink: Sink<'_>) {
    let Some(prometheus) = stack.prometheus().await else { return };
    let began = Instant::now();
    let mut said = String::new();
    let mut limit: Option<Duration> = None;
    loop {
        let Some((waiting, takes)) = outstanding(&prometheus).await else { return };
        if waiting.is_empty() {
            return;
        }
        let limit = *limit.get_or_insert_with(|| Duration::from_secs_f64(takes + SLACK).min(patience));
        if began.elapsed() >= limit {
            return;
        }
        if waiting != said {
            sink(Event::ProofWaiting { what: waiting.clone() });
            said = waiting;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// What has not happened once, in words, and how many seconds it can take; `None` when Prometheus does not answer.
async fn outstanding(prometheus: &Prometheus<'_>) -> Option<(String, f64)> {
    let (targets, groups) = tokio::join!(prometheus.targets(), prometheus.rules());
    let (targets, groups) = (targets.ok()?, groups.ok()?);
    let unscraped: Vec<&Target> = targets.iter().filter(|target| target.health == "unknown").collect();
    let never = |group: &&Group| group.rules.iter().any(|rule| rule.health == "unknown");
    let unevaluated: Vec<&Group> = groups.iter().filter(never).collect();
    let seconds = |text: &str| parse_duration(text).unwrap_or(60.0);
    let scrapes = unscraped.iter().map(|t| seconds(&t.scrape_interval) + seconds(&t.scrape_timeout));
    let takes = scrapes.chain(unevaluated.iter().map(|group| group.interval)).fold(0.0, f64::max);
    let mut words = Vec::new();
    match unscraped.as_slice() {
        [] => {}
        [one] => words.push(format!("the first scrape of {}", one.name())),
        many => words.push(format!("the first scrape of {} targets", many.len())),
    }
    match unevaluated.as_slice() {
        [] => {}
        [one] => words.push(format!("the first evaluation of {}", one.name)),
        many => words.push(format!("the first evaluation of {} groups of rules", many.len())),
    }
    Some((words.join(" and "), takes))
}

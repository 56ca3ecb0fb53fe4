//! Which results of scrapes are older than what they speak of.
//!
//! A container that was replaced, started or unpaused keeps its target's last result until the next scrape, and that one
//! says nothing of the container as it is now.

use std::collections::BTreeMap;

use futures_util::StreamExt;
use futures_util::stream;

use super::inside;
use super::stack::Stack;
use crate::clients::prometheus::Target;
use crate::clients::prometheus::scrape::ScrapeFailure;
use crate::docker;
use crate::time;
use crate::units::parse_duration;

/// Targets that fail are asked from inside, this many at once.
const AT_ONCE: usize = 8;

/// What tells a target's past from its present.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Freshness {
    /// When each service's container was started, in seconds since 1970. The clock is that of the Docker host, which
    /// Prometheus's container shares.
    pub started: BTreeMap<String, f64>,
    /// Targets that were asked from inside after a failed scrape, by URL: the time of that scrape where they answered.
    pub asked: BTreeMap<String, Option<String>>,
}

/// Why a target's last scrape does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outdated {
    /// Its container was started after it.
    Started,
    /// It failed, and the target answers by now.
    Answers,
}

impl Freshness {
    pub async fn look(stack: &Stack) -> Self {
        let ids: Vec<&str> = stack.services.values().map(|deployed| deployed.container.id.as_str()).collect();
        let found = docker::inspect_all(&stack.client, &ids).await;
        let mut started = BTreeMap::new();
        for (name, deployed) in stack.services.iter() {
            let found = found.get(&deployed.container.id).filter(|found| found.running);
            started.extend(found.and_then(|found| Some((name.clone(), time::parse(&found.started_at)?))));
        }
        Self { started, asked: BTreeMap::new() }
    }

    /// Asks the targets whose scrape failed, each once.
    pub async fn ask(&mut self, stack: &Stack, targets: &[Target]) {
        let failed = targets.iter().filter(|target| target.health == "down" && may_answer(target));
        let new = failed.filter(|target| !self.asked.contains_key(&target.scrape_url) && !self.awaits(target));
        let asked = new.map(async |target| {
            let answers = inside::ask(stack, target).await.is_some_and(|answer| answer.is_ok());
            (target.scrape_url.clone(), answers.then(|| target.last_scrape.clone()))
        });
        let asked: Vec<_> = stream::iter(asked).buffered(AT_ONCE).collect().await;
        self.asked.extend(asked);
    }

    pub fn outdated(&self, target: &Target) -> Option<Outdated> {
        let scraped = time::parse(&target.last_scrape);
        let started = self.started.get(target.address().0);
        match (scraped, started) {
            (Some(scraped), Some(started)) if scraped < *started => Some(Outdated::Started),
            _ if target.health != "down" => None,
            _ => {
                let asked = self.asked.get(&target.scrape_url)?.as_ref()?;
                (*asked == target.last_scrape).then_some(Outdated::Answers)
            }
        }
    }

    /// Is another scrape to be waited for? The first one after a start may have come before the target was ready for it:
    /// then the second one counts.
    pub fn awaits(&self, target: &Target) -> bool {
        if self.outdated(target).is_some() {
            return true;
        }
        let (Some(scraped), Some(started)) = (time::parse(&target.last_scrape), self.started.get(target.address().0))
        else {
            return false;
        };
        let interval = parse_duration(&target.scrape_interval).unwrap_or_default();
        target.health == "down" && scraped < started + interval
    }
}

/// Failures that pass: the container was away. What a target answers wrongly, it will answer again.
fn may_answer(target: &Target) -> bool {
    use ScrapeFailure::{NoHost, Other, Refused, TimedOut};
    matches!(target.failure().failure, Refused | NoHost | TimedOut | Other)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A target of `node-exporter`, whose container was started at 10:00:00.
    fn target(health: &str, last_scrape: &str) -> Target {
        let error = if health == "down" { "dial tcp: lookup node-exporter: no such host" } else { "" };
        serde_json::from_value(json!({
            "labels": {"job": "node", "instance": "i"}, "scrapePool": "node", "lastError": error,
            "scrapeUrl": "http://node-exporter:9100/metrics", "lastScrape": last_scrape, "health": health,
            "scrapeInterval": "15s", "scrapeTimeout": "10s",
        }))
        .expect("a target")
    }

    fn freshness() -> Freshness {
        let started = time::parse("2026-11-27T10:00:00.25Z").expect("a time");
        Freshness { started: [("node-exporter".to_owned(), started)].into(), asked: BTreeMap::new() }
    }

    #[test]
    fn a_scrape_from_before_the_container_started_does_not_count_whatever_it_found() {
        for health in ["up", "down"] {
            let before = target(health, "2026-11-27T10:00:00.2Z");
            assert_eq!(freshness().outdated(&before), Some(Outdated::Started), "{health}");
            assert!(freshness().awaits(&before));
        }
        let after = target("up", "2026-11-27T10:00:00.3Z");
        assert_eq!((freshness().outdated(&after), freshness().awaits(&after)), (None, false));
        let elsewhere = Freshness::default();
        assert!(!elsewhere.awaits(&target("down", "2026-11-27T10:00:00.2Z")), "a target that is no service of ours");
    }

    #[test]
    fn the_first_failure_after_a_start_is_followed_by_one_more_scrape_and_a_later_one_is_not() {
        let first = target("down", "2026-11-27T10:00:15.2Z");
        assert_eq!((freshness().outdated(&first), freshness().awaits(&first)), (None, true));
        assert!(!freshness().awaits(&target("down", "2026-11-27T10:00:15.3Z")));
    }

    #[test]
    fn a_target_that_answers_now_is_scraped_once_more_and_then_its_failure_counts() {
        let failed = target("down", "2026-11-27T11:00:00Z");
        let mut freshness = freshness();
        assert!(!freshness.awaits(&failed));
        freshness.asked.insert(failed.scrape_url.clone(), Some(failed.last_scrape.clone()));
        assert_eq!(freshness.outdated(&failed), Some(Outdated::Answers));
        assert!(!freshness.awaits(&target("down", "2026-11-27T11:00:15Z")), "it fails again");
        freshness.asked.insert(failed.scrape_url.clone(), None);
        assert!(!freshness.awaits(&failed), "it does not answer from inside either");
    }

    #[test]
    fn what_a_target_answers_wrongly_is_no_passing_failure() {
        let with = |error: &str| Target { last_error: error.into(), ..target("down", "2026-11-27T11:00:00Z") };
        assert!(may_answer(&with("dial tcp 10.0.0.2:9100: connect: connection refused")));
        assert!(may_answer(&with("context deadline exceeded")));
        assert!(!may_answer(&with("server returned HTTP status 404 Not Found")));
        assert!(!may_answer(&with("expected a valid start token, got \"<\"")));
    }
}

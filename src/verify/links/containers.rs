//! What runs is what was deployed, stays up, has room, and agrees on the time.

use std::time::UNIX_EPOCH;

use futures_util::future::join_all;

use crate::compose::{self, values};
use crate::deployed::stack::{Deployed, Stack};
use crate::docker::{self, Inspection};
use crate::plan::observed::{Health, label};
use crate::render::hash_files;
use crate::time;
use crate::verify::report::{Checked, Finding, Link};
use crate::verify::snapshot::Snapshot;

/// A container that has more than this of its memory is about to lose it, in per cent.
const NEAR_LIMIT: u64 = 90;
/// Restarts count while the last one is this recent, in seconds.
const LATELY: f64 = 900.0;
/// Clocks further apart than this break what compares times, in seconds.
const SKEW: f64 = 10.0;

pub async fn check(stack: &Stack, snapshot: &Snapshot<'_>) -> Checked {
    let (each, clocks) = tokio::join!(
        join_all(stack.services.iter().map(|(name, deployed)| service(stack, snapshot, name, deployed))),
        clocks(stack)
    );
    let mut findings: Vec<Finding> = each.into_iter().flatten().collect();
    findings.extend(missing(stack, snapshot));
    findings.extend(clocks);
    Checked::new(Link::Containers, &[("container", stack.services.len())], findings)
}

pub fn id(service: &str) -> String {
    format!("container:{service}")
}

/// Services of the spec that the host does not have.
fn missing(stack: &Stack, snapshot: &Snapshot<'_>) -> Vec<Finding> {
    let wanted = snapshot.bundle.map(|bundle| bundle.compose.services.keys()).into_iter().flatten();
    wanted
        .filter(|name| !stack.services.contains_key(*name))
        .map(|name| Finding::broken(id(name), name, "is in the spec, and not there").fix("watchpost up"))
        .collect()
}

async fn service(stack: &Stack, snapshot: &Snapshot<'_>, name: &str, deployed: &Deployed) -> Vec<Finding> {
    let container = &deployed.container;
    let Ok(Some(found)) = docker::inspect(&stack.client, &container.id).await else {
        return vec![Finding::broken(id(name), name, "was removed a moment ago").fix("watchpost up")];
    };
    if let Some(finding) = not_running(stack, name, deployed, &found).await {
        return vec![finding];
    }
    let files = files(stack, name, deployed).await;
    let mut findings: Vec<Finding> =
        [files, settings(stack, name, deployed, &found), restarts(name, &found)].into_iter().flatten().collect();
    findings.extend(pending(snapshot, name, deployed));
    if findings.iter().all(|finding| !finding.is_broken()) {
        findings.insert(0, Finding::ok(id(name), name));
    }
    findings
}

async fn not_running(stack: &Stack, name: &str, deployed: &Deployed, found: &Inspection) -> Option<Finding> {
    let broken = |what: String| Finding::broken(id(name), name, what);
    let finding = if found.paused {
        broken("is paused".into()).fix(format!("{} unpause {}", stack.docker(), deployed.container.name))
    } else if found.restarting {
        broken(format!("keeps restarting, {} times by now", found.restarts))
    } else if !found.running {
        broken(format!("has stopped, exit status {}", found.exit_code))
    } else if found.health == Health::Unhealthy {
        let said = found.health_output.lines().next_back().unwrap_or_default();
        let finding = broken("is unhealthy".into());
        if said.is_empty() { finding } else { finding.why(format!("its healthcheck says: {said}")) }
    } else {
        return None;
    };
    let finding = if found.out_of_memory {
        finding.why("the kernel ended it at its memory limit").fix(more_memory(name, found.memory_limit))
    } else {
        // A log that speaks of an error tells more than the exit status, unless it was stopped by hand.
        let asked_to = matches!(found.exit_code, 0 | 137 | 143) && !found.restarting;
        match docker::error_or_last_line(&stack.log(name).await) {
            Some(line) if !asked_to => finding.why(format!("its log says: {line}")),
            _ => finding,
        }
    };
    Some(if finding.fix.is_none() { finding.fix("watchpost up") } else { finding })
}

/// Containers that have nearly all of their memory. Apart from the rest, since the daemon takes a second to say it.
pub async fn memory(stack: &Stack) -> Vec<Finding> {
    let running = stack.services.iter().filter(|(_, deployed)| deployed.is_running());
    let each = running.map(async |(name, deployed)| {
        let limit = deployed.service.mem_limit.as_deref().and_then(values::bytes).filter(|limit| *limit > 0)?;
        near_limit(name, docker::memory_in_use(&stack.client, &deployed.container.id).await?, limit)
    });
    join_all(each).await.into_iter().flatten().collect()
}

/// Both in bytes.
fn near_limit(name: &str, used: u64, limit: u64) -> Option<Finding> {
    let share = used.saturating_mul(100) / limit;
    (share >= NEAR_LIMIT).then(|| {
        let what = format!("has taken {share} % of its {} MB of memory", limit / 1_048_576);
        Finding::broken(format!("memory:{name}"), name, what).fix(more_memory(name, limit))
    })
}

/// Half as much again, in whole megabytes.
fn more_memory(name: &str, limit: u64) -> String {
    format!("watchpost up --set {name}.memory={}m, or `memory:` in watchpost.yaml", (limit * 3 / 2).div_ceil(1_048_576))
}

/// Are the files still those that were brought?
async fn files(stack: &Stack, name: &str, deployed: &Deployed) -> Option<Finding> {
    let hash = deployed.container.label(label::FILES);
    if hash.is_empty() {
        return None;
    }
    let files = stack.files(name).await;
    let now = hash_files(files.iter().map(|(path, content)| (path.as_str(), content.as_slice())));
    (now != hash).then(|| {
        let what = if files.is_empty() { "its files cannot be read" } else { "its files were changed on the host" };
        let fix = format!("{} rm -f {}, then watchpost up", stack.docker(), deployed.container.name);
        Finding::broken(format!("files:{name}"), name, what).fix(fix)
    })
}

/// Settings that somebody changed behind the label's back.
fn settings(stack: &Stack, name: &str, deployed: &Deployed, found: &Inspection) -> Option<Finding> {
    let service = &deployed.service;
    let limit = service.mem_limit.as_deref().and_then(values::bytes);
    let mut changed = Vec::new();
    if limit.is_some_and(|limit| limit != found.memory_limit) {
        changed.push(format!("memory limit {} bytes", found.memory_limit));
    }
    if !service.image.is_empty() && service.image != found.image {
        changed.push(format!("image {}", found.image));
    }
    if service.command.as_ref().is_some_and(|command| *command != found.command) {
        changed.push("another command".into());
    }
    (!changed.is_empty()).then(|| {
        let what = format!("does not run as it was deployed: {}", changed.join(", "));
        let fix = format!("{} rm -f {}, then watchpost up", stack.docker(), deployed.container.name);
        Finding::broken(format!("settings:{name}"), name, what).fix(fix)
    })
}

fn restarts(name: &str, found: &Inspection) -> Option<Finding> {
    if found.restarts == 0 {
        return None;
    }
    let id = format!("restarts:{name}");
    let what = format!("has restarted {} times since it was deployed", found.restarts);
    let lately = time::age(&found.started_at).is_some_and(|age| age < LATELY);
    if !lately {
        return Some(Finding::note(id, name, what));
    }
    let finding = Finding::broken(id, name, what);
    Some(if found.out_of_memory {
        finding.why("the kernel ended it at its memory limit").fix(more_memory(name, found.memory_limit))
    } else {
        finding
            .why(format!("it ended with exit status {}", found.exit_code))
            .fix(format!("watchpost logs {name} shows why; `docker restart` clears the count"))
    })
}

/// What the spec says by now and nobody has deployed.
fn pending(snapshot: &Snapshot<'_>, name: &str, deployed: &Deployed) -> Option<Finding> {
    let bundle = snapshot.bundle?;
    let service = bundle.compose.services.get(name)?;
    let settings = compose::hash(service) == deployed.container.label(label::CONFIG_HASH);
    let files = !service.has_files() || bundle.files_hash(name) == deployed.container.label(label::FILES);
    (!(settings && files)).then(|| {
        Finding::note(format!("pending:{name}"), name, "watchpost.yaml says otherwise by now").fix("watchpost plan")
    })
}

/// This machine, the Docker host and Prometheus must agree on what time it is.
async fn clocks(stack: &Stack) -> Option<Finding> {
    let (host, here) = docker::clock(&stack.client).await?;
    let host = time::parse(&host)?;
    let here = here.duration_since(UNIX_EPOCH).ok()?.as_secs_f64();
    let mut apart = vec![("this machine", here - host)];
    if let Some(prometheus) = stack.prometheus().await {
        let asked = time::now();
        if let Ok(Some(time)) = prometheus.value("time()").await {
            // Both by this machine's clock: how far Prometheus is from the host.
            let middle = (asked + time::now()) / 2.0;
            apart.push(("Prometheus", time - (host + middle - here)));
        }
    }
    skewed(&apart)
}

/// Who is how many seconds from the Docker host's clock.
fn skewed(apart: &[(&str, f64)]) -> Option<Finding> {
    let (who, by) = apart.iter().find(|(_, by)| by.abs() > SKEW)?;
    let way = if *by > 0.0 { "ahead of" } else { "behind" };
    let what = format!("{who} is {:.0} s {way} the Docker host", by.abs());
    Some(Finding::broken("clock", "clock", what).fix("set the clock by NTP, such as `timedatectl set-ntp true`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::report::Verdict;

    #[test]
    fn memory_near_its_limit_is_broken_and_the_fix_gives_half_as_much_again() {
        const MB: u64 = 1_048_576;
        assert_eq!(near_limit("prometheus", 100 * MB, 128 * MB), None);
        let found = near_limit("prometheus", 120 * MB, 128 * MB).expect("broken");
        assert_eq!((found.verdict, found.what.as_str()), (Verdict::Broken, "has taken 93 % of its 128 MB of memory"));
        assert!(found.fix_text().starts_with("watchpost up --set prometheus.memory=192m"));
    }

    #[test]
    fn a_restart_is_broken_while_it_is_recent_and_known_for_ever() {
        let restarted = |seconds_ago: f64| Inspection {
            restarts: 3,
            exit_code: 7,
            started_at: time::text(time::now() - seconds_ago),
            ..Inspection::default()
        };
        assert_eq!(restarts("x", &Inspection::default()), None);
        let now = restarts("x", &restarted(60.0)).expect("broken");
        assert_eq!((now.verdict, now.why[0].as_str()), (Verdict::Broken, "it ended with exit status 7"));
        assert_eq!(restarts("x", &restarted(86_400.0)).map(|found| found.verdict), Some(Verdict::Note));
        let killed = Inspection { out_of_memory: true, memory_limit: 64 << 20, ..restarted(60.0) };
        assert!(restarts("x", &killed).expect("a finding").fix_text().contains("x.memory=96m"));
    }

    #[test]
    fn clocks_that_are_apart_are_named_with_the_way() {
        assert_eq!(skewed(&[("this machine", 3.0), ("Prometheus", -2.0)]), None);
        let found = skewed(&[("this machine", -180.0)]).expect("broken");
        assert_eq!(found.what, "this machine is 180 s behind the Docker host");
    }
}

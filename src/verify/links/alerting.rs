//! From Prometheus to Alertmanager, and from there to a receiver.

mod connection;
mod routes;

use std::time::{Duration, Instant};

use crate::clients::alertmanager::{Alertmanager, Held};
use crate::clients::prometheus::{Group, Rule};
use crate::deployed::stack::Stack;
use crate::docker;
use crate::time;
use crate::units::format_span;
use crate::verify::links::delivery;
use crate::verify::links::targets;
use crate::verify::report::{Checked, Finding, Link};
use crate::verify::snapshot::Snapshot;

/// An alert that Prometheus has just begun to send may take so long to arrive.
const ARRIVAL: Duration = Duration::from_secs(5);
/// The same when Prometheus or Alertmanager has just started: what was sent before they knew each other is sent again.
const SOON: Duration = Duration::from_secs(1);
/// What starting may take, in seconds.
const YOUNG: f64 = 15.0;
const PAUSE: Duration = Duration::from_millis(200);
/// Prometheus sends a firing alert again after this many seconds, `--rules.alert.resend-delay`.
const RESEND: f64 = 60.0;
/// What the way itself may take beyond that, in seconds.
const SLACK: f64 = 30.0;

pub async fn check(stack: &Stack, snapshot: &Snapshot<'_>) -> Checked {
    let Some((_, alertmanager)) = stack.of("alertmanager") else {
        return Checked::not_checked(Link::Alerting, "this stack has no Alertmanager", None);
    };
    let groups = match &snapshot.groups {
        Ok(groups) => groups,
        Err(refusal) => return targets::unreachable(Link::Alerting, &stack.services, &refusal.message),
    };
    let (connections, tree) = tokio::join!(connection::findings(stack), delivery::tree(stack, Link::Alerting));
    let broken = connections.iter().any(Finding::is_broken);
    let tree = match tree {
        Ok(tree) => tree,
        Err(checked) if !alertmanager.is_running() => return checked,
        // When Prometheus does not reach it either, that is the link that is broken.
        Err(_) if broken => return Checked::new(Link::Alerting, &[], connections),
        Err(checked) => return checked.with(connections),
    };
    let rules: Vec<&Rule> = groups.iter().flat_map(|group| &group.rules).filter(|rule| rule.is_alert()).collect();
    let mut findings = connections;
    let mut remarks = Vec::new();
    if !broken {
        let (watchdog, remark) = watchdog(stack, groups).await;
        findings.push(watchdog);
        remarks.extend(remark);
    }
    findings.extend(reload(stack).await);
    let (routes, remark) = routes::findings(&tree, &rules);
    findings.extend(routes);
    remarks.extend(remark);
    remarks.into_iter().fold(Checked::new(Link::Alerting, &[], findings), Checked::remark)
}

/// The alert that always fires: has it come through, and lately?
async fn watchdog(stack: &Stack, groups: &[Group]) -> (Finding, Option<String>) {
    const ID: &str = "watchdog";
    let all = groups.iter().flat_map(|group| group.rules.iter().map(move |rule| (group, rule)));
    let Some((group, rule)) = all.into_iter().find(|(_, rule)| rule.is_alert() && rule.name == "Watchdog") else {
        let what = "is no rule of this stack: nothing shows at all times that alerts get through";
        return (Finding::note(ID, "Watchdog", what), None);
    };
    if rule.state.as_deref() != Some("firing") {
        let finding = Finding::broken(ID, "Watchdog", "does not fire, as it always should");
        let why = rule.last_error.clone().filter(|error| !error.is_empty());
        let why = why.unwrap_or_else(|| format!("its expression is {}", rule.query));
        return (finding.why(why).fix("watchpost verify --only rules"), None);
    }
    let Some(alertmanager) = stack.alertmanager().await else {
        return (Finding::not_checked(ID, "Watchdog", "Alertmanager cannot be asked"), None);
    };
    let resend = RESEND.max(group.interval) + group.interval;
    let young = youngest(stack, rule).await.is_some_and(|age| age < resend + YOUNG);
    let Some(held) = arrived(&alertmanager, if young { SOON } else { ARRIVAL }).await else {
        if young {
            let what = format!("has not arrived yet: Prometheus sends it again within {}", format_span(resend));
            let finding = Finding::not_checked(ID, "Watchdog", what).fix("watchpost verify, a little later");
            return (finding, Some("Watchdog is on its way to Alertmanager".into()));
        }
        let finding = Finding::broken(ID, "Watchdog", "fires in Prometheus and has not arrived at Alertmanager");
        return (sending(stack, finding).await, None);
    };
    let now = time::now() + delivery::clock_ahead(stack).await;
    let age = time::parse(&held.updated_at).map_or(0.0, |at| (now - at).max(0.0));
    if age > resend + SLACK {
        let finding = Finding::broken(ID, "Watchdog", format!("last arrived at Alertmanager {} ago", format_span(age)));
        return (sending(stack, finding).await, None);
    }
    (Finding::ok(ID, "Watchdog"), Some(format!("Watchdog reached Alertmanager {} ago", format_span(age))))
}

/// How long the alert fires, or Alertmanager runs, whichever is shorter; in seconds.
async fn youngest(stack: &Stack, rule: &Rule) -> Option<f64> {
    let (_, deployed) = stack.of("alertmanager")?;
    let ahead = delivery::clock_ahead(stack).await;
    let inspection = docker::inspect(&stack.client, &deployed.container.id).await.ok().flatten();
    let started = inspection.and_then(|found| time::age(&found.started_at));
    let firing = rule.alerts.first().and_then(|alert| time::age(alert.active_at.as_deref()?));
    [started, firing].into_iter().flatten().map(|age| age + ahead).min_by(f64::total_cmp)
}

/// The newest one; waits a little for the first.
async fn arrived(alertmanager: &Alertmanager<'_>, patience: Duration) -> Option<Held> {
    let began = Instant::now();
    loop {
        let held = alertmanager.alerts("alertname=\"Watchdog\"").await.unwrap_or_default();
        let newest = held.into_iter().max_by(|a, b| a.updated_at.cmp(&b.updated_at));
        if newest.is_some() || began.elapsed() > patience {
            return newest;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// What Prometheus's log says of sending.
async fn sending(stack: &Stack, finding: Finding) -> Finding {
    let Some((name, prometheus)) = stack.of("prometheus") else { return finding };
    let lines = stack.log(name).await;
    let line = lines.iter().rev().find(|line| line.to_lowercase().contains("sending alert"));
    let finding = match line {
        Some(line) => finding.why(format!("Prometheus's log says: {}", line.trim())),
        None => finding.why("Prometheus reaches Alertmanager, and its log has no word of it"),
    };
    finding.fix(format!(
        "{} restart {}; if that changes nothing: watchpost logs {name}",
        stack.docker(),
        prometheus.container.name
    ))
}

/// Did Alertmanager take the configuration that it was given last?
async fn reload(stack: &Stack) -> Option<Finding> {
    let (name, _) = stack.of("alertmanager")?;
    let metrics = stack.alertmanager().await?.metrics().await.ok()?;
    if metrics.value("alertmanager_config_last_reload_successful")? > 0.0 {
        return None;
    }
    let finding = Finding::broken(
        "alertmanager:config",
        name,
        "did not take its last configuration, and goes on with the one before",
    );
    let lines = stack.log(name).await;
    let line = lines.iter().rev().find(|line| line.contains("Loading configuration file failed"));
    let finding = match line.and_then(|line| Some(line.split_once("err=")?.1.trim().trim_matches('"').to_owned())) {
        Some(said) => finding.why(said),
        None => finding,
    };
    Some(finding.fix("correct what it names in watchpost.yaml, then: watchpost up"))
}

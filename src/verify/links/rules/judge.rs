//! Which groups are missing or late.

use std::collections::BTreeSet;

use super::intervals;
use super::look::{DeployedGroup, RulesSnapshot};
use super::rule::RulesOf;
use crate::clients::prometheus::Group;
use crate::deployed::stack::Services;
use crate::fix::Fix;
use crate::time;
use crate::units::format_span;
use crate::verify::absence;
use crate::verify::links::targets::unreachable;
use crate::verify::report::{Checked, Finding, Link};
use crate::verify::snapshot::Snapshot;

/// Where the rules are in Prometheus's container.
const FOLDER: &str = "/etc/watchpost/current/";
/// An evaluation may come this much later than its interval says, in seconds.
const SLACK: f64 = 10.0;

pub fn judge(snapshot: &Snapshot<'_>, rules: &RulesSnapshot) -> Checked {
    let groups = match &snapshot.groups {
        Ok(groups) => groups,
        Err(error) => return unreachable(Link::Rules, &snapshot.services, &error.message),
    };
    let mut findings = not_loaded(&snapshot.services, groups, rules);
    findings.extend(groups.iter().filter_map(|group| late(snapshot, group)));
    findings.extend(intervals::judge(snapshot, groups));
    let mut count = 0;
    for group in groups {
        let rules_of = RulesOf { snapshot, series: &rules.series, group };
        findings.extend(group.rules.iter().map(|rule| rules_of.judge(rule)));
        count += group.rules.len();
    }
    Checked::new(Link::Rules, &[("rule", count)], findings)
}

/// The file of a group as the spec's author knows it: `rules/own/shop.yml`.
pub(super) fn file(group: &Group) -> &str {
    group.file.strip_prefix(FOLDER).unwrap_or(&group.file)
}

fn group_id(file: &str, name: &str) -> String {
    format!("group:{file}/{name}")
}

/// Groups of the deployed files that Prometheus does not have.
fn not_loaded(services: &Services, groups: &[Group], rules: &RulesSnapshot) -> Vec<Finding> {
    let Some((_, prometheus)) = services.first_of("prometheus") else { return Vec::new() };
    let loaded: BTreeSet<(&str, &str)> = groups.iter().map(|group| (file(group), group.name.as_str())).collect();
    let missing = |one: &&DeployedGroup| !loaded.contains(&(one.file.as_str(), one.name.as_str()));
    let finding = |deployed: &DeployedGroup| {
        let what = format!("is in {}, but Prometheus has not loaded it", deployed.file);
        Finding::broken(group_id(&deployed.file, &deployed.name), &deployed.name, what)
            .why("Prometheus runs an older configuration")
            .cause("Prometheus runs an older configuration")
            .in_file(&deployed.file)
            .fix(Fix::docker(["restart", &prometheus.container.name]))
    };
    rules.deployed.iter().filter(missing).map(finding).collect()
}

/// A group that is not evaluated when it should be.
fn late(snapshot: &Snapshot<'_>, group: &Group) -> Option<Finding> {
    let id = group_id(file(group), &group.name);
    let interval = format_span(group.interval);
    if group.evaluation_time > group.interval {
        let took = group.evaluation_time;
        let what = format!("takes {took:.1} s to evaluate, longer than its interval of {interval}");
        let fix = Fix::edit(file(group), format!("give `{}` a longer `interval`, or remove rules", group.name));
        return Some(Finding::broken(id, &group.name, what).in_file(file(group)).fix(fix.then(Fix::up())));
    }
    if group.rules.is_empty() {
        return None;
    }
    let why = format!("its interval is {interval}");
    let Some(last) = time::parse(&group.last_evaluation) else {
        let again = Fix::watchpost(["verify"]).note("a little later");
        let finding = Finding::not_checked(id, &group.name, "was not evaluated yet");
        return Some(finding.why(absence::first_evaluation(group, snapshot)).in_file(file(group)).fix(again));
    };
    let age = snapshot.now - last;
    if age <= 2.0 * group.interval + SLACK {
        return None;
    }
    let name = snapshot.services.first_of("prometheus").map_or("prometheus", |(name, _)| name);
    let logs = Fix::watchpost(["logs", name]).note("may show why");
    let what = format!("was last evaluated {} ago", format_span(age));
    let finding = Finding::broken(id, &group.name, what).why(why).cause("rule groups are not evaluated in time");
    Some(finding.in_file(file(group)).fix(logs))
}

#[cfg(test)]
mod tests;

//! Every group of rules is loaded and evaluated in time, and every rule has what it asks for.

use std::collections::BTreeSet;

use crate::clients::prometheus::{Group, Rule};
use crate::deployed::stack::Stack;
use crate::error::did_you_mean;
use crate::promql::{MissingSelector, Query, Selector};
use crate::time;
use crate::verify::absence::{self, Absence};
use crate::verify::report::{Checked, Finding, Link};
use crate::verify::series::{Missing, Series};
use crate::verify::snapshot::Snapshot;
use crate::yaml::{self, Node};

/// Where the rules lie in Prometheus's container.
const FOLDER: &str = "/etc/watchpost/current/";
/// An evaluation may come this much later than its interval says, in seconds.
const SLACK: f64 = 10.0;
/// Metrics of one exporter begin alike; a slip of the pen leaves more than this the same.
const ALIKE: f64 = 0.8;

pub async fn check(stack: &Stack, snapshot: &Snapshot<'_>) -> Checked {
    let groups = match &snapshot.groups {
        Ok(groups) => groups,
        Err(refusal) => return crate::verify::links::targets::unreachable(Link::Rules, stack, &refusal.message),
    };
    let mut findings = loaded(stack, groups).await;
    findings.extend(groups.iter().filter_map(|group| late(group, snapshot.now)));
    let rules: Vec<(&Group, &Rule)> =
        groups.iter().flat_map(|group| group.rules.iter().map(move |rule| (group, rule))).collect();
    let selectors: BTreeSet<Selector> = rules
        .iter()
        .filter_map(|(_, rule)| Query::parse(&rule.query).ok())
        .flat_map(|query| query.selectors())
        .collect();
    let series = match stack.prometheus().await {
        Some(prometheus) => Series::of(&prometheus, &selectors).await,
        None => Series::default(),
    };
    findings.extend(rules.iter().map(|(group, rule)| one(snapshot, &series, group, rule)));
    Checked::new(Link::Rules, &[("rule", rules.len())], findings)
}

/// The file of a group as the spec's author knows it: `rules/own/shop.yml`.
fn file(group: &Group) -> &str {
    group.file.strip_prefix(FOLDER).unwrap_or(&group.file)
}

fn id(group: &Group, rule: &Rule) -> String {
    format!("rule:{}/{}", group.name, rule.name)
}

/// Groups of the deployed files that Prometheus does not have.
async fn loaded(stack: &Stack, groups: &[Group]) -> Vec<Finding> {
    let Some((service, deployed)) = stack.of("prometheus") else { return Vec::new() };
    let has = |path: &str, name: &str| groups.iter().any(|group| group.name == name && file(group) == path);
    let mut findings = Vec::new();
    for (path, content) in stack.files(service).await.iter().filter(|(path, _)| path.starts_with("rules/")) {
        let text = std::str::from_utf8(content).unwrap_or_default();
        let Ok(document) = yaml::parse(path, text) else { continue };
        let names = document.get("groups").map(Node::items).unwrap_or_default();
        for name in names.iter().filter_map(|group| group.get("name")?.as_str()).filter(|name| !has(path, name)) {
            let what = format!("is in {path}, and Prometheus has not loaded it");
            findings.push(
                Finding::broken(format!("group:{path}/{name}"), name, what)
                    .why("it runs with an older configuration")
                    .fix(format!("{} restart {}", stack.docker(), deployed.container.name)),
            );
        }
    }
    findings
}

/// Groups that are not evaluated when they should be.
fn late(group: &Group, now: f64) -> Option<Finding> {
    let broken = |what: String| Finding::broken(format!("group:{}/{}", file(group), group.name), &group.name, what);
    if group.evaluation_time > group.interval {
        let what = format!(
            "takes {:.1} s to evaluate, longer than its interval of {:.0} s",
            group.evaluation_time, group.interval
        );
        return Some(
            broken(what).fix(format!("give the group a longer `interval:` in {}, or take rules out", file(group))),
        );
    }
    let age = time::parse(&group.last_evaluation).map(|at| now - at);
    if group.rules.is_empty() || age.is_some_and(|age| age <= 2.0 * group.interval + SLACK) {
        return None;
    }
    let Some(age) = age else {
        let id = format!("group:{}/{}", file(group), group.name);
        return Some(
            Finding::not_checked(id, &group.name, "was not evaluated yet")
                .why(format!("its interval is {:.0} s", group.interval))
                .fix("watchpost verify, a little later"),
        );
    };
    Some(
        broken(format!("was last evaluated {age:.0} s ago"))
            .why(format!("its interval is {:.0} s", group.interval))
            .fix("watchpost logs prometheus"),
    )
}

fn one(snapshot: &Snapshot<'_>, series: &Series, group: &Group, rule: &Rule) -> Finding {
    if rule.health == "err" {
        let said = rule.last_error.as_deref().unwrap_or("it does not say why");
        return Finding::broken(id(group, rule), &rule.name, "does not evaluate")
            .why(said.rsplit("err: ").next().unwrap_or(said))
            .fix(format!("correct it in {}, then watchpost up", file(group)));
    }
    // What only our parser does not know is Prometheus's to judge, and it has.
    let Ok(query) = Query::parse(&rule.query) else { return Finding::ok(id(group, rule), &rule.name) };
    let exists = |selector: &Selector| series.missing(selector).is_none();
    match query.can_yield(&exists) {
        Ok(()) => match query.wanted().iter().find(|selector| !exists(selector)) {
            None => Finding::ok(id(group, rule), &rule.name),
            Some(selector) => without(snapshot, group, rule, selector),
        },
        Err(lack) => lacking(snapshot, series, group, rule, &lack),
    }
}

/// A rule that works, though something it asks for as well is not there.
fn without(snapshot: &Snapshot<'_>, group: &Group, rule: &Rule, selector: &Selector) -> Finding {
    let what = format!("goes without: `{}` is not there", selector.text);
    let finding = Finding::note(id(group, rule), &rule.name, what);
    match absence::explain(selector, snapshot) {
        Absence::TargetDown(target) => finding.because(Some(target)),
        Absence::Expected(why) | Absence::Unknown(why) => finding.why(why),
    }
}

/// A rule that cannot yield anything now.
fn lacking(snapshot: &Snapshot<'_>, series: &Series, group: &Group, rule: &Rule, lack: &MissingSelector) -> Finding {
    let (id, name) = (id(group, rule), &rule.name);
    let never = if rule.is_alert() { "can never fire" } else { "can never record anything" };
    let asks = if lack.divisor { "divides by" } else { "asks for" };
    let metric = &lack.selector.metric;
    let missing = series.missing(&lack.selector);
    let what = match &missing {
        Some(Missing::Label(label)) => {
            format!("{never}: it {asks} `{metric}` with a label `{label}`, which it does not have")
        }
        _ => format!("{never}: it {asks} `{metric}`, which is not there"),
    };
    match absence::explain(&lack.selector, snapshot) {
        Absence::TargetDown(target) => Finding::broken(id, name, what).because(Some(target)),
        Absence::Expected(why) => Finding::note(id, name, what).why(why),
        Absence::Unknown(why) => {
            let wrong = match missing {
                Some(Missing::Label(label)) => format!("the label `{label}` of `{metric}` in {}", file(group)),
                _ => format!("`{metric}` in {}{}", file(group), guess(snapshot, metric)),
            };
            Finding::broken(id, name, what).why(why).fix(format!("correct {wrong}, then watchpost up"))
        }
    }
}

/// `: did you mean NAME?`, when a metric of that name is there.
fn guess(snapshot: &Snapshot<'_>, metric: &str) -> String {
    let near = |known: &&str| strsim::normalized_damerau_levenshtein(known, metric) > ALIKE;
    let meant = did_you_mean(metric, snapshot.names.iter().flatten().map(String::as_str).filter(near));
    meant.map(|meant| format!(": did you mean `{meant}`?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::report::Verdict;

    fn group(evaluation_time: f64, last_evaluation: &str) -> Group {
        serde_json::from_value(serde_json::json!({
            "name": "shop", "file": "/etc/watchpost/current/rules/own/shop.yml", "interval": 15,
            "evaluationTime": evaluation_time, "lastEvaluation": last_evaluation,
            "rules": [{"name": "A", "query": "up", "type": "alerting", "health": "ok"}],
        }))
        .expect("a group")
    }

    #[test]
    fn a_group_that_is_late_or_slow_is_broken_and_a_new_one_is_not() {
        let at = "2024-02-29T12:30:00Z";
        let now = time::parse(at).expect("a time");
        assert_eq!(late(&group(0.1, at), now + 30.0), None);
        let found = late(&group(0.1, at), now + 100.0).expect("late");
        assert_eq!((found.verdict, found.what.as_str()), (Verdict::Broken, "was last evaluated 100 s ago"));
        let found = late(&group(20.0, at), now).expect("slow");
        assert!(found.what.contains("longer than its interval") && found.fix_text().contains("rules/own/shop.yml"));
        let new = late(&group(0.0, "0001-01-01T00:00:00Z"), now).map(|found| found.verdict);
        assert_eq!(new, Some(Verdict::NotChecked));
    }
}

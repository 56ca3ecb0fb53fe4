//! Which groups are missing or late, and which rules cannot yield anything.

use super::look::RulesSnapshot;
use crate::clients::prometheus::{Group, Rule};
use crate::deployed::stack::Services;
use crate::error::did_you_mean;
use crate::fix::Fix;
use crate::promql::{MissingSelector, Query, Selector};
use crate::time;
use crate::units::format_span;
use crate::verify::absence::{self, Absence};
use crate::verify::links::targets::unreachable;
use crate::verify::report::{Checked, Finding, Link};
use crate::verify::series::{Missing, Series};
use crate::verify::snapshot::Snapshot;

/// Where the rules are in Prometheus's container.
const FOLDER: &str = "/etc/watchpost/current/";
/// An evaluation may come this much later than its interval says, in seconds.
const SLACK: f64 = 10.0;
/// Metrics of one exporter begin alike: two names that differ by a typo are more alike than this.
const ALIKE: f64 = 0.8;

pub fn judge(snapshot: &Snapshot<'_>, rules: &RulesSnapshot) -> Checked {
    let groups = match &snapshot.groups {
        Ok(groups) => groups,
        Err(error) => return unreachable(Link::Rules, &snapshot.services, &error.message),
    };
    let mut findings = not_loaded(&snapshot.services, groups, rules);
    findings.extend(groups.iter().filter_map(|group| late(&snapshot.services, group, snapshot.now)));
    let mut count = 0;
    for group in groups {
        for one in &group.rules {
            findings.push(rule(snapshot, &rules.series, group, one));
            count += 1;
        }
    }
    Checked::new(Link::Rules, &[("rule", count)], findings)
}

/// The file of a group as the spec's author knows it: `rules/own/shop.yml`.
fn file(group: &Group) -> &str {
    group.file.strip_prefix(FOLDER).unwrap_or(&group.file)
}

fn group_id(file: &str, name: &str) -> String {
    format!("group:{file}/{name}")
}

fn rule_id(group: &Group, rule: &Rule) -> String {
    format!("rule:{}/{}", group.name, rule.name)
}

/// Groups of the deployed files that Prometheus does not have.
fn not_loaded(services: &Services, groups: &[Group], rules: &RulesSnapshot) -> Vec<Finding> {
    let Some((_, prometheus)) = services.first_of("prometheus") else { return Vec::new() };
    let mut findings = Vec::new();
    for deployed in &rules.deployed {
        if groups.iter().any(|group| group.name == deployed.name && file(group) == deployed.file) {
            continue;
        }
        let what = format!("is in {}, but Prometheus has not loaded it", deployed.file);
        findings.push(
            Finding::broken(group_id(&deployed.file, &deployed.name), &deployed.name, what)
                .why("Prometheus runs an older configuration")
                .fix(Fix::docker(["restart", &prometheus.container.name])),
        );
    }
    findings
}

/// A group that is not evaluated when it should be.
fn late(services: &Services, group: &Group, now: f64) -> Option<Finding> {
    let id = group_id(file(group), &group.name);
    let interval = format_span(group.interval);
    if group.evaluation_time > group.interval {
        let took = group.evaluation_time;
        let what = format!("takes {took:.1} s to evaluate, longer than its interval of {interval}");
        let fix = Fix::edit(file(group), format!("give `{}` a longer `interval`, or remove rules", group.name));
        return Some(Finding::broken(id, &group.name, what).fix(fix.then(Fix::up())));
    }
    if group.rules.is_empty() {
        return None;
    }
    let why = format!("its interval is {interval}");
    let Some(last) = time::parse(&group.last_evaluation) else {
        let again = Fix::watchpost(["verify"]).note("a little later");
        return Some(Finding::not_checked(id, &group.name, "was not evaluated yet").why(why).fix(again));
    };
    let age = now - last;
    if age <= 2.0 * group.interval + SLACK {
        return None;
    }
    let name = services.first_of("prometheus").map_or("prometheus", |(name, _)| name);
    let logs = Fix::watchpost(["logs", name]).note("may show why");
    let what = format!("was last evaluated {} ago", format_span(age));
    Some(Finding::broken(id, &group.name, what).why(why).fix(logs))
}

fn rule(snapshot: &Snapshot<'_>, series: &Series, group: &Group, rule: &Rule) -> Finding {
    if rule.health == "err" {
        let error = rule.last_error.as_deref().unwrap_or("Prometheus does not say why");
        let fix = Fix::edit(file(group), format!("correct the expression of `{}`", rule.name)).then(Fix::up());
        return Finding::broken(rule_id(group, rule), &rule.name, "does not evaluate")
            .why(error.rsplit("err: ").next().unwrap_or(error))
            .fix(fix);
    }
    let well = || Finding::ok(rule_id(group, rule), &rule.name);
    // Prometheus has parsed it, even where our parser cannot.
    let Ok(query) = Query::parse(&rule.query) else { return well() };
    let exists = |selector: &Selector| series.missing(selector).is_none();
    match query.can_yield(&exists) {
        Err(missing) => cannot_yield(snapshot, series, group, rule, &missing),
        Ok(()) => match query.wanted().iter().find(|selector| !exists(selector)) {
            Some(selector) => degraded(snapshot, group, rule, selector),
            None => well(),
        },
    }
}

/// A rule that works without one of the metrics it uses.
fn degraded(snapshot: &Snapshot<'_>, group: &Group, rule: &Rule, selector: &Selector) -> Finding {
    let what = format!("degraded: `{}` does not exist", selector.text);
    let finding = Finding::note(rule_id(group, rule), &rule.name, what);
    match absence::explain(selector, snapshot) {
        Absence::TargetDown(target) => finding.because(Some(target)),
        Absence::Expected(why) | Absence::Unknown(why) => finding.why(why),
    }
}

/// A rule that cannot yield anything now.
fn cannot_yield(
    snapshot: &Snapshot<'_>,
    series: &Series,
    group: &Group,
    rule: &Rule,
    missing: &MissingSelector,
) -> Finding {
    let (id, name) = (rule_id(group, rule), &rule.name);
    let never = if rule.is_alert() { "can never fire" } else { "can never record anything" };
    let uses = if missing.divisor { "divides by" } else { "uses" };
    let metric = &missing.selector.metric;
    let label = match series.missing(&missing.selector) {
        Some(Missing::Label(label)) => Some(label),
        _ => None,
    };
    let what = match &label {
        Some(label) => format!("{never}: it {uses} `{metric}` with a label `{label}`, which does not exist"),
        None => format!("{never}: it {uses} `{metric}`, which does not exist"),
    };
    match absence::explain(&missing.selector, snapshot) {
        Absence::TargetDown(target) => Finding::broken(id, name, what).because(Some(target)),
        Absence::Expected(why) => Finding::note(id, name, what).why(why),
        Absence::Unknown(why) => {
            let wrong = match label {
                Some(label) => format!("correct the label `{label}` of `{metric}`"),
                None => format!("correct `{metric}`{}", guess(snapshot, metric)),
            };
            let fix = Fix::edit(file(group), wrong).then(Fix::up());
            Finding::broken(id, name, what).why(why).fix(fix)
        }
    }
}

/// `: did you mean NAME?`, when there is a metric of a similar name.
fn guess(snapshot: &Snapshot<'_>, metric: &str) -> String {
    let near = |known: &&str| strsim::normalized_damerau_levenshtein(known, metric) > ALIKE;
    let meant = did_you_mean(metric, snapshot.names.iter().flatten().map(String::as_str).filter(near));
    meant.map(|meant| format!(": did you mean `{meant}`?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::catalog::Catalog;
    use crate::clients::api::ApiError;
    use crate::compose::Service;
    use crate::deployed::stack::testing;
    use crate::verify::links::rules::look::DeployedGroup;
    use crate::verify::report::Verdict;
    use crate::verify::snapshot::Down;

    const EVALUATED: &str = "2024-02-29T12:30:00Z";

    fn group(rules: Value) -> Group {
        serde_json::from_value(json!({
            "name": "shop", "file": "/etc/watchpost/current/rules/own/shop.yml", "interval": 15,
            "evaluationTime": 0.1, "lastEvaluation": EVALUATED, "rules": rules,
        }))
        .expect("a group")
    }

    fn alert(expr: &str) -> Value {
        json!([{"name": "A", "query": expr, "type": "alerting", "health": "ok"}])
    }

    /// A second after the last evaluation; `metrics` have samples.
    fn snapshot<'a>(catalog: &'a Catalog, group: Group, metrics: &[&str]) -> Snapshot<'a> {
        let prometheus = testing::deployed("shop", "prometheus", Service::default());
        Snapshot {
            services: Services::from([("prometheus".to_owned(), prometheus)]),
            groups: Ok(vec![group]),
            names: Ok(metrics.iter().map(|name| (*name).to_owned()).collect()),
            now: time::parse(EVALUATED).expect("a time") + 1.0,
            ..Snapshot::empty(catalog)
        }
    }

    /// The rule's finding, when only `metrics` have samples; `node_load1` has no label `colour`.
    #[track_caller]
    fn judged(group: Group, metrics: &[&str], down: &[Down]) -> Finding {
        let catalog = Catalog::embedded().expect("the catalog");
        let mut snapshot = snapshot(&catalog, group, metrics);
        snapshot.down = down.to_vec();
        let series = Series::existing(metrics, &[("node_load1", "colour")]);
        let rules = RulesSnapshot { deployed: Vec::new(), series };
        let checked = judge(&snapshot, &rules);
        let found = checked.findings.iter().find(|finding| finding.id == "rule:shop/A");
        found.unwrap_or_else(|| panic!("{checked:#?}")).clone()
    }

    #[track_caller]
    fn group_finding(change: impl FnOnce(&mut Group), seconds_later: f64) -> Option<Finding> {
        let mut group = group(alert("up"));
        change(&mut group);
        late(&Services::default(), &group, time::parse(EVALUATED).expect("a time") + seconds_later)
    }

    /// Recorded from a stack of Prometheus 3.5 with rules of the catalog and some that fail in every way.
    #[test]
    fn of_the_recorded_rules_only_those_that_fail_have_more_to_say() {
        let read = |text: &str| -> Value { serde_json::from_str(text).expect("JSON") };
        let answer = read(include_str!("../../../../tests/fixtures/verify/rules.json"));
        let names = read(include_str!("../../../../tests/fixtures/verify/names.json"));
        let names: Vec<&str> = names["data"].as_array().expect("names").iter().filter_map(Value::as_str).collect();
        let catalog = Catalog::embedded().expect("the catalog");
        let mut snapshot = snapshot(&catalog, group(json!([])), &names);
        snapshot.groups = Ok(serde_json::from_value(answer["data"]["groups"].clone()).expect("groups"));
        let last = snapshot.groups.iter().flatten().filter_map(|group| time::parse(&group.last_evaluation));
        snapshot.now = last.fold(0.0, f64::max) + 1.0;
        let series = Series::existing(&names, &[("node_load1", "colour")]);
        let checked = judge(&snapshot, &RulesSnapshot { deployed: Vec::new(), series });
        let mut text = String::new();
        for found in checked.findings.iter().filter(|finding| finding.verdict != Verdict::Ok) {
            text += &format!("{:?} {} {}\n", found.verdict, found.id, found.what);
        }
        insta::assert_snapshot!(text, @r"
        Note rule:alertmanager/AlertmanagerFailedToSendAlerts can never fire: it uses `alertmanager_notifications_failed_total`, which does not exist
        Note rule:alertmanager/AlertmanagerNotificationsRetried can never fire: it uses `alertmanager_notification_requests_failed_total`, which does not exist
        Note rule:alertmanager/AlertmanagerNotificationsSlow can never fire: it uses `alertmanager_notification_latency_seconds_sum`, which does not exist
        Note rule:host/HostRaidDegraded can never fire: it uses `node_md_disks_required`, which does not exist
        Broken rule:own/NoSuchMetric can never fire: it uses `node_laod1`, which does not exist
        Broken rule:own/DividesByNothing can never fire: it divides by `no_such_divisor`, which does not exist
        Broken rule:own/NoSuchLabel can never fire: it uses `node_load1` with a label `colour`, which does not exist
        Broken rule:own/DoesNotEvaluate does not evaluate
        Note rule:own/Degraded degraded: `no_such_thing` does not exist
        ");
    }

    #[test]
    fn a_rule_that_finds_what_it_uses_is_the_only_finding() {
        let found = judged(group(alert("up == 0")), &["up"], &[]);
        assert_eq!(found, Finding::ok("rule:shop/A", "A"));
        let found = judged(group(alert("an expression that only Prometheus knows")), &[], &[]);
        assert_eq!(found.verdict, Verdict::Ok);
    }

    #[test]
    fn a_rule_that_does_not_evaluate_quotes_prometheus() {
        let rule = json!([{"name": "A", "query": "up", "type": "alerting", "health": "err",
            "lastError": "evaluating: err: many-to-many matching not allowed"}]);
        let found = judged(group(rule), &["up"], &[]);
        assert_eq!((found.verdict, found.what.as_str()), (Verdict::Broken, "does not evaluate"));
        assert_eq!(found.why, ["many-to-many matching not allowed"]);
        assert_eq!(found.fix_text(), "in rules/own/shop.yml: correct the expression of `A`, then watchpost up");
    }

    #[test]
    fn a_metric_that_nobody_knows_breaks_the_rule_and_a_similar_one_is_suggested() {
        let found = judged(group(alert("node_laod1 > 1")), &["node_load1"], &[]);
        assert_eq!(
            (found.verdict, found.what.as_str()),
            (Verdict::Broken, "can never fire: it uses `node_laod1`, which does not exist")
        );
        assert_eq!(found.why, ["no target has `node_laod1`"]);
        assert_eq!(
            found.fix_text(),
            "in rules/own/shop.yml: correct `node_laod1`: did you mean `node_load1`?, then watchpost up"
        );
        let found = judged(group(alert("up / no_such_thing > 1")), &["up"], &[]);
        assert_eq!(found.what, "can never fire: it divides by `no_such_thing`, which does not exist");
        let recording = json!([{"name": "A", "query": "no_such_thing", "type": "recording", "health": "ok"}]);
        assert!(judged(group(recording), &["up"], &[]).what.starts_with("can never record anything: it uses"));
    }

    #[test]
    fn a_label_that_the_metric_never_has_breaks_the_rule() {
        let found = judged(group(alert("node_load1{colour=\"red\"} > 1")), &["node_load1"], &[]);
        assert_eq!(
            (found.verdict, found.what.as_str()),
            (Verdict::Broken, "can never fire: it uses `node_load1` with a label `colour`, which does not exist")
        );
        assert!(found.fix_text().contains("correct the label `colour` of `node_load1`"), "{found:?}");
    }

    #[test]
    fn a_metric_of_a_target_that_is_down_follows_from_that_and_one_that_this_host_lacks_is_a_note() {
        let down = [Down { id: "target:node/x".into(), job: "node".into(), instance: "x".into() }];
        let found = judged(group(alert("node_load1 > 1")), &[], &down);
        assert_eq!((found.verdict, found.because.as_deref()), (Verdict::Broken, Some("target:node/x")));
        let found = judged(group(alert("node_load1 > 1")), &[], &[]);
        assert_eq!(
            (found.verdict, found.why[0].as_str()),
            (Verdict::Note, "no target of the job `node` in this stack")
        );
    }

    #[test]
    fn a_rule_that_works_without_one_of_its_metrics_is_degraded() {
        let found = judged(group(alert("up == 0 or no_such_thing > 1")), &["up"], &[]);
        assert_eq!((found.verdict, found.what.as_str()), (Verdict::Note, "degraded: `no_such_thing` does not exist"));
    }

    #[test]
    fn a_deployed_group_that_prometheus_does_not_have_is_broken() {
        let catalog = Catalog::embedded().expect("the catalog");
        let deployed =
            ["shop", "new"].map(|name| DeployedGroup { file: "rules/own/shop.yml".into(), name: name.into() });
        let rules = RulesSnapshot { deployed: deployed.into(), series: Series::default() };
        let checked = judge(&snapshot(&catalog, group(alert("up")), &["up"]), &rules);
        let broken: Vec<_> = checked.broken().map(|found| (found.id.as_str(), found.fix_text())).collect();
        assert_eq!(broken, [("group:rules/own/shop.yml/new", "docker restart shop-prometheus-1".to_owned())]);
    }

    #[test]
    fn a_group_that_is_late_or_slow_is_broken_and_a_new_one_is_not_checked() {
        assert_eq!(group_finding(|_| {}, 40.0), None);
        assert_eq!(group_finding(|group| group.rules.clear(), 500.0), None);
        let found = group_finding(|_| {}, 100.0).expect("late");
        assert_eq!((found.verdict, found.what.as_str()), (Verdict::Broken, "was last evaluated 1 min 40 s ago"));
        let found = group_finding(|group| group.evaluation_time = 20.0, 1.0).expect("slow");
        assert_eq!(found.what, "takes 20.0 s to evaluate, longer than its interval of 15 s");
        assert!(found.fix_text().starts_with("in rules/own/shop.yml: give `shop` a longer `interval`"));
        let found = group_finding(|group| group.last_evaluation = "0001-01-01T00:00:00Z".into(), 1.0).expect("new");
        assert_eq!((found.id.as_str(), found.verdict), ("group:rules/own/shop.yml/shop", Verdict::NotChecked));
    }

    #[test]
    fn without_an_answer_of_prometheus_the_link_is_broken() {
        let catalog = Catalog::embedded().expect("the catalog");
        let mut snapshot = snapshot(&catalog, group(alert("up")), &["up"]);
        snapshot.groups = Err(ApiError::new("connection refused"));
        let checked = judge(&snapshot, &RulesSnapshot::default());
        assert_eq!((checked.verdict, checked.findings[0].id.as_str()), (Verdict::Broken, "prometheus:rules"));
    }
}

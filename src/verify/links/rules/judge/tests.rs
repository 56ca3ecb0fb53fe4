use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::catalog::Catalog;
use crate::clients::api::ApiError;
use crate::clients::series::Series;
use crate::compose::Service;
use crate::deployed::prometheus::Configuration;
use crate::deployed::stack::testing;
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
    let catalog = Catalog::embedded().expect("the catalog");
    let mut snapshot = Snapshot::empty(&catalog);
    snapshot.now = time::parse(EVALUATED).expect("a time") + seconds_later;
    late(&snapshot, &group)
}

/// Recorded from a stack of Prometheus 3.5 with rules of the catalog and some that fail in every way.
#[test]
fn of_the_recorded_rules_only_those_that_fail_have_more_to_say() {
    let read = |text: &str| -> Value { serde_json::from_str(text).expect("JSON") };
    let answer = read(include_str!("../../../../../tests/fixtures/verify/rules.json"));
    let names = read(include_str!("../../../../../tests/fixtures/verify/names.json"));
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
    assert_eq!(found, Finding::ok("rule:shop/A", "A").in_file("rules/own/shop.yml").of_alert("A"));
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
        (Verdict::Note, "the component node-exporter is not part of this stack")
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
    let deployed = ["shop", "new"].map(|name| DeployedGroup { file: "rules/own/shop.yml".into(), name: name.into() });
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

/// The rule's finding in a stack whose jobs are `node` and `shop`, scraped as the configuration says.
#[track_caller]
fn judged_with(configuration: &str, rule: Value, metrics: &[&str], change: impl FnOnce(&mut Group)) -> Finding {
    let catalog = Catalog::embedded().expect("the catalog");
    let mut group = group(json!([rule]));
    change(&mut group);
    let mut snapshot = snapshot(&catalog, group, metrics);
    let jobs = "scrape_configs: [{job_name: node}, {job_name: shop}]\n";
    snapshot.configuration = Configuration::read(format!("{configuration}{jobs}").as_bytes());
    let rules = RulesSnapshot { deployed: Vec::new(), series: Series::existing(metrics, &[]) };
    let checked = judge(&snapshot, &rules);
    checked.findings.into_iter().find(|finding| finding.id == "rule:shop/A").expect("a finding of the rule")
}

fn one(expr: &str) -> Value {
    json!({"name": "A", "query": expr, "type": "alerting", "health": "ok"})
}

#[test]
fn a_job_that_does_not_exist_breaks_the_rule_and_lists_those_that_do() {
    let found = judged_with("", one("up{job=\"node-exporter\"} == 0"), &["up"], |_| {});
    assert_eq!(found.verdict, Verdict::Broken);
    assert_eq!(found.what, "can never fire: it uses `up{job=\"node-exporter\"}`, which never matches");
    assert_eq!(found.cause.as_deref(), Some("no job is called `node-exporter`; jobs: node, shop"));
    assert!(found.fix_text().contains("did you mean `node`?"), "{}", found.fix_text());
    assert_eq!(judged_with("", one("up{job=\"node\"} == 0"), &["up"], |_| {}).verdict, Verdict::Ok);
    let found = judged_with("", one("absent(up{job=\"backup\"})"), &["up"], |_| {});
    assert_eq!(found.verdict, Verdict::Ok, "its absence is the point");
}

#[test]
fn a_window_of_fewer_than_two_scrapes_breaks_the_rule() {
    let of = |interval: &str, expr: &str| {
        let global = format!("global: {{scrape_interval: {interval}}}\n");
        judged_with(&global, one(expr), &["node_load1"], |_| {})
    };
    let found = of("15s", "rate(node_load1[15s]) > 1");
    assert_eq!(
        (found.verdict, found.what.as_str()),
        (Verdict::Broken, "can never fire: `rate(node_load1[15s])` needs two samples, and 15s holds at most one")
    );
    assert_eq!(found.cause.as_deref(), Some("the scrape interval is 15s"));
    assert!(found.fix_text().contains("a window of at least 1m"), "{}", found.fix_text());
    let found = of("15s", "rate(node_load1[20s]) > 1");
    assert!(found.is_broken() && found.what.starts_with("is blind most of the time"), "{found:?}");
    assert_eq!(of("15s", "rate(node_load1[30s]) > 1").verdict, Verdict::Ok);
    assert_eq!(of("15s", "rate(node_load1[15s]) > 1 or node_load1 > 9").verdict, Verdict::Ok);
    assert_eq!(of("5m", "increase(node_load1[5m]) > 1").cause.as_deref(), Some("the scrape interval is 5m"));
}

#[test]
fn a_rule_that_was_never_evaluated_is_not_ok() {
    let unknown = json!({"name": "A", "query": "up == 0", "type": "alerting", "health": "unknown"});
    let found = judged_with("", unknown, &["up"], |group| group.interval = 600.0);
    assert_eq!((found.verdict, found.what.as_str()), (Verdict::NotChecked, "was not evaluated yet"));
    assert_eq!(found.why, ["the first evaluation of `shop` comes within 10 min"]);
}

#[test]
fn a_quantile_of_buckets_that_lost_their_bounds_is_broken() {
    let metrics = ["prometheus_http_request_duration_seconds_bucket"];
    let found =
        judged_with("", one(&format!("histogram_quantile(0.9, sum(rate({}[5m]))) > 1", metrics[0])), &metrics, |_| {});
    assert_eq!(found.cause.as_deref(), Some("`histogram_quantile` needs the label `le`, which `sum` removes"));
    assert!(found.is_broken() && found.fix_text().contains("sum by (le) (...)"), "{found:?}");
}

#[test]
fn an_alert_that_waits_longer_than_its_series_stays_is_warned_of() {
    let of = |seconds: u32, interval: &str| {
        let mut rule = one("node_load1 > 1");
        rule["duration"] = seconds.into();
        judged_with(&format!("global: {{scrape_interval: {interval}}}\n"), rule, &["node_load1"], |_| {})
    };
    let found = of(600, "10m");
    assert_eq!(
        (found.verdict, found.what.as_str()),
        (Verdict::Warning, "can never fire: `node_load1` vanishes 5 min after each scrape, which resets its `for`")
    );
    assert_eq!((of(60, "10m").verdict, of(600, "5m").verdict), (Verdict::Ok, Verdict::Ok));
}

#[test]
fn alerts_of_alerts_and_young_recordings_are_not_broken() {
    for expr in ["ALERTS{alertstate=\"firing\"} > 0", "ALERTS_FOR_STATE > 0"] {
        assert_eq!(judged_with("", one(expr), &[], |_| {}).verdict, Verdict::Ok);
    }
    let young = |group: &mut Group| {
        let recording = json!({"name": "a:b", "query": "node_load1", "type": "recording", "health": "unknown"});
        group.rules.push(serde_json::from_value(recording).expect("a rule"));
    };
    let found = judged_with("", one("a:b > 1"), &["node_load1"], young);
    assert_eq!((found.verdict, found.what.as_str()), (Verdict::NotChecked, "cannot be checked yet"));
}

#[test]
fn many_rules_of_one_mistake_have_one_cause() {
    const MANY: usize = 2_000;
    let rules: Vec<Value> = (0..MANY)
        .map(|number| {
            let expr = format!("rate(node_laod1{{job=~\"node|n{number}\"}}[5m]) > on () absent(x:{number})");
            json!({"name": format!("A{number}"), "query": expr, "type": "alerting", "health": "ok"})
        })
        .collect();
    let catalog = Catalog::embedded().expect("the catalog");
    let mut snapshot = snapshot(&catalog, group(json!(rules)), &["node_load1"]);
    snapshot.configuration = Configuration::read(b"scrape_configs: [{job_name: node}]\n");
    let deployed: Vec<_> = (0..MANY)
        .map(|number| DeployedGroup { file: format!("rules/own/{number}.yml"), name: "shop".into() })
        .collect();
    let checked = judge(&snapshot, &RulesSnapshot { deployed, series: Series::existing(&["node_load1"], &[]) });
    let mut causes: BTreeMap<&str, usize> = BTreeMap::new();
    for found in checked.broken() {
        *causes.entry(found.cause.as_deref().unwrap_or_default()).or_default() += 1;
    }
    let expected = [("Prometheus runs an older configuration", MANY), ("no target has `node_laod1`", MANY)];
    assert_eq!(causes.into_iter().collect::<Vec<_>>(), expected);
}

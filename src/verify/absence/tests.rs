use serde_json::{Value, json};

use super::*;
use crate::catalog::Catalog;
use crate::compose::Service;
use crate::deployed::prometheus::Configuration;
use crate::deployed::stack::testing;
use crate::verify::snapshot::Down;

fn explained_with(expr: &str, series: &Series, change: impl FnOnce(&mut Snapshot<'_>)) -> Absence {
    let catalog = Catalog::embedded().expect("the catalog");
    let mut snapshot = Snapshot::empty(&catalog);
    snapshot.names = Ok(["node_load1".to_owned(), "node_cpu_seconds_total".to_owned()].into());
    change(&mut snapshot);
    let selectors = Query::parse(expr).expect("PromQL").selectors();
    explain(selectors.first().expect("a selector"), &snapshot, series)
}

fn explained(expr: &str, change: impl FnOnce(&mut Snapshot<'_>)) -> Absence {
    explained_with(expr, &Series::default(), change)
}

#[track_caller]
fn mistaken(expr: &str, change: impl FnOnce(&mut Snapshot<'_>)) -> Mistake {
    match explained(expr, change) {
        Absence::Mistake(mistake) => mistake,
        other => panic!("{other:?}"),
    }
}

fn expected(why: &str) -> Absence {
    Absence::Expected(why.to_owned())
}

fn target(job: &str, instance: &str, health: &str) -> Target {
    let target = json!({"labels": {"job": job, "instance": instance}, "scrapePool": job, "scrapeUrl": "",
        "lastScrape": "", "health": health, "scrapeInterval": "15s", "scrapeTimeout": "10s"});
    serde_json::from_value(target).expect("a target")
}

/// A stack with node-exporter, whose target is scraped, and a target of your own.
fn node(snapshot: &mut Snapshot<'_>) {
    for component in ["prometheus", "node-exporter"] {
        let deployed = testing::deployed("shop", component, Service::default());
        snapshot.services.insert(component.to_owned(), deployed);
    }
    let config = b"scrape_configs: [{job_name: node}, {job_name: shop}]\n";
    snapshot.configuration = Configuration::read(config);
    snapshot.targets = Ok(vec![target("node", "localhost", "up"), target("shop", "shop:8080", "up")]);
}

fn recording(name: &str, expr: &str, health: &str) -> Value {
    json!({"name": name, "query": expr, "type": "recording", "health": health})
}

fn rules(snapshot: &mut Snapshot<'_>, rules: &[Value]) {
    let group = json!({"name": "g", "file": "f", "interval": 15, "lastEvaluation": "", "rules": rules});
    snapshot.groups = Ok(vec![serde_json::from_value(group).expect("a group")]);
}

#[test]
fn a_metric_of_a_target_that_is_down_leads_to_that_target() {
    let down = |snapshot: &mut Snapshot<'_>| {
        snapshot.down = vec![Down { id: "target:node/x".into(), job: "node".into(), instance: "x".into() }];
    };
    assert_eq!(explained("node_load5", down), Absence::TargetDown("target:node/x".into()));
    assert_eq!(explained("no_such_thing{job=\"node\"}", down), Absence::TargetDown("target:node/x".into()));
    let other = explained("node_load5{job=\"other\"}", down);
    assert!(!matches!(other, Absence::TargetDown(_)), "{other:?}");
}

#[test]
fn a_metric_of_an_unknown_family_waits_for_a_target_of_yours_that_is_down() {
    let down = |snapshot: &mut Snapshot<'_>| {
        node(snapshot);
        snapshot.down = vec![Down { id: "target:shop/x".into(), job: "shop".into(), instance: "x".into() }];
    };
    let why = "the target shop/x is down, and its metrics are unknown";
    assert_eq!(explained("shop_orders_total", down), Absence::NotYet(why.into()));
    assert_eq!(mistaken("node_laod1", down).guess.as_deref(), Some("node_load1"));
    assert_eq!(mistaken("a:b", down).cause, "no rule records `a:b`, and no target has it");
}

#[test]
fn what_the_catalog_knows_is_expected_to_be_absent_and_the_rest_is_a_mistake() {
    let absent = "the component node-exporter is not part of this stack";
    assert_eq!(explained("node_load5", |_| {}), expected(absent));
    assert!(matches!(explained("node_load5", node), Absence::Expected(why) if why.starts_with("this host")));
    let found = mistaken("no_such_thing", node);
    assert_eq!(found.cause, "no target has `no_such_thing`");
    assert_eq!((found.guess.as_deref(), found.correction().as_str()), (None, "correct `no_such_thing`"));
    let found = mistaken("node_laod1", node);
    assert_eq!(found.correction(), "correct `node_laod1`: did you mean `node_load1`?");
    assert_eq!(mistaken("nginx_load1", node).guess, None, "another family");
    let unnamed = mistaken("{no=\"name\"}", node);
    assert_eq!(unnamed.lack, Lack::Series("{no=\"name\"}".into()));
}

#[test]
fn an_exporter_of_yours_may_have_the_metrics_of_a_component_that_is_absent() {
    let own = |snapshot: &mut Snapshot<'_>| snapshot.targets = Ok(vec![target("node", "db:9100", "up")]);
    assert!(matches!(explained("node_load5", own), Absence::Expected(why) if why.starts_with("this host")));
}

#[test]
fn recordings_of_a_component_that_is_absent_are_expected_to_be_absent() {
    let catalog = Catalog::embedded().expect("the catalog");
    let (_, file) = catalog.components["cadvisor"].files_in("rules", ".yml").next().expect("rules");
    let record = file.text().expect("text").lines().find_map(|line| line.trim().strip_prefix("- record: "));
    let absent = explained(record.expect("a recording"), node);
    assert_eq!(absent, expected("the component cadvisor is not part of this stack"));
}

#[test]
fn a_label_that_no_series_has_is_a_mistake_and_a_value_that_comes_and_goes_is_not() {
    let series = Series::existing(&["node_load1", "node_cpu_seconds_total"], &[("node_load1", "colour")]);
    let label = explained_with("node_load1{colour=\"red\"}", &series, node);
    let Absence::Mistake(label) = label else { panic!("{label:?}") };
    assert_eq!(label.cause, "no series of `node_load1` has the label `colour`");
    assert_eq!(label.correction(), "correct the label `colour` of `node_load1`");
    let value = explained_with("node_cpu_seconds_total{mode=\"rare\", job=\"node\"}", &series, node);
    assert_eq!(value, expected("no series of `node_cpu_seconds_total` matches now"));
    let unasked = explained("node_load1{colour=\"red\"}", node);
    assert_eq!(unasked, expected("no series of `node_load1` matches now"));
}

#[test]
fn a_job_that_the_configuration_does_not_have_is_a_mistake_that_lists_those_there_are() {
    let found = mistaken("up{job=\"node-exporter\"}", node);
    assert_eq!(found.cause, "no job is called `node-exporter`; jobs: node, shop");
    let correction = "correct `node-exporter`, the value of `job`: did you mean `node`?";
    assert_eq!(found.correction(), correction);
    let found = mistaken("rate(node_cpu_seconds_total{job=~\"nodes|hosts.*\"}[5m])", node);
    assert_eq!(found.cause, "no job matches `nodes|hosts.*`; jobs: node, shop");
    for fine in ["up{job=\"node\"}", "up{job=~\"n.*\"}", "up{job!=\"x\"}", "up{job=~\".*\"}"] {
        let why = explained(fine, node);
        assert!(!matches!(why, Absence::Mistake(_)), "{fine}: {why:?}");
    }
}

#[test]
fn a_job_of_a_component_that_is_absent_and_one_that_may_come_are_no_mistakes() {
    let absent = "the component cadvisor is not part of this stack";
    assert_eq!(explained("up{job=\"cadvisor\"}", node), expected(absent));
    let seen = |snapshot: &mut Snapshot<'_>| {
        node(snapshot);
        snapshot.jobs_seen = ["nightly".to_owned()].into();
    };
    assert!(!matches!(explained("node_load1{job=\"nightly\"}", seen), Absence::Mistake(_)));
    let pushed = |snapshot: &mut Snapshot<'_>| {
        node(snapshot);
        let config = b"scrape_configs: [{job_name: node}, {job_name: push, honor_labels: true}]\n";
        snapshot.configuration = Configuration::read(config);
    };
    assert_eq!(explained("up{job=\"nightly\"}", pushed), expected("no series has the job `nightly` now"));
    let receiving = |snapshot: &mut Snapshot<'_>| {
        node(snapshot);
        let command = Some(vec!["--web.enable-remote-write-receiver".to_owned()]);
        let deployed = testing::deployed("shop", "prometheus", Service { command, ..Service::default() });
        snapshot.services.insert("prometheus".to_owned(), deployed);
    };
    assert!(!matches!(explained("node_load1{job=\"elsewhere\"}", receiving), Absence::Mistake(_)));
    let unknown = |snapshot: &mut Snapshot<'_>| snapshot.configuration = Configuration::default();
    assert!(!matches!(explained("node_load1{job=\"x\"}", unknown), Absence::Mistake(_)));
    let relabeled = |snapshot: &mut Snapshot<'_>| {
        node(snapshot);
        rules(snapshot, &[recording("a:b", "label_replace(up, \"job\", \"x\", \"\", \"\")", "ok")]);
        snapshot.names.as_mut().expect("names").insert("a:b".into());
    };
    assert!(!matches!(explained("a:b{job=\"x\"}", relabeled), Absence::Mistake(_)));
}

#[test]
fn an_instance_that_no_written_target_has_is_a_mistake() {
    let found = mistaken("up{instance=\"node-exporter:9100\"}", node);
    assert_eq!(found.cause, "no target's instance is `node-exporter:9100`; instances: localhost, shop:8080");
    assert!(!matches!(explained("up{instance=~\"shop.*\"}", node), Absence::Mistake(_)));
    assert_eq!(
        mistaken("up{job=\"node\", instance=\"shop:8080\"}", node).cause,
        "no target's instance is `shop:8080`; instances: localhost"
    );
    let discovered = |snapshot: &mut Snapshot<'_>| {
        node(snapshot);
        let config = b"scrape_configs: [{job_name: node}, {job_name: shop, docker_sd_configs: [{host: x}]}]\n";
        snapshot.configuration = Configuration::read(config);
    };
    assert!(!matches!(explained("up{instance=\"db:1\"}", discovered), Absence::Mistake(_)));
    let late = |snapshot: &mut Snapshot<'_>| {
        node(snapshot);
        snapshot.targets.as_mut().expect("targets").pop();
    };
    assert!(!matches!(explained("up{instance=\"shop:8080\"}", late), Absence::Mistake(_)));
}

#[test]
fn what_was_not_scraped_or_evaluated_yet_waits() {
    let new = |snapshot: &mut Snapshot<'_>| {
        node(snapshot);
        snapshot.targets = Ok(vec![target("node", "localhost", "up"), target("shop", "shop:8080", "unknown")]);
    };
    let why = "shop/shop:8080 is scraped for the first time within 15 s";
    assert_eq!(explained("shop_orders_total", new), Absence::NotYet(why.into()));
    assert!(matches!(explained("node_load5", new), Absence::Expected(_)), "its target was scraped");
    let unevaluated = |snapshot: &mut Snapshot<'_>| {
        node(snapshot);
        rules(snapshot, &[recording("a:b", "node_load1", "unknown")]);
        (snapshot.configured_ago, snapshot.groups.as_mut().expect("groups")[0].interval) = (60.0, 600.0);
    };
    let why = "the first evaluation of `g` comes within 9 min";
    assert_eq!(explained("a:b", unevaluated), Absence::NotYet(why.into()));
    assert_eq!(explained("up", |_| {}), Absence::NotYet("nothing was scraped yet".into()));
}

#[test]
fn a_recorded_metric_is_absent_for_the_reason_of_what_it_records_and_a_circle_ends() {
    let chain = |snapshot: &mut Snapshot<'_>| {
        node(snapshot);
        rules(snapshot, &[recording("a:b", "c:d", "ok"), recording("c:d", "no_such_thing", "ok")]);
    };
    assert_eq!(mistaken("a:b", chain).cause, "no target has `no_such_thing`");
    let recorded_for = |age: f64| {
        move |snapshot: &mut Snapshot<'_>| {
            node(snapshot);
            rules(snapshot, &[recording("a:b", "rate(node_load1[1m])", "ok")]);
            snapshot.configured_ago = age;
        }
    };
    let soon = "the rule `a:b` has recorded nothing yet: it takes up to 40 s";
    assert_eq!(explained("a:b", recorded_for(30.0)), Absence::NotYet(soon.into()));
    assert_eq!(explained("a:b", recorded_for(300.0)), expected("the rule `a:b` records nothing now"));
    let circle = |snapshot: &mut Snapshot<'_>| {
        node(snapshot);
        rules(snapshot, &[recording("a:b", "c:d", "ok"), recording("c:d", "a:b", "ok")]);
    };
    assert!(matches!(explained("a:b", circle), Absence::Mistake(_)));
}

#[test]
fn alerts_may_be_absent_at_any_time() {
    for metric in ["ALERTS", "ALERTS_FOR_STATE{job=\"x\"}"] {
        assert_eq!(explained(metric, node), expected("no alert is pending or firing"));
    }
}

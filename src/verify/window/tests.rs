use serde_json::json;

use super::*;
use crate::catalog::Catalog;
use crate::clients::prometheus::Group;
use crate::deployed::prometheus::Configuration;

fn narrow(expr: &str, configuration: &str) -> Vec<NarrowWindow> {
    let catalog = Catalog::embedded().expect("the catalog");
    let mut snapshot = Snapshot::empty(&catalog);
    snapshot.configuration = Configuration::read(configuration.as_bytes());
    let recording = json!({"name": "a:b", "query": "up", "type": "recording", "health": "ok"});
    let group = json!({"name": "g", "file": "f", "interval": 60, "lastEvaluation": "", "rules": [recording]});
    let group: Group = serde_json::from_value(group).expect("a group");
    snapshot.groups = Ok(vec![group]);
    too_narrow(&Query::parse(expr).expect("PromQL"), &snapshot, &Series::default())
}

/// The catalog knows `node_load1` as one of the job `node`.
fn narrow_by(interval: &str, window: &str) -> Option<bool> {
    let configuration = format!("global: {{scrape_interval: {interval}}}\nscrape_configs: [{{job_name: node}}]\n");
    narrow(&format!("rate(node_load1[{window}])"), &configuration).first().map(|one| one.always)
}

#[test]
fn a_window_holds_two_samples_when_it_is_two_intervals_long() {
    assert_eq!(narrow_by("15s", "15s"), Some(true));
    assert_eq!(narrow_by("15s", "20s"), Some(false));
    assert_eq!(narrow_by("15s", "29s"), Some(false));
    assert_eq!(narrow_by("15s", "30s"), None);
    assert_eq!(narrow_by("5m", "5m"), Some(true));
}

#[test]
fn one_interval_of_prometheus_is_one_cause_with_one_fix_and_a_short_one_is_kept() {
    let all = narrow(
        "rate(node_load1[5m]) + irate(alertmanager_alerts[5m])",
        "global: {scrape_interval: 5m}\nscrape_configs: [{job_name: node}, {job_name: alertmanager}]\n",
    );
    assert_eq!(all.len(), 2);
    for one in &all {
        assert_eq!(one.cause, "the scrape interval is 5m");
        let fix = one.fix("rules/own/a.yml").to_string();
        assert!(fix.starts_with("watchpost up --set prometheus.scrape_interval=1m, or "), "{fix}");
    }
    let own = narrow("rate(node_load1[15s])", "scrape_configs: [{job_name: node, scrape_interval: 15s}]\n");
    assert_eq!(own[0].cause, "the scrape interval of `node` is 15s");
    assert_eq!(own[0].what(), "`rate(node_load1[15s])` needs two samples, and 15s holds at most one");
    let fix = own[0].fix("rules/own/a.yml").to_string();
    assert_eq!(fix, "in rules/own/a.yml: give `rate` a window of at least 1m, then watchpost up");
}

#[test]
fn only_functions_that_need_two_samples_of_a_known_interval_are_judged() {
    let configuration = "global: {scrape_interval: 5m}\nscrape_configs: [{job_name: node}]\n";
    let count = |expr: &str| narrow(expr, configuration).len();
    assert_eq!(count("avg_over_time(node_load1[1m])"), 0);
    assert_eq!(count("rate(shop_orders_total[1m])"), 0, "nobody knows who exports it");
    assert_eq!(count("rate(shop_orders_total{job=\"node\"}[1m])"), 1);
    assert_eq!(count("rate(shop_orders_total{job=\"other\"}[1m])"), 0);
    assert_eq!(count("changes(node_load1[1m])"), 1);
    let recorded = narrow("delta(a:b[1m])", configuration);
    assert_eq!(recorded[0].cause, "`a:b` is recorded every 1m");
    assert_eq!(narrow("delta(a:b[2m])", configuration), []);
}

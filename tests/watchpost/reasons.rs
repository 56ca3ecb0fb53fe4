//! Why a rule finds nothing: a component that is left out, a collector that is off, a mistake, or nothing evaluated yet.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::Stack;

const RULES: &str = "groups:
- {name: empty, rules: []}
- name: own
  rules:
  - {alert: NoSuchJob, expr: 'up{job=\"node-exporter\"} == 0'}
  - {alert: Narrow, expr: 'rate(prometheus_http_requests_total[2s]) > 1'}
  - {alert: WithoutLe, expr: 'histogram_quantile(0.9, sum(rate(prometheus_http_request_duration_seconds_bucket[1m]))) > 9'}
  - {alert: Alerting, expr: 'ALERTS{alertname=\"Other\"} > 0'}
  - {alert: Collector, expr: 'node_systemd_unit_state > 1'}
  - {alert: Component, expr: 'container_last_seen < 1'}
";

#[track_caller]
fn finding<'r>(report: &'r Value, id: &str) -> &'r Value {
    let links = report["links"].as_array().expect("links");
    let mut findings = links.iter().flat_map(|link| link["findings"].as_array().expect("findings"));
    findings.find(|found| found["id"] == id).unwrap_or_else(|| panic!("nothing of {id} in {report:#}"))
}

/// The verdict on a rule, and its cause or reason.
#[track_caller]
fn rule<'r>(report: &'r Value, name: &str) -> (&'r str, &'r str) {
    let found = finding(report, &format!("rule:own/{name}"));
    let why = found["cause"].as_str().or(found["why"][0].as_str());
    (found["verdict"].as_str().expect("a verdict"), why.unwrap_or_default())
}

#[test]
fn what_is_left_out_is_no_fault_a_mistake_is_one_and_what_was_not_evaluated_is_not_checked() {
    let stack = Stack::new("standard", "");
    stack.write("standard", "  cadvisor: false\n", "rules: [rules]\n");
    let rules = stack.path().join("rules");
    std::fs::create_dir_all(&rules).expect("a folder");
    std::fs::write(rules.join("own.yml"), RULES).expect("written");
    stack.up();
    let report = stack.run(&["verify", "-o", "json", "--only", "rules,dashboards"]).expect(6).json();
    let jobs = "no job is called `node-exporter`; jobs: alertmanager, blackbox-exporter, grafana, node, prometheus";
    assert_eq!(rule(&report, "NoSuchJob"), ("broken", jobs));
    assert_eq!(rule(&report, "Narrow"), ("broken", "the scrape interval is 2s"));
    assert_eq!(rule(&report, "WithoutLe").0, "broken");
    assert_eq!(rule(&report, "Alerting"), ("ok", ""));
    assert_eq!(
        rule(&report, "Collector"),
        ("note", "the collector `systemd` is off: `--collector.systemd` turns it on")
    );
    assert_eq!(rule(&report, "Component"), ("note", "the component cadvisor is not part of this stack"));
    assert_eq!(report["causes"], 3, "{report:#}");

    // Without the mistakes nothing is broken, also while rules wait for their first evaluation, which is not waited for.
    std::fs::write(rules.join("own.yml"), "# nothing yet\ngroups:\n- {name: empty, rules: []}\n").expect("written");
    stack.edit("evaluation_interval: 1s", "evaluation_interval: 10m");
    let began = Instant::now();
    stack.run(&["up", "--yes"]).expect(0).says("not checked");
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    let report = stack.run(&["verify", "-o", "json", "--only", "rules,alerting"]).expect(0).json();
    assert_eq!(finding(&report, "rule:general/Watchdog")["what"], "was not evaluated yet");
    assert_eq!(finding(&report, "watchdog")["verdict"], "not-checked");
    assert_eq!(finding(&report, "interval:evaluation")["verdict"], "warning");
}

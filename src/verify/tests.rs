//! Whole stacks, judged from the samples that the catalog's components recorded, without Docker.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::Snapshot;
use crate::catalog::Catalog;
use crate::clients::exposition::Exposition;
use crate::clients::prometheus::Group;
use crate::clients::series::Series;
use crate::dashboard;
use crate::deployed::prometheus::Configuration;
use crate::deployed::stack::{Services, testing};
use crate::promql::Query;
use crate::render::{Bundle, render};
use crate::spec::{self, OwnFiles, resolve};
use crate::verify::absence::{self, Absence};
use crate::verify::links::rules;
use crate::verify::report::Verdict;

/// What each healthy stack has besides the recorded metrics.
const OF_PROMETHEUS: [&str; 5] =
    ["up", "scrape_duration_seconds", "scrape_samples_scraped", "scrape_series_added", "probe_success"];

fn rendered(catalog: &Catalog, text: &str) -> Bundle {
    let spec = spec::read("watchpost.yaml", text).expect("a spec");
    render(&resolve(&spec, catalog, OwnFiles::default()).expect("a stack")).expect("rendered")
}

/// The stack as it is a while after it was deployed on a healthy host.
fn healthy<'a>(catalog: &'a Catalog, bundle: &Bundle) -> Snapshot<'a> {
    let mut snapshot = Snapshot::empty(catalog);
    snapshot.services = Services::default();
    for (name, service) in &bundle.compose.services {
        let component = service.extension.as_ref().map(|extension| extension.component.clone()).unwrap_or_default();
        snapshot.services.insert(name.clone(), testing::deployed("shop", &component, service.clone()));
    }
    let files = bundle.service_files("prometheus");
    snapshot.configuration = Configuration::read(files["prometheus.yml"]);
    let targets = snapshot.configuration.jobs.iter().map(|job| {
        json!({"labels": {"job": job.name, "instance": job.name}, "scrapePool": job.name, "scrapeUrl": "",
            "lastScrape": "", "health": "up", "scrapeInterval": "15s", "scrapeTimeout": "10s"})
    });
    snapshot.targets = Ok(targets.map(|target| serde_json::from_value(target).expect("a target")).collect());
    let groups =
        files.iter().filter(|(path, _)| path.starts_with("rules/")).flat_map(|(path, text)| groups(path, text));
    snapshot.groups = Ok(groups.collect());
    let mut names: BTreeSet<String> = OF_PROMETHEUS.map(str::to_owned).into();
    for component in catalog.components.values().filter(|one| snapshot.has_component(&one.manifest.name)) {
        let sample = component.files.get("metrics.prom").and_then(|file| file.text().ok()).unwrap_or_default();
        names.extend(Exposition::read(sample).samples().iter().map(|sample| sample.name.clone()));
    }
    snapshot.names = Ok(with_recordings(names, snapshot.groups.as_deref().unwrap_or_default()));
    snapshot
}

/// As Prometheus lists the groups of a file, all of them evaluated.
fn groups(path: &str, text: &[u8]) -> Vec<Group> {
    let text = std::str::from_utf8(text).expect("UTF-8");
    let file = crate::yaml::parse(path, text).expect("YAML").to_json();
    let rule = |rule: &Value| {
        let kind = if rule["alert"].is_string() { "alerting" } else { "recording" };
        let name = rule["alert"].as_str().or(rule["record"].as_str());
        json!({"name": name, "query": rule["expr"], "type": kind, "health": "ok"})
    };
    let groups = file["groups"].as_array().expect("groups").iter().map(|group| {
        let rules: Vec<Value> = group["rules"].as_array().expect("rules").iter().map(rule).collect();
        let group = json!({"name": group["name"], "file": path, "interval": 15, "evaluationTime": 0.1,
            "lastEvaluation": crate::time::text(crate::time::now()), "rules": rules});
        serde_json::from_value(group).expect("a group")
    });
    groups.collect()
}

/// What the rules record of these metrics, and of what they record.
fn with_recordings(mut names: BTreeSet<String>, groups: &[Group]) -> BTreeSet<String> {
    loop {
        let before = names.len();
        for rule in groups.iter().flat_map(|group| &group.rules).filter(|rule| !rule.is_alert()) {
            let query = Query::parse(&rule.query).expect("PromQL");
            if query.can_yield(&|selector| names.contains(&selector.metric)).is_ok() {
                names.insert(rule.name.clone());
            }
        }
        if names.len() == before {
            return names;
        }
    }
}

fn series(snapshot: &Snapshot<'_>) -> Series {
    let names: Vec<&str> = snapshot.names.iter().flatten().map(String::as_str).collect();
    Series::existing(&names, &[])
}

/// What is wrong with the rules and the panels' queries of the stack, and the reasons of the notes.
fn faults(snapshot: &Snapshot<'_>, dashboards: &BTreeMap<&str, &[u8]>) -> (Vec<String>, BTreeSet<String>) {
    let (mut faults, mut reasons) = (Vec::new(), BTreeSet::new());
    let checked = rules::judge(snapshot, &rules::RulesSnapshot { deployed: Vec::new(), series: series(snapshot) });
    for found in &checked.findings {
        match found.verdict {
            Verdict::Ok => {}
            Verdict::Note => reasons.extend(found.why.iter().cloned()),
            _ => faults.push(format!("{found:?}")),
        }
    }
    for (path, text) in dashboards.iter().filter(|(path, _)| path.ends_with(".json")) {
        let model = dashboard::parse(path, std::str::from_utf8(text).expect("UTF-8")).expect("a dashboard");
        for (panel, expr) in dashboard::lint::filled_queries(&model) {
            // What stands for a variable is to match what there is.
            let expr = expr.replace("placeholder", ".*");
            match why_empty(snapshot, &expr) {
                Some(Absence::Expected(why)) => drop(reasons.insert(why)),
                Some(other) => faults.push(format!("{path}, {panel}: {other:?}")),
                None => {}
            }
        }
    }
    (faults, reasons)
}

fn why_empty(snapshot: &Snapshot<'_>, expr: &str) -> Option<Absence> {
    let missing = Query::parse(expr).ok()?.can_yield(&|selector| snapshot.has(&selector.metric)).err()?;
    Some(absence::explain(&missing.selector, snapshot, &series(snapshot)))
}

#[test]
fn every_choice_of_components_of_every_stack_has_sound_rules_and_panels() {
    let catalog = Catalog::embedded().expect("the catalog");
    for (stack, manifest) in &catalog.stacks {
        let others: Vec<&String> = manifest.components.keys().filter(|name| *name != "prometheus").collect();
        for choice in 0..1_u32 << others.len() {
            let without = others.iter().enumerate().filter(|(at, _)| choice & (1 << at) != 0).map(|(_, name)| *name);
            let without: Vec<&String> = without.collect();
            let mut text = format!("stack: {stack}\n");
            if !without.is_empty() {
                text += "components:\n";
                text.extend(without.iter().map(|name| format!("  {name}: false\n")));
            }
            let bundle = rendered(&catalog, &text);
            let snapshot = healthy(&catalog, &bundle);
            let (faults, reasons) = faults(&snapshot, &bundle.service_files("grafana"));
            assert!(faults.is_empty(), "{text}{faults:#?}");
            for name in without {
                let named = format!("the component {name} is not part of this stack");
                let needs_it =
                    ["node-exporter", "cadvisor"].contains(&name.as_str()) && snapshot.has_component("grafana");
                assert!(!needs_it || reasons.contains(&named), "{text}{reasons:#?}");
            }
        }
    }
}

/// The names are those of node_exporter 1.11 with all its collectors, on hosts that have everything.
#[test]
fn each_metric_of_node_exporter_is_there_or_has_a_reason_that_names_its_collector() {
    let catalog = Catalog::embedded().expect("the catalog");
    let bundle = rendered(&catalog, "stack: standard\n");
    let snapshot = healthy(&catalog, &bundle);
    let metrics: Vec<&str> =
        include_str!("../../tests/fixtures/verify/node-exporter-1.11-metrics.txt").lines().collect();
    assert!(metrics.len() > 1300);
    for metric in metrics {
        match why_empty(&snapshot, metric) {
            None => {}
            Some(Absence::Expected(why)) if why.starts_with("the collector `") => {}
            other => panic!("{metric}: {other:?}"),
        }
    }
    let why = |metric: &str| why_empty(&snapshot, metric);
    let expected = |why: &str| Some(Absence::Expected(why.to_owned()));
    let off = "the collector `systemd` is off: `--collector.systemd` turns it on";
    assert_eq!(why("node_systemd_unit_state"), expected(off));
    let off = "the collector `zfs` is off: `--collector.zfs` turns it on";
    assert_eq!(why("node_zfs_arc_size"), expected(off), "the stack turns it off");
    let none = "the collector `hwmon` finds no hardware sensors on this host";
    assert_eq!(why("node_hwmon_temp_celsius"), expected(none));
    assert_eq!(
        why("container_hugetlb_usage_bytes"),
        expected("the collector `hugetlb` is off: `--enable_metrics=hugetlb` turns it on")
    );
    assert!(matches!(why("node_memory_MemAvailble_bytes"), Some(Absence::Mistake(_))), "a typo stays one");
}

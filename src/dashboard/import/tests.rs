use super::*;
use crate::dashboard::lint;

fn place() -> Place<'static> {
    let source = |name: &str, uid: &str, kind: &str| Source { name: name.into(), uid: uid.into(), kind: kind.into() };
    Place {
        sources: vec![
            source("Prometheus", "watchpost-prometheus", "prometheus"),
            source("Alertmanager", "watchpost-alertmanager", "alertmanager"),
        ],
        origin: "gnet-17",
        ..Place::default()
    }
}

fn imported(model: Value) -> Value {
    let imported = import(&model, &place()).expect("imported");
    let errors: Vec<String> = lint::lint("x.json", &imported.text, &lint::Surroundings::default())
        .into_iter()
        .filter(|finding| finding.severity == crate::error::Severity::Error)
        .map(|finding| finding.problem.to_string())
        .collect();
    assert_eq!(errors, Vec::<String>::new(), "what is imported is taken by Grafana");
    serde_json::from_str(&imported.text).expect("JSON")
}

const OURS: &str = "watchpost-prometheus";

#[test]
fn inputs_become_our_data_source_everywhere() {
    let board = imported(json!({
        "__inputs": [{"name": "DS_PROM", "type": "datasource", "pluginId": "prometheus"},
                     {"name": "VAR_JOB", "type": "constant", "value": "node"}],
        "__requires": [{"type": "grafana"}], "id": 12, "version": 7, "iteration": 3,
        "title": "Hosts", "uid": "hosts", "schemaVersion": 38,
        "annotations": {"list": [{"name": "Deploys", "datasource": "${DS_PROM}", "expr": "changes(x[5m])"},
                                 {"builtIn": 1, "datasource": "-- Grafana --", "name": "Annotations & Alerts"}]},
        "templating": {"list": [{"name": "host", "type": "query", "datasource": {"type": "prometheus", "uid": "${DS_PROM}"},
            "query": "label_values(up{job=\"${VAR_JOB}\"}, instance)", "current": {"value": "elsewhere:9100"}, "refresh": 0}]},
        "panels": [{"id": 1, "type": "row", "panels": [
            {"id": 2, "type": "stat", "title": "Up", "datasource": "$DS_PROM",
             "targets": [{"refId": "A", "expr": "up{job=\"${VAR_JOB}\"}", "datasource": {"type": "prometheus", "uid": "${DS_PROM}"}}]}]}]}));
    for key in ["__inputs", "__requires", "id", "version", "iteration"] {
        assert!(board.get(key).is_none(), "{key} stays");
    }
    assert_eq!(board["uid"], "hosts");
    let panel = &board["panels"][0]["panels"][0];
    assert_eq!(panel["datasource"], json!({"type": "prometheus", "uid": OURS}));
    assert_eq!(panel["targets"][0]["datasource"]["uid"], OURS);
    assert_eq!(panel["targets"][0]["expr"], "up{job=\"node\"}");
    assert_eq!(board["annotations"]["list"][0]["datasource"]["uid"], OURS);
    assert_eq!(board["annotations"]["list"][1]["datasource"], json!({"type": "grafana", "uid": "-- Grafana --"}));
    let variable = &board["templating"]["list"][0];
    assert_eq!(
        (&variable["datasource"]["uid"], &variable["refresh"], &variable["current"]),
        (&json!(OURS), &json!(1), &json!({}))
    );
}

#[test]
fn names_foreign_uids_and_open_data_sources_become_ours() {
    let board = imported(json!({
        "title": "Old", "schemaVersion": 14,
        "rows": [{"panels": [{"id": 1, "type": "graph", "title": "Load", "datasource": "thanos", "targets": [{"expr": "a"}]},
                             {"id": 2, "type": "graph", "title": "Open", "targets": [{"refId": "A", "expr": "b"}]}]}],
        "panels": [{"id": 3, "type": "stat", "title": "Uid", "datasource": {"type": "prometheus", "uid": "PBFA97CFB590B2093"},
                    "targets": [{"refId": "A", "expr": "c", "datasource": {"type": "prometheus", "uid": "PBFA97CFB590B2093"}}]},
                   {"id": 4, "type": "stat", "title": "Chosen", "datasource": "$ds", "targets": [{"refId": "A", "expr": "d"}]}],
        "templating": {"list": [{"name": "ds", "type": "datasource", "query": "prometheus", "regex": "/thanos/",
                                 "current": {"value": "thanos"}}]}}));
    assert_eq!(board["uid"], "gnet-17", "a uid that stays from import to import");
    assert_eq!(board["rows"][0]["panels"][0]["datasource"]["uid"], OURS);
    assert_eq!(board["rows"][0]["panels"][1]["datasource"]["uid"], OURS);
    assert_eq!(board["panels"][0]["targets"][0]["datasource"]["uid"], OURS);
    assert_eq!(board["panels"][1]["datasource"], json!({"type": "prometheus", "uid": "${ds}"}));
    let variable = &board["templating"]["list"][0];
    assert_eq!((&variable["current"]["value"], &variable["regex"]), (&json!(OURS), &json!("")));
}

#[test]
fn library_panels_are_put_in_where_they_stand() {
    let board = imported(json!({
        "title": "Lib", "uid": "lib", "schemaVersion": 40,
        "__inputs": [{"name": "DS", "type": "datasource", "pluginId": "prometheus"}],
        "__elements": {"shared": {"uid": "shared", "name": "Requests", "kind": 1, "model": {
            "type": "timeseries", "title": "Requests", "gridPos": {"h": 1}, "datasource": {"type": "prometheus", "uid": "${DS}"},
            "targets": [{"refId": "A", "expr": "requests"}]}}},
        "panels": [{"id": 5, "gridPos": {"h": 8, "w": 12, "x": 0, "y": 0}, "libraryPanel": {"uid": "shared", "name": "Requests"}}]}));
    let panel = &board["panels"][0];
    assert!(panel.get("libraryPanel").is_none() && board.get("__elements").is_none());
    assert_eq!((&panel["id"], &panel["gridPos"]["h"], &panel["title"]), (&json!(5), &json!(8), &json!("Requests")));
    assert_eq!(panel["datasource"]["uid"], OURS);
    let alone = json!({"title": "Lib", "panels": [{"id": 5, "libraryPanel": {"uid": "gone", "name": "Gone"}}]});
    let error = import(&alone, &place()).expect_err("not in the file");
    assert!(
        error.message.contains("`Gone`")
            && error.hint.as_deref().is_some_and(|hint| hint.contains("sharing externally"))
    );
}

#[test]
fn schema_v2_is_refused_with_a_way_out_and_a_v1_resource_is_unwrapped() {
    let v2 = json!({"apiVersion": "dashboard.grafana.app/v2beta1", "kind": "Dashboard", "spec": {"elements": {}, "layout": {}}});
    let error = import(&v2, &place()).expect_err("v2");
    assert!(error.message.contains("schema v2") && error.hint.as_deref().is_some_and(|hint| hint.contains("Classic")));
    let v1 = json!({"apiVersion": "dashboard.grafana.app/v1beta1", "kind": "Dashboard", "metadata": {"name": "shop"},
                    "spec": {"title": "Shop", "schemaVersion": 42, "panels": []}});
    assert_eq!(imported(v1)["uid"], "shop");
    assert_eq!(imported(json!({"meta": {}, "dashboard": {"title": "Api", "uid": "api", "panels": []}}))["uid"], "api");
}

#[test]
fn a_data_source_that_the_stack_does_not_have_is_asked_for() {
    let board = json!({"title": "Logs", "uid": "logs", "panels": [],
        "__inputs": [{"name": "DS_LOKI", "type": "datasource", "pluginId": "loki"}]});
    let error = import(&board, &place()).expect_err("no loki");
    assert!(error.hint.as_deref().is_some_and(|hint| hint.contains("--datasource DS_LOKI=UID")), "{error:?}");
    let mapped = Place { mapped: [("DS_LOKI".to_owned(), "our-loki".to_owned())].into(), ..place() };
    assert!(import(&board, &mapped).is_ok());
    let taken = Place { taken: vec!["logs".into(), "gnet-17".into()], mapped: mapped.mapped.clone(), ..place() };
    assert_eq!(import(&board, &taken).expect("imported").uid, "gnet-17-2");
}

#[test]
fn inputs_that_double_are_refused() {
    let input = |index: usize| {
        let value = if index == 40 { "x".repeat(64) } else { format!("${{V{0}}}${{V{0}}}", index + 1) };
        json!({"name": format!("V{index}"), "type": "constant", "value": value})
    };
    let model = json!({
        "__inputs": (10..=40).map(input).collect::<Vec<Value>>(), "title": "Hosts", "schemaVersion": 38,
        "panels": [{"id": 1, "type": "text", "title": "${V10}"}],
    });
    let error = import(&model, &place()).expect_err("too large").to_string();
    assert!(error.contains("larger than one can be"), "{error}");
}

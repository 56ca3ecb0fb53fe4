use super::*;
use crate::dashboard::lint;

fn destination() -> Destination<'static> {
    let source =
        |name: &str, uid: &str, kind: &str| ProvisionedSource { name: name.into(), uid: uid.into(), kind: kind.into() };
    Destination {
        data_sources: vec![
            source("Prometheus", "watchpost-prometheus", "prometheus"),
            source("Alertmanager", "watchpost-alertmanager", "alertmanager"),
        ],
        origin: "gnet-17",
        ..Destination::default()
    }
}

fn imported(model: Value) -> Value {
    let imported = import(&model, &destination()).expect("imported");
    let errors: Vec<String> = lint::lint("x.json", &imported.text, &lint::Surroundings::default())
        .into_iter()
        .filter(|finding| finding.severity == crate::error::Severity::Error)
        .map(|finding| finding.problem.to_string())
        .collect();
    assert_eq!(errors, Vec::<String>::new(), "Grafana accepts the imported file");
    serde_json::from_str(&imported.text).expect("JSON")
}

const OURS: &str = "watchpost-prometheus";

#[test]
fn inputs_become_our_data_source_everywhere() {
    let dashboard = imported(json!({
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
        assert!(dashboard.get(key).is_none(), "{key} stays");
    }
    assert_eq!(dashboard["uid"], "hosts");
    let panel = &dashboard["panels"][0]["panels"][0];
    assert_eq!(panel["datasource"], json!({"type": "prometheus", "uid": OURS}));
    assert_eq!(panel["targets"][0]["datasource"]["uid"], OURS);
    assert_eq!(panel["targets"][0]["expr"], "up{job=\"node\"}");
    assert_eq!(dashboard["annotations"]["list"][0]["datasource"]["uid"], OURS);
    assert_eq!(dashboard["annotations"]["list"][1]["datasource"], json!({"type": "grafana", "uid": "-- Grafana --"}));
    let variable = &dashboard["templating"]["list"][0];
    assert_eq!(
        (&variable["datasource"]["uid"], &variable["refresh"], &variable["current"]),
        (&json!(OURS), &json!(1), &json!({}))
    );
}

#[test]
fn names_foreign_uids_and_open_data_sources_become_ours() {
    let dashboard = imported(json!({
        "title": "Old", "schemaVersion": 14,
        "rows": [{"panels": [{"id": 1, "type": "graph", "title": "Load", "datasource": "thanos", "targets": [{"expr": "a"}]},
                             {"id": 2, "type": "graph", "title": "Open", "targets": [{"refId": "A", "expr": "b"}]}]}],
        "panels": [{"id": 3, "type": "stat", "title": "Uid", "datasource": {"type": "prometheus", "uid": "PBFA97CFB590B2093"},
                    "targets": [{"refId": "A", "expr": "c", "datasource": {"type": "prometheus", "uid": "PBFA97CFB590B2093"}}]},
                   {"id": 4, "type": "stat", "title": "Chosen", "datasource": "$ds", "targets": [{"refId": "A", "expr": "d"}]}],
        "templating": {"list": [{"name": "ds", "type": "datasource", "query": "prometheus", "regex": "/thanos/",
                                 "current": {"value": "thanos"}}]}}));
    assert_eq!(dashboard["uid"], "gnet-17", "a uid that stays from import to import");
    assert_eq!(dashboard["rows"][0]["panels"][0]["datasource"]["uid"], OURS);
    assert_eq!(dashboard["rows"][0]["panels"][1]["datasource"]["uid"], OURS);
    assert_eq!(dashboard["panels"][0]["targets"][0]["datasource"]["uid"], OURS);
    assert_eq!(dashboard["panels"][1]["datasource"], json!({"type": "prometheus", "uid": "${ds}"}));
    let variable = &dashboard["templating"]["list"][0];
    assert_eq!((&variable["current"]["value"], &variable["regex"]), (&json!(OURS), &json!("")));
}

#[test]
fn library_panels_are_inlined_at_their_position() {
    let dashboard = imported(json!({
        "title": "Lib", "uid": "lib", "schemaVersion": 40,
        "__inputs": [{"name": "DS", "type": "datasource", "pluginId": "prometheus"}],
        "__elements": {"shared": {"uid": "shared", "name": "Requests", "kind": 1, "model": {
            "type": "timeseries", "title": "Requests", "gridPos": {"h": 1}, "datasource": {"type": "prometheus", "uid": "${DS}"},
            "targets": [{"refId": "A", "expr": "requests"}]}}},
        "panels": [{"id": 5, "gridPos": {"h": 8, "w": 12, "x": 0, "y": 0}, "libraryPanel": {"uid": "shared", "name": "Requests"}}]}));
    let panel = &dashboard["panels"][0];
    assert!(panel.get("libraryPanel").is_none() && dashboard.get("__elements").is_none());
    assert_eq!((&panel["id"], &panel["gridPos"]["h"], &panel["title"]), (&json!(5), &json!(8), &json!("Requests")));
    assert_eq!(panel["datasource"]["uid"], OURS);
    let alone = json!({"title": "Lib", "panels": [{"id": 5, "libraryPanel": {"uid": "gone", "name": "Gone"}}]});
    let error = import(&alone, &destination()).expect_err("not in the file");
    assert!(
        error.message.contains("`Gone`")
            && error.hint.as_deref().is_some_and(|hint| hint.contains("sharing externally"))
    );
}

#[test]
fn a_v1_resource_and_an_answer_of_the_api_are_unwrapped() {
    let v1 = json!({"apiVersion": "dashboard.grafana.app/v1beta1", "kind": "Dashboard", "metadata": {"name": "shop"},
                    "spec": {"title": "Shop", "schemaVersion": 42, "panels": []}});
    assert_eq!(imported(v1)["uid"], "shop");
    assert_eq!(imported(json!({"meta": {}, "dashboard": {"title": "Api", "uid": "api", "panels": []}}))["uid"], "api");
}

fn v2_spec(source: Value) -> Value {
    let query = json!({"kind": "PanelQuery", "spec": {"refId": "A", "hidden": false, "query": {
        "kind": "DataQuery", "group": "prometheus", "version": "v0", "labels": {"grafana.app/export-label": "prometheus-1"},
        "datasource": source, "spec": {"expr": "up"}}}});
    json!({"title": "New one", "annotations": [], "layout": {}, "timeSettings": {},
        "variables": [
            {"kind": "DatasourceVariable", "spec": {"name": "ds", "pluginId": "prometheus", "regex": "/x/",
                "current": {"text": "x", "value": "x"}}},
            {"kind": "QueryVariable", "spec": {"name": "job", "includeAll": true, "refresh": "never",
                "options": [{"text": "a", "value": "a"}], "current": {"text": "a", "value": "a"},
                "query": {"kind": "DataQuery", "group": "prometheus", "spec": {"query": "label_values(up, job)"}}}}],
        "elements": {"a": {"kind": "Panel", "spec": {"id": 1, "title": "Up", "vizConfig": {"kind": "VizConfig",
            "group": "stat", "spec": {"fieldConfig": {"defaults": {"unit": "short"}}}},
            "data": {"kind": "QueryGroup", "spec": {"queries": [query], "queryOptions": {}}}}}}})
}

#[test]
fn a_bare_v2_spec_becomes_the_resource_that_grafana_accepts() {
    let resource = imported(v2_spec(json!({"name": "PBFA97CFB590B2093"})));
    assert_eq!(resource["apiVersion"], "dashboard.grafana.app/v2");
    assert_eq!((&resource["kind"], &resource["metadata"]), (&json!("Dashboard"), &json!({"name": "gnet-17"})));
    let query = &resource["spec"]["elements"]["a"]["spec"]["data"]["spec"]["queries"][0]["spec"]["query"];
    assert_eq!(query["datasource"], json!({"name": OURS}));
    assert!(query.get("labels").is_none());
    let variables = &resource["spec"]["variables"];
    assert_eq!((&variables[0]["spec"]["regex"], &variables[0]["spec"]["current"]["value"]), (&json!(""), &json!("")));
    assert_eq!(variables[1]["spec"]["query"]["datasource"]["name"], OURS);
    assert_eq!(
        (&variables[1]["spec"]["refresh"], &variables[1]["spec"]["options"]),
        (&json!("onDashboardLoad"), &json!([]))
    );
    assert_eq!(imported(resource.clone()), resource, "a resource stays as it is");
}

#[test]
fn of_a_v2_resource_only_what_does_not_exist_here_is_replaced() {
    let source = |given: Value| {
        let resource = imported(v2_spec(given));
        let query = &resource["spec"]["elements"]["a"]["spec"]["data"]["spec"]["queries"][0]["spec"]["query"];
        query["datasource"]["name"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(source(json!({"name": "${ds}"})), "${ds}");
    assert_eq!(source(json!({"name": OURS})), OURS);
    assert_eq!(source(Value::Null), OURS);
    let mut other = v2_spec(json!({"name": "logs"}));
    let query = "/elements/a/spec/data/spec/queries/0/spec/query/group";
    *other.pointer_mut(query).expect("a query") = json!("loki");
    let error = import(&other, &destination()).expect_err("no loki");
    assert!(error.hint.as_deref().is_some_and(|hint| hint.contains("--datasource logs=UID")), "{error:?}");
    let mapped = Destination { mapping: [("logs".to_owned(), "our-loki".to_owned())].into(), ..destination() };
    assert!(import(&other, &mapped).expect("imported").text.contains("\"name\": \"our-loki\""));
    let old = Destination { grafana: "12.1.0", ..destination() };
    let error = import(&v2_spec(Value::Null), &old).expect_err("too old");
    assert_eq!(error.message, "Grafana 12.1.0 does not accept schema v2 from files");
    let mut library = v2_spec(Value::Null);
    library["elements"]["b"] =
        json!({"kind": "LibraryPanel", "spec": {"id": 2, "libraryPanel": {"name": "Shared", "uid": "s"}}});
    assert_eq!(
        import(&library, &destination()).expect_err("elsewhere").message,
        "the library panel `Shared` is not in the file"
    );
}

#[test]
fn a_missing_data_source_is_an_error_that_names_the_option_for_it() {
    let dashboard = json!({"title": "Logs", "uid": "logs", "panels": [],
        "__inputs": [{"name": "DS_LOKI", "type": "datasource", "pluginId": "loki"}]});
    let error = import(&dashboard, &destination()).expect_err("no loki");
    assert!(error.hint.as_deref().is_some_and(|hint| hint.contains("--datasource DS_LOKI=UID")), "{error:?}");
    let mapped = Destination { mapping: [("DS_LOKI".to_owned(), "our-loki".to_owned())].into(), ..destination() };
    assert!(import(&dashboard, &mapped).is_ok());
    let taken = Destination {
        used_uids: vec!["logs".into(), "gnet-17".into()],
        mapping: mapped.mapping.clone(),
        ..destination()
    };
    assert_eq!(import(&dashboard, &taken).expect("imported").uid, "gnet-17-2");
}

#[test]
fn inputs_that_double_without_bound_are_an_error() {
    let input = |index: usize| {
        let value = if index == 40 { "x".repeat(64) } else { format!("${{V{0}}}${{V{0}}}", index + 1) };
        json!({"name": format!("V{index}"), "type": "constant", "value": value})
    };
    let model = json!({
        "__inputs": (10..=40).map(input).collect::<Vec<Value>>(), "title": "Hosts", "schemaVersion": 38,
        "panels": [{"id": 1, "type": "text", "title": "${V10}"}],
    });
    let error = import(&model, &destination()).expect_err("too large").to_string();
    assert!(error.contains("more than 1 MB of text"), "{error}");
}

fn notes(model: &Value) -> Vec<String> {
    import(model, &destination()).expect("imported").notes
}

#[test]
fn every_library_panel_is_counted_and_found_in_both_forms_of_the_list() {
    let element = |uid: &str| json!({"uid": uid, "model": {"type": "stat", "title": uid, "targets": [{"expr": "a"}]}});
    let panel = |uid: &str| json!({"id": 1, "libraryPanel": {"uid": uid, "name": uid}});
    let board =
        |elements: Value, panels: Value| json!({"title": "L", "uid": "l", "__elements": elements, "panels": panels});
    let listed = board(json!([element("a"), element("b")]), json!([panel("a"), panel("b")]));
    assert!(notes(&listed).iter().any(|note| note.starts_with("2 library panels ")), "{:?}", notes(&listed));
    let mapped = board(json!({"x": element("a")}), json!([panel("a")]));
    assert!(notes(&mapped).iter().any(|note| note.starts_with("1 library panel ")), "{:?}", notes(&mapped));
    assert_eq!(imported(mapped)["panels"][0]["title"], "a");
    let without = board(json!({}), json!([{"id": 1, "type": "stat", "title": "A", "targets": [{"expr": "a"}]}]));
    assert!(!notes(&without).iter().any(|note| note.contains("library")), "{:?}", notes(&without));
}

#[test]
fn a_library_panel_that_holds_its_own_queries_needs_no_library() {
    let panel = |targets: Value| json!({"id": 1, "type": "stat", "title": "A", "targets": targets, "libraryPanel": {"uid": "a", "name": "A"}});
    let board = |panel: Value| json!({"title": "L", "uid": "l", "panels": [panel]});
    let kept = board(panel(json!([{"refId": "A", "expr": "a"}])));
    assert!(notes(&kept).iter().any(|note| note.starts_with("1 library panel ")), "{:?}", notes(&kept));
    assert_eq!(imported(kept)["panels"][0]["targets"][0]["expr"], "a");
    assert!(import(&board(panel(json!([]))), &destination()).is_err());
    let mut model = panel(json!([]));
    model["libraryPanel"]["model"] = json!({"type": "stat", "title": "Inside", "targets": [{"expr": "b"}]});
    assert_eq!(imported(board(model))["panels"][0]["title"], "Inside");
}

#[test]
fn only_what_is_wrapped_is_unwrapped() {
    let plain = |key: &str, value: Value| json!({"title": "Plain", "uid": "plain", "panels": [], key: value});
    for (key, value) in [("spec", json!({"title": "Spec", "panels": []})), ("dashboard", json!("a text"))] {
        assert_eq!(imported(plain(key, value))["title"], "Plain", "{key}");
    }
    let inner = json!({"title": "Inner", "uid": "inner", "rows": []});
    assert_eq!(imported(json!({"dashboard": inner}))["title"], "Inner");
    let named = json!({"apiVersion": "v1", "metadata": {"name": "outer"}, "spec": inner});
    assert_eq!(imported(named)["uid"], "inner", "the dashboard's own uid comes first");
    for refused in [json!({"title": "A"}), json!({"dashboard": {"title": "A"}})] {
        assert!(import(&refused, &destination()).is_err(), "{refused}");
    }
    let of_version =
        |version: u64| import(&json!({"title": "A", "panels": [], "schemaVersion": version}), &destination());
    assert!(of_version(MAX_SCHEMA_VERSION).is_ok() && of_version(MAX_SCHEMA_VERSION + 1).is_err());
}

#[test]
fn special_data_sources_stay_what_they_are() {
    let source = |given: Value| {
        let board = imported(json!({"title": "A", "uid": "a", "panels": [
            {"id": 1, "type": "stat", "title": "A", "datasource": given, "targets": [{"refId": "A", "expr": "a",
             "datasource": {"type": "prometheus", "uid": OURS}}]}]}));
        board["panels"][0]["datasource"].clone()
    };
    let of = |kind: &str, uid: &str| json!({"type": kind, "uid": uid});
    for (given, expected) in [
        (json!("-- Mixed --"), of("datasource", "-- Mixed --")),
        (of("datasource", "-- Dashboard --"), of("datasource", "-- Dashboard --")),
        (of("__expr__", "__expr__"), of("__expr__", "__expr__")),
        (json!("grafana"), of("grafana", "-- Grafana --")),
        (json!("Alertmanager"), of("alertmanager", "watchpost-alertmanager")),
        (json!({"uid": "watchpost-alertmanager"}), of("alertmanager", "watchpost-alertmanager")),
        (of("alertmanager", "elsewhere"), of("alertmanager", "watchpost-alertmanager")),
        (json!("default"), of("prometheus", OURS)),
        (json!({}), of("prometheus", OURS)),
    ] {
        assert_eq!(source(given.clone()), expected, "{given}");
    }
}

#[test]
fn a_data_source_by_an_unknown_name_is_ours_only_where_its_queries_are_promql() {
    let model = |target: Value| {
        json!({"title": "A", "uid": "a", "panels": [
            {"id": 1, "type": "stat", "title": "A", "datasource": "thanos", "targets": [target]}]})
    };
    assert_eq!(notes(&model(json!({"refId": "A", "expr": "a"}))), Vec::<String>::new());
    assert!(import(&model(json!({"refId": "A", "query": "x"})), &destination()).is_err());
}

#[test]
fn what_people_map_goes_before_what_is_guessed() {
    let destination = Destination { mapping: [("logs".to_owned(), "my-loki".to_owned())].into(), ..destination() };
    let source = |given: Value| {
        let board =
            json!({"title": "A", "uid": "a", "panels": [{"id": 1, "type": "logs", "title": "A", "datasource": given}]});
        let text = import(&board, &destination).expect("imported").text;
        serde_json::from_str::<Value>(&text).expect("JSON")["panels"][0]["datasource"].clone()
    };
    assert_eq!(source(json!({"type": "loki", "uid": "logs"})), json!({"type": "loki", "uid": "my-loki"}));
    assert_eq!(source(json!("${logs}")), json!({"type": "prometheus", "uid": "my-loki"}));
    // The uid that it is mapped to is people's own.
    assert_eq!(source(json!({"type": "loki", "uid": "my-loki"})), json!({"type": "loki", "uid": "my-loki"}));
}

#[test]
fn inputs_are_put_in_only_where_they_are_named() {
    let model = json!({"title": "A $5", "uid": "a", "schemaVersion": 41,
        "__inputs": [{"name": "DS_EXPR", "type": "datasource", "pluginId": "__expr__"}, {"name": "V", "type": "constant", "value": "x"}],
        "panels": [{"id": 1, "type": "text", "title": "$V", "description": "$V and ${V}${V}", "options": {"content": "V"}}]});
    let board = imported(model);
    let panel = &board["panels"][0];
    assert_eq!((&board["title"], &panel["title"]), (&json!("A $5"), &json!("x")));
    assert_eq!((&panel["description"], &panel["options"]["content"]), (&json!("$V and xx"), &json!("V")));
}

#[test]
fn variables_forget_what_was_chosen_elsewhere() {
    let variable = |entry: Value| {
        let board = json!({"title": "A", "uid": "a", "panels": [], "templating": {"list": [entry]}});
        imported(board)["templating"]["list"][0].clone()
    };
    let query = |more: Value| {
        let mut entry = json!({"name": "host", "type": "query", "query": "q", "options": [1], "datasource": {"type": "prometheus", "uid": OURS}});
        more.as_object().into_iter().flatten().for_each(|(key, value)| entry[key] = value.clone());
        variable(entry)
    };
    assert_eq!(query(json!({"includeAll": true}))["current"], json!({"text": ["All"], "value": ["$__all"]}));
    assert_eq!(query(json!({"includeAll": false}))["current"], json!({}));
    assert!(query(json!({})).get("options").is_none());
    for (given, kept) in [(0, 1), (1, 1), (2, 2), (3, 1)] {
        assert_eq!(query(json!({"refresh": given}))["refresh"], kept, "{given}");
    }
    let sources = |kind: &str| variable(json!({"name": "ds", "type": "datasource", "query": kind, "regex": "x"}));
    assert_eq!(sources("alertmanager")["current"]["value"], "watchpost-alertmanager");
    assert_eq!((&sources("loki")["current"], &sources("loki")["regex"]), (&json!({}), &json!("")));
    assert_eq!(variable(json!({"name": "x", "type": "custom", "current": {"value": "a"}}))["current"]["value"], "a");
}

#[test]
fn a_uid_that_is_taken_or_unusable_is_replaced_and_that_is_said() {
    let named = |uid: Value, title: &str, origin: &'static str, taken: &[&str]| {
        let used_uids = taken.iter().map(|uid| (*uid).to_owned()).collect();
        let destination = Destination { origin, used_uids, ..destination() };
        import(&json!({"title": title, "uid": uid, "panels": []}), &destination).map(|i| (i.uid, i.notes.len()))
    };
    let ok = |uid: &str, notes: usize| (uid.to_owned(), notes);
    for (uid, origin, taken, expected) in [
        (json!("shop"), "file", &[][..], ok("shop", 0)),
        (json!("shop"), "file", &["shop"], ok("file", 1)),
        (json!("a shop"), "file", &[], ok("file", 1)),
        (json!(null), "file", &["file", "file-2"], ok("file-3", 0)),
        (json!(null), "", &[], ok("my-shop", 0)),
    ] {
        assert_eq!(named(uid.clone(), "My Shop", origin, taken).expect("imported"), expected, "{uid} {taken:?}");
    }
    assert!(named(json!("a"), " ", "file", &[]).is_err());
    let long = "a-long-name-of-a-file-that-has-forty-of-them";
    let (uid, _) = named(json!(null), "A", long, &[&slug(long)]).expect("imported");
    assert!(uid.len() <= 40 && uid.ends_with("-2"), "{uid}");
}

#[test]
fn slugs_are_lowercase_words_with_dashes() {
    for (text, expected) in [
        ("My  Shop (EU)", "my-shop-eu"),
        ("--a", "a"),
        ("ä", "dashboard"),
        ("", "dashboard"),
        ("a--b__c", "a-b-c"),
        ("0123456789012345678901234567890123456789x", "0123456789012345678901234567890123456789"),
    ] {
        assert_eq!(slug(text), expected, "{text}");
    }
}

#[test]
fn nothing_is_mapped_to_ours_by_guess() {
    let refused = |source: Value, target: Value| {
        let board = json!({"title": "A", "uid": "a", "panels": [
            {"id": 1, "type": "logs", "title": "A", "datasource": source, "targets": [target]}]});
        import(&board, &destination()).expect_err("another type").message.clone()
    };
    let logs = || json!({"refId": "A", "expr": "{app=\"x\"} |= \"error\""});
    for source in [json!("Loki"), json!({"type": "loki", "uid": "x"}), json!("Grafana Loki")] {
        assert!(refused(source.clone(), logs()).contains("of the type `loki`"), "{source}");
    }
    assert!(refused(json!("InfluxDB"), json!({"query": "SELECT 1"})).contains("of the type `influxdb`"));
    for (source, target) in [(json!("Logs"), logs()), (json!("Metrics"), json!({"refId": "A", "query": "cpu"}))] {
        assert!(refused(source.clone(), target).contains("does not say of what type"), "{source}");
    }
}

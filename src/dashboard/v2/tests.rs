use super::*;
use crate::dashboard::variable::{Kind, variables};
use crate::dashboard::{self, Form, Variable, panel};

fn query(expr: &str) -> Value {
    json!({"kind": "PanelQuery", "spec": {"refId": "A", "hidden": false, "query": {
        "kind": "DataQuery", "group": "prometheus", "version": "v0", "datasource": {"name": "p"},
        "spec": {"expr": expr, "instant": true}}}})
}

fn element(id: u64, title: &str, queries: &[Value]) -> Value {
    json!({"kind": "Panel", "spec": {"id": id, "title": title, "description": "Empty at night.", "links": [],
        "data": {"kind": "QueryGroup", "spec": {"queries": queries, "transformations": [],
            "queryOptions": {"interval": "30s", "maxDataPoints": 50, "timeFrom": "2h"}}},
        "vizConfig": {"kind": "VizConfig", "group": "stat", "version": "13.0.0",
            "spec": {"options": {}, "fieldConfig": {"defaults": {"unit": "s"}, "overrides": []}}}}})
}

fn resource(elements: Value, layout: Value) -> Value {
    json!({"apiVersion": "dashboard.grafana.app/v2", "kind": "Dashboard", "metadata": {"name": "shop"},
        "spec": {"title": "Shop", "cursorSync": "Tooltip", "elements": elements, "layout": layout, "variables": [],
            "annotations": [], "timeSettings": {"from": "now-1h", "to": "now", "autoRefresh": "10s"}}})
}

fn item(kind: &str, name: &str, more: Value) -> Value {
    let mut spec = json!({"element": {"kind": "ElementReference", "name": name}});
    more.as_object().into_iter().flatten().for_each(|(key, value)| spec[key] = value.clone());
    json!({"kind": kind, "spec": spec})
}

/// Titles, what they ask and what they are repeated by.
fn shown(model: &Value) -> Vec<(String, String, Option<String>)> {
    let model = dashboard::classic(model);
    let queries = panel::queries(&model);
    let of = |q: &panel::Query<'_>| (q.panel.name(), q.expr.to_owned(), q.panel.repeat.map(str::to_owned));
    queries.iter().map(of).collect()
}

#[test]
fn a_resource_reads_as_the_classic_dashboard_that_it_was() {
    let grid = json!({"kind": "GridLayout", "spec": {"items": [
        item("GridLayoutItem", "one", json!({"x": 0, "y": 1, "width": 12, "height": 8}))]}});
    let model = resource(json!({"one": element(7, "Up", &[query("up")]), "unused": element(8, "Unused", &[])}), grid);
    assert_eq!(dashboard::form(&model), Form::V2Resource);
    assert_eq!((dashboard::uid(&model), dashboard::title(&model)), ("shop", "Shop"));
    let classic = dashboard::classic(&model);
    assert_eq!((dashboard::uid(&classic), dashboard::title(&classic)), ("shop", "Shop"));
    assert_eq!(classic["time"], json!({"from": "now-1h", "to": "now"}));
    assert_eq!((&classic["graphTooltip"], &classic["refresh"]), (&json!(2), &json!("10s")));
    let queries = panel::queries(&classic);
    let [query] = queries.as_slice() else { panic!("{queries:?}") };
    assert_eq!((query.panel.id, query.panel.kind, query.expr, query.instant), (7, "stat", "up", true));
    assert_eq!((query.interval, query.max_points), ("30s", 50));
    assert_eq!(*query.datasource, json!({"type": "prometheus", "uid": "p"}));
    assert!(query.panel.may_be_empty());
    assert_eq!(query.panel.model["gridPos"], json!({"x": 0, "y": 1, "w": 12, "h": 8}));
    assert_eq!(query.panel.model["fieldConfig"]["defaults"]["unit"], "s");
}

#[test]
fn panels_are_found_in_every_layout_and_repeated_with_what_is_around_them() {
    let elements = json!({"a": element(1, "A", &[query("a")]), "b": element(2, "B", &[query("b")]),
        "c": element(3, "C", &[query("c")]), "d": element(4, "D", &[query("d")])});
    let auto = |name: &str, more: Value| json!({"kind": "AutoGridLayout", "spec": {"items": [item("AutoGridLayoutItem", name, more)]}});
    let by = |variable: &str| json!({"mode": "variable", "value": variable});
    let rows = json!({"kind": "RowsLayout", "spec": {"rows": [
        {"kind": "RowsLayoutRow", "spec": {"title": "Row", "repeat": by("host"), "layout": auto("a", json!({}))}},
        {"kind": "RowsLayoutRow", "spec": {"layout": auto("b", json!({"repeat": by("disk")}))}}]}});
    let tabs = json!({"kind": "TabsLayout", "spec": {"tabs": [
        {"kind": "TabsLayoutTab", "spec": {"title": "Rows", "layout": rows}},
        {"kind": "TabsLayoutTab", "spec": {"title": "Old", "layout": {"kind": "GridLayout", "spec": {"items": [
            {"kind": "GridLayoutRow", "spec": {"y": 0, "title": "R", "elements": [item("GridLayoutItem", "c", json!({}))]}},
            item("GridLayoutItem", "gone", json!({})), 7]}}}}]}});
    let of = |name: &str, repeat: Option<&str>| (name.to_owned(), name.to_lowercase(), repeat.map(str::to_owned));
    let expected = [of("A", Some("host")), of("B", Some("disk")), of("C", None)];
    assert_eq!(shown(&resource(elements.clone(), tabs)), expected);
    let all = [of("A", None), of("B", None), of("C", None), of("D", None)];
    assert_eq!(shown(&resource(elements, Value::Null)), all, "without a layout nothing is left out");
}

#[test]
fn layouts_without_end_come_to_an_end() {
    let mut layout = json!({"kind": "GridLayout", "spec": {"items": [item("GridLayoutItem", "a", json!({}))]}});
    for _ in 0..DEEPEST + 5 {
        layout =
            json!({"kind": "RowsLayout", "spec": {"rows": [{"kind": "RowsLayoutRow", "spec": {"layout": layout}}]}});
    }
    assert!(shown(&resource(json!({"a": element(1, "A", &[query("a")])}), layout)).is_empty());
}

#[test]
fn the_first_v2_names_plugins_and_data_sources_elsewhere() {
    let first = json!({"kind": "PanelQuery", "spec": {"refId": "B", "hidden": true,
        "datasource": {"type": "prometheus", "uid": "p"}, "query": {"kind": "prometheus", "spec": {"expr": "up"}}}});
    let mut old = element(1, "Old", &[first]);
    old["spec"]["vizConfig"] = json!({"kind": "timeseries", "spec": {"pluginVersion": "12"}});
    let classic = classic(&resource(json!({"a": old}), Value::Null)["spec"], "");
    let panel = &classic["panels"][0];
    assert_eq!(panel["type"], "timeseries");
    let target = json!({"expr": "up", "refId": "B", "hide": true, "datasource": {"type": "prometheus", "uid": "p"}});
    assert_eq!(panel["targets"][0], target);
    assert!(classic.get("uid").is_none());
}

#[test]
fn a_query_without_a_name_has_the_type_of_its_data_source() {
    let source = |query: Value| data_source(&query, &Value::Null);
    assert_eq!(source(json!({"kind": "DataQuery", "group": "loki"})), json!({"type": "loki"}));
    assert_eq!(source(json!({"kind": "DataQuery", "group": "", "datasource": {"name": "x"}})), json!({"uid": "x"}));
    assert_eq!(source(json!({"kind": "DataQuery", "group": ""})), Value::Null);
}

#[test]
fn a_library_panel_is_one() {
    let library = json!({"kind": "LibraryPanel", "spec": {"id": 5, "title": "Shared", "libraryPanel": {"name": "S", "uid": "s"}}});
    let classic = classic(&resource(json!({"a": library}), Value::Null)["spec"], "");
    let panels = panel::panels(&classic);
    assert_eq!((panels[0].id, &panels[0].model["libraryPanel"]["uid"]), (5, &json!("s")));
}

#[test]
fn every_kind_of_variable_is_read() {
    let entry = |kind: &str, spec: Value| json!({"kind": kind, "spec": spec});
    let asking =
        |spec: Value| json!({"kind": "DataQuery", "group": "prometheus", "datasource": {"name": "p"}, "spec": spec});
    let model = classic(
        &json!({"variables": [
            entry("QueryVariable", json!({"name": "job", "hide": "hideVariable", "refresh": "onTimeRangeChanged",
                "sort": "numericalDesc", "multi": true, "includeAll": true, "allValue": ".*", "regex": "/a/",
                "current": {"text": "All", "value": ["$__all"]},
                "query": asking(json!({"query": "label_values(up, job)", "refId": "A"}))})),
            entry("QueryVariable", json!({"name": "old", "query": asking(json!({"__legacyStringValue": "metrics(a)"}))})),
            entry("QueryVariable", json!({"name": "first", "query": "label_names(b)", "datasource": {"uid": "q"}})),
            entry("DatasourceVariable", json!({"name": "ds", "pluginId": "loki"})),
            entry("CustomVariable", json!({"name": "c", "query": "a,b"})),
            entry("TextVariable", json!({"name": "t", "query": "x"})),
            entry("ConstantVariable", json!({"name": "k", "query": "y"})),
            entry("IntervalVariable", json!({"name": "i", "query": "1m,5m"})),
            entry("AdhocVariable", json!({"name": "f", "filters": [{"key": "a", "operator": "=", "value": "b"}]})),
            entry("SwitchVariable", json!({"name": "s", "current": "on"})),
        ], "elements": {}, "layout": {"kind": "RowsLayout", "spec": {"rows": [{"kind": "RowsLayoutRow", "spec": {
            "layout": {}, "variables": [entry("ConstantVariable", json!({"name": "of-row", "query": "z"}))]}}]}}}),
        "",
    );
    let all = variables(&model);
    let names: Vec<&str> = all.iter().map(|variable| variable.name).collect();
    assert_eq!(names, ["job", "old", "first", "ds", "c", "t", "k", "i", "f", "s", "of-row"]);
    let job: &Variable<'_> = &all[0];
    assert!(job.hidden && job.multi && job.include_all && job.sort == 4);
    assert_eq!(
        (job.all_value, job.regex, job.current.as_slice()),
        (Some(".*"), "/a/", ["$__all".to_owned()].as_slice())
    );
    assert_eq!(*job.datasource, json!({"type": "prometheus", "uid": "p"}));
    assert_eq!(*all[2].datasource, json!({"uid": "q"}));
    let texts: Vec<&str> = model["templating"]["list"].as_array().expect("a list")[..3]
        .iter()
        .map(crate::dashboard::variable::query_text)
        .collect();
    assert_eq!(texts, ["label_values(up, job)", "metrics(a)", "label_names(b)"]);
    assert_eq!(all[3].kind, Kind::Datasource("loki"));
    assert_eq!((&all[5].kind, &all[6].kind), (&Kind::Fixed("x"), &Kind::Fixed("y")));
    assert_eq!(all[8].kind, Kind::AdHoc(vec![("a", "=", "b")]));
    assert_eq!(all[9].current, ["on"]);
}

#[test]
fn annotations_keep_their_query() {
    let model = classic(
        &json!({"annotations": [
            {"kind": "AnnotationQuery", "spec": {"name": "Alerts", "builtIn": true, "enable": true,
                "query": {"kind": "DataQuery", "group": "grafana", "datasource": {"name": "-- Grafana --"}, "spec": {}}}},
            {"kind": "AnnotationQuery", "spec": {"name": "Deploys", "enable": true,
                "query": {"kind": "DataQuery", "group": "prometheus", "datasource": {"name": "p"}, "spec": {"expr": "x"}}}}]}),
        "",
    );
    let annotations = &model["annotations"]["list"];
    assert_eq!(
        (&annotations[0]["builtIn"], &annotations[0]["datasource"]["uid"]),
        (&json!(1), &json!("-- Grafana --"))
    );
    assert_eq!((&annotations[1]["expr"], &annotations[1]["datasource"]["uid"]), (&json!("x"), &json!("p")));
}

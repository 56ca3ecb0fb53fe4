use serde_json::json;

use super::*;
use crate::dashboard::import::ProvisionedSource;

fn source(name: &str, uid: &str, kind: &str) -> ProvisionedSource {
    ProvisionedSource { name: name.into(), uid: uid.into(), kind: kind.into() }
}

fn around() -> Surroundings {
    Surroundings {
        sources: vec![source("Prometheus", "watchpost-prometheus", "prometheus")],
        shipped_uids: ["watchpost-host".to_owned()].into(),
        scrape_interval: Some(15.0),
        metrics: Some(["up", "shop_sales_total", "shop_price"].map(str::to_owned).into()),
        ..Surroundings::default()
    }
}

fn board(expr: &str) -> Value {
    json!({"uid": "shop", "title": "Shop", "schemaVersion": 41,
        "templating": {"list": [{"name": "job", "type": "query", "query": "label_values(up, job)"},
                                {"name": "ds", "type": "datasource", "query": "prometheus"},
                                {"name": "step", "type": "interval", "query": "1m,5m"}]},
        "panels": [{"id": 1, "type": "row", "panels": [
            {"id": 2, "type": "stat", "title": "Sales", "datasource": {"type": "prometheus", "uid": "watchpost-prometheus"},
             "fieldConfig": {"defaults": {"unit": "short"}}, "targets": [{"refId": "A", "expr": expr}]}]}]})
}

fn said(model: &Value, around: &Surroundings) -> Vec<(Severity, String)> {
    let text = format!("{model:#}");
    let findings = lint("shop.json", &text, around);
    for finding in &findings {
        assert!(finding.problem.at.is_some() && finding.problem.hint.is_some(), "{finding:?}");
    }
    findings.into_iter().map(|finding| (finding.severity, finding.problem.message.clone())).collect()
}

#[track_caller]
fn only(expr: &str, severity: Severity, part: &str) {
    let found = said(&board(expr), &around());
    assert!(found.len() == 1 && found[0].0 == severity && found[0].1.contains(part), "{expr}: {found:?}");
}

#[test]
fn a_sound_dashboard_of_ones_own_has_no_findings() {
    for expr in [
        "rate(shop_sales_total{job=~\"$job\"}[$__rate_interval])",
        "max_over_time(shop_price[$step])",
        "count(shop_sales_total)",
        "shop_price{job=~\"${job:regex}\"} > bool 1",
    ] {
        assert_eq!(said(&board(expr), &around()), [], "{expr}");
    }
}

#[test]
fn what_a_query_gets_wrong_is_named() {
    only("shop_sales_total", Severity::Warning, "shows the raw counter `shop_sales_total`");
    only("shop_prise", Severity::Warning, "no target has `shop_prise`");
    only("rate(shop_sales_total[$__interval])", Severity::Warning, "a rate over `$__interval`");
    only("shop_price{job=\"$zone\"}", Severity::Error, "uses `$zone`, which is not a variable");
    only("shop_price{", Severity::Warning, "is not verified");
    let found = said(&board("rate(shop_sales_total[20s])"), &around());
    assert!(
        found[0].0 == Severity::Error && found[0].1.contains("over 20s, which is less than two scrapes (15s apart)")
    );
}

#[test]
fn prometheus_has_the_last_word_on_what_our_parser_does_not_read() {
    let model = board("shop_price{");
    let text = format!("{model:#}");
    let unread = unread(&text);
    assert_eq!(unread, ["shop_price{"]);
    let answered = |answer: Option<&str>| {
        let answers = [("shop_price{".to_owned(), answer.map(str::to_owned))].into();
        said(&model, &Surroundings { answers, ..around() })
    };
    assert_eq!(answered(None), []);
    assert_eq!(
        answered(Some("bad_data")),
        [(Severity::Error, "the query of the panel `Sales` is not valid PromQL".to_owned())]
    );
}

#[test]
fn units_sources_and_taken_uids_are_looked_at() {
    let mut model = board("shop_price");
    let panel = &mut model["panels"][0]["panels"][0];
    panel["fieldConfig"] = json!({});
    panel["datasource"]["uid"] = json!("thanos");
    model["uid"] = json!("watchpost-host");
    let found: Vec<String> = said(&model, &around()).into_iter().map(|(_, message)| message).collect();
    assert_eq!(
        found,
        [
            "the uid `watchpost-host` belongs to a dashboard of Watchpost",
            "the panel `Sales` asks the data source `thanos`, which does not exist",
            "the panel `Sales` has no unit",
        ]
    );
}

#[test]
fn what_grafana_would_choke_on_is_an_error_and_what_it_forgives_a_warning() {
    let changed = |from: &str, to: Value| {
        let mut model = board("shop_price");
        model[from] = to;
        said(&model, &around())
    };
    assert_eq!(changed("uid", json!("a shop"))[0].0, Severity::Error);
    assert_eq!(changed("uid", Value::Null)[0].0, Severity::Warning);
    assert_eq!(changed("id", json!(7))[0].0, Severity::Warning);
    assert_eq!(changed("__inputs", json!([{"name": "VAR"}]))[0].0, Severity::Error);
    assert_eq!(changed("elements", json!({}))[0].0, Severity::Error);
    assert_eq!(changed("schemaVersion", json!(43))[0].0, Severity::Error);
    let mut library = board("shop_price");
    library["panels"][0]["panels"][0] = json!({"id": 2, "title": "Lib", "libraryPanel": {"uid": "x", "name": "Lib"}});
    assert!(said(&library, &around())[0].1.contains("is in another Grafana's library"));
}

#[test]
fn twins_by_uid_or_title_are_named_with_the_other_file() {
    let (one, other) = (board("up").to_string(), board("up").to_string().replace("\"shop\"", "\"other\""));
    let found = twins([("a.json", one.as_str()), ("b.json", other.as_str()), ("c.json", "{")]);
    let messages: Vec<&str> = found.iter().map(|finding| finding.problem.message.as_str()).collect();
    assert_eq!(messages, ["`a.json` has the same `title`, \"Shop\""]);
}

/// The findings of a panel with these changes.
fn of_panel(change: impl Fn(&mut Value)) -> Vec<(Severity, String)> {
    let mut model = board("shop_price");
    change(&mut model["panels"][0]["panels"][0]);
    said(&model, &around())
}

#[test]
fn only_panels_that_show_numbers_need_a_unit_and_any_place_of_one_counts() {
    let without = |kind: &str, place: &str| {
        let found = of_panel(|panel| {
            panel["type"] = json!(kind);
            panel["fieldConfig"] = json!({});
            match place {
                "override" => {
                    panel["fieldConfig"] = json!({"overrides": [{"properties": [{"id": "unit", "value": "s"}]}]})
                }
                "axis" => panel["yaxes"] = json!([{"format": "s"}]),
                "old" => panel["format"] = json!("s"),
                _ => {}
            }
        });
        found.iter().any(|(severity, message)| *severity == Severity::Warning && message.contains("has no unit"))
    };
    assert!(["stat", "graph", "timeseries"].iter().all(|kind| without(kind, "")));
    assert!(!["table", "logs"].iter().any(|kind| without(kind, "")));
    assert!(!["override", "axis", "old"].iter().any(|place| without("stat", place)));
}

#[test]
fn only_a_source_that_is_known_to_be_missing_is_an_error() {
    let found = |source: Value| of_panel(|panel| panel["datasource"] = source.clone());
    for open in ["watchpost-prometheus", "Prometheus", "$ds", "${ds}", "[[ds]]", "-- Mixed --", "default"] {
        assert_eq!(found(json!(open)), [], "{open}: the stack's own, a variable or the default");
        assert_eq!(found(json!({"type": "prometheus", "uid": open})), [], "{open}");
    }
    assert_eq!(found(json!({"type": "prometheus", "uid": "thanos"}))[0].0, Severity::Error);
    let (severity, message) = found(Value::Null).remove(0);
    assert!(severity == Severity::Warning && message.contains("`Sales`"), "{message}");
    let unknown = Surroundings { sources: Vec::new(), ..around() };
    let mut model = board("shop_price");
    model["panels"][0]["panels"][0]["datasource"]["uid"] = json!("thanos");
    assert_eq!(said(&model, &unknown), []);
    model["panels"][0]["panels"][0]["datasource"] = json!("Thanos");
    assert_eq!(said(&model, &unknown)[0].0, Severity::Error, "a name that nothing is called");
}

#[test]
fn an_input_of_the_import_dialog_leads_to_the_command_that_resolves_it() {
    for source in [json!("${DS_PROM}"), json!("$DS_PROM"), json!({"type": "prometheus", "uid": "${DS_PROM}"})] {
        let mut model = board("shop_price");
        model["panels"][0]["panels"][0]["datasource"] = source.clone();
        let found = lint("x.json", &model.to_string(), &around());
        assert_eq!(found.len(), 1, "{found:#?}");
        assert_eq!(found[0].problem.message, "nothing resolves the data source `${DS_PROM}`");
        assert!(found[0].problem.hint.as_deref().is_some_and(|hint| hint.contains("dashboards import")));
        // A variable may be called so.
        model["templating"]["list"][1]["name"] = json!("DS_PROM");
        assert_eq!(said(&model, &around()), [], "{source}");
    }
}

#[test]
fn a_type_that_the_stack_does_not_have_is_said_once_where_it_stands() {
    let needs = |what: &str, kind: &str| {
        vec![(Severity::Error, format!("{what} needs a data source of type `{kind}`; the stack has none"))]
    };
    for source in [
        json!("Loki"),
        json!({"type": "loki"}),
        json!({"type": "loki", "uid": "P8E80F9AEF21F6940"}),
        json!({"type": "loki", "uid": "${DS_LOKI}"}),
    ] {
        let found = of_panel(|panel| {
            panel["datasource"] = source.clone();
            panel["targets"] = json!([{"refId": "A", "expr": "{app=\"x\"} |= \"error\""},
                                      {"refId": "B", "expr": "{app=\"y\"}", "datasource": source}]);
        });
        let what = if source["uid"] == "${DS_LOKI}" { "`${DS_LOKI}`" } else { "the panel `Sales`" };
        assert_eq!(found, needs(what, "loki"), "{source}: LogQL is not judged as PromQL");
    }
    let by_target = of_panel(|panel| {
        panel["datasource"] = Value::Null;
        panel["targets"] = json!([{"refId": "A", "measurement": "cpu", "select": [], "groupBy": []}]);
    });
    assert_eq!(by_target, needs("the panel `Sales`", "influxdb"));
    let mut model = board("{app=\"x\"} |= \"error\"");
    model["templating"]["list"][1]["query"] = json!("loki");
    model["panels"][0]["panels"][0]["datasource"] = json!({"type": "loki", "uid": "$ds"});
    assert_eq!(said(&model, &around()), needs("the variable `ds`", "loki"));
    let with_loki = Surroundings { sources: vec![source("Logs", "l", "loki")], ..around() };
    model["panels"][0]["panels"][0]["targets"][0]["datasource"] = json!("Logs");
    assert_eq!(said(&model, &with_loki), []);
}

#[test]
fn the_catalog_names_no_data_source() {
    let mut model = board("shop_price");
    model["panels"][0]["panels"][0]["targets"][0]["datasource"] = json!("grafana");
    let strict = structure("x.json", &model.to_string(), &model, Origin::Catalog);
    assert!(strict.iter().any(|finding| finding.severity == Severity::Error), "{strict:?}");
}

#[test]
fn panels_are_found_by_title_and_those_that_ask_nothing_are_errors() {
    let found = of_panel(|panel| panel["targets"] = json!([]));
    assert!(found.len() == 1 && found[0].0 == Severity::Error && found[0].1.contains("`Sales`"), "{found:?}");
    assert_eq!(of_panel(|panel| (panel["targets"], panel["type"]) = (json!([]), json!("text"))), []);
    let lines = |id: Value| {
        let mut model = board("shop_price");
        let panel = &mut model["panels"][0]["panels"][0];
        (panel["title"], panel["id"]) = (json!(" "), id);
        let text = format!("{model:#}");
        let findings = lint("shop.json", &text, &around());
        let at = findings[0].problem.at.clone().expect("located");
        text.lines().nth(at.line - 1).unwrap_or_default().trim().to_owned()
    };
    assert_eq!(lines(json!(2)), "\"id\": 2,");
    assert_eq!(lines(json!(0)), "{");
}

#[test]
fn a_library_panel_with_queries_of_its_own_is_in_order() {
    assert_eq!(of_panel(|panel| panel["libraryPanel"] = json!({"uid": "x", "name": "Lib"})), []);
    let found = of_panel(|panel| (panel["libraryPanel"], panel["targets"]) = (json!({"uid": "x"}), json!([])));
    assert!(found.len() == 1 && found[0].1.contains("library panel `Sales`"), "{found:?}");
}

#[test]
fn what_is_of_another_schema_is_said_once_with_the_way_out() {
    let found = |model: &Value| {
        let all = lint("x.json", &model.to_string(), &around());
        assert_eq!(all.len(), 1, "{all:?}");
        all[0].problem.hint.clone().unwrap_or_default()
    };
    let mut wrapped = board("shop_price");
    wrapped["apiVersion"] = json!("v1");
    assert!(found(&wrapped).contains("dashboards import"));
    assert!(found(&json!({"uid": "a", "title": "A", "elements": {}})).contains("import FILE` wraps it"));
    let strict = structure("x.json", &wrapped.to_string(), &wrapped, Origin::Catalog);
    assert!(strict.iter().all(|finding| !finding.problem.hint.as_deref().unwrap_or_default().contains("import")));
}

#[test]
fn a_schema_version_is_needed_in_the_catalog_only() {
    let findings = |version: Value, origin: Origin| {
        let mut model = board("shop_price");
        match version {
            Value::Null => drop(model.as_object_mut().expect("an object").remove("schemaVersion")),
            version => model["schemaVersion"] = version,
        }
        structure("x.json", &model.to_string(), &model, origin).len()
    };
    for (version, own, catalog) in [
        (Value::Null, 0, 1),
        (json!(42), 0, 0),
        (json!(43), 1, 1),
        (json!("41"), 0, 0),
        (json!("x"), 1, 1),
        (json!(1), 0, 0),
    ] {
        assert_eq!(findings(version.clone(), Origin::Own), own, "{version}");
        assert_eq!(findings(version.clone(), Origin::Catalog), catalog, "{version}");
    }
}

#[test]
fn what_only_the_import_dialog_reads_is_worse_in_the_catalog() {
    let found = |key: &str, origin: Origin| {
        let mut model = board("shop_price");
        model[key] = json!([{"name": "x"}]);
        let all = structure("x.json", &model.to_string(), &model, origin);
        assert_eq!(all.len(), 1, "{all:?}");
        all[0].severity
    };
    assert_eq!(found("__requires", Origin::Own), Severity::Warning);
    for key in ["__inputs", "__elements"] {
        assert_eq!(found(key, Origin::Own), Severity::Error, "{key}");
    }
    for key in ["__inputs", "__requires", "__elements"] {
        assert_eq!(found(key, Origin::Catalog), Severity::Error, "{key}");
    }
}

#[test]
fn every_kind_of_variable_makes_an_expression_readable() {
    for (variable, expr) in [
        (json!({"name": "x", "type": "custom", "query": "5m,1h"}), "rate(shop_sales_total[$x])"),
        (json!({"name": "x", "type": "constant", "query": "10m"}), "rate(shop_sales_total[$x])"),
        (json!({"name": "x", "type": "interval", "query": "auto"}), "rate(shop_sales_total[$x])"),
        (json!({"name": "x", "type": "query", "query": "q"}), "shop_price{a=\"$x\"}"),
        (json!({"name": "x", "type": "textbox"}), "rate(shop_sales_total[${__range_s}s])"),
    ] {
        let mut model = board(expr);
        model["templating"]["list"] = json!([variable]);
        assert_eq!(said(&model, &around()), [], "{variable}");
        assert_eq!(unread(&model.to_string()), Vec::<String>::new(), "{variable}");
    }
}

#[test]
fn what_a_query_gets_wrong_is_found_where_it_stands() {
    let expr = "shop_price{a=\"$zone\"}";
    let text = format!("{:#}", board(expr));
    let at = lint("shop.json", &text, &around())[0].problem.at.clone().expect("located");
    assert!(text.lines().nth(at.line - 1).is_some_and(|line| line.contains("$zone")), "{at:?}");
}

#[test]
fn only_functions_that_need_two_samples_need_two_scrapes() {
    let broken = |expr: &str| said(&board(expr), &around()).iter().any(|(_, message)| message.contains("two scrapes"));
    for (expr, expected) in [
        ("delta(shop_price[29s])", true),
        ("delta(shop_price[30s])", false),
        ("max_over_time(shop_price[15s])", false),
        ("changes(shop_price[15s])", true),
    ] {
        assert_eq!(broken(expr), expected, "{expr}");
    }
    let unknown = Surroundings { scrape_interval: None, ..around() };
    assert_eq!(said(&board("delta(shop_price[1s])"), &unknown), []);
}

#[test]
fn a_metric_that_a_variable_makes_up_and_one_already_named_are_passed_over() {
    let mut model = board("shop_$job + shop_prise + shop_prise");
    let again = model["panels"][0]["panels"][0].clone();
    model["panels"][0]["panels"].as_array_mut().expect("panels").push(again);
    let found: Vec<_> =
        said(&model, &around()).into_iter().filter(|(_, message)| message.contains("no target")).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(said(&board("{job=\"x\"}"), &around()), []);
    assert_eq!(said(&board("nothing"), &Surroundings { metrics: None, ..around() }), []);
}

#[test]
fn counters_are_shown_as_they_stand_only_where_their_number_does_not_matter() {
    for (expr, found) in [
        ("sum(shop_sales_total)", 1),
        ("count by (job) (shop_sales_total)", 0),
        ("absent(shop_sales_total)", 0),
        ("group(shop_sales_total)", 0),
        ("timestamp(shop_sales_total)", 0),
        ("increase(shop_sales_total[1h])", 0),
        ("increase(shop_sales_total[5m:30s])", 0),
        ("shop_sales_total - shop_sales_total offset 1h", 0),
        ("increase(shop_sales_total[$__range])", 0),
    ] {
        assert_eq!(said(&board(expr), &around()).len(), found, "{expr}");
    }
}

#[test]
fn made_up_values_leave_a_query_unverified_whatever_prometheus_says() {
    let expr = "shop_price{job=\"$job\"} ~";
    let unread = unread(&format!("{:#}", board(expr)));
    let answers = unread.into_iter().map(|text| (text, Some("bad_data".to_owned()))).collect();
    let found = said(&board(expr), &Surroundings { answers, ..around() });
    assert!(found.len() == 1 && found[0].0 == Severity::Warning, "{found:?}");
}

#[test]
fn a_gauge_may_be_called_a_total() {
    let gauges = Surroundings { gauges: ["shop_sales_total".to_owned()].into(), ..around() };
    assert_eq!(said(&board("shop_sales_total"), &gauges), []);
}

#[test]
fn a_fixed_window_is_wrong_only_where_it_is_short_and_the_panel_zooms() {
    let found = |expr: &str, change: &dyn Fn(&mut Value)| {
        let mut model = board(expr);
        change(&mut model["panels"][0]["panels"][0]);
        said(&model, &around()).iter().filter(|(_, message)| message.contains("has gaps")).count()
    };
    let nothing = |_: &mut Value| {};
    assert_eq!(found("rate(shop_sales_total[45s])", &nothing), 1);
    assert_eq!(found("rate(shop_sales_total[1m])", &nothing), 0, "four scrapes");
    assert_eq!(found("rate(shop_sales_total[$__rate_interval])", &nothing), 0);
    assert_eq!(found("rate(shop_sales_total[45s])", &|panel| panel["targets"][0]["instant"] = json!(true)), 0);
    assert_eq!(found("rate(shop_sales_total[45s])", &|panel| panel["timeFrom"] = json!("1h")), 0);
}

#[test]
fn a_resource_of_schema_v2_is_judged_like_the_others_where_grafana_accepts_it() {
    let query = json!({"kind": "PanelQuery", "spec": {"refId": "A", "hidden": false, "query": {"kind": "DataQuery",
        "group": "prometheus", "datasource": {"name": "watchpost-prometheus"}, "spec": {"expr": "shop_prise"}}}});
    let mut model = json!({"apiVersion": "dashboard.grafana.app/v2", "kind": "Dashboard", "metadata": {"name": "shop"},
        "spec": {"title": "Shop", "variables": [], "annotations": [], "timeSettings": {}, "layout": {},
            "elements": {"a": {"kind": "Panel", "spec": {"id": 1, "title": "Price",
                "data": {"kind": "QueryGroup", "spec": {"queries": [query], "queryOptions": {}}},
                "vizConfig": {"kind": "VizConfig", "group": "stat", "spec": {
                    "fieldConfig": {"defaults": {"unit": "short"}}}}}}}}});
    let newer = Surroundings { grafana: "13.2.3".into(), ..around() };
    let text = format!("{model:#}");
    let found = lint("x.json", &text, &newer);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].problem.message.starts_with("no target has `shop_prise`"));
    let at = found[0].problem.at.clone().expect("located");
    assert!(text.lines().nth(at.line - 1).is_some_and(|line| line.contains("shop_prise")), "{at:?}");
    let older = Surroundings { grafana: "12.4.0".into(), ..around() };
    assert_eq!(said(&model, &older)[0].1, "Grafana 12.4.0 does not accept schema v2 from files");
    model["metadata"]["name"] = json!("");
    assert_eq!(said(&model, &newer)[0].1, "the dashboard has no valid `metadata.name`");
}

/// A dashboard of so many panels, each with findings.
fn large(panels: usize) -> String {
    let panel = |id: usize| {
        json!({"id": id, "type": "timeseries", "title": format!("Panel {id}"), "description": "x".repeat(1000),
            "targets": [{"refId": "A", "expr": format!("shop_{id}_total + shop_prise_{id}")}]})
    };
    let panels: Vec<Value> = (1..=panels).map(panel).collect();
    format!("{:#}", json!({"uid": "large", "title": "Large", "panels": panels}))
}

#[test]
fn ten_times_the_findings_take_about_ten_times_as_long() {
    let around = Surroundings { metrics: None, ..around() };
    let fastest = |text: &str| {
        let once = || {
            let began = std::time::Instant::now();
            assert!(lint("large.json", text, &around).len() > 100);
            began.elapsed()
        };
        (0..3).map(|_| once()).min().expect("measured")
    };
    let (few, many) = (fastest(&large(60)), fastest(&large(600)));
    assert!(many < few * 20, "{few:?} for 60 panels, {many:?} for 600");
}

#[test]
fn each_finding_stands_at_its_own_line() {
    let text = large(3);
    let lines: Vec<usize> = lint("large.json", &text, &Surroundings::default())
        .iter()
        .filter(|finding| finding.problem.message.contains("raw counter"))
        .filter_map(|finding| finding.problem.at.as_ref())
        .map(|at| at.line)
        .collect();
    let expected: Vec<usize> =
        text.lines().enumerate().filter(|(_, line)| line.contains("\"expr\"")).map(|(index, _)| index + 1).collect();
    assert_eq!(lines, expected);
}

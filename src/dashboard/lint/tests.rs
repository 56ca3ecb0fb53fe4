use serde_json::json;

use super::*;

fn around() -> Surroundings {
    Surroundings {
        sources: ["watchpost-prometheus".to_owned()].into(),
        shipped_uids: ["watchpost-host".to_owned()].into(),
        scrape_interval: Some(15.0),
        metrics: Some(["up", "shop_sales_total", "shop_price"].map(str::to_owned).into()),
        ..Surroundings::default()
    }
}

fn board(expr: &str) -> Value {
    json!({"uid": "shop", "title": "Shop", "schemaVersion": 41,
        "templating": {"list": [{"name": "job", "type": "query", "query": "label_values(up, job)"},
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
    assert_eq!(changed("__inputs", json!([]))[0].0, Severity::Error);
    assert_eq!(changed("elements", json!({}))[0].0, Severity::Error);
    assert_eq!(changed("schemaVersion", json!(43))[0].0, Severity::Error);
    let mut named = board("shop_price");
    named["panels"][0]["panels"][0]["datasource"] = json!("Prometheus");
    assert!(said(&named, &around()).iter().any(|(severity, message)| *severity == Severity::Error
        && message == "the data source `Prometheus` is given by name"));
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
    for open in ["watchpost-prometheus", "$ds", "${ds}", "[[ds]]", "-- Grafana --", "grafana", ""] {
        assert_eq!(found(json!({"type": "prometheus", "uid": open})), [], "{open}");
    }
    assert_eq!(found(json!({"type": "prometheus", "uid": "thanos"}))[0].0, Severity::Error);
    assert_eq!(found(json!({"uid": "${DS_PROM}"}))[0].0, Severity::Error);
    let (severity, message) = found(Value::Null).remove(0);
    assert!(severity == Severity::Warning && message.contains("`Sales`"), "{message}");
    let unknown = Surroundings { sources: Default::default(), ..around() };
    let mut model = board("shop_price");
    model["panels"][0]["panels"][0]["datasource"]["uid"] = json!("thanos");
    assert_eq!(said(&model, &unknown), []);
}

#[test]
fn data_sources_by_name_are_errors_unless_they_are_built_in_or_variables() {
    let found = |name: &str| {
        let all = of_panel(|panel| panel["targets"][0]["datasource"] = json!(name));
        all.into_iter().find(|(_, message)| message.contains("by name")).map(|(severity, _)| severity)
    };
    for (name, severity) in [
        ("Prometheus", Some(Severity::Error)),
        ("$ds", Some(Severity::Warning)),
        ("${ds}", Some(Severity::Warning)),
        ("$DS_PROM", Some(Severity::Error)),
        ("${DS_PROM}", Some(Severity::Error)),
        ("-- Grafana --", None),
        ("grafana", None),
    ] {
        assert_eq!(found(name), severity, "{name}");
    }
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
    assert!(found(&json!({"uid": "a", "title": "A", "elements": {}})).contains("export"));
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
    for (version, own, catalog) in
        [(Value::Null, 0, 1), (json!(42), 0, 0), (json!(43), 1, 1), (json!("41"), 1, 1), (json!(1), 0, 0)]
    {
        assert_eq!(findings(version.clone(), Origin::Own), own, "{version}");
        assert_eq!(findings(version.clone(), Origin::Catalog), catalog, "{version}");
    }
}

#[test]
fn what_only_the_import_dialog_reads_is_worse_in_the_catalog() {
    let found = |key: &str, origin: Origin| {
        let mut model = board("shop_price");
        model[key] = json!([]);
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
        ("increase(shop_sales_total[1h])", 1),
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

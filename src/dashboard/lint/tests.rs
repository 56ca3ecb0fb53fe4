use serde_json::json;

use super::*;

fn around() -> Surroundings {
    Surroundings {
        sources: ["watchpost-prometheus".to_owned()].into(),
        taken: ["watchpost-host".to_owned()].into(),
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
    only("shop_sales_total", Severity::Warning, "shows the counter `shop_sales_total` as it stands");
    only("shop_prise", Severity::Warning, "no target has `shop_prise`");
    only("rate(shop_sales_total[$__interval])", Severity::Warning, "a rate over `$__interval`");
    only("shop_price{job=\"$zone\"}", Severity::Error, "uses `$zone`, which is no variable");
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
        [(Severity::Error, "the query of the panel `Sales` is no PromQL".to_owned())]
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
            "the uid `watchpost-host` is that of a dashboard that Watchpost brings",
            "the panel `Sales` asks the data source `thanos`, which is not there",
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

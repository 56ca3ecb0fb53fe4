use std::cell::RefCell;

use futures_util::FutureExt as _;
use serde_json::json;

use super::*;

const NOW: f64 = 1_700_000_000.0;

fn sources() -> Vec<DataSource> {
    let source = |uid: &str, kind: &str| json!({"uid": uid, "name": uid, "type": kind, "isDefault": uid == "p"});
    serde_json::from_value(json!([source("p", "prometheus"), source("p2", "prometheus"), source("loki", "loki")]))
        .expect("data sources")
}

/// The variables of a dashboard, when every question has the same answer; and the questions.
fn resolved(list: Value, answer: Result<Value, &str>) -> (Resolved, Vec<String>) {
    let asked = RefCell::new(Vec::new());
    let ask = async |_: &DataSource, path: &str| {
        asked.borrow_mut().push(path.to_owned());
        answer.clone().map_err(str::to_owned)
    };
    let model = json!({"title": "T", "templating": {"list": list}});
    let resolved = resolve(&model, &sources(), NOW, &ask).now_or_never().expect("no answer is waited for");
    (resolved, asked.into_inner())
}

fn failure(list: Value, answer: Result<Value, &str>) -> VariableFailure {
    let (resolved, _) = resolved(list, answer);
    resolved.empty.into_values().next_back().expect("an empty variable").failure
}

fn query(name: &str, query: &str) -> Value {
    json!({"name": name, "type": "query", "query": query})
}

#[test]
fn a_query_variable_has_the_values_of_its_answer() {
    let (found, asked) = resolved(json!([query("i", "label_values(up, instance)")]), Ok(json!(["a:1", "b:2"])));
    assert_eq!(found.scope.fill("$i").text, "a:1");
    assert!(found.empty.is_empty());
    let path = "/api/v1/label/instance/values?start=1699978380&end=1700000040&match%5B%5D=up";
    assert_eq!(asked, [path], "whole minutes");
}

#[test]
fn later_variables_ask_with_the_values_of_earlier_ones() {
    let list = json!([query("job", "label_values(up, job)"), query("i", "label_values(up{job=\"$job\"}, instance)")]);
    let (_, asked) = resolved(list, Ok(json!(["node"])));
    assert!(asked[1].contains("match%5B%5D=up%7Bjob%3D%22node%22%7D"), "{asked:?}");
}

#[test]
fn each_kind_of_query_reads_its_answer() {
    let first = |text: &str, answer: Value| {
        let (found, _) = resolved(json!([query("v", text)]), Ok(answer));
        found.scope.fill("$v").text
    };
    assert_eq!(first("label_names(^inst)", json!(["job", "instance"])), "instance");
    assert_eq!(first("metrics(node_)", json!(["up", "node_load1"])), "node_load1");
    assert_eq!(first("up{job=\"x\"}", json!([{"__name__": "up", "job": "x"}])), r#"up{job=\"x\"}"#);
    assert_eq!(first("query_result(1)", json!({"resultType": "scalar", "result": [0, "1"]})), "1");
    let vector = json!({"resultType": "vector", "result": [{"metric": {"job": "x"}, "value": [1.5, "7"]}]});
    assert_eq!(first("query_result(up)", vector), r#"{job=\"x\"} 7 1500"#);
}

#[test]
fn an_empty_variable_says_why() {
    let values = |text: &str| json!([query("v", text)]);
    let nothing = VariableFailure::NothingFound { selector: "up".into(), label: Some("zone".into()) };
    assert_eq!(failure(values("label_values(up, zone)"), Ok(json!([]))), nothing);
    assert_eq!(failure(values("label_values(up, zone)"), Err("no")), VariableFailure::Refused("no".into()));
    let filtered = json!([{"name": "v", "type": "query", "query": "label_values(job)", "regex": "/^x/"}]);
    let expected = VariableFailure::FilteredAway { regex: "/^x/".into(), values: 2 };
    assert_eq!(failure(filtered, Ok(json!(["a", "b"]))), expected);
    let elsewhere =
        json!([{"name": "v", "type": "query", "query": "label_values(job)", "datasource": {"uid": "gone"}}]);
    let expected = VariableFailure::Refused("its data source does not exist".into());
    assert_eq!(failure(elsewhere, Ok(json!(["a"]))), expected);
    assert_eq!(
        failure(json!([{"name": "v", "type": "custom", "query": ""}]), Ok(json!([]))),
        VariableFailure::NoChoices
    );
}

#[test]
fn a_variable_that_uses_an_empty_one_follows_from_it() {
    let list = json!([query("a", "label_values(gone, job)"), query("b", "label_values(up{job=\"$a\"}, instance)")]);
    let (found, _) = resolved(list, Ok(json!([])));
    assert_eq!(found.empty["b"].failure, VariableFailure::Follows("a".into()));
    let label = json!([query("a", "label_values(gone, job)"), query("b", "label_values(up, $a)")]);
    let (found, asked) = resolved(label, Ok(json!([])));
    assert_eq!((&found.empty["b"].failure, asked.len()), (&VariableFailure::Follows("a".into()), 1));
}

#[test]
fn variables_that_ask_nobody_have_the_choice_of_the_file() {
    let list = json!([
        {"name": "c", "type": "custom", "query": "one : 1, two : 2"},
        {"name": "k", "type": "constant", "query": ""},
        {"name": "i", "type": "interval", "query": "1m,5m", "current": {"value": "5m"}},
        {"name": "auto", "type": "interval", "query": "1m,5m", "current": {"value": "$__auto_interval_auto"}},
        {"name": "ds", "type": "datasource", "query": "prometheus", "regex": "/2/"},
        {"name": "logs", "type": "query", "query": "x", "datasource": {"uid": "loki"}, "current": {"value": "kept"}},
        {"name": "other", "type": "snapshot"},
        {"name": "f", "type": "adhoc", "filters": [{"key": "job", "operator": "=", "value": "node"}]},
    ]);
    let (found, asked) = resolved(list, Err("nobody"));
    assert_eq!(found.scope.fill("$c $k $i $auto $ds $logs $other").text, "1  5m 600s p2 kept $other");
    assert_eq!(found.filters, [("job".to_owned(), "=".to_owned(), "node".to_owned())]);
    assert!(asked.is_empty() && found.empty.is_empty(), "{asked:?} {:?}", found.empty);
}

#[test]
fn a_label_never_leads_to_another_path() {
    let path = |label: &str| {
        let lookup = Lookup::LabelValues { selector: Some("up"), label };
        let mut scope = Scope::default();
        scope.set("l", Chosen::one("../../admin"));
        let question = Question::new(&lookup, &scope, Range { from: 3600.0, to: 0.0 }, NOW);
        (question.invalid_label().is_some(), question.path.clone(), question.used.clone())
    };
    for good in ["instance", "_x1", "service.name"] {
        let (invalid, path, _) = path(good);
        assert!(!invalid && path.starts_with(&format!("/api/v1/label/{good}/values?")), "{path}");
    }
    for bad in ["../../../../api/admin/settings?", "a b", "a\r\nHost: x", "..", "", "$l", "a/b"] {
        let (invalid, path, _) = path(bad);
        let path = path.split('?').next().unwrap_or_default();
        assert!(invalid && path.matches('/').count() == 5 && !path.contains([' ', '\r', '\n']), "{bad:?} {path}");
    }
    assert!(path("$l").2.contains("l"));
    assert_eq!(
        failure(json!([query("v", "label_values(up, a/b)")]), Ok(json!(["x"]))),
        VariableFailure::Refused("`a/b` is not a valid label name".into())
    );
}

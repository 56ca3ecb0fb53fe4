use serde_json::json;

use super::*;
use crate::clients::scripted::{Reply, ScriptedService};

const HEALTH: &str = r#"{"database": "ok", "version": "13.2.3"}"#;

fn grafana(endpoint: &ServiceEndpoint) -> Grafana<'_> {
    Grafana::new(endpoint, "admin", Some(Secret::new("hunter2")))
}

/// A Grafana of this version, whose other paths answer as given.
fn service(version: &'static str, reply: impl Fn(&str) -> Reply + Send + 'static) -> ScriptedService {
    ScriptedService::start(move |request| match request.path.as_str() {
        "/api/health" => Reply::ok(HEALTH.replace("13.2.3", version)),
        path => reply(path),
    })
}

fn source() -> DataSource {
    let source = json!({"id": 7, "uid": "a/b", "name": "P", "type": "prometheus"});
    serde_json::from_value(source).expect("a data source")
}

fn query(expr: &str) -> PanelQuery {
    PanelQuery {
        source: "a/b".into(),
        expr: expr.into(),
        instant: true,
        range: false,
        interval: String::new(),
        max_points: 100,
        from: 3600,
        to: 0,
    }
}

#[tokio::test]
async fn only_authenticated_requests_carry_the_password() {
    let service = service("13.2.3", |_| Reply::ok("[]"));
    let endpoint = service.endpoint();
    let grafana = grafana(&endpoint);
    assert_eq!(grafana.health().await.expect("up").version, "13.2.3");
    assert_eq!(grafana.data_sources().await.expect("listed"), []);
    let with_login: Vec<bool> = service
        .received()
        .iter()
        .map(|request| request.headers.iter().any(|header| header.to_lowercase().starts_with("authorization: basic")))
        .collect();
    assert_eq!(with_login, [false, true]);
}

#[tokio::test]
async fn a_login_is_valid_wrong_blocked_or_an_error() {
    for (reply, expected) in [
        (Reply::ok("{}"), Ok(Login::Valid)),
        (Reply::Status(401, r#"{"message": "Invalid username or password"}"#.into()), Ok(Login::Wrong)),
        (Reply::Status(401, r#"{"message": "too many attempts, user blocked"}"#.into()), Ok(Login::Blocked)),
        (Reply::Status(500, r#"{"message": "database is locked"}"#.into()), Err("HTTP 500: database is locked")),
        (Reply::Status(502, "<html>Bad Gateway</html>".into()), Err("HTTP 502")),
    ] {
        let reply = std::sync::Mutex::new(Some(reply));
        let service = ScriptedService::start(move |_| reply.lock().expect("one request").take().expect("one request"));
        let login = grafana(&service.endpoint()).login().await;
        assert_eq!(login.as_ref().map_err(|error| error.message.as_str()), expected.as_ref().map_err(|words| *words));
    }
}

#[tokio::test]
async fn late_cut_and_foreign_answers_are_errors_that_say_so() {
    let late = ScriptedService::start(|_| Reply::Never);
    let error = grafana(&late.impatient_endpoint()).data_sources().await.expect_err("late");
    assert_eq!(error.status, None);
    for reply in [
        || Reply::Cut("[]".repeat(500)),
        || Reply::Closed,
        || Reply::ok("<html>log in</html>"),
        || Reply::ok(r#"[{"uid": 5}]"#),
    ] {
        let service = ScriptedService::start(move |_| reply());
        let endpoint = service.endpoint();
        let grafana = grafana(&endpoint);
        assert!(grafana.data_sources().await.is_err());
        assert!(grafana.health().await.is_err());
        assert!(grafana.search().await.is_err());
        assert!(grafana.dashboard("shop").await.is_err());
    }
}

#[tokio::test]
async fn a_dashboard_that_grafana_does_not_have_is_none() {
    let service = service("13.2.3", |_| Reply::Status(404, r#"{"message": "Dashboard not found"}"#.into()));
    assert_eq!(grafana(&service.endpoint()).dashboard("../x").await, Ok(None));
    assert_eq!(service.received()[0].path, "/api/dashboards/uid/..%2Fx");
}

#[tokio::test]
async fn a_search_reads_every_page() {
    let service = service("13.2.3", |path| {
        let hits = if path.ends_with("page=1") { PAGE } else { 1 };
        Reply::ok(json!(vec![json!({"uid": "u", "title": "T"}); hits]).to_string())
    });
    let hits = grafana(&service.endpoint()).search().await.expect("listed");
    assert_eq!(hits.len(), PAGE + 1);
}

#[tokio::test]
async fn a_data_source_is_asked_for_its_health_or_by_a_query() {
    let path_of = async |version: &'static str, health: u16| {
        let service = service(version, move |path| match path.ends_with("/health") {
            true => Reply::Status(health, r#"{"message": "no route to host"}"#.into()),
            false => Reply::ok("{}"),
        });
        let endpoint = service.endpoint();
        let grafana = grafana(&endpoint);
        grafana.health().await.expect("up");
        let health = grafana.data_source_health(&source()).await;
        (health.map_err(|error| error.message), service.received().last().expect("a request").path.clone())
    };
    assert_eq!(path_of("13.2.3", 200).await, (Ok(()), "/api/datasources/uid/a%2Fb/health".to_owned()));
    assert_eq!(path_of("13.2.3", 400).await.0, Err("HTTP 400: no route to host".to_owned()));
    let query = "/api/v1/query?query=1%2B1";
    assert_eq!(path_of("13.2.3", 404).await, (Ok(()), format!("/api/datasources/proxy/uid/a%2Fb{query}")));
    assert_eq!(path_of("7.5.17", 200).await, (Ok(()), format!("/api/datasources/proxy/7{query}")));
}

#[tokio::test]
async fn one_invalid_query_does_not_spoil_the_others() {
    let service = ScriptedService::start(|request| {
        let body: Value = serde_json::from_str(&request.body).expect("JSON");
        let queries = body["queries"].as_array().expect("queries");
        if queries.iter().any(|query| query["expr"] == "bad(") {
            return Reply::Status(400, r#"{"message": "parse error"}"#.into());
        }
        let values = |expr: &Value| if *expr == "empty" { json!([[]]) } else { json!([[1], [2]]) };
        let mut results = serde_json::Map::new();
        for query in queries {
            let name = query["refId"].as_str().expect("a name").to_owned();
            results.insert(name, json!({"frames": [{"data": {"values": values(&query["expr"])}}]}));
        }
        Reply::ok(json!({"results": results}).to_string())
    });
    let queries = [query("up"), query("bad("), query("empty")];
    let outcomes = grafana(&service.endpoint()).run(&queries, &[source()]).await;
    let refused = QueryOutcome::Refused("HTTP 400: parse error".into());
    assert_eq!(outcomes, [QueryOutcome::Data, refused, QueryOutcome::Nothing]);
    let together = grafana(&service.endpoint()).run(&queries[..1], &[source()]).await;
    assert_eq!((together, service.received().len()), (vec![QueryOutcome::Data], 5), "1 for all, 3 for each, 1 more");
}

#[tokio::test]
async fn an_old_grafana_runs_queries_by_its_proxy() {
    let service = service("8.5.27", |path| match path.contains("query=up") {
        true => Reply::ok(r#"{"data": {"result": [1]}}"#),
        false => Reply::ok(r#"{"data": {"result": []}}"#),
    });
    let endpoint = service.endpoint();
    let grafana = grafana(&endpoint);
    grafana.health().await.expect("up");
    let range = PanelQuery { range: true, instant: false, ..query("gone") };
    let elsewhere = PanelQuery { source: "gone".into(), ..query("up") };
    let outcomes = grafana.run(&[query("up"), range, elsewhere], &[source()]).await;
    let refused = QueryOutcome::Refused("Data source not found".into());
    assert_eq!(outcomes, [QueryOutcome::Data, QueryOutcome::Nothing, refused]);
    let paths: Vec<String> = service.received().into_iter().map(|request| request.path).collect();
    assert!(paths.iter().any(|path| path.starts_with("/api/datasources/proxy/7/api/v1/query_range?query=gone&start=")));
}

#[test]
fn the_password_tool_has_another_name_before_9_4() {
    for (version, tool) in [
        ("7.5.17", "grafana-cli"),
        ("9.3.16", "grafana-cli"),
        ("9.4.0", "grafana cli"),
        ("13.2.3", "grafana cli"),
        ("", "grafana cli"),
    ] {
        assert_eq!(admin_tool(version), tool, "{version}");
    }
}

#[tokio::test]
async fn a_dashboard_of_schema_v2_is_read_where_grafana_says_that_it_is() {
    let service = service("13.2.3", |path| {
        match path {
        "/api/dashboards/uid/new" => Reply::Status(
            406,
            r#"{"message": "dashboard api version not supported, use /apis/dashboard.grafana.app/v2/namespaces/default/dashboards/new instead"}"#.into(),
        ),
        "/apis/dashboard.grafana.app/v2/namespaces/default/dashboards/new" => Reply::ok(
            r#"{"metadata": {"name": "new", "annotations": {"grafana.app/folder": "f"}}, "spec": {"elements": {}}}"#,
        ),
        _ => Reply::Status(406, r#"{"message": "not acceptable"}"#.into()),
    }
    });
    let endpoint = service.endpoint();
    let grafana = grafana(&endpoint);
    let stored = grafana.dashboard("new").await.expect("an answer").expect("a dashboard");
    assert_eq!((stored.dashboard["metadata"]["name"].as_str(), stored.meta.folder_uid.as_str()), (Some("new"), "f"));
    assert_eq!(grafana.dashboard("other").await.expect_err("refused").message, "HTTP 406: not acceptable");
}

//! Alertmanager's HTTP API, <https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml>.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::clients::api::{ApiError, json, metrics, with_query};
use crate::clients::exposition::Exposition;
use crate::docker::{Request, Response, ServiceEndpoint};
use crate::routing::Labels;
use crate::yaml;

pub struct Alertmanager<'a> {
    endpoint: &'a ServiceEndpoint,
}

/// An alert as it is sent to Alertmanager.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Posted {
    pub labels: Labels,
    pub annotations: Labels,
    /// RFC 3339, by the clock of Alertmanager's host.
    pub starts_at: String,
    /// An alert whose end has come is resolved.
    pub ends_at: String,
}

/// An alert that Alertmanager has.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Held {
    pub labels: BTreeMap<String, String>,
    pub status: HeldStatus,
    /// RFC 3339.
    pub updated_at: String,
    #[serde(default)]
    pub receivers: Vec<Named>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldStatus {
    /// `unprocessed`, `active` or `suppressed`.
    pub state: String,
    #[serde(default)]
    pub silenced_by: Vec<String>,
    #[serde(default)]
    pub inhibited_by: Vec<String>,
    #[serde(default)]
    pub muted_by: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Named {
    pub name: String,
}

impl<'a> Alertmanager<'a> {
    pub fn new(endpoint: &'a ServiceEndpoint) -> Self {
        Self { endpoint }
    }

    async fn get(&self, path: &str) -> Result<String, ApiError> {
        let answer = self.endpoint.send(&Request::get(path)).await.map_err(ApiError::transport)?;
        if answer.is_success() { Ok(answer.body) } else { Err(refused(&answer)) }
    }

    /// The configuration in force as JSON; secrets are `<secret>` in it.
    pub async fn config(&self) -> Result<serde_json::Value, ApiError> {
        #[derive(Deserialize)]
        struct Status {
            config: Original,
        }
        #[derive(Deserialize)]
        struct Original {
            original: String,
        }
        let status: Status = json(&self.get("/api/v2/status").await?)?;
        yaml::read("alertmanager.yml", &status.config.original)
            .map_err(|error| ApiError::new(format!("its configuration is not valid YAML: {error:#}")))
    }

    /// Alerts whose labels match, in Alertmanager's notation: `alertname="Watchdog"`.
    pub async fn alerts(&self, matcher: &str) -> Result<Vec<Held>, ApiError> {
        json(&self.get(&with_query("/api/v2/alerts", &[("filter", matcher)])).await?)
    }

    /// Errors: Alertmanager rejects the alerts, in its own words.
    pub async fn post(&self, alerts: &[Posted]) -> Result<(), ApiError> {
        let body = serde_json::to_vec(alerts).map_err(|error| ApiError::new(error.to_string()))?;
        let request = Request::post("/api/v2/alerts", "application/json", body);
        let answer = self.endpoint.send(&request).await.map_err(ApiError::transport)?;
        if answer.is_success() { Ok(()) } else { Err(refused(&answer)) }
    }

    /// Its own metrics, as they are now.
    pub async fn metrics(&self) -> Result<Exposition, ApiError> {
        metrics(&self.endpoint.send(&Request::get("/metrics")).await.map_err(ApiError::transport)?)
    }
}

/// Alertmanager writes its errors as a JSON string.
fn refused(answer: &Response) -> ApiError {
    let words: Option<String> = serde_json::from_str(&answer.body).ok();
    ApiError::status(answer.status, words.as_deref().unwrap_or(&answer.body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::scripted::{Reply, ScriptedService, misbehaviours};
    use crate::routing::Tree;

    #[tokio::test]
    async fn the_configuration_in_force_is_read_from_the_status() {
        let service = ScriptedService::ok(include_str!("recorded/alertmanager_status.json"));
        let endpoint = service.endpoint();
        let config = Alertmanager::new(&endpoint).config().await.expect("a configuration");
        assert_eq!(config["receivers"][1]["webhook_configs"][0]["url"], "<secret>");
        assert_eq!(Tree::parse(&config).expect("a tree").reached(&Labels::new()), ["dead"]);
        assert_eq!(service.received()[0].path, "/api/v2/status");
    }

    #[tokio::test]
    async fn a_configuration_that_is_not_yaml_is_an_error() {
        let service = ScriptedService::ok(r#"{"config": {"original": "a: [b"}}"#);
        let error = Alertmanager::new(&service.endpoint()).config().await.expect_err("not YAML");
        assert!(error.message.starts_with("its configuration is not valid YAML: "), "{error}");
    }

    #[tokio::test]
    async fn alerts_are_asked_for_by_a_matcher_and_tell_what_holds_them_back() {
        let service = ScriptedService::ok(include_str!("recorded/alertmanager_alerts.json"));
        let held = Alertmanager::new(&service.endpoint()).alerts("watchpost_test!=\"\"").await.expect("alerts");
        assert_eq!(service.received()[0].path, "/api/v2/alerts?filter=watchpost_test%21%3D%22%22");
        assert_eq!(held[0].labels["watchpost_test"], "r-1");
        assert_eq!(held[0].status.state, "suppressed");
        assert_eq!(held[0].status.silenced_by, ["75155e88-1e9b-44be-8f72-f3e7aff263fe"]);
        assert_eq!(held[1].receivers[0].name, "dead");
    }

    #[tokio::test]
    async fn alerts_are_posted_as_json() {
        let service = ScriptedService::ok("");
        let alert = Posted {
            labels: Labels::from([("alertname".into(), "Test".into())]),
            annotations: Labels::new(),
            starts_at: "2026-01-01T00:00:00Z".into(),
            ends_at: "2026-01-01T00:01:00Z".into(),
        };
        Alertmanager::new(&service.endpoint()).post(&[alert]).await.expect("accepted");
        let request = &service.received()[0];
        assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/api/v2/alerts"));
        assert!(request.headers.iter().any(|line| line.eq_ignore_ascii_case("content-type: application/json")));
        assert_eq!(
            request.body,
            r#"[{"labels":{"alertname":"Test"},"annotations":{},"startsAt":"2026-01-01T00:00:00Z","endsAt":"2026-01-01T00:01:00Z"}]"#
        );
    }

    #[tokio::test]
    async fn a_rejected_alert_is_an_error_in_alertmanagers_words() {
        let body = include_str!("recorded/alertmanager_post_error.json");
        let service = ScriptedService::start(move |_| Reply::Status(400, body.into()));
        let error = Alertmanager::new(&service.endpoint()).post(&[]).await.expect_err("rejected");
        assert_eq!((error.status, error.message.as_str()), (Some(400), "HTTP 400: at least one label pair required"));
    }

    #[tokio::test]
    async fn metrics_are_read_from_their_text() {
        let service = ScriptedService::ok(include_str!("recorded/alertmanager_metrics.txt"));
        let metrics = Alertmanager::new(&service.endpoint()).metrics().await.expect("metrics");
        assert_eq!(metrics.value("alertmanager_config_last_reload_successful"), Some(1.0));
        assert_eq!(metrics.total("alertmanager_notifications_total", &[("receiver_name", "dead")]), Some(0.0));
    }

    #[tokio::test]
    async fn each_misbehaviour_of_the_service_has_its_words() {
        let posted = misbehaviours(async |endpoint| Alertmanager::new(endpoint).post(&[]).await).await;
        insta::assert_snapshot!(posted, @r"
        late: no answer in time
        cut: the connection closed in the middle of the answer
        closed: connection closed before message completed
        401: HTTP 401: who are you
        500: HTTP 500: out of order
        page: accepted
        huge: HTTP 503: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
        ");
        let metrics = misbehaviours(async |endpoint| Alertmanager::new(endpoint).metrics().await).await;
        insta::assert_snapshot!(metrics, @r"
        late: no answer in time
        cut: the connection closed in the middle of the answer
        closed: connection closed before message completed
        401: HTTP 401: who are you
        500: HTTP 500: out of order
        page: the answer is an HTML page, so another server may listen at this address
        huge: HTTP 503: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
        ");
        let expected = misbehaviours(async |endpoint| Alertmanager::new(endpoint).config().await).await;
        assert_eq!(expected, metrics);
        let alerts = misbehaviours(async |endpoint| Alertmanager::new(endpoint).alerts("a=\"b\"").await).await;
        assert_eq!(alerts, expected);
    }
}

//! Alertmanager's HTTP API, <https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml>.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::clients::api::{ApiError, json, with_query};
use crate::clients::exposition::Exposition;
use crate::docker::{Request, ServiceEndpoint};
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

#[derive(Debug, Clone, Deserialize)]
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
        let answer = self.endpoint.ask(&Request::get(path)).await.map_err(ApiError::transport)?;
        if answer.is_good() { Ok(answer.body) } else { Err(ApiError::status(answer.status, &answer.body)) }
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
        let node = yaml::parse("alertmanager.yml", &status.config.original);
        node.map(|node| node.to_json())
            .map_err(|error| ApiError::said(format!("its configuration is no YAML: {error}")))
    }

    /// Alerts whose labels match, in Alertmanager's notation: `alertname="Watchdog"`.
    pub async fn alerts(&self, matcher: &str) -> Result<Vec<Held>, ApiError> {
        json(&self.get(&with_query("/api/v2/alerts", &[("filter", matcher)])).await?)
    }

    /// Errors: Alertmanager's words for what it does not take.
    pub async fn post(&self, alerts: &[Posted]) -> Result<(), ApiError> {
        let body = serde_json::to_vec(alerts).map_err(|error| ApiError::said(error.to_string()))?;
        let request = Request::post("/api/v2/alerts", "application/json", body);
        let answer = self.endpoint.ask(&request).await.map_err(ApiError::transport)?;
        if answer.is_good() { Ok(()) } else { Err(ApiError::status(answer.status, &answer.body)) }
    }

    /// Its own metrics, as they are now.
    pub async fn metrics(&self) -> Result<Exposition, ApiError> {
        Ok(Exposition::read(&self.get("/metrics").await?))
    }
}

//! Alertmanager's HTTP API, <https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml>.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::api::{Refusal, encoded, json};
use crate::docker::{Door, Request};
use crate::yaml;

pub struct Alertmanager<'a> {
    door: &'a Door,
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
    pub fn new(door: &'a Door) -> Self {
        Self { door }
    }

    async fn get(&self, path: &str) -> Result<String, Refusal> {
        let answer = self.door.ask(&Request::get(path)).await.map_err(Refusal::silence)?;
        if answer.is_good() { Ok(answer.body) } else { Err(Refusal::status(answer.status, &answer.body)) }
    }

    /// The configuration in force as JSON; secrets are `<secret>` in it.
    pub async fn config(&self) -> Result<serde_json::Value, Refusal> {
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
        node.map(|node| node.to_json()).map_err(|error| Refusal::said(format!("its configuration is no YAML: {error}")))
    }

    /// Alerts whose labels match, in Alertmanager's notation: `alertname="Watchdog"`.
    pub async fn alerts(&self, matcher: &str) -> Result<Vec<Held>, Refusal> {
        json(&self.get(&format!("/api/v2/alerts?filter={}", encoded(matcher))).await?)
    }
}

//! Prometheus's HTTP API, <https://prometheus.io/docs/prometheus/latest/querying/api/>.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::clients::api::{ApiError, form, json};
use crate::clients::exposition::Exposition;
use crate::docker::{Request, ServiceEndpoint};
use crate::time;

/// A range query may take this long: it evaluates its expression thousands of times.
const PATIENCE_FOR_RANGES: Duration = Duration::from_secs(30);

pub struct Prometheus<'a> {
    endpoint: &'a ServiceEndpoint,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    pub labels: BTreeMap<String, String>,
    #[serde(default)]
    pub discovered_labels: BTreeMap<String, String>,
    pub scrape_pool: String,
    pub scrape_url: String,
    #[serde(default)]
    pub last_error: String,
    /// RFC 3339; the year 1 when it was never scraped.
    pub last_scrape: String,
    #[serde(default)]
    pub last_scrape_duration: f64,
    /// `up`, `down` or `unknown`.
    pub health: String,
    #[serde(default)]
    pub scrape_interval: String,
    #[serde(default)]
    pub scrape_timeout: String,
}

impl Target {
    pub fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }

    /// `node/localhost`
    pub fn name(&self) -> String {
        format!("{}/{}", self.label("job"), self.label("instance"))
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    pub name: String,
    pub file: String,
    pub rules: Vec<Rule>,
    /// Seconds.
    pub interval: f64,
    #[serde(default)]
    pub evaluation_time: f64,
    /// RFC 3339; the year 1 when it was never evaluated.
    pub last_evaluation: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    pub name: String,
    pub query: String,
    /// `alerting` or `recording`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `ok`, `err` or `unknown`.
    pub health: String,
    #[serde(default)]
    pub last_error: Option<String>,
    /// `inactive`, `pending` or `firing`; absent for recording rules.
    #[serde(default)]
    pub state: Option<String>,
    /// Seconds it must hold before it fires.
    #[serde(default)]
    pub duration: f64,
    /// Seconds it goes on firing when it holds no longer.
    #[serde(default, rename = "keepFiringFor")]
    pub keep_firing_for: f64,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    #[serde(default)]
    pub alerts: Vec<Alert>,
    #[serde(default)]
    pub last_evaluation: String,
}

impl Rule {
    pub fn is_alert(&self) -> bool {
        self.kind == "alerting"
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    pub labels: BTreeMap<String, String>,
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    pub state: String,
    #[serde(default)]
    pub active_at: Option<String>,
}

/// One series of an instant query.
#[derive(Debug, Clone)]
pub struct Sample {
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

/// One series of a range query: (seconds since the epoch, value).
#[derive(Debug, Clone)]
pub struct Series {
    pub labels: BTreeMap<String, String>,
    pub points: Vec<(f64, f64)>,
}

impl<'a> Prometheus<'a> {
    pub fn new(endpoint: &'a ServiceEndpoint) -> Self {
        Self { endpoint }
    }

    async fn data<T: DeserializeOwned>(&self, path: &str) -> Result<T, ApiError> {
        let answer = self.endpoint.ask(&Request::get(path)).await.map_err(ApiError::transport)?;
        Self::unwrapped(&answer.body, answer.status)
    }

    /// By POST, since expressions may be longer than a URL.
    fn form_request(path: &str, fields: &[(&str, &str)]) -> Request {
        Request::post(path, "application/x-www-form-urlencoded", form(fields))
    }

    /// What is under `data`; Prometheus's own words when it refuses.
    fn unwrapped<T: DeserializeOwned>(body: &str, status: u16) -> Result<T, ApiError> {
        #[derive(Deserialize)]
        struct Envelope<T> {
            #[serde(default = "Option::default")]
            data: Option<T>,
            #[serde(default)]
            error: Option<String>,
        }
        if status != 200 {
            let said = json::<Envelope<serde_json::Value>>(body).ok().and_then(|envelope| envelope.error);
            return Err(ApiError::status(status, said.as_deref().unwrap_or(body)));
        }
        json::<Envelope<T>>(body)?.data.ok_or_else(|| ApiError::said("it answers without data"))
    }

    /// Its own metrics, as it shows them.
    pub async fn metrics(&self) -> Result<Exposition, ApiError> {
        let answer = self.endpoint.ask(&Request::get("/metrics")).await.map_err(ApiError::transport)?;
        if answer.is_good() {
            Ok(Exposition::read(&answer.body))
        } else {
            Err(ApiError::status(answer.status, &answer.body))
        }
    }

    /// Targets that are scraped now.
    pub async fn targets(&self) -> Result<Vec<Target>, ApiError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Data {
            active_targets: Vec<Target>,
        }
        Ok(self.data::<Data>("/api/v1/targets?state=active").await?.active_targets)
    }

    pub async fn rules(&self) -> Result<Vec<Group>, ApiError> {
        #[derive(Deserialize)]
        struct Data {
            groups: Vec<Group>,
        }
        Ok(self.data::<Data>("/api/v1/rules").await?.groups)
    }

    /// Alerts that are pending or firing.
    pub async fn alerts(&self) -> Result<Vec<Alert>, ApiError> {
        #[derive(Deserialize)]
        struct Data {
            alerts: Vec<Alert>,
        }
        Ok(self.data::<Data>("/api/v1/alerts").await?.alerts)
    }

    /// Addresses of the Alertmanagers it sends to.
    pub async fn alertmanagers(&self) -> Result<Vec<String>, ApiError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Data {
            active_alertmanagers: Vec<Url>,
        }
        #[derive(Deserialize)]
        struct Url {
            url: String,
        }
        Ok(self.data::<Data>("/api/v1/alertmanagers").await?.active_alertmanagers.into_iter().map(|a| a.url).collect())
    }

    /// The configuration that is in force, as YAML.
    pub async fn config(&self) -> Result<String, ApiError> {
        #[derive(Deserialize)]
        struct Data {
            yaml: String,
        }
        Ok(self.data::<Data>("/api/v1/status/config").await?.yaml)
    }

    /// Seconds since it last took a configuration, at its start or at a reload; `None` when it does not say.
    pub async fn configured_ago(&self) -> Option<f64> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Data {
            start_time: String,
            last_config_time: String,
            /// Absent before 3.0.
            #[serde(default)]
            server_time: String,
        }
        let data: Data = self.data("/api/v1/status/runtimeinfo").await.ok()?;
        let now = time::parse(&data.server_time).unwrap_or_else(time::now);
        Some(now - time::parse(&data.start_time.max(data.last_config_time))?)
    }

    /// The flags it was started with.
    pub async fn flags(&self) -> Result<BTreeMap<String, String>, ApiError> {
        self.data("/api/v1/status/flags").await
    }

    /// Names of all metrics that have samples between `start` and now, seconds since the epoch.
    pub async fn metric_names(&self, start: f64) -> Result<BTreeSet<String>, ApiError> {
        self.data(&format!("/api/v1/label/__name__/values?start={start:.0}")).await
    }

    /// An instant query, by default for now; a scalar comes as one sample without labels.
    pub async fn query(&self, expr: &str) -> Result<Vec<Sample>, ApiError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Data {
            result_type: String,
            result: serde_json::Value,
        }
        #[derive(Deserialize)]
        struct One {
            metric: BTreeMap<String, String>,
            value: (f64, String),
        }
        let request = Self::form_request("/api/v1/query", &[("query", expr)]);
        let answer = self.endpoint.ask(&request).await.map_err(ApiError::transport)?;
        let data: Data = Self::unwrapped(&answer.body, answer.status)?;
        let odd =
            |error: serde_json::Error| ApiError::said(format!("it answers with other data than it should: {error}"));
        if data.result_type == "scalar" {
            let (_, value): (f64, String) = serde_json::from_value(data.result).map_err(odd)?;
            return Ok(vec![Sample { labels: BTreeMap::new(), value: number(&value) }]);
        }
        let all: Vec<One> = serde_json::from_value(data.result).map_err(odd)?;
        Ok(all.into_iter().map(|one| Sample { labels: one.metric, value: number(&one.value.1) }).collect())
    }

    /// The value of an instant query that yields one series; `None` when it yields none.
    pub async fn value(&self, expr: &str) -> Result<Option<f64>, ApiError> {
        Ok(self.query(expr).await?.first().map(|sample| sample.value))
    }

    /// A range query; `start`, `end` and `step` in seconds.
    pub async fn range(&self, expr: &str, start: f64, end: f64, step: f64) -> Result<Vec<Series>, ApiError> {
        #[derive(Deserialize)]
        struct Data {
            result: Vec<One>,
        }
        #[derive(Deserialize)]
        struct One {
            metric: BTreeMap<String, String>,
            values: Vec<(f64, String)>,
        }
        let (start, end, step) = (start.to_string(), end.to_string(), step.to_string());
        let fields = [("query", expr), ("start", start.as_str()), ("end", end.as_str()), ("step", step.as_str())];
        let request = Self::form_request("/api/v1/query_range", &fields);
        let answer = self.endpoint.ask_within(&request, PATIENCE_FOR_RANGES).await.map_err(ApiError::transport)?;
        let data: Data = Self::unwrapped(&answer.body, answer.status)?;
        let series = |one: One| Series {
            labels: one.metric,
            points: one.values.into_iter().map(|(at, value)| (at, number(&value))).collect(),
        };
        Ok(data.result.into_iter().map(series).collect())
    }
}

/// A sample's value as Prometheus writes it: `NaN` and `+Inf` too.
fn number(text: &str) -> f64 {
    text.trim_start_matches('+').parse().unwrap_or(f64::NAN)
}

//! Prometheus's HTTP API, <https://prometheus.io/docs/prometheus/latest/querying/api/>.

pub mod scrape;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::clients::api::{ApiError, form, json, metrics, unexpected};
use crate::clients::exposition::Exposition;
use crate::docker::{Request, Response, ServiceEndpoint};
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
        let answer = self.endpoint.send(&Request::get(path)).await.map_err(ApiError::transport)?;
        Self::unwrapped(&answer)
    }

    /// By POST, since expressions may be longer than a URL.
    fn form_request(path: &str, fields: &[(&str, &str)]) -> Request {
        Request::post(path, "application/x-www-form-urlencoded", form(fields))
    }

    /// The answer's `data`.
    ///
    /// Errors: Prometheus's own words when it refuses.
    fn unwrapped<T: DeserializeOwned>(answer: &Response) -> Result<T, ApiError> {
        #[derive(Deserialize)]
        struct Envelope<T> {
            #[serde(default = "Option::default")]
            data: Option<T>,
            #[serde(default)]
            error: Option<String>,
        }
        if answer.status != 200 {
            let words = json::<Envelope<serde_json::Value>>(&answer.body).ok().and_then(|envelope| envelope.error);
            return Err(ApiError::status(answer.status, words.as_deref().unwrap_or(&answer.body)));
        }
        json::<Envelope<T>>(&answer.body)?.data.ok_or_else(|| ApiError::new("the answer has no `data`"))
    }

    /// Its own metrics, as they are now.
    pub async fn metrics(&self) -> Result<Exposition, ApiError> {
        metrics(&self.endpoint.send(&Request::get("/metrics")).await.map_err(ApiError::transport)?)
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

    /// Seconds since it last loaded a configuration, at its start or at a reload; `None` without an answer.
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
        self.label_values("__name__", start).await
    }

    /// Values of the label among series that have samples between `start` and now, seconds since the epoch.
    pub async fn label_values(&self, label: &str, start: f64) -> Result<BTreeSet<String>, ApiError> {
        self.data(&format!("/api/v1/label/{label}/values?start={start:.0}")).await
    }

    /// Metrics that their exporters declare as gauges.
    pub async fn gauges(&self) -> Result<BTreeSet<String>, ApiError> {
        #[derive(Deserialize)]
        struct Metadata {
            r#type: String,
        }
        let all: BTreeMap<String, Vec<Metadata>> = self.data("/api/v1/metadata?limit_per_metric=1").await?;
        let gauge = |entries: &[Metadata]| entries.first().is_some_and(|entry| entry.r#type == "gauge");
        Ok(all.into_iter().filter(|(_, entries)| gauge(entries)).map(|(name, _)| name).collect())
    }

    /// An instant query, for now; a scalar comes as one sample without labels.
    pub async fn query(&self, expr: &str) -> Result<Vec<Sample>, ApiError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Data {
            result_type: String,
            result: serde_json::Value,
        }
        #[derive(Deserialize)]
        struct Instant {
            metric: BTreeMap<String, String>,
            value: (f64, String),
        }
        let request = Self::form_request("/api/v1/query", &[("query", expr)]);
        let answer = self.endpoint.send(&request).await.map_err(ApiError::transport)?;
        let data: Data = Self::unwrapped(&answer)?;
        if data.result_type == "scalar" {
            let (_, value): (f64, String) = serde_json::from_value(data.result).map_err(|error| unexpected(&error))?;
            return Ok(vec![Sample { labels: BTreeMap::new(), value: number(&value) }]);
        }
        let series: Vec<Instant> = serde_json::from_value(data.result).map_err(|error| unexpected(&error))?;
        let sample = |series: Instant| Sample { labels: series.metric, value: number(&series.value.1) };
        Ok(series.into_iter().map(sample).collect())
    }

    /// The value of an instant query that yields one series; `None` when it yields none.
    pub async fn value(&self, expr: &str) -> Result<Option<f64>, ApiError> {
        Ok(self.query(expr).await?.first().map(|sample| sample.value))
    }

    /// A range query; `start`, `end` and `step` in seconds.
    pub async fn range(&self, expr: &str, start: f64, end: f64, step: f64) -> Result<Vec<Series>, ApiError> {
        #[derive(Deserialize)]
        struct Data {
            result: Vec<Matrix>,
        }
        #[derive(Deserialize)]
        struct Matrix {
            metric: BTreeMap<String, String>,
            values: Vec<(f64, String)>,
        }
        let (start, end, step) = (start.to_string(), end.to_string(), step.to_string());
        let fields = [("query", expr), ("start", start.as_str()), ("end", end.as_str()), ("step", step.as_str())];
        let request = Self::form_request("/api/v1/query_range", &fields);
        let answer = self.endpoint.send_within(&request, PATIENCE_FOR_RANGES).await.map_err(ApiError::transport)?;
        let data: Data = Self::unwrapped(&answer)?;
        let series = |matrix: Matrix| Series {
            labels: matrix.metric,
            points: matrix.values.into_iter().map(|(at, value)| (at, number(&value))).collect(),
        };
        Ok(data.result.into_iter().map(series).collect())
    }
}

/// A sample's value as Prometheus writes it: `NaN` and `+Inf` too.
fn number(text: &str) -> f64 {
    text.trim_start_matches('+').parse().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::scripted::{Reply, ScriptedService, misbehaviours};

    /// A Prometheus that answers as a real one did.
    fn recorded() -> ScriptedService {
        ScriptedService::start(|request| {
            let path = request.path.split('?').next().unwrap_or_default();
            Reply::ok(match path {
                "/metrics" => include_str!("recorded/prometheus_metrics.txt"),
                "/api/v1/targets" => include_str!("recorded/prometheus_targets.json"),
                "/api/v1/rules" => include_str!("recorded/prometheus_rules.json"),
                "/api/v1/alerts" => include_str!("recorded/prometheus_alerts.json"),
                "/api/v1/alertmanagers" => include_str!("recorded/prometheus_alertmanagers.json"),
                "/api/v1/status/config" => include_str!("recorded/prometheus_config.json"),
                "/api/v1/status/runtimeinfo" => include_str!("recorded/prometheus_runtimeinfo.json"),
                "/api/v1/status/flags" => include_str!("recorded/prometheus_flags.json"),
                "/api/v1/label/__name__/values" => include_str!("recorded/prometheus_names.json"),
                "/api/v1/query" => include_str!("recorded/prometheus_query.json"),
                "/api/v1/query_range" => include_str!("recorded/prometheus_range.json"),
                other => return Reply::Status(404, format!("nothing under {other}")),
            })
        })
    }

    #[tokio::test]
    async fn targets_are_read_with_labels_and_health() {
        let service = recorded();
        let targets = Prometheus::new(&service.endpoint()).targets().await.expect("targets");
        assert_eq!(service.received()[0].path, "/api/v1/targets?state=active");
        assert_eq!(targets[1].name(), "node/localhost");
        assert_eq!((targets[1].health.as_str(), targets[1].scrape_interval.as_str()), ("up", "2s"));
        assert_eq!(targets[1].discovered_labels["__address__"], "node-exporter:9100");
        assert_eq!(targets[1].label("missing"), "");
    }

    #[tokio::test]
    async fn rules_are_read_with_their_alerts() {
        let groups = Prometheus::new(&recorded().endpoint()).rules().await.expect("rules");
        let rules: Vec<&Rule> = groups.iter().flat_map(|group| &group.rules).collect();
        let watchdog = rules.iter().find(|rule| rule.name == "Watchdog").expect("Watchdog");
        assert_eq!((watchdog.state.as_deref(), watchdog.alerts.len()), (Some("firing"), 1));
        assert!(watchdog.is_alert() && watchdog.alerts[0].active_at.is_some());
        let recording = rules.iter().find(|rule| !rule.is_alert()).expect("a recording rule");
        assert_eq!((recording.state.as_deref(), recording.health.as_str()), (None, "ok"));
        let reload = rules.iter().find(|rule| rule.name == "AlertmanagerFailedReload").expect("a rule that waits");
        assert_eq!((reload.duration, reload.labels["severity"].as_str()), (300.0, "critical"));
        assert_eq!(groups.iter().find(|group| group.name == "general").map(|group| group.interval), Some(1.0));
    }

    #[tokio::test]
    async fn alerts_and_who_gets_them_are_read() {
        let service = recorded();
        let endpoint = service.endpoint();
        let prometheus = Prometheus::new(&endpoint);
        let alerts = prometheus.alerts().await.expect("alerts");
        assert_eq!((alerts[0].labels["alertname"].as_str(), alerts[0].state.as_str()), ("Watchdog", "firing"));
        let alertmanagers = prometheus.alertmanagers().await.expect("Alertmanagers");
        assert_eq!(alertmanagers, ["http://alertmanager:9093/api/v2/alerts"]);
    }

    #[tokio::test]
    async fn configuration_flags_names_and_metrics_are_read() {
        let service = recorded();
        let endpoint = service.endpoint();
        let prometheus = Prometheus::new(&endpoint);
        assert!(prometheus.config().await.expect("a configuration").contains("- alertmanager:9093"));
        let flags = prometheus.flags().await.expect("flags");
        assert_eq!(flags["rules.alert.resend-delay"], "1m");
        assert!(prometheus.metric_names(1.6).await.expect("names").contains("up"));
        assert!(service.received().iter().any(|request| request.path.ends_with("/values?start=2")));
        let metrics = prometheus.metrics().await.expect("metrics");
        assert_eq!(metrics.value("prometheus_config_last_reload_successful"), Some(1.0));
    }

    #[tokio::test]
    async fn the_age_of_the_configuration_is_counted_by_prometheus_own_clock() {
        // Recorded: started 10:19:24.197, configured 10:19:24, and it was 10:19:NN there.
        let ago = Prometheus::new(&recorded().endpoint()).configured_ago().await.expect("an age");
        assert!((1.0..60.0).contains(&ago), "{ago}");
        let service = ScriptedService::start(|_| Reply::Closed);
        assert_eq!(Prometheus::new(&service.endpoint()).configured_ago().await, None);
    }

    #[tokio::test]
    async fn an_expression_is_posted_encoded_and_yields_series() {
        let service = recorded();
        let endpoint = service.endpoint();
        let prometheus = Prometheus::new(&endpoint);
        let samples = prometheus.query("up{a=\"b&c\"} + 1").await.expect("samples");
        let request = &service.received()[0];
        assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/api/v1/query"));
        assert_eq!(request.body, "query=up%7Ba%3D%22b%26c%22%7D+%2B+1");
        assert_eq!((samples.len(), samples[0].labels["job"].as_str(), samples[0].value), (3, "node", 1.0));
        assert_eq!(prometheus.value("up").await, Ok(Some(1.0)));
        let series = prometheus.range("up", 10.0, 20.5, 5.0).await.expect("series");
        assert_eq!(service.received()[2].body, "query=up&start=10&end=20.5&step=5");
        assert_eq!((series[0].labels["job"].as_str(), series[0].points.len()), ("node", 3));
        assert_eq!(series[0].points[2].1, 1.0);
    }

    #[tokio::test]
    async fn a_scalar_is_one_sample_and_infinity_a_number() {
        let service = ScriptedService::ok(include_str!("recorded/prometheus_scalar.json"));
        let samples = Prometheus::new(&service.endpoint()).query("1 / 0").await.expect("a sample");
        assert!(samples.len() == 1 && samples[0].labels.is_empty() && samples[0].value == f64::INFINITY);
        let none = ScriptedService::ok(r#"{"data": {"resultType": "vector", "result": []}}"#);
        assert_eq!(Prometheus::new(&none.endpoint()).value("absent").await, Ok(None));
    }

    #[tokio::test]
    async fn a_refused_expression_is_an_error_in_prometheus_own_words() {
        let body = include_str!("recorded/prometheus_query_error.json");
        let service = ScriptedService::start(move |_| Reply::Status(400, body.into()));
        let error = Prometheus::new(&service.endpoint()).query("sum(up").await.expect_err("refused");
        assert_eq!(error.status, Some(400));
        assert_eq!(error.message, "HTTP 400: invalid parameter \"query\": 1:7: parse error: unclosed left parenthesis");
    }

    #[tokio::test]
    async fn json_of_another_shape_is_an_error() {
        for body in ["{}", r#"{"data": {"resultType": "vector", "result": [1]}}"#, "[1"] {
            let service = ScriptedService::ok(body);
            let error = Prometheus::new(&service.endpoint()).query("up").await.expect_err(body);
            assert!(error.message.starts_with("the answer "), "{error}");
        }
    }

    #[tokio::test]
    async fn each_misbehaviour_of_the_service_has_its_words() {
        let expected = misbehaviours(async |endpoint| Prometheus::new(endpoint).targets().await).await;
        insta::assert_snapshot!(expected, @r"
        late: no answer in time
        cut: the connection closed in the middle of the answer
        closed: connection closed before message completed
        401: HTTP 401: who are you
        500: HTTP 500: out of order
        page: the answer is an HTML page, so another server may listen at this address
        huge: HTTP 503: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
        ");
        let metrics = misbehaviours(async |endpoint| Prometheus::new(endpoint).metrics().await).await;
        assert_eq!(metrics, expected);
        for others in [
            misbehaviours(async |endpoint| Prometheus::new(endpoint).rules().await).await,
            misbehaviours(async |endpoint| Prometheus::new(endpoint).alerts().await).await,
            misbehaviours(async |endpoint| Prometheus::new(endpoint).alertmanagers().await).await,
            misbehaviours(async |endpoint| Prometheus::new(endpoint).config().await).await,
            misbehaviours(async |endpoint| Prometheus::new(endpoint).flags().await).await,
            misbehaviours(async |endpoint| Prometheus::new(endpoint).metric_names(0.0).await).await,
            misbehaviours(async |endpoint| Prometheus::new(endpoint).query("up").await).await,
            misbehaviours(async |endpoint| Prometheus::new(endpoint).range("up", 0.0, 1.0, 1.0).await).await,
        ] {
            assert_eq!(others, expected);
        }
    }
}

//! Grafana's HTTP API, <https://grafana.com/docs/grafana/latest/developers/http_api/>, from 7.5 to 13.
//!
//! Before 9, data sources have no health by uid, and Prometheus is asked through the data source proxy.

mod query;

use base64::Engine as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clients::api::{ApiError, json, path_segment};
use crate::docker::{Request, Response, ServiceEndpoint};
use crate::secrets::Secret;

pub use query::{PanelQuery, QueryOutcome};

pub struct Grafana<'a> {
    endpoint: &'a ServiceEndpoint,
    user: String,
    password: Option<Secret>,
    /// Major and minor version, once health was asked.
    release: std::cell::Cell<(u32, u32)>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Health {
    /// `13.2.3`; absent when Grafana is configured to hide it.
    #[serde(default)]
    pub version: String,
    /// `ok`
    #[serde(default)]
    pub database: String,
}

/// The result of a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    Valid,
    /// The password of the secret is not the one of Grafana's volume.
    Wrong,
    /// Too many wrong passwords lately: Grafana rejects every login for five minutes.
    Blocked,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DataSource {
    #[serde(default)]
    pub id: u64,
    pub uid: String,
    pub name: String,
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub url: String,
    #[serde(default)]
    pub is_default: bool,
    #[serde(default)]
    pub json_data: Value,
}

impl DataSource {
    /// Seconds between two scrapes, by Grafana's own setting.
    pub fn scrape_interval(&self) -> f64 {
        let given = self.json_data["timeInterval"].as_str().and_then(crate::units::parse_grafana_duration);
        given.filter(|seconds| *seconds > 0.0).unwrap_or(15.0)
    }
}

/// A dashboard as Grafana stores it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredDashboard {
    pub dashboard: Value,
    pub meta: Meta,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Meta {
    /// Empty before Grafana 8, and for the general folder.
    #[serde(default)]
    pub folder_uid: String,
    #[serde(default)]
    pub folder_title: String,
    #[serde(default)]
    pub provisioned: bool,
}

/// One entry of a search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hit {
    pub uid: String,
    pub title: String,
    #[serde(default)]
    pub folder_title: String,
}

/// Dashboards on one page of a search; Grafana gives at most 5000.
const PAGE: usize = 1000;

impl<'a> Grafana<'a> {
    /// `password`: `None` when it could not be read.
    pub fn new(endpoint: &'a ServiceEndpoint, user: &str, password: Option<Secret>) -> Self {
        Self { endpoint, user: user.to_owned(), password, release: std::cell::Cell::new((0, 0)) }
    }

    fn with_login(&self, request: Request) -> Request {
        let Some(password) = &self.password else { return request };
        let login = base64::engine::general_purpose::STANDARD.encode(format!("{}:{}", self.user, password.expose()));
        request.header("Authorization", format!("Basic {login}"))
    }

    /// Could the administrator's password be read? Without one, requests are anonymous.
    pub fn has_password(&self) -> bool {
        self.password.is_some()
    }

    /// Sends a request as the administrator.
    async fn ask(&self, request: Request) -> Result<Response, ApiError> {
        self.endpoint.send(&self.with_login(request)).await.map_err(ApiError::transport)
    }

    /// The body of a good answer. Errors: Grafana's own words.
    async fn get(&self, path: &str) -> Result<String, ApiError> {
        let answer = self.ask(Request::get(path)).await?;
        if answer.is_success() { Ok(answer.body) } else { Err(refusal(&answer)) }
    }

    /// Whether Grafana is up; needs no login.
    pub async fn health(&self) -> Result<Health, ApiError> {
        let answer = self.endpoint.send(&Request::get("/api/health")).await.map_err(ApiError::transport)?;
        if !answer.is_success() {
            return Err(refusal(&answer));
        }
        let health: Health = json(&answer.body)?;
        self.release.set(release(&health.version));
        Ok(health)
    }

    /// Tries the login once: five wrong passwords in five minutes block the user.
    pub async fn login(&self) -> Result<Login, ApiError> {
        let answer = self.ask(Request::get("/api/user")).await?;
        match answer.status {
            401 if answer.body.contains("blocked") => Ok(Login::Blocked),
            401 => Ok(Login::Wrong),
            _ if answer.is_success() => Ok(Login::Valid),
            _ => Err(refusal(&answer)),
        }
    }

    fn is_before(&self, major: u32, minor: u32) -> bool {
        is_older(self.release.get(), (major, minor))
    }

    pub async fn data_sources(&self) -> Result<Vec<DataSource>, ApiError> {
        json(&self.get("/api/datasources").await?)
    }

    /// Whether Grafana reaches the data source. Errors: why not, in the words of Grafana or the source.
    pub async fn data_source_health(&self, source: &DataSource) -> Result<(), ApiError> {
        if source.kind == "prometheus" && !self.is_before(9, 0) {
            let answer =
                self.ask(Request::get(format!("/api/datasources/uid/{}/health", path_segment(&source.uid)))).await?;
            match answer.status {
                // This Grafana has no health check for it, or no such plugin.
                404 => {}
                _ if answer.is_success() => return Ok(()),
                _ => return Err(refusal(&answer)),
            }
        }
        let path = if source.kind == "alertmanager" { "/api/v2/status" } else { "/api/v1/query?query=1%2B1" };
        self.by_proxy(source, path).await.map(drop)
    }

    /// Asks a data source through Grafana's proxy.
    async fn by_proxy(&self, source: &DataSource, path: &str) -> Result<String, ApiError> {
        let answer = self.ask(Request::get(self.proxy(source, path))).await?;
        if answer.is_success() { Ok(answer.body) } else { Err(refusal(&answer)) }
    }

    /// Before Grafana 9, the proxy knows data sources by number only.
    fn proxy(&self, source: &DataSource, path: &str) -> String {
        if self.is_before(9, 0) {
            format!("/api/datasources/proxy/{}{path}", source.id)
        } else {
            format!("/api/datasources/proxy/uid/{}{path}", path_segment(&source.uid))
        }
    }

    /// The `data` of an answer of a data source's Prometheus.
    pub async fn prometheus(&self, source: &DataSource, path: &str) -> Result<Value, ApiError> {
        let answer: Value = json(&self.by_proxy(source, path).await?)?;
        Ok(answer["data"].clone())
    }

    /// `None` when Grafana does not have it.
    pub async fn dashboard(&self, uid: &str) -> Result<Option<StoredDashboard>, ApiError> {
        let answer = self.ask(Request::get(format!("/api/dashboards/uid/{}", path_segment(uid)))).await?;
        match answer.status {
            404 => Ok(None),
            _ if answer.is_success() => json(&answer.body).map(Some),
            406 => match resource_path(&refusal(&answer).message) {
                Some(path) => {
                    self.get(&path).await.and_then(|body| json(&body)).map(|resource| Some(of_resource(resource)))
                }
                None => Err(refusal(&answer)),
            },
            _ => Err(refusal(&answer)),
        }
    }

    /// All dashboards, page by page.
    pub async fn search(&self) -> Result<Vec<Hit>, ApiError> {
        let mut all: Vec<Hit> = Vec::new();
        for page in 1.. {
            let found: Vec<Hit> =
                json(&self.get(&format!("/api/search?type=dash-db&limit={PAGE}&page={page}")).await?)?;
            let last = found.len() < PAGE;
            all.extend(found);
            if last {
                break;
            }
        }
        Ok(all)
    }
}

/// Where Grafana says that it has a dashboard of schema v2, which the API of classic dashboards does not return.
/// <https://github.com/grafana/grafana/blob/main/pkg/api/dashboard.go>
fn resource_path(words: &str) -> Option<String> {
    let rest = &words[words.find("/apis/dashboard.grafana.app/")?..];
    rest.split_whitespace().next().map(str::to_owned)
}

fn of_resource(resource: Value) -> StoredDashboard {
    let note = |key: &str| resource["metadata"]["annotations"][key].as_str().unwrap_or_default().to_owned();
    let meta = Meta {
        folder_uid: note("grafana.app/folder"),
        folder_title: String::new(),
        provisioned: !note("grafana.app/managedBy").is_empty(),
    };
    StoredDashboard { dashboard: resource, meta }
}

/// The major and minor number of a version; zeros when Grafana hides it.
pub fn release(version: &str) -> (u32, u32) {
    let mut numbers = version.split(['.', '-']).map_while(|part| part.parse().ok());
    (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default())
}

/// A Grafana that hides its version counts as new.
fn is_older(release: (u32, u32), than: (u32, u32)) -> bool {
    release > (0, 0) && release < than
}

/// The program that resets the administrator's password, inside the container.
pub fn admin_tool(version: &str) -> &'static str {
    if is_older(release(version), (9, 4)) { "grafana-cli" } else { "grafana cli" }
}

/// Grafana's own words: `message`, or Prometheus's `error` behind the proxy.
fn refusal(answer: &Response) -> ApiError {
    let body: Option<Value> = serde_json::from_str(&answer.body).ok();
    let words = body.as_ref().and_then(|body| body["message"].as_str().or(body["error"].as_str()));
    ApiError::status(answer.status, words.filter(|words| !words.is_empty()).unwrap_or_default())
}

#[cfg(test)]
mod tests;

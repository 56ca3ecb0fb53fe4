//! Data sources: they exist with the uid that dashboards ask for, and Grafana reaches them.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use serde_json::Value;

use crate::clients::grafana::{DataSource, Grafana};
use crate::dashboard::Scope;
use crate::dashboard::import::ProvisionedSource;
use crate::deployed::provisioning::Provisioning;
use crate::fix::Fix;
use crate::verify::links::containers;
use crate::verify::links::dashboards::DashboardsSnapshot;
use crate::verify::report::Finding;

pub const OLD_VOLUME: &str =
    "Grafana's volume has data sources of these names with other uids, which provisioning cannot change";

/// Makes Grafana replace the data sources of an older volume.
pub fn replace() -> Fix {
    Fix::set("grafana.replace_data_sources", true)
}

/// What panels may ask.
pub struct Sources<'a> {
    all: &'a [DataSource],
    /// Ids of findings, by the uid of the data source that cannot be used.
    unusable: BTreeMap<String, String>,
}

impl<'a> Sources<'a> {
    /// The data source of a reference: by uid, by name, by a variable, or the default.
    pub fn find(&self, reference: &Value, scope: &Scope) -> Option<&'a DataSource> {
        find(self.all, reference, scope)
    }

    pub fn by_uid(&self, uid: &str) -> Option<&'a DataSource> {
        self.all.iter().find(|source| source.uid == uid)
    }

    /// The uid of Prometheus, for what people should write.
    pub fn prometheus_uid(&self) -> &str {
        let prometheus = self.all.iter().find(|source| source.kind == "prometheus");
        prometheus.map_or("watchpost-prometheus", |source| source.uid.as_str())
    }

    /// The finding that says why this one cannot be used.
    pub fn broken(&self, source: &DataSource) -> Option<&str> {
        self.unusable.get(&source.uid).map(String::as_str)
    }
}

/// The uid or name in a reference, with its variables filled in; empty for the default.
pub fn wanted(reference: &Value, scope: &Scope) -> String {
    scope.fill(reference["uid"].as_str().or(reference.as_str()).unwrap_or_default()).text
}

pub fn find<'a>(all: &'a [DataSource], reference: &Value, scope: &Scope) -> Option<&'a DataSource> {
    let wanted = wanted(reference, scope);
    if wanted.is_empty() || wanted == "default" {
        return all.iter().find(|source| source.is_default);
    }
    let by_uid = all.iter().find(|source| source.uid == wanted);
    by_uid.or_else(|| all.iter().find(|source| source.name == wanted))
}

/// Whether Grafana reaches each provisioned data source that it has, by uid.
pub async fn look(
    grafana: &Grafana<'_>,
    all: &[DataSource],
    provisioning: &Provisioning,
) -> BTreeMap<String, Result<(), String>> {
    let provisioned =
        all.iter().filter(|source| provisioning.data_sources.iter().any(|wanted| wanted.uid == source.uid));
    let health = provisioned.map(async |source| {
        let health = grafana.data_source_health(source).await;
        (source.uid.clone(), health.map_err(|error| error.message))
    });
    join_all(health).await.into_iter().collect()
}

pub fn judge(seen: &DashboardsSnapshot) -> (Sources<'_>, Vec<Finding>) {
    let mut findings = Vec::new();
    let mut unusable = BTreeMap::new();
    for wanted in &seen.provisioning.data_sources {
        let finding = match identify(wanted, &seen.data_sources, &seen.access.container) {
            Err(finding) => *finding,
            Ok(source) => match seen.health.get(&source.uid) {
                Some(Err(why)) => unreachable(seen, wanted, source, why),
                _ => Finding::ok(id(wanted), subject(wanted)),
            },
        };
        if finding.is_broken() {
            unusable.insert(wanted.uid.clone(), finding.id.clone());
        }
        findings.push(finding);
    }
    (Sources { all: &seen.data_sources, unusable }, findings)
}

fn id(wanted: &ProvisionedSource) -> String {
    format!("datasource:{}", wanted.uid)
}

fn subject(wanted: &ProvisionedSource) -> String {
    format!("data source {}", wanted.name)
}

/// The data source of Grafana that was provisioned so. Errors: the finding that Grafana has another one, or none.
pub fn identify<'a>(
    wanted: &ProvisionedSource,
    all: &'a [DataSource],
    container: &str,
) -> Result<&'a DataSource, Box<Finding>> {
    if let Some(found) = all.iter().find(|source| source.uid == wanted.uid) {
        return Ok(found);
    }
    let broken = |what: String| Finding::broken(id(wanted), subject(wanted), what);
    let finding = match all.iter().find(|source| source.name == wanted.name) {
        Some(other) => broken(format!("its uid is `{}`, but dashboards ask for `{}`", other.uid, wanted.uid))
            .why(OLD_VOLUME)
            .fix(replace()),
        None => broken(format!("Grafana has no data source with the uid `{}`", wanted.uid))
            .why("it was deleted, or provisioning stopped before it")
            .fix(Fix::docker(["restart", container])),
    };
    Err(Box::new(finding))
}

fn unreachable(seen: &DashboardsSnapshot, wanted: &ProvisionedSource, source: &DataSource, why: &str) -> Finding {
    let what = format!("Grafana cannot reach it: {why}");
    let mut finding = Finding::broken(id(wanted), subject(wanted), what);
    let url = url::Url::parse(&source.url).ok();
    if let Some(host) = url.as_ref().and_then(|url| url.host_str()).filter(|host| seen.stopped.contains(*host)) {
        finding = finding.why(format!("`{host}` does not run")).because(Some(containers::id(host)));
    }
    finding.fix(Fix::up())
}

//! Data sources: they exist with the uid that dashboards ask for, and Grafana reaches them.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use crate::clients::grafana::{DataSource, Grafana};
use crate::dashboard::import::ProvisionedSource;
use crate::dashboard::source::{Reference, kind_of_query};
use crate::deployed::provisioning::Provisioning;
use crate::fix::Fix;
use crate::verify::links::containers;
use crate::verify::links::dashboards::DashboardsSnapshot;
use crate::verify::links::dashboards::case::Case;
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
    pub fn find(&self, reference: &Reference) -> Option<&'a DataSource> {
        find(self.all, reference)
    }

    fn has_kind(&self, kind: &str) -> bool {
        self.all.iter().any(|source| source.kind == kind)
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

/// The data source that Grafana asks: by uid, by name, by type, or the default.
pub fn find<'a>(all: &'a [DataSource], reference: &Reference) -> Option<&'a DataSource> {
    match reference {
        Reference::Default => all.iter().find(|source| source.is_default),
        Reference::Named { name, .. } => {
            let by_uid = all.iter().find(|source| source.uid == *name);
            by_uid.or_else(|| all.iter().find(|source| source.name == *name))
        }
        Reference::OfKind(kind) => {
            let default = all.iter().find(|source| source.is_default && source.kind == *kind);
            default.or_else(|| all.iter().find(|source| source.kind == *kind))
        }
        Reference::BuiltIn | Reference::Empty { .. } | Reference::Unknown { .. } => None,
    }
}

/// A query for a type of data source that Grafana does not have; it goes nowhere.
pub fn needs(case: &Case<'_>, kind: &str) -> Finding {
    let cause = format!("needs a data source of type `{kind}`; the stack has none");
    let fix = "remove the panels, accept them under `accept:` in the spec, or add such a data source to Grafana";
    case.broken(&cause).cause(cause).fix(Fix::words(fix))
}

/// Why a query's data source cannot be asked: Grafana does not have it.
pub fn missing(case: &Case<'_>, reference: &Reference, sources: &Sources<'_>) -> Finding {
    let kind = reference.kind().or(kind_of_query(case.query.model));
    if let Some(kind) = kind.filter(|kind| *kind != "prometheus" && !sources.has_kind(kind)) {
        return needs(case, kind);
    }
    let (uid, panel) = (sources.prometheus_uid(), case.query.panel.name());
    let pin = || case.edit(format!("write `\"uid\": \"{uid}\"` as the data source of the panel `{panel}`"));
    let finding = |what: String| case.broken(&what).cause(what);
    match reference {
        Reference::Unknown { variable, .. } => {
            let what = "resolve the data sources of the import dialog with `watchpost dashboards import FILE`";
            finding(format!("nothing resolves the data source `${{{variable}}}`"))
                .why("only the import dialog of Grafana does, never a file")
                .fix(case.edit(what.into()))
        }
        Reference::Empty { variable, .. } => finding(format!("the variable `{variable}`, its data source, is empty"))
            .fix(case.correct_variable(variable)),
        Reference::Named { name, .. } => finding(format!("Grafana has no data source `{name}`")).fix(pin()),
        Reference::Default | Reference::BuiltIn | Reference::OfKind(_) => {
            finding("Grafana has no default data source".into()).fix(pin())
        }
    }
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

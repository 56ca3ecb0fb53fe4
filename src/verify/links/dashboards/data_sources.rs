//! Data sources: there, with the uid that dashboards ask for, and answering.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use crate::clients::grafana::{DataSource, Grafana};
use crate::dashboard::import::Source;
use crate::deployed::provisioning::Expected;
use crate::deployed::stack::Stack;
use crate::verify::links::containers;
use crate::verify::report::Finding;

/// What makes Grafana take our data sources on a volume that has others of the same names.
pub const REPLACE: &str = "watchpost up --set grafana.replace_data_sources=true";
pub const OLD_VOLUME: &str =
    "its volume has data sources of these names with other uids, which provisioning cannot change";

/// Findings, and the ids of broken ones by the uid of the data source that cannot be used.
pub async fn check(
    stack: &Stack,
    service: &str,
    grafana: &Grafana<'_>,
    there: &[DataSource],
    expected: &Expected,
) -> (Vec<Finding>, BTreeMap<String, String>) {
    let findings: Vec<Finding> =
        join_all(expected.sources.iter().map(|wanted| one(stack, service, grafana, there, wanted))).await;
    let broken = expected.sources.iter().zip(&findings).filter(|(_, finding)| finding.is_broken());
    let unusable = broken.map(|(source, finding)| (source.uid.clone(), finding.id.clone())).collect();
    (findings, unusable)
}

async fn one(stack: &Stack, service: &str, grafana: &Grafana<'_>, there: &[DataSource], wanted: &Source) -> Finding {
    let (id, subject) = (format!("datasource:{}", wanted.uid), format!("data source {}", wanted.name));
    let Some(found) = there.iter().find(|source| source.uid == wanted.uid) else {
        if let Some(other) = there.iter().find(|source| source.name == wanted.name) {
            return Finding::broken(
                id,
                subject,
                format!("its uid is `{}`, dashboards ask for `{}`", other.uid, wanted.uid),
            )
            .why(OLD_VOLUME)
            .fix(REPLACE);
        }
        let container = stack.services.get(service).map_or(service, |deployed| deployed.container.name.as_str());
        return Finding::broken(id, subject, format!("Grafana has none with the uid `{}`", wanted.uid))
            .why("it was deleted, or provisioning stopped before it")
            .fix(format!("{} restart {container}", stack.docker()));
    };
    match grafana.source_health(found).await {
        Ok(()) => Finding::ok(id, subject),
        Err(refusal) => {
            let mut finding = Finding::broken(id, subject, format!("it does not answer Grafana: {refusal}"));
            let host = found.url.split("//").nth(1).and_then(|rest| rest.split([':', '/']).next()).unwrap_or_default();
            if stack.services.get(host).is_some_and(|deployed| !deployed.is_running()) {
                finding = finding.why(format!("`{host}` does not run")).because(Some(containers::id(host)));
            }
            finding.fix("watchpost up")
        }
    }
}
